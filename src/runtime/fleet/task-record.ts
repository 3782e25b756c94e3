/** One task as the runtime keeps it, and its record for the public API. */
import {
  type ErrorInfo,
  hasTaskEnded,
  type Parked,
  type TaskPlace,
  type TaskStatus,
  taskStatusOf,
} from '../../machines/index.ts';
import { dataBytes, eventBytes } from '../journal/event-bytes.ts';
import type { SystemEvent } from '../journal/system-event.ts';
import { AgentSystemError, type ErrorCode, errorFrom } from '../values/errors.ts';

export type AcceptedTask = Extract<SystemEvent, { readonly type: 'task.accepted' }>;

/** A task's id: a plain string, and for the compiler its output. */
export type TaskId<Output = unknown> = string & { readonly [output]?: Output };
declare const output: unique symbol;

/** A task. Times are epoch ms. */
export interface TaskRecord<Output = unknown> {
  /** Its id: for `tasks.get`, `result`, `cancel` and `retry`. */
  readonly id: TaskId<Output>;
  /** Empty while it waits in the queue of its pool. */
  readonly agentId: string;
  /** The pool that it was given to. */
  readonly pool?: string;
  /** Its name in the definition. */
  readonly task: string;
  /** Where it stands, in one word. */
  readonly status: TaskStatus;
  /** How often it was begun. */
  readonly attempts: number;
  /** When it was accepted, epoch ms. */
  readonly acceptedAt: number;
  /** When its latest attempt began, epoch ms. */
  readonly startedAt?: number;
  /** When it ended, epoch ms. */
  readonly endedAt?: number;
  /** Set while it runs and has stalled: since when. */
  readonly stalledAt?: number;
  /** What it waits for, while it is `parked`. */
  readonly parked?: Parked;
  /** Set while it waits for its time, or for its next attempt: it begins no earlier. */
  readonly dueAt?: number;
  /** For a submitted task that is done: JSON data. */
  readonly output?: Output;
  /** Why it has no output: the error, or who gave it up; while it waits for another attempt, the last error. */
  readonly error?: ErrorInfo;
  /** The key that stands for it as long as there is this record. */
  readonly idempotencyKey?: string;
  /** The key that stands for it until it has ended. */
  readonly dedupeKey?: string;
}

/** Of nearly all. */
const NO_KEYS: TaskKeys = Object.freeze({ idempotencyKey: undefined, dedupeKey: undefined });

/** A task of `KnownTasks`. A class, and no literal: see journal/event-constructor.ts. */
export class KnownTask {
  readonly id: string;
  /** Place in the order of acceptance. */
  readonly order: number;
  agentId: string;
  pool: string | undefined;
  readonly task: string;
  place: TaskPlace = 'waiting.queued';
  attempts: number;
  acceptedAt: number;
  startedAt: number | undefined = undefined;
  endedAt: number | undefined = undefined;
  dueAt: number | undefined;
  output: unknown = undefined;
  code: ErrorCode | undefined = undefined;
  error: ErrorInfo | undefined = undefined;
  /** For a submitted task: its `task.accepted`, needed to do it again. */
  submitted: AcceptedTask | undefined;
  keys: TaskKeys;
  parked: Parked | undefined = undefined;
  stalledAt: number | undefined = undefined;
  /** It waits for a person, and its body has ended: it is begun again by the next one. */
  isBodyGone = false;
  /** Sequence of the event that ended it. */
  endedBy = 0;
  /** Its number among those that have ended; 0 before that. */
  endedAs = 0;
  /** About what it holds, once it has ended. */
  bytes = 0;
  /** Callers that wait for its end; called with an error if they are refused. */
  waiting: Set<(why?: AgentSystemError) => void> | undefined = undefined;

  constructor(accepted: AcceptedTask, order: number) {
    const { taskId, agentId, pool, task, at, submitted, attempts = 0, dueAt } = accepted;
    const { idempotencyKey, dedupeKey } = accepted;
    this.id = taskId;
    this.order = order;
    this.agentId = agentId;
    this.pool = pool;
    this.task = task;
    this.attempts = attempts;
    this.acceptedAt = at;
    this.dueAt = dueAt;
    this.submitted = submitted ? accepted : undefined;
    this.keys =
      idempotencyKey === undefined && dedupeKey === undefined ? NO_KEYS : { idempotencyKey, dedupeKey };
  }
}

/** It was executed and is done: nothing more becomes of it. */
export function isClosed({ submitted, place }: Pick<KnownTask, 'submitted' | 'place'>): boolean {
  return place === 'done' && submitted === undefined;
}

/** What its input, output and error take in memory, from above. */
export function heldBytes({ submitted, output, error }: KnownTask): number {
  return (submitted === undefined ? 0 : eventBytes(submitted)) + dataBytes(output) + dataBytes(error);
}

/** The keys of a task: one of the two, or neither. */
export interface TaskKeys {
  readonly idempotencyKey?: string | undefined;
  readonly dedupeKey?: string | undefined;
}

/** The two kinds of keys have separate name spaces. */
export function keyOf({ idempotencyKey, dedupeKey }: TaskKeys): string | undefined {
  if (idempotencyKey !== undefined) return `idempotency ${idempotencyKey}`;
  return dedupeKey === undefined ? undefined : `dedupe ${dedupeKey}`;
}

export function recordOf(task: KnownTask): TaskRecord {
  const { id, agentId, pool, place, attempts, acceptedAt, startedAt, endedAt, dueAt, parked, stalledAt } =
    task;
  const { output, error } = task;
  const { idempotencyKey, dedupeKey } = task.keys;
  return Object.freeze({
    id,
    agentId,
    ...(pool === undefined ? {} : { pool }),
    task: task.task,
    status: taskStatusOf(place),
    attempts,
    acceptedAt,
    ...(startedAt === undefined ? {} : { startedAt }),
    ...(endedAt === undefined ? {} : { endedAt }),
    ...(parked === undefined ? {} : { parked }),
    ...(stalledAt === undefined ? {} : { stalledAt }),
    ...(dueAt === undefined ? {} : { dueAt }),
    ...(output === undefined ? {} : { output }),
    ...(error === undefined ? {} : { error }),
    ...(idempotencyKey === undefined ? {} : { idempotencyKey }),
    ...(dedupeKey === undefined ? {} : { dedupeKey }),
  });
}

/** Whether it has ended without an output. */
export function hasTaskMissed({ status }: Pick<TaskRecord, 'status'>): boolean {
  return hasTaskEnded(status) && status !== 'done';
}

/** Where a task stands, as a message says it. */
export const STATUS_IN_WORDS: Readonly<Record<TaskStatus, string>> = {
  waiting: 'is waiting',
  running: 'is running',
  parked: 'is parked at a limit',
  waiting_for_input: 'is waiting for a person',
  done: 'is done',
  failed: 'has failed',
  timed_out: 'has timed out',
  abandoned: 'was abandoned',
  cancelled: 'was cancelled',
  unknown: 'was running when its program died, and nobody knows how far it came',
};

/** The error for a caller of a task without an output. @param how in words, after its name */
export function missed(
  { id, task, agentId, pool, place, attempts, error, code }: KnownTask,
  as: ErrorCode,
  how: string,
): AgentSystemError {
  const of = agentId === '' ? `pool ${pool}` : `agent ${agentId}`;
  const why = error === undefined ? '' : `: ${error.message}`;
  return new AgentSystemError(
    as === 'TASK_FAILED' ? (code ?? as) : as,
    `task ${id} (${task} of ${of}) ${how}${why}`,
    {
      agentId,
      cause: error && errorFrom(error),
      details: { taskId: id, task, status: taskStatusOf(place), attempt: attempts },
    },
  );
}
