/** A clock on which the first timer of so many ms is one, and no later one of as many fires. */
import { type Clock, systemClock } from '../../src/runtime/time/clock.ts';

export function oneDeadlineOf(ms: number): Clock {
  const { now, setTimeout, clearTimeout } = systemClock();
  let count = 0;
  return {
    now,
    clearTimeout,
    setTimeout: (run, delayMs) => setTimeout(run, delayMs === ms && count++ > 0 ? Infinity : delayMs),
  };
}
