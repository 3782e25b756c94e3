import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { backoffDelayMs, chanceOfDelay, longestDelayMs } from '../../src/machines/backoff.ts';

describe('a backoff', () => {
  it('doubles with every attempt, up to its cap', () => {
    const backoff = { delayMs: 100, maxDelayMs: 1_000 };
    expect([0, 1, 2, 3, 4, 5_000].map((earlier) => longestDelayMs(backoff, earlier))).toEqual([
      100, 200, 400, 800, 1_000, 1_000,
    ]);
    expect(longestDelayMs({ ...backoff, factor: 3 }, 2)).toBe(900);
    expect(longestDelayMs({ ...backoff, factor: 1 }, 9)).toBe(100);
  });

  it('is of half chance unless it says otherwise', () => {
    const backoff = { delayMs: 1_000, maxDelayMs: 1_000 };
    expect([0, 0.5, 0.999].map((chance) => backoffDelayMs(backoff, 0, chance))).toEqual([500, 750, 1_000]);
    expect([0, 0.5].map((chance) => backoffDelayMs({ ...backoff, jitter: 0 }, 0, chance))).toEqual([
      1_000, 1_000,
    ]);
    expect([0, 0.5].map((chance) => backoffDelayMs({ ...backoff, jitter: 1 }, 0, chance))).toEqual([0, 500]);
  });

  it('is that of the chance that is read back from it', () => {
    for (const jitter of [undefined, 0, 0.3, 1]) {
      const backoff = { delayMs: 100, maxDelayMs: 10_000, jitter };
      for (const earlier of [0, 3, 5_000]) {
        for (const chance of [0, 0.25, 0.5, 0.999_999]) {
          const delayMs = backoffDelayMs(backoff, earlier, chance);
          const again = chanceOfDelay(backoff, earlier, delayMs);
          expect(again).toBeGreaterThanOrEqual(0);
          expect(again).toBeLessThan(1);
          expect(backoffDelayMs(backoff, earlier, again)).toBe(delayMs);
        }
      }
    }
    expect(chanceOfDelay({ delayMs: 0, maxDelayMs: 10 }, 0, 0)).toBe(0);
  });

  it('is a whole number of ms within its bounds, however often and with whatever numbers', () => {
    const ms = fc.oneof(fc.nat(), fc.constant(0), fc.double({ min: 0, max: 1e9, noNaN: true }));
    const number = fc.record({
      delayMs: ms,
      maxDelayMs: ms,
      factor: fc.double({ min: 1, max: 1e300, noNaN: true }),
      jitter: fc.double({ min: 0, max: 1, noNaN: true }),
    });
    const chance = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });
    fc.assert(
      fc.property(number, fc.nat({ max: 1e6 }), chance, (backoff, earlier, drawn) => {
        const delayMs = backoffDelayMs(backoff, earlier, drawn);
        expect(Number.isSafeInteger(delayMs)).toBe(true);
        expect(delayMs).toBeGreaterThanOrEqual(0);
        expect(delayMs).toBeLessThanOrEqual(Math.ceil(backoff.maxDelayMs));
      }),
    );
  });
});
