/** Laws that hold of a fleet whatever is done to it, and in whatever order. */
import * as fc from 'fast-check';
import { strict as assert } from 'node:assert';
import { expect, test } from 'vitest';
import type { SystemEventType } from '../../../src/index.ts';
import { drivenBy, drivers } from '../../kit/drivers.ts';
import { isOneStream, livesAreLives, permitsAreKept, restartsAreFew, tasksEndOnce } from './fleet-laws.ts';
import { deeds, PERMITS, RESTART, walk } from './fleet-walk.ts';
import { LIMIT_MS, walks } from './runs.ts';

test.each(drivers)(
  'whatever a fleet is asked for, its lives, tasks and promises end as they should (%s)',
  async (driver) => {
    const seen = new Map<SystemEventType, number>();
    await fc.assert(
      fc.asyncProperty(fc.nat(), fc.array(deeds, { maxLength: 150, size: 'max' }), async (seed, path) => {
        const { events, counts, closed, leaving, strange, ...left } = await walk(
          seed,
          path,
          drivenBy(driver),
        );
        for (const { type } of events) seen.set(type, (seen.get(type) ?? 0) + 1);
        isOneStream(events);
        livesAreLives(events);
        tasksEndOnce(events);
        restartsAreFew(events, RESTART.maxRestarts, RESTART.withinMs);
        permitsAreKept(events, PERMITS);
        for (const answers of counts) {
          assert.deepEqual(
            answers,
            answers.map((_, index) => index + 1),
            'an acknowledged count is never lost',
          );
        }
        assert.deepEqual(strange, [], 'only the system refuses');
        assert.deepEqual([...closed.stopped, ...closed.abandoned].toSorted(), leaving.toSorted());
        assert.deepEqual(left, { unsettled: 0, timersLeft: 0, reservedLeft: 0, bodiesLeft: 0 });
      }),
      walks(40),
    );
    // The walks go somewhere: what may happen to an agent has happened.
    for (const type of [
      'started',
      'start_failed',
      'unresponsive',
      'recovered',
      'completed',
      'gave_up',
    ] as const) {
      expect(seen.get(`agent.${type}`) ?? 0, type).toBeGreaterThan(0);
    }
    for (const type of ['completed', 'failed', 'timed_out', 'abandoned'] as const) {
      expect(seen.get(`task.${type}`) ?? 0, type).toBeGreaterThan(0);
    }
  },
  LIMIT_MS,
);
