/** The tasks that a stage has given to its agent, in order, and how each ended. */
import { AgentSystemError } from '../../runtime/values/errors.ts';
import type { AgentSystem } from '../../runtime/system/agent-system.ts';

/** One task. */
export interface Call {
  readonly task: string;
  readonly input: unknown;
  readonly controller: AbortController;
  readonly isHeld: boolean;
  outcome?: { readonly output: unknown } | { readonly error: AgentSystemError };
}

/** A task that was answered with an output. */
export interface Answered {
  readonly task: string;
  readonly input: unknown;
  readonly output: unknown;
}

/** Codes of a task that its agent never took. */
export const REFUSED: ReadonlySet<string> = new Set([
  'TASK_INCOMPATIBLE',
  'TASK_INPUT_INVALID',
  'AGENT_NOT_RUNNING',
  'SYSTEM_CLOSED',
]);

export class Calls {
  readonly #agentId: string;
  readonly #all: Call[] = [];
  #last: Answered | undefined = undefined;

  constructor(agentId: string) {
    this.#agentId = agentId;
  }

  /** @param timeoutMs the task's own; given to one that is held */
  submit(agents: AgentSystem['agents'], task: string, input: unknown, timeoutMs?: number): Call {
    const controller = new AbortController();
    const call: Call = { task, input, controller, isHeld: timeoutMs !== undefined };
    this.#all.push(call);
    agents
      .execute(this.#agentId, {
        type: task,
        input: structuredClone(input),
        signal: controller.signal,
        ...(timeoutMs === undefined ? {} : { timeoutMs }),
      })
      .then(
        (output) => {
          call.outcome = { output };
          this.#last = { task, input, output };
        },
        (error: AgentSystemError) => {
          call.outcome = { error };
        },
      );
    return call;
  }

  /** Their program is lost, and every answer that has not come with it. */
  lose(): void {
    const error = new AgentSystemError('SYSTEM_CLOSED', 'its program is lost');
    for (const call of this.#all) call.outcome ??= { error };
  }

  get all(): readonly Call[] {
    return this.#all;
  }

  get open(): readonly Call[] {
    return this.#all.filter(({ outcome }) => outcome === undefined);
  }

  /** The held task that a caller waits for. */
  get held(): Call | undefined {
    return this.#all.find(({ isHeld, outcome }) => isHeld && outcome === undefined);
  }

  /** The task that was answered last. */
  get last(): Answered | undefined {
    return this.#last;
  }

  /** The answers so far, in the order of the tasks. */
  get answers(): readonly Answered[] {
    return this.#all.flatMap(({ task, input, outcome }) =>
      outcome && 'output' in outcome ? [{ task, input, output: outcome.output }] : [],
    );
  }

  /** Kinds of task that the agent has taken, and those that it has answered. */
  get taken(): readonly { readonly task: string; readonly isAnswered: boolean }[] {
    return this.#all
      .filter(
        ({ outcome }) => outcome === undefined || 'output' in outcome || !REFUSED.has(outcome.error.code),
      )
      .map(({ task, outcome }) => ({
        task,
        isAnswered: outcome !== undefined && ('output' in outcome || outcome.error.code === 'TASK_FAILED'),
      }));
  }
}
