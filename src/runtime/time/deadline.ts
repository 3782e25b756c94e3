/** Waiting with a deadline. */
import type { Clock } from './clock.ts';

/**
 * What `work` gives, or what `late` says once `timeoutMs` are over, whichever comes first. A throw of either is the
 * caller's. Leaves no timer behind; the work itself is not ended.
 */
export async function within<Value, Late>(
  clock: Pick<Clock, 'setTimeout' | 'clearTimeout'>,
  timeoutMs: number,
  work: PromiseLike<Value>,
  late: () => Late,
): Promise<Value | Late> {
  const { promise: over, resolve: isOver } = Promise.withResolvers<typeof OVER>();
  const timer = clock.setTimeout(() => isOver(OVER), timeoutMs);
  try {
    const first = await Promise.race([work, over]);
    return first === OVER ? late() : first;
  } finally {
    clock.clearTimeout(timer);
  }
}

const OVER = Symbol('over');

/** Node's own timers, of which none keeps a program alive: for code that is given no clock. */
export const unrefTimers: Pick<Clock, 'setTimeout' | 'clearTimeout'> = {
  setTimeout: (run, delayMs) => setTimeout(run, delayMs).unref(),
  clearTimeout: (timer) => clearTimeout(timer as NodeJS.Timeout),
};
