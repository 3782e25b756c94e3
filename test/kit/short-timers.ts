/**
 * For laws that say "within a second": what happens although no timer of a second or more ever fires was not waited for
 * that long. A busy machine, on which each step takes its time, fails no such test.
 */
import { syncBuiltinESMExports } from 'node:module';
import timersPromises from 'node:timers/promises';
import { onTestFinished } from 'vitest';

/** The longest that a timer takes; ms. */
const NEVER_MS = 2 ** 31 - 1;

/** Timers of `limitMs` or more that this process arms from now on do not fire until the test is over. */
export function onlyTimersBelow(limitMs: number): void {
  const { setTimeout: later, setInterval: again } = globalThis;
  const { setTimeout: wait } = timersPromises;
  const allowed = (delayMs: number | undefined) => (Number(delayMs) >= limitMs ? NEVER_MS : delayMs);
  globalThis.setTimeout = Object.assign(
    (run: () => void, delayMs?: number, ...given: []) => later(run, allowed(delayMs), ...given),
    later,
  );
  globalThis.setInterval = Object.assign(
    (run: () => void, delayMs?: number, ...given: []) => again(run, allowed(delayMs), ...given),
    again,
  );
  timersPromises.setTimeout = (delayMs, ...given) => wait(allowed(delayMs), ...given);
  syncBuiltinESMExports();
  onTestFinished(() => {
    Object.assign(globalThis, { setTimeout: later, setInterval: again });
    timersPromises.setTimeout = wait;
    syncBuiltinESMExports();
  });
}
