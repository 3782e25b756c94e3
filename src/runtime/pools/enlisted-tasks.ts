/**
 * What the event stream says of submitted tasks that wait in a pool's line: no agent has them yet.
 *
 * I1  A submitted task waits in the line only once its acceptance is durable; when a member takes it, that accepts it
 *     again, under its id.
 */
import type { GivenTask, TaskCancel } from '../agent/task-request.ts';
import type { Journal } from '../journal/journal.ts';
import { saidBy } from '../values/act.ts';
import { dataCopy } from '../values/data-copy.ts';
import type { AgentSystemError } from '../values/errors.ts';

/** Of a task that no agent has. */
const NOBODY = { agentId: '', incarnation: 0 } as const;

export interface Enlisted {
  readonly taskId: string;
  readonly attempts: number;
}

/** @param leftMs what is left of its time, `Infinity` for all of it */
export function emitEnlisted(
  journal: Journal,
  newTaskId: () => string,
  at: { readonly pool: string; readonly now: number; readonly leftMs: number; readonly retry: boolean },
  { type: task, input, submission, timeoutMs, policy, priority, again }: GivenTask,
  kept: (error: AgentSystemError | undefined) => void,
): Enlisted {
  const taskId = again?.taskId ?? newTaskId();
  const attempts = again?.attempts ?? 0;
  const { idempotencyKey, dedupeKey, by } = submission ?? {};
  journal.emit(
    {
      type: 'task.accepted',
      ...NOBODY,
      pool: at.pool,
      taskId,
      task,
      input: dataCopy(input),
      retry: at.retry,
      submitted: true,
      ...(at.leftMs === Infinity ? {} : { timeoutMs: timeoutMs!, deadlineAt: at.now + at.leftMs }),
      ...(policy ? { policy } : {}),
      ...(priority === undefined ? {} : { priority }),
      ...(attempts === 0 ? {} : { attempts }),
      ...(idempotencyKey === undefined ? {} : { idempotencyKey }),
      ...(dedupeKey === undefined ? {} : { dedupeKey }),
      ...saidBy(by),
    },
    kept,
  );
  return { taskId, attempts };
}

export function emitTimedOut(
  journal: Journal,
  { taskId, attempts }: Enlisted,
  task: string,
  timeoutMs: number,
): void {
  const ended = { taskId, task, submitted: true as const, attempts, attempt: attempts };
  journal.emit({ type: 'task.timed_out', ...NOBODY, ...ended, timeoutMs });
}

export function emitAbandoned(
  journal: Journal,
  { taskId, attempts }: Enlisted,
  task: string,
  why: string,
): void {
  const ended = { taskId, task, submitted: true as const, attempts };
  journal.emit({ type: 'task.abandoned', ...NOBODY, ...ended, why });
}

export function emitCancelled(
  journal: Journal,
  { taskId, attempts }: Enlisted,
  task: string,
  { why, by }: TaskCancel,
): void {
  const ended = { taskId, task, submitted: true as const, attempts, isCancelled: true as const };
  journal.emit({ type: 'task.abandoned', ...NOBODY, ...ended, why, ...saidBy(by) });
}
