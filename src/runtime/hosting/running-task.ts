/** A running task in a body: its signal, its state, and what it has reported of its end. */
import type { Committed, StateUser } from './body-state.ts';
import type { ChunkSender } from './chunk-sender.ts';
import type { BodyRequest, TraceParent } from './host.ts';
import type { Repetition } from './repetition.ts';
import { StepsTaken } from './steps-taken.ts';
import type { AskSystem } from './ask-system.ts';

/** An attempt that its agent's parent has ended, and not its task. */
export interface EndedAttempt {
  readonly as: NonNullable<Extract<BodyRequest, { type: 'task.cancel' }>['endsAttempt']>;
  readonly error: Error;
}

/** Who asks the system for a task; after the task's end it is refused. */
export interface TaskAsker {
  ask(task: RunningTask, name: string, args: unknown, signal?: AbortSignal): Promise<unknown>;
}

export class RunningTask implements StateUser, AskSystem {
  readonly taskId: string;
  readonly name: string;
  readonly trace: TraceParent | undefined;
  /** Which attempt it is. */
  readonly attempt: number;
  /** Its output is kept in its record, or crosses machines. */
  readonly isKept: boolean;
  /** Why this attempt counts as failed, whatever its work returns. */
  ended: EndedAttempt | undefined = undefined;
  /** It called `complete`. */
  isLast = false;
  /** Buffers of the output that the agent gave away. */
  given: ArrayBuffer[] | undefined = undefined;
  /** Questions that it has asked without a key, and outside of its steps. */
  asked = 0;
  /** What it streams: few stream anything. */
  stream: ChunkSender | undefined = undefined;
  /** A report of it was lost: it fails with this error. */
  broken: Error | undefined = undefined;
  /** What it told that it does. */
  repetition: Repetition | undefined = undefined;
  state: unknown = undefined;
  base: Committed | undefined = undefined;
  /** What it kept when it ran before. */
  readonly before: Extract<BodyRequest, { type: 'task.run' }>['steps'];
  private readonly controller = new AbortController();
  private readonly asker: TaskAsker;
  private taken: StepsTaken | undefined = undefined;

  constructor(
    { taskId, task, attempt = 1, trace, steps, isKept = false }: Extract<BodyRequest, { type: 'task.run' }>,
    asker: TaskAsker,
  ) {
    this.asker = asker;
    this.taskId = taskId;
    this.name = task;
    this.attempt = attempt;
    this.isKept = isKept;
    this.trace = trace;
    this.before = steps;
  }

  /** Few keep anything, or ask. */
  get steps(): StepsTaken {
    return (this.taken ??= new StepsTaken(this.before));
  }

  get signal(): AbortSignal {
    return this.controller.signal;
  }

  ask(name: string, args: unknown, signal?: AbortSignal): Promise<unknown> {
    return this.asker.ask(this, name, args, signal);
  }

  abort(reason: unknown): void {
    this.controller.abort(reason);
  }
}
