/**
 * The events of tasks that wait in a pool's queue: no agent has them yet.
 *
 * I1  A task is in the queue only once its acceptance is durable; the member that takes it accepts it again, under its
 *     id.
 */
import type { GivenTask, TaskBefore, TaskCancel } from '../agent/task-request.ts';
import type { Journal } from '../journal/journal.ts';
import { saidBy } from '../values/act.ts';
import { dataCopy } from '../values/data-copy.ts';
import type { AgentSystemError } from '../values/errors.ts';
import type { PoolTask } from './waiting-queue.ts';

/** Of a task that no agent has. */
const NOBODY = { agentId: '', incarnation: 0 } as const;

/** What is known of a task when it is accepted. */
export interface Acceptance {
  readonly pool: string;
  /** Epoch ms. */
  readonly now: number;
  /** What is left of its time, `Infinity` for all of it. */
  readonly leftMs: number;
  /** It may be done again by another program, should this one end. */
  readonly retry: boolean;
  /** It is not begun before then, epoch ms; and the delay until then, where nobody named that time. */
  readonly dueAt: number | undefined;
  readonly delayMs: number | undefined;
  /** Of one that was accepted before. */
  readonly before: TaskBefore | undefined;
}

/** Returns its id, and how often it was begun. */
export function emitAccepted(
  journal: Journal,
  newTaskId: () => string,
  { pool, now, leftMs, retry, dueAt, delayMs, before }: Acceptance,
  { type: task, input, submission, timeoutMs, policy, priority }: GivenTask,
  kept: (error: AgentSystemError | undefined) => void,
): TaskBefore {
  const taskId = before?.taskId ?? newTaskId();
  const attempts = before?.attempts ?? 0;
  const uncounted = before?.before ?? attempts;
  const { idempotencyKey, dedupeKey, by, called, caller } = submission ?? {};
  const isKept = retry || submission !== undefined;
  journal.emit(
    {
      type: 'task.accepted',
      ...NOBODY,
      pool,
      taskId,
      task,
      retry,
      ...(isKept ? { input: dataCopy(input) } : {}),
      ...(submission === undefined ? {} : { submitted: true }),
      ...(leftMs === Infinity || !isKept
        ? {}
        : { timeoutMs: timeoutMs!, deadlineAt: now + Math.round(leftMs) }),
      ...(dueAt === undefined ? {} : { dueAt }),
      ...(delayMs === undefined ? {} : { delayMs }),
      ...(policy ? { policy } : {}),
      ...(priority === undefined ? {} : { priority }),
      ...(attempts === 0 ? {} : { attempts }),
      ...(uncounted === attempts ? {} : { before: uncounted }),
      ...(idempotencyKey === undefined ? {} : { idempotencyKey }),
      ...(dedupeKey === undefined ? {} : { dedupeKey }),
      ...saidBy(by),
      ...(called ? { called } : {}),
      ...(caller === undefined ? {} : { caller }),
    },
    kept,
  );
  return { ...before, taskId, attempts };
}

/** A task in the queue, as the event of its end needs it. */
export interface WaitingTask {
  readonly before: TaskBefore;
  readonly request: GivenTask;
}

export function waitingTask({ before, request }: Pick<PoolTask, 'before' | 'request'>): WaitingTask {
  return { before: before!, request };
}

export function emitTimedOut(journal: Journal, task: WaitingTask): void {
  const { timeoutMs = 0 } = task.request;
  const attempt = task.before.attempts;
  journal.emit({ type: 'task.timed_out', ...NOBODY, ...ended(task), attempt, timeoutMs });
}

export function emitAbandoned(journal: Journal, task: WaitingTask, why: string): void {
  journal.emit({ type: 'task.abandoned', ...NOBODY, ...ended(task), why });
}

export function emitCancelled(journal: Journal, task: WaitingTask, { why, by }: TaskCancel): void {
  journal.emit({ type: 'task.abandoned', ...NOBODY, ...ended(task), why, isCancelled: true, ...saidBy(by) });
}

/** The end of one that was submitted says how often it was begun. */
function ended({ before: { taskId, attempts }, request: { type: task, submission } }: WaitingTask) {
  return { taskId, task, ...(submission === undefined ? {} : { submitted: true as const, attempts }) };
}
