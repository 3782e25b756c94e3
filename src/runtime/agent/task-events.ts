/**
 * The events of a task.
 *
 * The record of a submitted task is kept beyond its end: its events carry what that needs.
 */
import type { Parked } from '../../machines/index.ts';
import { eventConstructor } from '../journal/event-constructor.ts';
import type { DraftOf, EventDraft } from '../journal/system-event.ts';
import { dataCopy, frozenCopy } from '../values/data-copy.ts';
import { jsonProblemOf } from '../values/json-survey.ts';
import type { TaskEntry, TaskFailure } from './task-entry.ts';
import type { GivenTask } from './task-request.ts';

/** What of a task is told: of one in a mailbox, or of one that is kept as data. */
export interface ToldTask
  extends Pick<
    TaskEntry,
    | 'taskId'
    | 'incarnation'
    | 'retry'
    | 'policy'
    | 'before'
    | 'attempt'
    | 'acceptedAt'
    | 'startedAt'
    | 'begunAt'
    | 'output'
    | 'trace'
  > {
  readonly request: Pick<
    GivenTask,
    | 'type'
    | 'input'
    | 'timeoutMs'
    | 'signal'
    | 'policy'
    | 'priority'
    | 'dueAt'
    | 'delayMs'
    | 'submission'
    | 'pool'
  >;
  readonly stall?: TaskEntry['stall'];
}

/** `why` in the event of a task whose caller's signal has fired. */
export const CANCELLED_BY_CALLER = 'cancelled by its caller';

const Accepted = eventConstructor(function (
  this: DraftOf<'task.accepted'>,
  agentId: string,
  incarnation: number,
  taskId: string,
  task: string,
  retry: boolean,
) {
  this.sequence = 0;
  this.at = undefined;
  this.type = 'task.accepted';
  this.agentId = agentId;
  this.incarnation = incarnation;
  this.taskId = taskId;
  this.task = task;
  this.retry = retry;
});

const Started = eventConstructor(function (
  this: DraftOf<'task.started'>,
  agentId: string,
  incarnation: number,
  taskId: string,
  task: string,
  attempt: number,
) {
  this.sequence = 0;
  this.at = undefined;
  this.type = 'task.started';
  this.agentId = agentId;
  this.incarnation = incarnation;
  this.taskId = taskId;
  this.task = task;
  this.attempt = attempt;
});

const Completed = eventConstructor(function (
  this: DraftOf<'task.completed'>,
  agentId: string,
  incarnation: number,
  taskId: string,
  task: string,
  waitedMs: number,
  ranMs: number,
) {
  this.sequence = 0;
  this.at = undefined;
  this.type = 'task.completed';
  this.agentId = agentId;
  this.incarnation = incarnation;
  this.taskId = taskId;
  this.task = task;
  this.waitedMs = waitedMs;
  this.ranMs = ranMs;
});

/** `input` is a copy: the agent may change its own. @param deadlineAt epoch ms, for a task with a `timeoutMs` */
export function acceptedEvent(agentId: string, entry: ToldTask, deadlineAt: number | undefined): EventDraft {
  const { taskId, incarnation, retry, request, before, attempt, trace } = entry;
  const { type: task, input, submission, timeoutMs, policy, priority, dueAt, delayMs } = request;
  const draft = new Accepted(agentId, incarnation, taskId, task, retry);
  if (request.pool !== undefined) draft.pool = request.pool;
  if (priority !== undefined) draft.priority = priority;
  if (!retry && !submission) return draft;
  draft.input = dataCopy(input);
  if (deadlineAt !== undefined) {
    draft.timeoutMs = timeoutMs!;
    draft.deadlineAt = deadlineAt;
  }
  if (dueAt !== undefined) draft.dueAt = dueAt;
  if (dueAt !== undefined && delayMs !== undefined) draft.delayMs = delayMs;
  if (policy) draft.policy = policy;
  if (attempt > 0) draft.attempts = attempt;
  if (before !== attempt) draft.before = before;
  if (trace) draft.trace = trace;
  if (submission) {
    draft.submitted = true;
    if (submission.idempotencyKey !== undefined) draft.idempotencyKey = submission.idempotencyKey;
    if (submission.dedupeKey !== undefined) draft.dedupeKey = submission.dedupeKey;
    if (submission.by !== undefined) draft.by = submission.by;
    if (submission.called) draft.called = true;
    if (submission.caller !== undefined) draft.caller = submission.caller;
  }
  return draft;
}

export function startedEvent(
  agentId: string,
  { taskId, incarnation, request, attempt }: ToldTask,
): EventDraft {
  return new Started(agentId, incarnation, taskId, request.type, attempt);
}

export function retryScheduledEvent(
  agentId: string,
  { taskId, incarnation, request, attempt, begunAt = 0 }: ToldTask,
  { code, error }: TaskFailure,
  delayMs: number,
  dueAt: number,
): EventDraft {
  return {
    sequence: 0,
    at: undefined,
    type: 'task.retry_scheduled',
    agentId,
    incarnation,
    taskId,
    task: request.type,
    attempt,
    code,
    error,
    startedAt: begunAt,
    delayMs,
    dueAt,
  };
}

export function stalledEvent(agentId: string, entry: ToldTask): EventDraft {
  const { taskId, incarnation, request, stall } = entry;
  const { stalledAfterMs = 0, onStall = 'warn' } = stall ?? {};
  return {
    sequence: 0,
    at: undefined,
    type: 'task.stalled',
    agentId,
    incarnation,
    taskId,
    task: request.type,
    stalledAfterMs,
    onStall,
  };
}

export function progressedEvent(agentId: string, { taskId, incarnation, request }: ToldTask): EventDraft {
  return {
    sequence: 0,
    at: undefined,
    type: 'task.progressed',
    agentId,
    incarnation,
    taskId,
    task: request.type,
  };
}

export function parkedEvent(
  agentId: string,
  { taskId, incarnation, request, attempt }: ToldTask,
  { at: _, ...parked }: Parked,
): EventDraft {
  return {
    ...parked,
    sequence: 0,
    at: undefined,
    type: 'task.parked',
    agentId,
    incarnation,
    taskId,
    task: request.type,
    attempt,
  };
}

/** @param now by `elapsed` of the clock */
export function completedEvent(agentId: string, entry: ToldTask, now: number): EventDraft {
  const { taskId, incarnation, request, acceptedAt, startedAt, output } = entry;
  const draft = new Completed(
    agentId,
    incarnation,
    taskId,
    request.type,
    startedAt - acceptedAt,
    now - startedAt,
  );
  if (request.submission && jsonProblemOf(output) === undefined) draft.output = frozenCopy(output);
  return ended(entry, draft);
}

/** @param now by `elapsed` of the clock */
export function failedEvent(
  agentId: string,
  entry: ToldTask,
  now: number,
  { code, error }: TaskFailure,
): EventDraft {
  const { taskId, incarnation, request, acceptedAt, startedAt, attempt } = entry;
  return ended(entry, {
    sequence: 0,
    at: undefined,
    type: 'task.failed',
    agentId,
    incarnation,
    taskId,
    task: request.type,
    waitedMs: startedAt - acceptedAt,
    ranMs: now - startedAt,
    attempt,
    code,
    error,
  });
}

export function timedOutEvent(agentId: string, entry: ToldTask, timeoutMs: number): EventDraft {
  const { taskId, incarnation, request, attempt } = entry;
  return ended(entry, {
    sequence: 0,
    at: undefined,
    type: 'task.timed_out',
    agentId,
    incarnation,
    taskId,
    task: request.type,
    attempt,
    timeoutMs,
  });
}

export function abandonedEvent(agentId: string, entry: ToldTask, why: string): DraftOf<'task.abandoned'> {
  return ended(entry, neverKeptEvent(agentId, entry, why));
}

/** The end of a task whose acceptance could not be committed: no record of it is kept. */
export function neverKeptEvent(
  agentId: string,
  { taskId, incarnation, request }: ToldTask,
  why: string,
): DraftOf<'task.abandoned'> {
  return {
    sequence: 0,
    at: undefined,
    type: 'task.abandoned',
    agentId,
    incarnation,
    taskId,
    task: request.type,
    why,
  };
}

type EndOfTask =
  | DraftOf<'task.completed'>
  | DraftOf<'task.failed'>
  | DraftOf<'task.timed_out'>
  | DraftOf<'task.abandoned'>;

/** The end of a submitted task says how often it was begun, and when it was begun last. */
function ended<Draft extends EndOfTask>(
  { request: { submission }, begunAt, attempt }: ToldTask,
  draft: Draft,
): Draft {
  if (submission === undefined) return draft;
  draft.submitted = true;
  draft.attempts = attempt;
  if (begunAt !== undefined) draft.startedAt = begunAt;
  return draft;
}
