/** Delays that grow with every attempt: the one sequence of all that is tried again. Pure. */

export interface Backoff {
  readonly delayMs: number;
  /** Default 2. */
  readonly factor?: number | undefined;
  readonly maxDelayMs: number;
  /** The share of the delay that is chance; default half of it, so that what fell together does not rise together. */
  readonly jitter?: number | undefined;
}

/** The most that the delay can be, in ms. @param earlier attempts before this one */
export function longestDelayMs({ delayMs, factor = 2, maxDelayMs }: Backoff, earlier: number): number {
  // Beyond any number there is none that 0 could be multiplied by.
  return delayMs === 0 ? 0 : Math.min(maxDelayMs, delayMs * factor ** Math.min(earlier, 1_023));
}

/** The delay, in whole ms. @param chance a number in [0, 1) */
export function backoffDelayMs(backoff: Backoff, earlier: number, chance: number): number {
  const { jitter = 0.5 } = backoff;
  return Math.round(longestDelayMs(backoff, earlier) * (1 - jitter + jitter * chance));
}
