/**
 * The times of a task: its own and that of its attempt. They stand still while it waits for a person.
 *
 * Deadlines are data; the ledger takes them when they are due.
 */
import type { TaskEntry } from './task-entries.ts';

export interface TimesOwner {
  readonly now: number;
  /** The place of one more deadline. */
  nextOrder(): number;
}

/** Its attempt ends at the latest as its policy has it. */
export function limitAttempt(entry: TaskEntry, owner: TimesOwner): void {
  const { attemptTimeoutMs = Infinity } = entry.policy ?? {};
  if (attemptTimeoutMs === Infinity) return;
  entry.attemptEnd = { dueAt: owner.now + attemptTimeoutMs, order: owner.nextOrder() };
}

/** It waits for a person: none of its times runs. */
export function holdTime(entry: TaskEntry, now: number): void {
  if (entry.isHeld) return;
  entry.isHeld = true;
  entry.attemptEnd = undefined;
  if (entry.timeout === undefined) return;
  entry.heldMs = Math.max(0, entry.timeout.dueAt - now);
  entry.timeout = undefined;
}

/** Its times run again; that of its attempt from its begin. */
export function letTimeRun(entry: TaskEntry, owner: TimesOwner): void {
  if (!entry.isHeld) return;
  entry.isHeld = undefined;
  const { heldMs } = entry;
  entry.heldMs = undefined;
  if (entry.isAnswered) return;
  if (entry.where === 'working') limitAttempt(entry, owner);
  if (heldMs !== undefined) entry.timeout = { dueAt: owner.now + heldMs, order: owner.nextOrder() };
}
