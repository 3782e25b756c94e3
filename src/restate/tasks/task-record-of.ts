/** A kept task as callers see it: its record, and its result. */
import { hasTaskEnded, taskStatusOf } from '../../machines/index.ts';
import type { TaskRecord } from '../../runtime/fleet/task-record.ts';
import { AgentSystemError, type ErrorCode, errorFrom } from '../../runtime/values/errors.ts';
import { type Answer, refusalOf } from '../engine/call-answer.ts';
import type { KnownTask } from './known-tasks.ts';
import type { TaskEntry } from './task-entries.ts';

/** A task as who has asked for it under a key sees it: with the number of the call, while it waits for the task. */
export type CalledRecord = TaskRecord & { readonly joined?: number };

/** @param pool that its agent is a member of: of one that the pool has given it, the record says so */
export function taskRecord(agentId: string, known: KnownTask, pool?: string): TaskRecord {
  const { id, task, place, attempts, acceptedAt, startedAt, idempotencyKey, dedupeKey } = known;
  const isOver = 'endedAt' in known;
  const error = isOver ? known.error : known.failure?.error;
  const { parked, stalledAt, due } = isOver ? NOTHING : known;
  return {
    id,
    agentId,
    ...(pool === undefined || isOver || known.terms?.pool === undefined ? {} : { pool }),
    task,
    status: taskStatusOf(place),
    attempts,
    acceptedAt,
    ...(startedAt === undefined ? {} : { startedAt }),
    ...(isOver ? { endedAt: known.endedAt } : {}),
    ...(parked === undefined ? {} : { parked }),
    ...(stalledAt === undefined ? {} : { stalledAt }),
    ...(due === undefined ? {} : { dueAt: due.dueAt }),
    ...(isOver && known.output !== undefined ? { output: known.output } : {}),
    ...(error === undefined ? {} : { error }),
    ...(idempotencyKey === undefined ? {} : { idempotencyKey }),
    ...(dedupeKey === undefined ? {} : { dedupeKey }),
  };
}

const NOTHING: Pick<TaskEntry, 'parked' | 'stalledAt' | 'due'> = {};
const MISSED: Partial<Record<TaskRecord['status'], ErrorCode>> = {
  timed_out: 'TASK_TIMED_OUT',
  failed: 'TASK_FAILED',
};

/** The answer to a request for a task's result; `undefined` while the task has not ended. */
export function resultOf(agentId: string, known: KnownTask): Answer | undefined {
  const { id: taskId, task, place, attempts: attempt } = known;
  const status = taskStatusOf(place);
  if (!('endedAt' in known) || !hasTaskEnded(status)) return undefined;
  const { output, error, code } = known;
  if (status === 'done') return { value: output };
  const as = MISSED[status] ?? 'TASK_ABANDONED';
  const why = error === undefined ? '' : `: ${error.message}`;
  const message = `task ${task} (${taskId}) of agent ${agentId} is ${status}${why}`;
  const cause = error && errorFrom(error);
  const details = { taskId, task, status, attempt };
  const refused = new AgentSystemError(as === 'TASK_FAILED' ? (code ?? as) : as, message, {
    agentId,
    cause,
    details,
  });
  return { refusal: refusalOf(refused) };
}
