/** A task on its way to an agent: what its caller asks for, and what is known of one that was accepted before. */
import type { AgentSystemError } from '../values/errors.ts';
import type { ChunkReader } from './task-stream.ts';
import type { WaitingTask } from './wait.ts';

/** A task as a caller asks for it. */
export interface TaskRequest {
  readonly type: string;
  readonly input?: unknown;
  /** From acceptance to answer; default none. */
  readonly timeoutMs?: number;
  /** Cancels the task: its work's own signal fires, the caller gets `TASK_ABANDONED`. */
  readonly signal?: AbortSignal;
  readonly onProgress?: (value: unknown) => void;
  /**
   * Buffers of the input that are given away: moved to the agent where its host can, and then empty here, once
   * the task is sent to it. Others are copied.
   */
  readonly transfer?: readonly ArrayBuffer[];
}

/** What makes a task one that was submitted: its record and its output are kept beyond its end. */
export interface Submission {
  readonly idempotencyKey?: string | undefined;
  /** How often it was begun before. */
  readonly attempts?: number | undefined;
  /** Told once that it was accepted, and that this is durable; or why that could not be. */
  accepted(taskId: string, error: AgentSystemError | undefined): void;
}

/** A task as an agent is given it. */
export interface GivenTask extends TaskRequest {
  readonly submission?: Submission | undefined;
  /** When its `timeoutMs` is over, by `elapsed` of the clock, where that began before it was given: in a pool's queue. */
  readonly dueAt?: number;
  /** Who reads its chunks; without one they go nowhere. */
  readonly reader?: ChunkReader;
  /** Told whenever an agent has it: of a task of another agent, which waits for it. */
  readonly begins?: (task: WaitingTask) => void;
}

/** A task that was accepted before, by an earlier program. */
export interface AcceptedBefore {
  readonly taskId: string;
  /** Its acceptance could not be made durable: it is as if it had not been asked for again. */
  readonly notKept: () => void;
}
