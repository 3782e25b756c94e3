/**
 * What the event stream says of a task.
 *
 * Of a task that was submitted the record is kept beyond its end: its events say so, and carry what that takes.
 */
import type { Parked } from '../../machines/index.ts';
import type { BodyReport } from '../hosting/host.ts';
import type { EventDraft } from '../journal/system-event.ts';
import { dataCopy } from '../values/data-copy.ts';
import { jsonProblemOf } from '../values/json-survey.ts';
import type { TaskEntry } from './task-entry.ts';

/** What the stream says of a task whose caller's signal has fired. */
export const CANCELLED_BY_CALLER = 'cancelled by its caller';

type DraftOf<Type extends EventDraft['type']> = {
  -readonly [Field in keyof Extract<EventDraft, { type: Type }>]: Extract<EventDraft, { type: Type }>[Field];
};

/** `input` is a copy: the agent may change what it is given. */
export function acceptedEvent(agentId: string, entry: TaskEntry): EventDraft {
  const { taskId, incarnation, retry, request } = entry;
  const { type: task, input, submission, timeoutMs } = request;
  const draft: DraftOf<'task.accepted'> = {
    sequence: 0,
    at: 0,
    type: 'task.accepted',
    agentId,
    incarnation,
    taskId,
    task,
    retry,
  };
  if (retry || submission) draft.input = dataCopy(input);
  if (submission) {
    draft.submitted = true;
    if (timeoutMs !== undefined && timeoutMs !== Infinity) draft.timeoutMs = timeoutMs;
    if (submission.attempts) draft.attempts = submission.attempts;
    if (submission.idempotencyKey !== undefined) draft.idempotencyKey = submission.idempotencyKey;
  }
  return draft;
}

export function startedEvent(agentId: string, { taskId, incarnation, request }: TaskEntry): EventDraft {
  return {
    sequence: 0,
    at: 0,
    type: 'task.started',
    agentId,
    incarnation,
    taskId,
    task: request.type,
  };
}

export function parkedEvent(
  agentId: string,
  { taskId, incarnation, request }: TaskEntry,
  { at: _, ...parked }: Parked,
): EventDraft {
  return {
    ...parked,
    sequence: 0,
    at: 0,
    type: 'task.parked',
    agentId,
    incarnation,
    taskId,
    task: request.type,
  };
}

/** @param now by `elapsed` of the clock */
export function completedEvent(agentId: string, entry: TaskEntry, now: number): EventDraft {
  const { taskId, incarnation, request, acceptedAt, startedAt, output } = entry;
  const draft: DraftOf<'task.completed'> = {
    sequence: 0,
    at: 0,
    type: 'task.completed',
    agentId,
    incarnation,
    taskId,
    task: request.type,
    waitedMs: startedAt - acceptedAt,
    ranMs: now - startedAt,
  };
  if (request.submission && jsonProblemOf(output) === undefined) draft.output = dataCopy(output);
  return ended(entry, draft);
}

/** @param now by `elapsed` of the clock */
export function failedEvent(
  agentId: string,
  entry: TaskEntry,
  now: number,
  { code, error }: Extract<BodyReport, { type: 'task.failed' }>,
): EventDraft {
  const { taskId, incarnation, request, acceptedAt, startedAt } = entry;
  return ended(entry, {
    sequence: 0,
    at: 0,
    type: 'task.failed',
    agentId,
    incarnation,
    taskId,
    task: request.type,
    waitedMs: startedAt - acceptedAt,
    ranMs: now - startedAt,
    code,
    error,
  });
}

export function timedOutEvent(agentId: string, entry: TaskEntry, timeoutMs: number): EventDraft {
  const { taskId, incarnation, request } = entry;
  return ended(entry, {
    sequence: 0,
    at: 0,
    type: 'task.timed_out',
    agentId,
    incarnation,
    taskId,
    task: request.type,
    timeoutMs,
  });
}

export function abandonedEvent(agentId: string, entry: TaskEntry, why: string): DraftOf<'task.abandoned'> {
  return ended(entry, neverKeptEvent(agentId, entry, why));
}

/** The end of one whose acceptance could not be made durable: nothing of it is kept, also where it was submitted. */
export function neverKeptEvent(
  agentId: string,
  { taskId, incarnation, request }: TaskEntry,
  why: string,
): DraftOf<'task.abandoned'> {
  return {
    sequence: 0,
    at: 0,
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

/** The end of one that was submitted says how often it was begun, and when the last time. */
function ended<Draft extends EndOfTask>(
  { request: { submission }, begunAt }: TaskEntry,
  draft: Draft,
): Draft {
  if (submission === undefined) return draft;
  draft.submitted = true;
  draft.attempts = (submission.attempts ?? 0) + (begunAt === undefined ? 0 : 1);
  if (begunAt !== undefined) draft.startedAt = begunAt;
  return draft;
}
