/** The wait of a node that drains for its last body. */
import type { SteadyClock } from '../../runtime/time/clock.ts';

const LOOK_MS = 50;

/**
 * Resolves once nobody is left, or once the clock says that the time is over, whichever comes first; with neither, it
 * looks again every 50 ms.
 *
 * @param untilMs by the clock's `elapsed`
 */
export async function emptied(
  clock: SteadyClock,
  bodies: { list(): readonly unknown[] },
  untilMs: number,
): Promise<void> {
  while (bodies.list().length > 0 && clock.elapsed() < untilMs) {
    const { promise, resolve } = Promise.withResolvers<void>();
    clock.setTimeout(resolve, LOOK_MS);
    await promise;
  }
}
