/** Tasks as an agent's virtual object keeps them: data, and what may be read of it. */
import type { ErrorInfo, Parked, RetryPolicy, TaskPlace, TaskStatus } from '../../machines/index.ts';
import { hasAttemptLeft, taskPlaceAfter } from '../../machines/index.ts';
import { type AgentManifest, type TaskManifest, withTimeout } from '../../runtime/definition/manifest.ts';
import type { BodyReport } from '../../runtime/hosting/host.ts';
import type { TaskRecord } from '../../runtime/fleet/task-record.ts';
import { pageOfTasks } from '../../runtime/fleet/task-pages.ts';
import type { ErrorCode } from '../../runtime/values/errors.ts';
import type { Due } from '../engine/kept-chart.ts';
import type { TaskTerms } from '../agent/agent-acts.ts';

/** A task as it is asked for. */
export interface AskedWork {
  readonly type: string;
  readonly input?: unknown;
  readonly timeoutMs?: number | undefined;
  readonly submitted: boolean;
  readonly idempotencyKey?: string | undefined;
  readonly dedupeKey?: string | undefined;
  readonly priority?: number | undefined;
  readonly whenDown?: 'refuse' | 'wait' | undefined;
  /** Its retry policy, if it came with the task. */
  readonly policy?: RetryPolicy | undefined;
  /** It is not begun before then, epoch ms; or so many ms from its acceptance. */
  readonly notBefore?: number | undefined;
  readonly delayMs?: number | undefined;
  readonly terms?: TaskTerms | undefined;
  /** Who asks for it, if they said so. */
  readonly by?: string | undefined;
  /** Who waits for its end. */
  readonly token?: string | undefined;
  /** The task that asks for it, and waits. */
  readonly caller?: string | undefined;
}

export type TaskFailure = Extract<BodyReport, { type: 'task.failed' }>;

/** A task that has not ended, or whose work has not. */
export interface TaskEntry {
  readonly id: string;
  readonly task: string;
  /** Whether it may be done again after the loss of its node. */
  readonly retry: boolean;
  readonly policy?: RetryPolicy | undefined;
  readonly timeoutMs?: number | undefined;
  readonly submitted: boolean;
  readonly idempotencyKey?: string | undefined;
  readonly dedupeKey?: string | undefined;
  /** As it was requested. */
  readonly priority?: number | undefined;
  /** Its own priority, or that of its kind. */
  readonly rank: number;
  /** How many of its kind may be under way at once. */
  readonly kindLimit?: number | undefined;
  /** Whether it waits for its agent to run again, whatever has ended that. */
  readonly outlivesAgent: boolean;
  terms?: TaskTerms | undefined;
  /** Attempts before it was last accepted; its policy does not count them. */
  readonly before: number;
  /** Its place in the queue. */
  readonly order: number;
  readonly acceptedAt: number;
  /** The state of its chart. */
  place: TaskPlace;
  /** `delayed`: it waits for its time, or, without a `due`, for the next life of its agent. */
  where: 'queued' | 'delayed' | 'working';
  /** Its place among those that were begun. */
  begun?: number | undefined;
  /** When its last attempt began. */
  startedAt?: number | undefined;
  /** Its deadlines: of the task, of its attempt, of its delay. */
  timeout?: Due | undefined;
  attemptEnd?: Due | undefined;
  due?: Due | undefined;
  incarnation: number;
  /** How often its work was begun. */
  attempts: number;
  /** Its caller is answered; its work goes on. */
  isAnswered: boolean;
  /** Its attempt has taken too long, and was told to end. */
  isExpired?: true | undefined;
  /** How its last attempt failed, and when, while it waits for the next. */
  failure?: TaskFailure | undefined;
  failedAt?: number | undefined;
  /** It ran into a limit, and does not know yet what it waits for. */
  isParking?: true | undefined;
  parked?: Parked | undefined;
  stalledAt?: number | undefined;
  /** It has asked a person: the next body begins it again, and it gets the answer. */
  didAsk?: true | undefined;
  /** Its body ended after it had asked. */
  isKept?: true | undefined;
  /** Its time stands still, and what was left of it, ms. */
  isHeld?: true | undefined;
  heldMs?: number | undefined;
  /** Its input is kept. */
  hasInput?: true | undefined;
  /** Keys of the steps that it has kept. */
  steps?: string[] | undefined;
  /** Who waits for its end. */
  waiting: string[];
  /** Tasks that asked for it under its key, and wait; whether it ends with the last of them. */
  callers?: readonly TaskCaller[] | undefined;
  endsWithCallers?: true | undefined;
  /** Tasks that it asked for under a key, and waits for: they hear when it ends. */
  called?: readonly (CalledTask | string)[] | undefined;
}

/** A task that asks for another, and those that wait for it, its own last. */
export interface AskingCaller {
  readonly taskId: string;
  readonly chain: readonly string[];
}

/** A task that waits for another, and the number of its latest call: none where an earlier version has taken that. */
export interface TaskCaller extends AskingCaller {
  readonly joined?: number;
  /** The newest that its agent has told of who waits for it. */
  readonly news?: number | undefined;
}

/** A task that another waits for, and the number of the latest call. */
export interface CalledTask {
  readonly taskId: string;
  readonly joined: number;
}

/** What a task waits for. An earlier version has kept ids alone: such a call is older than all that have a number. */
export function calledBy({ called = [] }: Pick<TaskEntry, 'called'>): readonly CalledTask[] {
  return called.map((other) => (typeof other === 'string' ? { taskId: other, joined: 0 } : other));
}

/** How a task that was submitted has ended; kept until it is forgotten, or crowded out by newer ones. */
export interface EndedTask {
  readonly id: string;
  readonly task: string;
  readonly place: TaskPlace;
  readonly attempts: number;
  readonly acceptedAt: number;
  readonly startedAt?: number | undefined;
  readonly endedAt: number;
  readonly output?: unknown;
  readonly error?: ErrorInfo | undefined;
  readonly code?: ErrorCode | undefined;
  readonly idempotencyKey?: string | undefined;
  readonly dedupeKey?: string | undefined;
  readonly priority?: number | undefined;
  readonly policy?: RetryPolicy | undefined;
  readonly timeoutMs?: number | undefined;
  /** Whether only other tasks had asked for it: done again for another, it ends with that. */
  readonly endsWithCallers?: true | undefined;
}

/** The task that asks for another; `undefined` where somebody else does. */
export function callerOf({ caller, terms }: Pick<AskedWork, 'caller' | 'terms'>): AskingCaller | undefined {
  return caller === undefined ? undefined : { taskId: caller, chain: terms?.chain ?? [caller] };
}

export const isWorking = ({ where }: TaskEntry): boolean => where === 'working';

/** Whether its policy has another attempt for it: what was read of it cannot be taken back. Pure. */
export function mayBeTriedAgain({ policy, attempts, before, terms }: TaskEntry): boolean {
  return terms?.isStreamed !== true && hasAttemptLeft(policy, attempts - before);
}

/** Whether it is done again after the loss of its node: what that ended counts as an attempt. Pure. */
export function mayBeDoneAgain(entry: TaskEntry): boolean {
  if (!entry.retry || entry.terms?.isStreamed === true) return false;
  return entry.policy === undefined || mayBeTriedAgain(entry);
}

/**
 * An id says whose task it is.
 *
 * @param line tells agents of one id apart: one that was forgotten and registered anew counts from 1 again
 */
export function taskIdOf(agentId: string, line: string, number: number): string {
  return `${agentId}/task-${line}-${number}`;
}

/** @param chance in [0, 1) */
export function lineOf(registeredAt: number, chance: number): string {
  return `${registeredAt.toString(36)}${Math.floor(chance * 36 ** 4).toString(36)}`;
}

/** The agent that a task's id names; `undefined` for what is no such id. */
export function agentOfTask(taskId: string): string | undefined {
  const at = taskId.lastIndexOf('/task-');
  return at === -1 ? undefined : taskId.slice(0, at);
}

/** Of a task while it waits in the queue of a pool; the member that gets it gives it one of its own. */
export function lineIdOf(pool: string, number: number): string {
  return `${pool}/line-${number}`;
}

/** The pool that such an id names, and the number of its task; `undefined` for what is no such id. */
export function lineOfTask(taskId: string): { readonly pool: string; readonly number: number } | undefined {
  const [, pool, number] = /^([^]+)\/line-(\d+)$/.exec(taskId) ?? [];
  return pool === undefined ? undefined : { pool, number: Number(number) };
}

/** Which tasks a list is of. */
export interface TaskWish {
  readonly type?: string | undefined;
  readonly status?: TaskStatus | undefined;
  /** At most this many: those that were accepted first, or with `newest` those that were accepted last. */
  readonly limit?: number | undefined;
  readonly newest?: boolean | undefined;
  /** A page: those that come after this one, in the order of their ids. */
  readonly after?: string | undefined;
}

/** Those of some tasks that are wished for, in the order of their acceptance, or of their ids. */
export function wishedOf(records: readonly TaskRecord[], wish: TaskWish): readonly TaskRecord[] {
  const { type, status, limit = Infinity, newest, after } = wish;
  const fits = records.filter(
    (record) =>
      (type === undefined || record.task === type) && (status === undefined || record.status === status),
  );
  if (after !== undefined) return pageOfTasks(fits, { limit, after });
  const fitting = fits.toSorted((one, other) => one.acceptedAt - other.acceptedAt);
  return newest ? fitting.slice(Math.max(0, fitting.length - limit)) : fitting.slice(0, limit);
}

const NO_KIND: TaskManifest = { requires: [], retry: false };

export interface Entering {
  readonly id: string;
  /** Attempts before it was accepted. */
  readonly before: number;
  readonly manifest: AgentManifest;
  /** Where it has ended, of one that is asked for again. */
  readonly endedAt: TaskPlace | undefined;
  readonly now: number;
  readonly incarnation: number;
  /** Whether it is in time for this life of its agent. */
  readonly takesInTurn: boolean;
  readonly nextOrder: () => number;
}

/** A task as it is accepted. */
export function enteredTask(asked: AskedWork, entering: Entering): TaskEntry {
  const { id, before, manifest, endedAt, now, incarnation, takesInTurn, nextOrder } = entering;
  const { type: task, submitted, idempotencyKey, dedupeKey, priority, terms, notBefore, delayMs } = asked;
  const kind = Object.hasOwn(manifest.tasks, task) ? manifest.tasks[task]! : NO_KIND;
  const policy = asked.policy ?? kind.policy;
  const given = asked.timeoutMs === undefined ? {} : { timeoutMs: asked.timeoutMs };
  const { timeoutMs } = withTimeout<{ type: string; timeoutMs?: number }>({ type: task, ...given }, kind);
  const dueAt = delayMs === undefined ? notBefore : now + Math.ceil(delayMs);
  const waitMs = dueAt === undefined ? 0 : Math.max(0, dueAt - now);
  const isLimited = timeoutMs !== undefined && timeoutMs !== Infinity;
  const isDelayed = waitMs > 0;
  const entry: TaskEntry = {
    id,
    task,
    retry: policy !== undefined || kind.retry,
    policy,
    timeoutMs: isLimited ? timeoutMs : undefined,
    submitted,
    idempotencyKey,
    dedupeKey,
    priority,
    rank: priority ?? kind.priority ?? 0,
    kindLimit: kind.concurrency,
    outlivesAgent: before > 0 || endedAt !== undefined || asked.whenDown === 'wait',
    terms,
    before,
    order: nextOrder(),
    acceptedAt: now,
    place: taskPlaceAfter(
      endedAt ?? 'waiting.queued',
      isDelayed ? 'task.deferred' : 'task.accepted',
    ) as TaskPlace,
    // One that came too late for this life of its agent waits for the next.
    where: !isDelayed && takesInTurn ? 'queued' : 'delayed',
    incarnation,
    attempts: before,
    isAnswered: false,
    ...(endedAt === undefined ? {} : { hasInput: true }),
    waiting: asked.token === undefined ? [] : [asked.token],
    ...(asked.caller === undefined ? {} : { endsWithCallers: true }),
  };
  if (isLimited) entry.timeout = { dueAt: now + waitMs + timeoutMs, order: nextOrder() };
  if (isDelayed) entry.due = { dueAt: dueAt!, order: nextOrder() };
  return entry;
}
