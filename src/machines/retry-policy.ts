/**
 * Whether a task is tried again, and when: pure deciders over plain data, no clock and no dice.
 *
 * The definition's `when` says which errors are worth another attempt; it runs where the definition lives.
 */
import { z } from 'zod';
import { backoffDelayMs } from './backoff.ts';
import { positiveDurationMs } from './duration.ts';

/** A delay that never ends is refused: `Infinity` is no delay. */
const delayMs = z.number({ error: 'expected a number of milliseconds, 0 or more' }).min(0);

const backoffPolicy = z.strictObject({
  delayMs: delayMs.default(1_000),
  factor: z.number().min(1).default(2),
  maxDelayMs: delayMs.default(60_000),
  jitter: z.number().min(0).max(1).default(0.5),
});

/** A retry policy without its function `when`: data. */
export const retryPolicy = z.strictObject({
  attempts: z.int().min(1),
  backoff: backoffPolicy.prefault({}),
  attemptTimeoutMs: positiveDurationMs.optional(),
});
export type RetryPolicy = z.infer<typeof retryPolicy>;

/** Whether there is another attempt after the `attempt`th, from 1. */
export function hasAttemptLeft(policy: RetryPolicy | undefined, attempt: number): boolean {
  return policy !== undefined && attempt < policy.attempts;
}

/**
 * The delay after the `attempt`th attempt has failed, in ms: `delayMs`, multiplied by `factor` for every attempt
 * before, capped at `maxDelayMs`. The share `jitter` of it is random.
 *
 * @param chance a number in [0, 1)
 */
export function retryDelayMs({ backoff }: RetryPolicy, attempt: number, chance: number): number {
  return backoffDelayMs(backoff, attempt - 1, chance);
}
