/**
 * The rules of schedules, over data: what may be asked for, when it is due, how it is shown. Pure.
 */
import { isDeepStrictEqual } from 'node:util';
import { Cron } from 'croner';
import { z } from 'zod';
import { type ErrorInfo, retryPolicy } from '../../machines/index.ts';
import type { TaskTypes } from '../definition/define-agent.ts';
import type { SystemEvent } from '../journal/system-event.ts';
import { actor } from '../values/act.ts';
import { AgentSystemError, type ErrorCode, errorInfoOf, inWords } from '../values/errors.ts';
import { jsonProblemOf } from '../values/json-survey.ts';
import { parseInput } from '../values/malformed.ts';
import { withoutSecrets } from '../values/secrets.ts';
import type { AskedTaskOf } from './agent-handle.ts';
import { type SubmittedTask, type TaskTarget, taskTarget } from './task-submission.ts';

/** A schedule as it is asked for: `cron` or `everyMs`. */
export interface ScheduleOptions<
  Tasks extends TaskTypes = TaskTypes,
  Name extends keyof Tasks & string = keyof Tasks & string,
> {
  /** Its name: another schedule of that name replaces it. */
  readonly name: string;
  /** A pattern of five fields, or of six with seconds; `@daily` and its like, too. */
  readonly cron?: string | undefined;
  /** Of a cron pattern, an IANA name: `Europe/Berlin`; default that of the machine. */
  readonly timezone?: string | undefined;
  /** In ms, from 1,000 on, from the moment that it was set. */
  readonly everyMs?: number | undefined;
  /** Of the times that passed while no program ran: the latest is made up for (`once`, the default), or none (`skip`). */
  readonly missed?: 'once' | 'skip' | undefined;
  /** Who does it: an agent by id, the least loaded agent of a type, or a pool. */
  readonly target: TaskTarget<Tasks>;
  /** The task that is submitted each time. */
  readonly task: Omit<
    SubmittedTask,
    'type' | 'input' | 'idempotencyKey' | 'dedupeKey' | 'notBefore' | 'delayMs' | 'onProgress' | 'by'
  > &
    AskedTaskOf<NoInfer<Tasks>, Name>;
  /** Who asks for it: 1 to 256 characters. */
  readonly by?: string | undefined;
}

/** A schedule. Times are epoch ms. */
export interface ScheduleRecord extends Omit<ScheduleOptions, 'missed' | 'by'> {
  /** What becomes of times that passed while no program ran. */
  readonly missed: 'once' | 'skip';
  /** When it was set, epoch ms. */
  readonly setAt: number;
  /** When it is due next; left out if its pattern has no further time. */
  readonly nextAt?: number;
  /** When it was due last, epoch ms. */
  readonly lastDueAt?: number;
  /** The task that was submitted at the last due time. */
  readonly lastTaskId?: string;
  /** Why the task of the last due time was refused. */
  readonly lastError?: ErrorInfo;
}

/** A schedule as it was set. */
export type ScheduleSet = Extract<SystemEvent, { type: 'schedule.set' }>;

/** How one stands. */
export interface KnownSchedule {
  readonly set: Omit<ScheduleSet, 'type' | 'sequence'>;
  readonly nextAt?: number | undefined;
  readonly lastDueAt?: number | undefined;
  readonly lastTaskId?: string | undefined;
  readonly lastError?: ErrorInfo | undefined;
}

/** Codes of a target that may be there later: when a program begins, its pools are not there yet. */
export const NOT_THERE: ReadonlySet<unknown> = new Set<ErrorCode>(['AGENT_NOT_FOUND', 'POOL_UNKNOWN']);

/** How often a target is looked for that is not there. */
export const LOOK_FOR_TARGET_MS = 1_000;
const named = z.string().min(1).max(200);
const optionsSchema = z.strictObject({
  name: named,
  cron: z.string().optional(),
  timezone: z.string().optional(),
  everyMs: z.number().min(1_000).max(Number.MAX_SAFE_INTEGER).optional(),
  missed: z.enum(['once', 'skip']).default('once'),
  target: taskTarget,
  task: z.strictObject({
    type: z.string(),
    input: z.unknown().optional(),
    timeoutMs: z.number().min(0).optional(),
    whenDown: z.enum(['refuse', 'wait']).optional(),
    priority: z.number().optional(),
    retry: retryPolicy.optional(),
  }),
  by: actor.optional(),
});

/** @throws AgentSystemError `TASK_INPUT_INVALID`, naming the field */
export function readSchedule(given: ScheduleOptions) {
  const options = parseInput(optionsSchema, given, { what: 'tasks.schedule', code: 'TASK_INPUT_INVALID' });
  const { cron, everyMs, timezone, task } = options;
  const problem = jsonProblemOf(task.input);
  if (problem !== undefined) throw invalid(`task.input: ${problem}, expected JSON data`);
  if ((cron === undefined) === (everyMs === undefined)) {
    throw invalid(`expected cron or everyMs, got ${cron === undefined ? 'neither' : 'both'}`);
  }
  if (timezone !== undefined && cron === undefined) {
    throw invalid('timezone: expected none with everyMs: a period has no time zone, a cron pattern has');
  }
  if (timezone !== undefined) checkTimezone(timezone);
  if (cron !== undefined) patternOf(cron, timezone);
  return options;
}

/** The text of the alert `schedule_refused`. */
export function refusedInWords(schedule: string, { message }: ErrorInfo): string {
  return `schedule ${inWords(schedule)} was due, and submitted no task: ${message}`;
}

/** The first time that it is due after `after`, epoch ms. */
export function nextAfter({ cron, timezone, everyMs, at }: ScheduleSet, after: number): number | undefined {
  if (everyMs !== undefined) return at + (Math.max(0, Math.floor((after - at) / everyMs)) + 1) * everyMs;
  return patternOf(cron!, timezone).nextRun(new Date(after))?.getTime();
}

/** The last due time up to `now`, if `first` is due by then. */
export function latestUpTo({ cron, timezone, everyMs, at }: ScheduleSet, first: number, now: number): number {
  if (everyMs !== undefined) return at + Math.floor((now - at) / everyMs) * everyMs;
  const [latest] = patternOf(cron!, timezone).previousRuns(1, new Date(now + 1));
  return Math.max(first, latest?.getTime() ?? first);
}

function checkTimezone(timeZone: string): void {
  try {
    new Intl.DateTimeFormat('en', { timeZone }).format();
  } catch {
    throw invalid(`timezone: expected an IANA name such as Europe/Berlin, got ${inWords(timeZone)}`);
  }
}

function patternOf(cron: string, timezone: string | undefined): Cron {
  try {
    return new Cron(cron, timezone === undefined ? {} : { timezone });
  } catch (thrown) {
    throw invalid(`cron: ${inWords(cron)}: ${withoutSecrets(errorInfoOf(thrown).message)}`);
  }
}

/** Whether it is set already as it is asked for. */
export function isSameSchedule(set: ScheduleSet, options: object): boolean {
  const { type: _, sequence: __, at: ___, lastDueAt: ____, by: _____, ...before } = set;
  return isDeepStrictEqual(JSON.parse(JSON.stringify(before)), JSON.parse(JSON.stringify(options)));
}

function invalid(problem: string): AgentSystemError {
  return new AgentSystemError('TASK_INPUT_INVALID', `tasks.schedule: ${problem}`);
}

/** The record as the public API shows it. */
export function scheduleRecord({
  set,
  nextAt,
  lastDueAt,
  lastTaskId,
  lastError,
}: KnownSchedule): ScheduleRecord {
  const { name, cron, timezone, everyMs, missed, target, task, at } = set;
  return Object.freeze({
    name,
    ...(cron === undefined ? {} : { cron }),
    ...(timezone === undefined ? {} : { timezone }),
    ...(everyMs === undefined ? {} : { everyMs }),
    missed,
    target,
    task,
    setAt: at,
    ...(nextAt === undefined ? {} : { nextAt }),
    ...(lastDueAt === undefined ? {} : { lastDueAt }),
    ...(lastTaskId === undefined ? {} : { lastTaskId }),
    ...(lastError === undefined ? {} : { lastError }),
  });
}
