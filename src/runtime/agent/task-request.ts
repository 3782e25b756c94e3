/** A task on its way to an agent: as its caller asks for it, or as the store has it. */
import type { RetryPolicy } from '../../machines/index.ts';
import type { TraceParent } from '../hosting/host.ts';
import type { AgentSystemError } from '../values/errors.ts';
import type { ChunkReader } from './task-stream.ts';
import type { WaitingTask } from './wait.ts';

/** A task as a caller asks for it. */
export interface TaskRequest {
  /** The name of the task in the definition. */
  readonly type: string;
  /** Its input: checked by its schema. JSON data for a task that is submitted. */
  readonly input?: unknown;
  /** Time from acceptance to answer, all attempts included; default unlimited. */
  readonly timeoutMs?: number | undefined;
  /** Cancels the task: its work's own signal fires, the caller gets `TASK_ABANDONED`. */
  readonly signal?: AbortSignal | undefined;
  /** Called with each value that the task reports by `progress`. */
  readonly onProgress?: ((value: unknown) => void) | undefined;
  /**
   * Buffers of the input to transfer: moved to the agent if its host can, and then empty here, once
   * the task is sent to it. Others are copied.
   */
  readonly transfer?: readonly ArrayBuffer[] | undefined;
  /**
   * What becomes of it while its agent does not run. `refuse`: it is refused with `AGENT_NOT_RUNNING`, or abandoned
   * when its agent ends before it was begun. `wait`: it waits. One that is executed, as long as its agent comes back by
   * itself; one that is submitted, until somebody starts it. Default: `execute` refuses, `submit` waits.
   */
  readonly whenDown?: 'refuse' | 'wait' | undefined;
  /** Tasks of a higher one are begun sooner: an integer from -10 to 10; default that of its kind, else 0. */
  readonly priority?: number | undefined;
}

/** Somebody cancels a task by its id. */
export interface TaskCancel {
  readonly why: string;
  readonly by?: string | undefined;
}

/** Given for a submitted task: its record and its output are kept beyond its end. */
export interface Submission {
  readonly idempotencyKey?: string | undefined;
  readonly dedupeKey?: string | undefined;
  /** Who asks for it. */
  readonly by?: string | undefined;
  /** Another task asks for it. */
  readonly called?: boolean | undefined;
  /** The id of that task, where it is known. */
  readonly caller?: string | undefined;
  /** Called once, when its acceptance was committed; with the error if it could not be. */
  accepted(taskId: string, error: AgentSystemError | undefined): void;
}

/** A task as an agent is given it. */
export interface GivenTask extends TaskRequest {
  readonly submission?: Submission | undefined;
  /** When its `timeoutMs` is over, by `elapsed` of the clock, if its time began earlier: in a pool's queue. */
  readonly timesOutAt?: number;
  /** The reader of its chunks; without one they are dropped. */
  readonly reader?: ChunkReader;
  /** Called whenever an agent accepts it. */
  readonly begins?: (task: BegunTask) => void;
  /**
   * Epoch ms before which it does not begin; its `timeoutMs` counts from then. With `delayMs` it waits that long,
   * whatever becomes of the wall clock; without, its caller has named the time, and the wall clock says when that is.
   */
  readonly dueAt?: number | undefined;
  readonly delayMs?: number | undefined;
  /** Its own retry policy; default that of its kind. */
  readonly policy?: RetryPolicy | undefined;
  /** Accepted before. */
  readonly again?: TaskBefore | undefined;
  /** The pool that it was given to. */
  readonly pool?: string;
  /**
   * Gives it back to its pool when the agent's end would end it, and its work is not under way. Says whether the pool
   * has it: then nothing is told of it any more here.
   */
  readonly takeBack?: (task: GivenBack) => boolean;
}

/** A task that an agent has. */
export interface BegunTask extends WaitingTask {
  /** How often its work was begun. */
  readonly attempt: number;
  /** It has given a chunk to its reader. */
  readonly hasStreamed: boolean;
}

/** What is known of a task that was accepted before, under this id. */
export interface TaskBefore {
  readonly taskId: string;
  /** How often it was begun. */
  readonly attempts: number;
  /** How many of these its policy does not count; default all. */
  readonly before?: number;
  /** It has asked a person: it is begun again whatever its kind says. */
  readonly hasAsked?: boolean;
  /** Nobody waits for it who was there when it was accepted. */
  readonly isRestored?: boolean;
  /** That is durable, and it has not ended since: a store that fails later ends it no more. */
  readonly isDurable?: boolean;
}

/** A task that an agent gives back to its pool. */
export interface GivenBack {
  readonly before: TaskBefore;
  /** When its next attempt is due, epoch ms. */
  readonly dueAt: number | undefined;
  /** When its time is over, by `elapsed` of the clock; or what is left of it, while it does not run. */
  readonly timesOutAt: number;
  readonly heldMs: number | undefined;
}

/** A task that an earlier program accepted, as its store has it. Times are epoch ms. */
export interface RestoredTask {
  readonly taskId: string;
  readonly task: string;
  readonly input: unknown;
  readonly retry: boolean;
  readonly policy?: RetryPolicy | undefined;
  readonly timeoutMs?: number | undefined;
  readonly deadlineAt?: number | undefined;
  readonly trace?: TraceParent | undefined;
  readonly priority?: number | undefined;
  /** Of one that was submitted. */
  readonly submission?: Submission | undefined;
  /** Attempts before it was accepted the last time, and in all. */
  readonly before: number;
  readonly attempts: number;
  readonly startedAt?: number | undefined;
  /** It has asked a person: it is begun again whatever its kind says. */
  readonly hasAsked?: boolean;
  /** It waits for a person: its time does not run before it is begun. */
  readonly isHeld?: boolean;
  /** When its next attempt, or its first, is due, and the delay that it was given; a time that was named has none. */
  readonly dueAt?: number | undefined;
  readonly delayMs?: number | undefined;
}

/** A restored task as an agent gets it: with its id and its earlier attempts. */
export function requestOf(task: RestoredTask): GivenTask {
  const { taskId, task: type, input, submission, policy, priority, timeoutMs = Infinity } = task;
  const { attempts, before, hasAsked = false } = task;
  const again = { taskId, attempts, before, hasAsked, isRestored: true, isDurable: true };
  const request: GivenTask = { type, input, timeoutMs, submission, policy, again, whenDown: 'wait' };
  return priority === undefined ? request : { ...request, priority };
}
