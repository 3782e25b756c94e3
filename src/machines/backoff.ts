/** Exponential backoff: the delays of everything that is tried again. Pure. */

export interface Backoff {
  readonly delayMs: number;
  /** Default 2. */
  readonly factor?: number | undefined;
  readonly maxDelayMs: number;
  /** The share of the delay that is random; default 0.5, so that agents that crashed together restart apart. */
  readonly jitter?: number | undefined;
}

/** The most that the delay can be, in ms. @param earlier attempts before this one */
export function longestDelayMs({ delayMs, factor = 2, maxDelayMs }: Backoff, earlier: number): number {
  // The factor may have grown to `Infinity`, and 0 times that is no number.
  return delayMs === 0 ? 0 : Math.min(maxDelayMs, delayMs * factor ** Math.min(earlier, 1_023));
}

/** The delay, in whole ms. @param chance a number in [0, 1) */
export function backoffDelayMs(backoff: Backoff, earlier: number, chance: number): number {
  const { jitter = 0.5 } = backoff;
  return Math.round(longestDelayMs(backoff, earlier) * (1 - jitter + jitter * chance));
}

/** A chance, in [0, 1), by which the delay was `delayMs`. */
export function chanceOfDelay(backoff: Backoff, earlier: number, delayMs: number): number {
  const { jitter = 0.5 } = backoff;
  const longestMs = longestDelayMs(backoff, earlier);
  if (longestMs === 0 || jitter === 0) return 0;
  return Math.min(0.999_999, Math.max(0, (delayMs / longestMs - 1 + jitter) / jitter));
}
