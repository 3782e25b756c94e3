/** Whether this machine's clock was set: it has gone further than a steady one, which nobody sets. */

/** By so much at the least, ms. */
const SET_BY_MS = 1_000;

/** What stays the same while nobody sets the clock, ms. */
export function clockOffsetMs(): number {
  return Date.now() - performance.now();
}

/** @param offsetMs of an earlier moment; `NaN` for none */
export function wasClockSetSince(offsetMs: number): boolean {
  return Math.abs(clockOffsetMs() - offsetMs) > SET_BY_MS;
}
