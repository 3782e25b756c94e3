/** A task under way in a body: its signal, its state, and what it has said of its end. */
import type { StateUser } from './body-state.ts';
import type { TraceParent } from './host.ts';

export class RunningTask implements StateUser {
  readonly taskId: string;
  readonly name: string;
  readonly trace: TraceParent | undefined;
  /** It called `complete`. */
  isLast = false;
  /** Buffers of the output that the agent gave away. */
  given: ArrayBuffer[] | undefined = undefined;
  state: unknown = undefined;
  base: string | undefined = undefined;
  readonly #controller = new AbortController();

  constructor(taskId: string, name: string, trace: TraceParent | undefined) {
    this.taskId = taskId;
    this.name = name;
    this.trace = trace;
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  abort(reason: unknown): void {
    this.#controller.abort(reason);
  }
}
