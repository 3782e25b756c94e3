/**
 * Contracts of what a task can ask its system for: `context.agents`, `context.ask`, `context.budget`.
 *
 * The same in every host; arguments and results are cloned if the agent lives in another thread or process.
 */

import type { StandardSchemaV1 } from '@standard-schema/spec';
import type { AgentSpecInput, BudgetAmount, ParentRule } from '../../machines/index.ts';
import type { DefinedAgent } from './defined-agent.ts';
import type { TaskStream } from './task-stream.ts';

/** Who does a task: an agent by id, the least loaded agent of a type, or a pool. */
export type CallTarget = string | { readonly type: string } | { readonly pool: string };

/** A task that one agent asks of another, and reads the parts of. */
export interface StreamedTask {
  readonly type: string;
  readonly input?: unknown;
  /** From acceptance to answer; never longer than what is left of the caller's own time. */
  readonly timeoutMs?: number | undefined;
  /** Cancels the task, as the end of the caller's own task does. */
  readonly signal?: AbortSignal | undefined;
  /**
   * As in `agents.execute`: whether an agent that is down and comes back by itself is waited for; default `refuse`. A task
   * with an `idempotencyKey` waits for it in any case.
   */
  readonly whenDown?: 'refuse' | 'wait' | undefined;
}

/** A task that one agent asks of another. */
export interface CalledTask extends StreamedTask {
  /**
   * The same key gives the same task, as in `tasks.submit`: a caller that runs again, in a later program too, waits for the
   * task that it asked for before. One that ended without an output is done again, under its id; one that goes on keeps the
   * `timeoutMs` that it has. Input and output are JSON data then.
   */
  readonly idempotencyKey?: string | undefined;
}

/** An agent to be spawned. */
export type SpawnedSpec = Omit<AgentSpecInput, 'module' | 'pool' | 'parent'> & {
  /** The URL of a module whose default export is a definition; in-process, a `defineAgent` value, too. */
  readonly module: URL | DefinedAgent;
  /** What happens when its parent has ended for good: `stop` (the default), `kill`, or `detach`, which lets it live on. */
  readonly parent?: ParentRule;
};

/** An amount reserved in every budget of a task, until it is settled. */
export interface Reservation {
  /**
   * Settles what was used. A unit that is left out counts as reserved; `wallMs` as the time since then.
   * What was used beyond the reservation counts in full. Resolves once that is durable.
   *
   * @throws AgentSystemError `REQUEST_INVALID` for one that was settled; `STORE_FAILED`, and it is settled all the same
   */
  settle(used?: BudgetAmount): Promise<void>;
  /** Gives back all of it: nothing was used. @throws as `settle` */
  release(): Promise<void>;
}

/** The budgets that a task works under. */
export interface TaskBudget {
  /**
   * Reserves an amount before a call, in each budget that covers this task or in none. Resolves once that is durable.
   * A reservation that is not settled when the task's attempt ends counts as used.
   *
   * @throws AgentSystemError `BUDGET_EXHAUSTED`, with `details.refillAt` where that is known; `REQUEST_INVALID` for no
   * amount; `STORE_FAILED`, and then nothing is reserved
   */
  reserve(amount: BudgetAmount): Promise<Reservation>;
}

/** The fleet, as one task sees it. */
export interface AgentCalls {
  /**
   * Gives another agent a task. Resolves with its output.
   *
   * It goes with what the caller has: its trace, what is left of its time, and its end: a caller that is cancelled or
   * ends has what it asked for cancelled.
   *
   * @throws AgentSystemError `WAIT_CIRCLE` where the other agent could only answer once this task has ended,
   * `REQUEST_INVALID` for a malformed call, and for one with which the store would have a secret of this agent,
   * and as `agents.execute`
   */
  execute(target: CallTarget, task: CalledTask): Promise<unknown>;
  /**
   * Has another agent do a task, and gives the parts of its output as they come, as `agents.stream` does: the other
   * task is held back by this reader; `break`, `return()` and `await using` cancel it. The output is there at the end.
   *
   * @throws what `execute` does, where it is read, and by `output`
   */
  stream<Chunk = unknown, Output = unknown>(
    target: CallTarget,
    task: StreamedTask,
  ): TaskStream<Chunk, Output>;
  /**
   * Registers and starts an agent that is a child of this one: it ends with it, by the rule that `parent` names, also
   * where the whole program is killed. A crash that this agent comes back from ends no child. Resolves with its id.
   *
   * With an `id` of its own it is done once: a child of that id and that very spec is started if it does not run.
   *
   * @throws AgentSystemError as `agents.register` and `agents.start`; `AGENT_EXISTS` for an id that is another's;
   * `REQUEST_INVALID` for a malformed call, and for a spec that holds a secret of this agent which is none of the
   * child's `secrets`. A child that cannot start is forgotten, where it was new.
   */
  spawn(spec: SpawnedSpec): Promise<string>;
  /**
   * Stops a child of this agent. Resolves when it has ended.
   *
   * @param options.timeoutMs grace in ms; default its `shutdownMs`
   * @throws AgentSystemError `REQUEST_INVALID` for an agent that is no child of this one, and as `agents.stop`
   */
  stop(id: string, options?: { readonly timeoutMs?: number | undefined }): Promise<void>;
}

/** A question of a task to a person. */
export interface AskedQuestion<Answer = unknown> {
  readonly question: string;
  /** What an answer has to be. Where its library can say it as JSON Schema, wrong answers are refused wherever they are given. */
  // oxlint-disable-next-line typescript/no-explicit-any -- what an answer is before it is judged may be anything
  readonly schema?: StandardSchemaV1<any, Answer> | undefined;
  /** Shown along with the question: JSON data. */
  readonly details?: unknown;
  /** Stands for this question when the task runs again; default its place among those that the task, or the step that asks it, asks without one. */
  readonly key?: string | undefined;
  /** How long an answer is waited for, from the first time that it is asked; default without end. */
  readonly deadlineMs?: number | undefined;
  /** What the task goes on with when the deadline has passed; without it that is `QUESTION_EXPIRED`. */
  readonly otherwise?: NoInfer<Answer>;
  /** Whether waiting uses up the task's `timeoutMs`; default `false`. */
  readonly countsTime?: boolean | undefined;
}
