/**
 * Waits for the engine: a node of a deployment starts when it starts, also while the engine starts, or starts again.
 *
 * I1  What is not mended by waiting is thrown at once: whatever the engine refuses, or somebody else at its address.
 */
import type { Logger } from 'pino';
import { longestDelayMs } from '../../machines/backoff.ts';
import type { SteadyClock } from '../../runtime/time/clock.ts';
import { errorInfoOf } from '../../runtime/values/errors.ts';
import { isEngineAway } from '../engine/engine-admin.ts';

const PAUSES = { delayMs: 50, maxDelayMs: 1_000 };

export interface EngineWait {
  readonly clock: SteadyClock;
  readonly timeoutMs: number;
  readonly logger: Pick<Logger, 'warn'>;
}

/** Asks again while the engine is away, less and less often. @throws what it was refused with, or failed with last */
export async function onceThere<Answer>(
  ask: () => Promise<Answer>,
  { clock, timeoutMs, logger }: EngineWait,
): Promise<Answer> {
  const until = clock.elapsed() + timeoutMs;
  for (let earlier = 0; ; earlier += 1) {
    try {
      return await ask();
    } catch (thrown) {
      const leftMs = until - clock.elapsed();
      if (!isEngineAway(thrown) || leftMs <= 0) throw thrown;
      if (earlier === 0)
        logger.warn(
          { engine: errorInfoOf(thrown).message },
          'it waits for the engine, and joins once that is there',
        );
      const pauseMs = Math.min(longestDelayMs(PAUSES, earlier), leftMs);
      await new Promise<void>((resolve) => clock.setTimeout(resolve, pauseMs));
    }
  }
}
