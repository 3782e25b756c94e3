/**
 * Schedules: tasks that are submitted again and again, at the times of a cron pattern or of a period.
 *
 * Owns the times. Its tasks are ordinary submitted tasks.
 *
 * I1  There is one task for one due time, also where a program ends in between: its idempotency key is made of both.
 * I2  Of the times that passed while no program ran, the latest is made up for, or none (`missed`).
 * I3  A time is done when its task was accepted or refused; if the program ends before that, the next one submits it.
 *     A target that is not there refuses nothing: it is looked for until it is there, or the next time has come.
 * I4  A wall clock that is put back holds no schedule up. A period takes no longer for it; of a pattern no done time is
 *     due again, unless it was stamped more than a day ahead: then the clock was wrong when it was done.
 * I5  While the last time was refused, or its target is looked for, the alert `schedule_refused` is raised.
 */
import type { ErrorInfo } from '../../machines/index.ts';
import type { Alerts } from '../observability/alerts.ts';
import type { Journal } from '../journal/journal.ts';
import type { StoredSchedule } from '../journal/store.ts';
import { LOOK_EVERY_MS, type SteadyClock } from '../time/clock.ts';
import { type ActOptions, actSchema, saidBy } from '../values/act.ts';
import { dataCopy } from '../values/data-copy.ts';
import { AgentSystemError, errorInfoOf, inWords } from '../values/errors.ts';
import { parseInput } from '../values/malformed.ts';
import {
  isSameSchedule,
  latestUpTo,
  LOOK_FOR_TARGET_MS,
  nextAfter,
  NOT_THERE,
  readSchedule,
  refusedInWords,
  type ScheduleOptions,
  type ScheduleRecord,
  scheduleRecord,
  type ScheduleSet,
} from './schedule-rules.ts';
import type { SubmittedTask, TaskTarget } from './task-submission.ts';

interface Known {
  set: ScheduleSet;
  /** Times up to here are done, epoch ms. */
  upTo: number;
  nextAt: number | undefined;
  /** When its period is over, by `elapsed` of the clock; of a pattern never. */
  readyAt: number;
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

const DAY_MS = 86_400_000;

export class Schedules {
  readonly #options: SchedulesOptions;
  readonly #known = new Map<string, Known>();
  #isOver = false;

  constructor(options: SchedulesOptions) {
    this.#options = options;
  }

  /** Resolves once it is durable. Setting the same again changes nothing; another one of that name replaces it. */
  async set(given: ScheduleOptions): Promise<ScheduleRecord> {
    const { by, ...options } = readSchedule(given);
    const before = this.#known.get(options.name);
    if (before && isSameSchedule(before.set, options)) return scheduleRecord(before);
    const { journal, clock, alerts, check } = this.#options;
    check(options.target, options.task as ScheduleOptions['task']);
    const lastDueAt = before?.lastDueAt;
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const set = journal.emit(
      {
        type: 'schedule.set',
        ...(dataCopy(options) as unknown as Omit<ScheduleSet, 'type' | 'sequence' | 'at'>),
        ...(lastDueAt === undefined ? {} : { lastDueAt }),
        ...saidBy(by),
      },
      (error) => (error ? reject(error) : resolve()),
    ) as ScheduleSet;
    if (before) clock.clearTimeout(before.timer);
    alerts.clear('schedule_refused', { schedule: options.name });
    const known = newKnown(set, lastDueAt);
    known.upTo = set.at;
    this.#known.set(options.name, known);
    this.#arm(known);
    await promise;
    return scheduleRecord(known);
  }

  list(): ScheduleRecord[] {
    return [...this.#known.values()].map(scheduleRecord);
  }

  /** Resolves once that is durable. @throws AgentSystemError `TASK_UNKNOWN` */
  async remove(name: string, options: ActOptions = {}): Promise<void> {
    const { by } = parseInput(actSchema, options, {
      what: 'tasks.unschedule',
      code: 'TASK_INPUT_INVALID',
    });
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
    const { everyMs } = known.set;
    const now = clock.now();
    if (everyMs === undefined && known.upTo > now + DAY_MS) known.upTo = now;
    known.nextAt = nextAfter(known.set, known.upTo);
    known.timer = undefined;
    if (known.nextAt === undefined || this.#isOver) return;
    let delayMs = Math.max(0, known.nextAt - now);
    if (everyMs !== undefined) {
      const elapsed = clock.elapsed();
      known.readyAt = Math.min(known.readyAt, elapsed + Math.min(delayMs, everyMs));
      delayMs = known.readyAt - elapsed;
    }
    known.timer = clock.setTimeout(() => this.#look(known), Math.min(delayMs, LOOK_EVERY_MS));
  }

  #look(known: Known): void {
    const { clock } = this.#options;
    const now = clock.now();
    if (known.nextAt === undefined) return;
    if (now < known.nextAt && clock.elapsed() < known.readyAt) return this.#arm(known);
    void this.#fire(known, latestUpTo(known.set, known.nextAt, Math.max(now, known.nextAt)));
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
    known.readyAt = Infinity;
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

function newKnown(set: ScheduleSet, lastDueAt: number | undefined): Known {
  return {
    set,
    upTo: set.at,
    nextAt: undefined,
    readyAt: Infinity,
    lastDueAt,
    lastTaskId: undefined,
    lastError: undefined,
    timer: undefined,
  };
}
