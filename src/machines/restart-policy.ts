/**
 * When a crashed agent starts again: pure deciders over plain data, no clock and no dice.
 *
 * Restart intensity is OTP's: more than so many restarts within so much time give up.
 */
import { z } from 'zod';
import { backoffDelayMs, longestDelayMs } from './backoff.ts';
import { durationMs } from './duration.ts';

/** What happens after a crash, and how often. */
export interface RestartPolicyInput {
  /**
   * `immediate`: after `delayMs`, always. `delayed` (the default): the delay doubles with each crash, up to
   * `maxDelayMs`, half of it random. `manual`: an alert, and it waits for somebody's `start`. `never`: it stays down.
   */
  readonly policy?: 'immediate' | 'delayed' | 'manual' | 'never' | undefined;
  /** Delay before a restart, ms; of `delayed` before the first. Default 1,000. */
  readonly delayMs?: number | undefined;
  /** Longest delay of `delayed`, ms; default 60,000. */
  readonly maxDelayMs?: number | undefined;
  /** Restarts allowed within `withinMs`: at one more it is given up, with an alert. Default 5. */
  readonly maxRestarts?: number | undefined;
  /** The window of `maxRestarts`, ms. As long a life without a crash also resets the delay. Default 60,000. */
  readonly withinMs?: number | undefined;
}

export const restartPolicy = z.strictObject({
  policy: z.enum(['immediate', 'delayed', 'manual', 'never']).default('delayed'),
  delayMs: durationMs.default(1_000),
  maxDelayMs: durationMs.default(60_000),
  maxRestarts: z.int().min(0).default(5),
  withinMs: durationMs.default(60_000),
});
/** A restart policy with its defaults. */
export type RestartPolicy = z.infer<typeof restartPolicy>;

/** What a decision needs to know of the restarts so far. */
export interface RestartHistory {
  /** When, on the clock that durations are counted by, ms, the restarts were granted within the policy's window, oldest first; never longer than `maxRestarts`. */
  readonly recent: readonly number[];
  /** Restarts in a row without a healthy period between them: the exponent of the backoff. */
  readonly attempt: number;
}

export const noRestarts: RestartHistory = { recent: [], attempt: 0 };

/** When something happened, on the clock that durations are counted by: `at` is of that clock where no other is told. */
export function tickOf({ at, tick = at }: { readonly at: number; readonly tick?: number }): number {
  return tick;
}

/** Whether one more restart at `at` would exceed the intensity: more than `maxRestarts` within `withinMs`. */
export function exceedsIntensity(policy: RestartPolicy, history: RestartHistory, at: number): boolean {
  const { maxRestarts } = policy;
  return history.recent.length >= maxRestarts && inWindow(policy, history, at).length >= maxRestarts;
}

/** The history after one more restart was decided at `at`. */
export function withRestart(policy: RestartPolicy, history: RestartHistory, at: number): RestartHistory {
  const recent = history.recent.length === 0 ? [at] : [...inWindow(policy, history, at), at];
  return { recent, attempt: history.attempt + 1 };
}

/** The history as it stands for a body that ran for `uptimeMs`: a healthy period (`withinMs`) resets the backoff. */
export function afterUptime(
  policy: RestartPolicy,
  history: RestartHistory,
  uptimeMs: number,
): RestartHistory {
  return uptimeMs >= policy.withinMs ? { ...history, attempt: 0 } : history;
}

/**
 * The delay before the next restart, in ms.
 *
 * `immediate`: `delayMs`, always. `delayed`: `delayMs` doubled for every earlier attempt, capped at
 * `maxDelayMs`, of which half is fixed and half is random, so that agents that crashed together restart
 * apart.
 *
 * @param chance a number in [0, 1)
 */
export function restartDelayMs(policy: RestartPolicy, history: RestartHistory, chance: number): number {
  if (policy.policy === 'immediate') return policy.delayMs;
  return backoffDelayMs(policy, history.attempt, chance);
}

/** The most that the delay before the last restart of a history can have been, ms. */
export function longestLastDelayMs(policy: RestartPolicy, history: RestartHistory): number {
  if (policy.policy === 'immediate') return policy.delayMs;
  return longestDelayMs(policy, Math.max(0, history.attempt - 1));
}

/** A restored history on this program's clock: nothing in it is later than `tick`. */
export function asOf(history: RestartHistory, tick: number): RestartHistory {
  if (!history.recent.some((restart) => restart > tick)) return history;
  return { ...history, recent: history.recent.map((restart) => Math.min(restart, tick)) };
}

/** What a restart that is granted at `at` gives. */
export interface NextRestart {
  readonly delayMs: number;
  /** With this restart in it. */
  readonly history: RestartHistory;
}

/** The next restart: its delay, and the history after it. @param chance a number in [0, 1) */
export function nextRestart(
  policy: RestartPolicy,
  history: RestartHistory,
  at: number,
  chance: number,
): NextRestart {
  return { delayMs: restartDelayMs(policy, history, chance), history: withRestart(policy, history, at) };
}

/** The history at a failure of something without an uptime: the time since the last failure counts as healthy. */
export function sinceLastFailure(policy: RestartPolicy, history: RestartHistory, at: number): RestartHistory {
  return afterUptime(policy, history, at - (history.recent.at(-1) ?? at));
}

function inWindow({ withinMs }: RestartPolicy, { recent }: RestartHistory, at: number): readonly number[] {
  return recent.filter((restart) => at - restart < withinMs);
}
