/**
 * The times of one agent's tasks: how long each may take, how long an attempt may, when the next one is due.
 *
 * Owns the timers of a task, and the watch on its progress. It ends no task: it reports that a time is over.
 *
 * I1  A task that was answered has no timer and no watch any more.
 * I2  While a task waits for a person, none of its times runs, also while its body is gone.
 */
import type { ProgressWatcher } from './progress-watch.ts';
import type { MailboxOwner } from './mailbox-owner.ts';
import type { TaskEntry } from './task-entry.ts';
import { progressedEvent, stalledEvent } from './task-events.ts';
import type { RestoredTask } from './task-request.ts';

/** Called when a time is over. */
export interface TimedTasks {
  timedOut(entry: TaskEntry, timeoutMs: number): void;
  attemptTimedOut(entry: TaskEntry, attemptTimeoutMs: number): void;
  /** It has stalled, and its kind has it aborted. */
  stalled(entry: TaskEntry): void;
}

export class TaskTimes {
  private readonly owner: MailboxOwner;
  private readonly tasks: TimedTasks;

  constructor(owner: MailboxOwner, tasks: TimedTasks) {
    this.owner = owner;
    this.tasks = tasks;
  }

  /** Sets the times of a task that is accepted now. Returns its delay, in ms. */
  accept(entry: TaskEntry): number {
    const { clock } = this.owner;
    const { dueAt, timeoutMs = Infinity, timesOutAt } = entry.request;
    const now = clock.elapsed();
    entry.acceptedAt = now;
    const delayMs = dueAt === undefined ? 0 : Math.max(0, dueAt - clock.now());
    if (timeoutMs !== Infinity) entry.timesOutAt = timesOutAt ?? now + delayMs + timeoutMs;
    return delayMs;
  }

  /** Sets the times of a task that an earlier program accepted. Returns what is left of its delay, in ms. */
  restore(
    entry: TaskEntry,
    { dueAt, delayMs: givenMs, deadlineAt, timeoutMs = Infinity, isHeld = false }: RestoredTask,
  ): number {
    const { clock } = this.owner;
    const now = clock.elapsed();
    entry.acceptedAt = now;
    const untilDue = dueAt === undefined ? 0 : Math.max(0, dueAt - clock.now());
    // The wall clock may have been set since: the delay and the time are never longer than they were.
    const delayMs = Math.min(untilDue, givenMs ?? untilDue);
    if (isHeld && timeoutMs !== Infinity) entry.heldMs = timeoutMs;
    else if (timeoutMs !== Infinity) {
      const leftMs = deadlineAt === undefined ? timeoutMs : deadlineAt - clock.now();
      entry.timesOutAt = now + Math.min(Math.max(0, leftMs), delayMs + timeoutMs);
    }
    return delayMs;
  }

  /** When its time is over, epoch ms; `undefined` if its time is unlimited. */
  deadlineOf({ timesOutAt, acceptedAt }: TaskEntry): number | undefined {
    if (timesOutAt === Infinity) return undefined;
    return this.owner.clock.now() + Math.round(Math.max(0, timesOutAt - acceptedAt));
  }

  /** Starts the timer of the task. */
  limit(entry: TaskEntry): void {
    if (entry.timesOutAt === Infinity) return;
    const { clock } = this.owner;
    const { timeoutMs } = entry.request;
    const leftMs = Math.max(0, entry.timesOutAt - clock.elapsed());
    entry.timer = clock.setTimeout(() => this.tasks.timedOut(entry, timeoutMs!), leftMs);
  }

  /** Starts the timer of an attempt, and the watch on its progress. */
  limitAttempt(entry: TaskEntry): void {
    if (entry.stall) entry.watch = this.owner.watchProgress(entry.stall, this.watcherOf(entry));
    const attemptTimeoutMs = entry.policy?.attemptTimeoutMs ?? Infinity;
    if (attemptTimeoutMs !== Infinity) this.armAttempt(entry, attemptTimeoutMs);
  }

  /** Apart, for a function that is made here costs every attempt that comes through it. */
  private armAttempt(entry: TaskEntry, attemptTimeoutMs: number): void {
    const expire = () => {
      entry.attemptTimer = undefined;
      this.tasks.attemptTimedOut(entry, attemptTimeoutMs);
    };
    entry.attemptTimer = this.owner.clock.setTimeout(expire, attemptTimeoutMs);
  }

  /** Starts the timer of its next attempt, or of its first. */
  delay(entry: TaskEntry, delayMs: number, due: () => void): void {
    const { clock } = this.owner;
    const end = () => {
      entry.attemptTimer = undefined;
      entry.dueAt = undefined;
      due();
    };
    entry.dueAt = clock.now() + delayMs;
    entry.dueTick = clock.elapsed() + delayMs;
    entry.attemptTimer = clock.setTimeout(end, delayMs);
  }

  /** When it is due, epoch ms, as the wall clock has it now: it may have been set since the delay began. */
  dueAtOf({ dueAt, dueTick }: TaskEntry): number | undefined {
    const { clock } = this.owner;
    return dueAt === undefined ? undefined : clock.now() + Math.round(Math.max(0, dueTick - clock.elapsed()));
  }

  /** It waits for a person: its timers stop. */
  hold(entry: TaskEntry): void {
    this.endAttempt(entry);
    if (entry.timer === undefined || entry.isAnswered) return;
    this.clear(entry);
    entry.heldMs = Math.max(0, entry.timesOutAt - this.owner.clock.elapsed());
    entry.timesOutAt = Infinity;
  }

  /** It no longer waits for a person: its timers go on. */
  goOn(entry: TaskEntry): void {
    const { heldMs } = entry;
    entry.heldMs = undefined;
    if (entry.isAnswered) return;
    if (entry.isUnderWay) this.limitAttempt(entry);
    if (heldMs === undefined) return;
    const { clock } = this.owner;
    const { timeoutMs = heldMs } = entry.request;
    entry.timesOutAt = clock.elapsed() + heldMs;
    entry.timer = clock.setTimeout(() => this.tasks.timedOut(entry, timeoutMs), heldMs);
  }

  /** Its attempt has ended, or the task was answered. */
  endAttempt(entry: TaskEntry): void {
    if (entry.attemptTimer !== undefined) {
      this.owner.clock.clearTimeout(entry.attemptTimer);
      entry.attemptTimer = undefined;
    }
    entry.watch?.end();
    entry.watch = undefined;
  }

  /** It was answered. */
  end(entry: TaskEntry): void {
    this.clear(entry);
    this.endAttempt(entry);
  }

  private watcherOf(entry: TaskEntry): ProgressWatcher {
    const { id: agentId, journal } = this.owner;
    return {
      stalled: () => void journal.emit(stalledEvent(agentId, entry)),
      progressed: () => void journal.emit(progressedEvent(agentId, entry)),
      abort: () => this.tasks.stalled(entry),
      crash: () => this.owner.crashForStall(entry.taskId),
    };
  }

  private clear(entry: TaskEntry): void {
    if (entry.timer === undefined) return;
    this.owner.clock.clearTimeout(entry.timer);
    entry.timer = undefined;
  }
}
