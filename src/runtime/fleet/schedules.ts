/**
 * Schedules: tasks that are submitted again and again, at the times of a cron pattern or of a period.
 *
 * Owns the times. Its tasks are ordinary submitted tasks.
 *
 * I1  There is one task for one due time, also where a program ends in between: its idempotency key is made of both.
 * I2  Of the times that passed while no program ran, the latest is made up for, or none (`missed`).
 * I3  A time is done when its task was accepted or refused; if the program ends before that, the next one submits it.
 *     A target that is not there refuses nothing: it is looked for until it is there, or the next time has come.
 * I4  While the last time was refused, or its target is looked for, the alert `schedule_refused` is raised.
 */
import { isDeepStrictEqual } from 'node:util';
import { Cron } from 'croner';
import { z } from 'zod';
import { type ErrorInfo, retryPolicy } from '../../machines/index.ts';
import type { Alerts } from '../observability/alerts.ts';
import type { Journal } from '../journal/journal.ts';
import type { StoredSchedule } from '../journal/store.ts';
import type { SystemEvent } from '../journal/system-event.ts';
import type { SteadyClock } from '../time/clock.ts';
import type { TaskTypes } from '../definition/define-agent.ts';
import { type ActOptions, actor, actSchema, saidBy } from '../values/act.ts';
import { dataCopy } from '../values/data-copy.ts';
import { AgentSystemError, type ErrorCode, errorInfoOf, inWords } from '../values/errors.ts';
import { jsonProblemOf } from '../values/json-survey.ts';
import { parseInput } from '../values/malformed.ts';
import type { AskedTaskOf } from './agent-handle.ts';
import type { SubmittedTask, TaskTarget } from './task-submission.ts';

/** A schedule as it is asked for: `cron` or `everyMs`. */
export interface ScheduleOptions<
  Tasks extends TaskTypes = TaskTypes,
  Name extends keyof Tasks & string = keyof Tasks & string,
> {
  readonly name: string;
  /** A pattern of five fields, or of six with seconds; `@daily` and its like, too. */
  readonly cron?: string;
  /** Of a cron pattern, an IANA name: `Europe/Berlin`; default that of the machine. */
  readonly timezone?: string;
  /** In ms, from 1,000 on, from the moment that it was set. */
  readonly everyMs?: number;
  /** Of the times that passed while no program ran: the latest is made up for (`once`, the default), or none (`skip`). */
  readonly missed?: 'once' | 'skip';
  readonly target: TaskTarget<Tasks>;
  readonly task: Omit<
    SubmittedTask,
    'type' | 'input' | 'idempotencyKey' | 'dedupeKey' | 'notBefore' | 'delayMs' | 'onProgress' | 'by'
  > &
    AskedTaskOf<NoInfer<Tasks>, Name>;
  /** Who asks for it: 1 to 256 characters. */
  readonly by?: string;
}

/** A schedule. Times are epoch ms. */
export interface ScheduleRecord extends Omit<ScheduleOptions, 'missed' | 'by'> {
  readonly missed: 'once' | 'skip';
  readonly setAt: number;
  /** When it is due next; left out if its pattern has no further time. */
  readonly nextAt?: number;
  /** The last time that it was due, and its task, or why that was refused. */
  readonly lastDueAt?: number;
  readonly lastTaskId?: string;
  readonly lastError?: ErrorInfo;
}

type Set = Extract<SystemEvent, { type: 'schedule.set' }>;

interface Known {
  set: Set;
  /** Times up to here are done, epoch ms. */
  upTo: number;
  nextAt: number | undefined;
  lastDueAt: number | undefined;
  lastTaskId: string | undefined;
  lastError: ErrorInfo | undefined;
  timer: unknown;
}

export interface SchedulesOptions {
  readonly journal: Journal;
  readonly clock: SteadyClock;
  readonly alerts: Alerts;
  /** Throws what `submit` would be refused with for a target that is not there, or a task that it cannot do. */
  readonly check: (target: TaskTarget, task: ScheduleOptions['task']) => void;
  /** Resolves with the id of the task. */
  readonly submit: (target: TaskTarget, task: SubmittedTask) => Promise<string>;
}

/** Codes of a target that may be there later: when a program begins, its pools are not there yet. */
const NOT_THERE: ReadonlySet<unknown> = new Set<ErrorCode>(['AGENT_NOT_FOUND', 'POOL_UNKNOWN']);

/** A wall clock that was set forward is noticed within this time, ms. */
const LOOK_EVERY_MS = 60_000;
/** How often a target is looked for that is not there. */
const LOOK_FOR_TARGET_MS = 1_000;
const what = { what: 'tasks.schedule', code: 'TASK_INPUT_INVALID' } as const;
const named = z.string().min(1).max(200);
const optionsSchema = z.strictObject({
  name: named,
  cron: z.string().optional(),
  timezone: z.string().optional(),
  everyMs: z.number().min(1_000).max(Number.MAX_SAFE_INTEGER).optional(),
  missed: z.enum(['once', 'skip']).default('once'),
  target: z.union([z.string(), z.strictObject({ type: z.string() }), z.strictObject({ pool: z.string() })]),
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

export class Schedules {
  readonly #options: SchedulesOptions;
  readonly #known = new Map<string, Known>();
  #isOver = false;

  constructor(options: SchedulesOptions) {
    this.#options = options;
  }

  /** Resolves once it is durable. Setting the same again changes nothing; another one of that name replaces it. */
  async set(given: ScheduleOptions): Promise<ScheduleRecord> {
    const { by, ...options } = parseInput(optionsSchema, given, what);
    const problem = jsonProblemOf(options.task.input);
    if (problem !== undefined) throw invalid(`task.input: ${problem}, expected JSON data`);
    if ((options.cron === undefined) === (options.everyMs === undefined)) {
      throw invalid(`expected cron or everyMs, got ${options.cron === undefined ? 'neither' : 'both'}`);
    }
    if (options.timezone !== undefined && options.cron === undefined) {
      throw invalid('timezone: expected none with everyMs: a period has no time zone, a cron pattern has');
    }
    if (options.timezone !== undefined) checkTimezone(options.timezone);
    if (options.cron !== undefined) patternOf(options.cron, options.timezone);
    const before = this.#known.get(options.name);
    if (before && isSame(before.set, options)) return recordOf(before);
    const { journal, clock, alerts, check } = this.#options;
    check(options.target, options.task as ScheduleOptions['task']);
    const lastDueAt = before?.lastDueAt;
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const set = journal.emit(
      {
        type: 'schedule.set',
        ...(dataCopy(options) as unknown as Omit<Set, 'type' | 'sequence' | 'at'>),
        ...(lastDueAt === undefined ? {} : { lastDueAt }),
        ...saidBy(by),
      },
      (error) => (error ? reject(error) : resolve()),
    ) as Set;
    if (before) clock.clearTimeout(before.timer);
    alerts.clear('schedule_refused', { schedule: options.name });
    const known = newKnown(set, lastDueAt);
    known.upTo = set.at;
    this.#known.set(options.name, known);
    this.#arm(known);
    await promise;
    return recordOf(known);
  }

  list(): ScheduleRecord[] {
    return [...this.#known.values()].map(recordOf);
  }

  /** Resolves once that is durable. @throws AgentSystemError `TASK_UNKNOWN` */
  async remove(name: string, options: ActOptions = {}): Promise<void> {
    const { by } = parseInput(actSchema, options, { ...what, what: 'tasks.unschedule' });
    const known = this.#known.get(name);
    if (known === undefined)
      throw new AgentSystemError('TASK_UNKNOWN', `there is no schedule ${inWords(name)}`);
    this.#known.delete(name);
    this.#options.clock.clearTimeout(known.timer);
    this.#options.alerts.clear('schedule_refused', { schedule: name });
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    this.#options.journal.emit({ type: 'schedule.removed', name, ...saidBy(by) }, (error) =>
      error ? reject(error) : resolve(),
    );
    await promise;
  }

  /** Restores the schedules of an earlier program. */
  restore(stored: readonly StoredSchedule[]): void {
    const now = this.#options.clock.now();
    for (const { set, fired } of stored) {
      const known = newKnown(set, fired?.dueAt ?? set.lastDueAt);
      known.lastTaskId = fired?.submitted;
      known.lastError = fired?.error;
      if (fired?.error) this.#restoreAlert(set.name, fired.error, fired.at);
      const upTo = Math.max(set.at, known.lastDueAt ?? 0);
      // A wall clock that was set back makes no done time due again.
      known.upTo = set.missed === 'skip' ? Math.max(upTo, now) : upTo;
      this.#known.set(set.name, known);
      this.#arm(known);
    }
  }

  /** Stops submitting. */
  close(): void {
    this.#isOver = true;
    for (const { timer } of this.#known.values()) this.#options.clock.clearTimeout(timer);
  }

  #arm(known: Known): void {
    const { clock } = this.#options;
    known.nextAt = nextAfter(known.set, known.upTo);
    known.timer = undefined;
    if (known.nextAt === undefined || this.#isOver) return;
    const delayMs = Math.max(0, known.nextAt - clock.now());
    known.timer = clock.setTimeout(() => this.#look(known), Math.min(delayMs, LOOK_EVERY_MS));
  }

  #look(known: Known): void {
    const now = this.#options.clock.now();
    if (known.nextAt === undefined || now < known.nextAt) return this.#arm(known);
    void this.#fire(known, latestUpTo(known.set, known.nextAt, now));
  }

  async #fire(known: Known, dueAt: number): Promise<void> {
    const { journal, submit } = this.#options;
    const { name, target, task } = known.set;
    let told: { readonly submitted: string } | { readonly error: ErrorInfo };
    try {
      const asked = { ...dataCopy(task), idempotencyKey: `schedule ${name} ${dueAt}` } as SubmittedTask;
      told = { submitted: await submit(target, asked) };
    } catch (thrown) {
      // If it was not submitted because the program ends, the next program submits it.
      if (this.#isOver) return;
      told = { error: errorInfoOf(thrown) };
    }
    if (this.#known.get(name) !== known) return;
    if ('submitted' in told) this.#options.alerts.clear('schedule_refused', { schedule: name });
    else {
      this.#raise(name, told.error);
      if (NOT_THERE.has(told.error.code)) return this.#lookForTarget(known, told.error);
    }
    journal.emit({ type: 'schedule.fired', name, dueAt, ...told });
    known.upTo = dueAt;
    known.lastDueAt = dueAt;
    known.lastTaskId = 'submitted' in told ? told.submitted : undefined;
    known.lastError = 'error' in told ? told.error : undefined;
    this.#arm(known);
  }

  /** It stays due. */
  #lookForTarget(known: Known, error: ErrorInfo): void {
    known.lastError = error;
    known.timer = this.#options.clock.setTimeout(() => this.#look(known), LOOK_FOR_TARGET_MS);
  }

  #raise(schedule: string, error: ErrorInfo): void {
    this.#options.alerts.raise('schedule_refused', refusedInWords(schedule, error), { schedule });
  }

  #restoreAlert(schedule: string, error: ErrorInfo, at: number): void {
    this.#options.alerts.restore('schedule_refused', refusedInWords(schedule, error), at, { schedule });
  }
}

function refusedInWords(schedule: string, { message }: ErrorInfo): string {
  return `schedule ${inWords(schedule)} was due, and submitted no task: ${message}`;
}

function newKnown(set: Set, lastDueAt: number | undefined): Known {
  return {
    set,
    upTo: set.at,
    nextAt: undefined,
    lastDueAt,
    lastTaskId: undefined,
    lastError: undefined,
    timer: undefined,
  };
}

/** The first time that it is due after `after`, epoch ms. */
function nextAfter({ cron, timezone, everyMs, at }: Set, after: number): number | undefined {
  if (everyMs !== undefined) return at + (Math.max(0, Math.floor((after - at) / everyMs)) + 1) * everyMs;
  return patternOf(cron!, timezone).nextRun(new Date(after))?.getTime();
}

/** The last due time up to `now`, if `first` is due by then. */
function latestUpTo({ cron, timezone, everyMs, at }: Set, first: number, now: number): number {
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
    return new Cron(cron, { paused: true, ...(timezone === undefined ? {} : { timezone }) });
  } catch (thrown) {
    throw invalid(`cron: ${inWords(cron)}: ${errorInfoOf(thrown).message}`);
  }
}

function isSame(set: Set, options: object): boolean {
  const { type: _, sequence: __, at: ___, lastDueAt: ____, by: _____, ...before } = set;
  return isDeepStrictEqual(JSON.parse(JSON.stringify(before)), JSON.parse(JSON.stringify(options)));
}

function invalid(problem: string): AgentSystemError {
  return new AgentSystemError('TASK_INPUT_INVALID', `tasks.schedule: ${problem}`);
}

function recordOf({ set, nextAt, lastDueAt, lastTaskId, lastError }: Known): ScheduleRecord {
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
