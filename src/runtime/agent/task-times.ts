/**
 * The times of one agent's tasks: how long each may take, how long an attempt may, when the next one is due.
 *
 * Sets the times of a task, its timers, and the watch on its progress, which are all fields of its entry. It ends no
 * task: it reports that a time is over.
 *
 * I1  A task that was answered has no timer and no watch any more.
 * I2  While a task waits for a person, none of its times runs, also while its body is gone.
 * I3  A time that a caller named is one of the wall clock: a task begins no earlier by it, and at the most
 *     `LOOK_EVERY_MS` late where that clock was set ahead. Everything else is a duration.
 */
import { LOOK_EVERY_MS, type SteadyClock } from '../time/clock.ts';
import type { ProgressWatcher } from './progress-watch.ts';
import type { MailboxOwner } from './mailbox-owner.ts';
import type { TaskEntry } from './task-entry.ts';
import { progressedEvent, stalledEvent } from './task-events.ts';
import type { RestoredTask } from './task-request.ts';

/** Told when a time is over. */
export interface TimedTasks {
  readonly owner: MailboxOwner;
  timedOut(entry: TaskEntry, timeoutMs: number): void;
  attemptTimedOut(entry: TaskEntry, attemptTimeoutMs: number): void;
  /** It has stalled, and its kind has it aborted. */
  stalled(entry: TaskEntry): void;
}

/** Sets the times of a task that is accepted now. Returns its delay, in ms. */
export function setTimes(entry: TaskEntry, clock: SteadyClock): number {
  const { dueAt, delayMs: givenMs, timeoutMs = Infinity, timesOutAt } = entry.request;
  const now = clock.elapsed();
  entry.acceptedAt = now;
  const delayMs = dueAt === undefined ? 0 : Math.max(0, dueAt - clock.now());
  if (delayMs > 0 && givenMs === undefined) entry.notBefore = dueAt;
  if (timeoutMs !== Infinity) entry.timesOutAt = timesOutAt ?? now + delayMs + timeoutMs;
  return delayMs;
}

/** Sets the times of a task that an earlier program accepted. Returns what is left of its delay, in ms. */
export function restoreTimes(
  entry: TaskEntry,
  { dueAt, delayMs: givenMs, deadlineAt, timeoutMs = Infinity, isHeld = false }: RestoredTask,
  clock: SteadyClock,
): number {
  const now = clock.elapsed();
  entry.acceptedAt = now;
  const untilDue = dueAt === undefined ? 0 : Math.max(0, dueAt - clock.now());
  // The wall clock may have been set since: the delay and the time are never longer than they were.
  const delayMs = Math.min(untilDue, givenMs ?? untilDue);
  if (delayMs > 0 && givenMs === undefined) entry.notBefore = dueAt;
  if (isHeld && timeoutMs !== Infinity) entry.heldMs = timeoutMs;
  else if (timeoutMs !== Infinity) {
    const leftMs = deadlineAt === undefined ? timeoutMs : deadlineAt - clock.now();
    entry.timesOutAt = now + Math.min(Math.max(0, leftMs), delayMs + timeoutMs);
  }
  return delayMs;
}

/** When its time is over, epoch ms; `undefined` if its time is unlimited. */
export function deadlineOf({ timesOutAt, acceptedAt }: TaskEntry, clock: SteadyClock): number | undefined {
  if (timesOutAt === Infinity) return undefined;
  return clock.now() + Math.round(Math.max(0, timesOutAt - acceptedAt));
}

/** When it is due, epoch ms, as the wall clock has it now: it may have been set since the delay began. */
export function dueAtOf({ dueAt, dueTick }: TaskEntry, clock: SteadyClock): number | undefined {
  return dueAt === undefined ? undefined : clock.now() + Math.round(Math.max(0, dueTick - clock.elapsed()));
}

/** Starts the timer of a task whose time is limited. */
export function limitTask(entry: TaskEntry, tasks: TimedTasks): void {
  const { clock } = tasks.owner;
  const { timeoutMs } = entry.request;
  const leftMs = Math.max(0, entry.timesOutAt - clock.elapsed());
  entry.timer = clock.setTimeout(() => tasks.timedOut(entry, timeoutMs!), leftMs);
}

/** Whether its attempts are timed, or watched. */
export function hasLimitedAttempts({ stall, policy }: TaskEntry): boolean {
  return stall !== undefined || policy?.attemptTimeoutMs !== undefined;
}

/** Starts the timer of an attempt, and the watch on its progress. */
export function limitAttempt(entry: TaskEntry, tasks: TimedTasks): void {
  const { owner } = tasks;
  if (entry.stall) entry.watch = owner.watchProgress(entry.stall, watcherOf(entry, tasks));
  const attemptTimeoutMs = entry.policy?.attemptTimeoutMs ?? Infinity;
  if (attemptTimeoutMs === Infinity) return;
  entry.attemptTimer = owner.clock.setTimeout(
    () => tasks.attemptTimedOut(entry, attemptTimeoutMs),
    attemptTimeoutMs,
  );
}

/** Starts the timer of its next attempt, or of its first. */
export function delayTask(entry: TaskEntry, delayMs: number, tasks: TimedTasks, due: () => void): void {
  const { clock } = tasks.owner;
  const { notBefore } = entry;
  const end = () => {
    entry.attemptTimer = undefined;
    const leftMs = notBefore === undefined ? 0 : Math.max(0, notBefore - clock.now());
    if (notBefore !== undefined) countFrom(entry, leftMs, tasks);
    if (leftMs > 0) return delayTask(entry, leftMs, tasks, due);
    entry.dueAt = undefined;
    entry.notBefore = undefined;
    due();
  };
  entry.dueAt = clock.now() + delayMs;
  entry.dueTick = clock.elapsed() + delayMs;
  entry.attemptTimer = clock.setTimeout(
    end,
    notBefore === undefined ? delayMs : Math.min(delayMs, LOOK_EVERY_MS),
  );
}

/** Its time begins when it is due, which is `leftMs` from now. */
function countFrom(entry: TaskEntry, leftMs: number, tasks: TimedTasks): void {
  if (entry.timer === undefined) return;
  const { clock } = tasks.owner;
  clear(entry, clock);
  entry.timesOutAt = clock.elapsed() + leftMs + entry.request.timeoutMs!;
  limitTask(entry, tasks);
}

/** It waits for a person: its timers stop. */
export function holdTimes(entry: TaskEntry, clock: SteadyClock): void {
  endAttempt(entry, clock);
  if (entry.timer === undefined || entry.isAnswered) return;
  clear(entry, clock);
  entry.heldMs = Math.max(0, entry.timesOutAt - clock.elapsed());
  entry.timesOutAt = Infinity;
}

/** It no longer waits for a person: its timers go on. */
export function resumeTimes(entry: TaskEntry, tasks: TimedTasks): void {
  const { heldMs } = entry;
  entry.heldMs = undefined;
  if (entry.isAnswered) return;
  if (entry.isUnderWay) limitAttempt(entry, tasks);
  if (heldMs === undefined) return;
  const { clock } = tasks.owner;
  const { timeoutMs = heldMs } = entry.request;
  entry.timesOutAt = clock.elapsed() + heldMs;
  entry.timer = clock.setTimeout(() => tasks.timedOut(entry, timeoutMs), heldMs);
}

/** Its attempt has ended, or the task was answered. */
export function endAttempt(entry: TaskEntry, clock: SteadyClock): void {
  if (entry.attemptTimer !== undefined) {
    clock.clearTimeout(entry.attemptTimer);
    entry.attemptTimer = undefined;
  }
  entry.watch?.end();
  entry.watch = undefined;
}

/** It was answered. */
export function endTimes(entry: TaskEntry, clock: SteadyClock): void {
  clear(entry, clock);
  endAttempt(entry, clock);
}

function watcherOf(entry: TaskEntry, tasks: TimedTasks): ProgressWatcher {
  const { owner } = tasks;
  return {
    stalled: () => void owner.journal.emit(stalledEvent(owner.id, entry)),
    progressed: () => void owner.journal.emit(progressedEvent(owner.id, entry)),
    abort: () => tasks.stalled(entry),
    crash: () => owner.crashForStall(entry.taskId),
  };
}

function clear(entry: TaskEntry, clock: SteadyClock): void {
  if (entry.timer === undefined) return;
  clock.clearTimeout(entry.timer);
  entry.timer = undefined;
}
