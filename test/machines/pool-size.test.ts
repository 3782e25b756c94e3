/** Laws of the sizes of a pool: how many start, leave and stay. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { decideDeparture, decideReturn, decideStarts } from '../../src/machines/pool-size.ts';
import { walks } from '../models/fleet/runs.ts';

describe('counts', () => {
  const count = fc.nat(6);
  const counts = fc.record({ live: count, starting: count, down: count, draining: count, leaving: count });

  test('those that leave are the excess, down ones first, then such that start', () => {
    fc.assert(
      fc.property(counts, fc.nat(10), (counts, wanted) => {
        const { down, starting, live } = decideDeparture(counts, wanted);
        const size = counts.live + counts.starting + counts.down;
        expect(down + starting + live).toBe(Math.max(0, size - wanted));
        expect(down <= counts.down && starting <= counts.starting && live <= counts.live).toBe(true);
        if (live > 0) expect(starting).toBe(counts.starting);
        if (starting > 0) expect(down).toBe(counts.down);
      }),
      walks(200),
    );
  });

  test('those that return and those that start are what is missing, and never beyond the largest size', () => {
    fc.assert(
      fc.property(counts, fc.nat(10), fc.nat(5), fc.boolean(), (counts, wanted, room, isProving) => {
        const max = wanted + room;
        const maxConcurrentStarts = 4;
        const size = counts.live + counts.starting + counts.down;
        const back = decideReturn(counts, wanted);
        expect(back).toBe(Math.max(0, Math.min(counts.draining, wanted - size)));
        const starts = decideStarts(counts, { wanted, max, maxConcurrentStarts, isProving });
        const total = size + counts.draining + counts.leaving;
        if (starts > 0) {
          expect(size + starts).toBeLessThanOrEqual(wanted);
          expect(total + starts).toBeLessThanOrEqual(max);
          expect(counts.starting + starts).toBeLessThanOrEqual(isProving ? 1 : maxConcurrentStarts);
        } else {
          const isFull = size >= wanted || total >= max;
          expect(isFull || counts.starting >= (isProving ? 1 : maxConcurrentStarts)).toBe(true);
        }
      }),
      walks(200),
    );
  });
});
