/** The wait of a node that drains for its last body. */
import { describe, expect, it } from 'vitest';
import { emptied } from '../../src/restate/nodes/emptying.ts';
import { settled, simulatedClock } from '../../src/testing/index.ts';
import { fateOf } from '../kit/rig.ts';

/** Bodies of which so many are left, and how often they were counted. */
function bodiesLeft(left: number) {
  const bodies = { left, looks: 0, list: () => (bodies.looks++, Array.from({ length: bodies.left })) };
  return bodies;
}

describe('a node that drains', () => {
  it('waits for nothing where nobody is left, also when its time is over', async () => {
    for (const untilMs of [0, 1_000]) {
      const clock = simulatedClock();
      await emptied(clock, bodiesLeft(0), clock.elapsed() + untilMs);
      expect(clock.pending()).toEqual([]);
    }
  });

  it('looks once and goes where it has no time', async () => {
    const clock = simulatedClock();
    const bodies = bodiesLeft(1);
    await emptied(clock, bodies, clock.elapsed());
    expect([bodies.looks, clock.pending()]).toEqual([1, []]);
  });

  it('goes with the look after its last body is gone, and leaves no timer', async () => {
    const clock = simulatedClock();
    const bodies = bodiesLeft(2);
    const drained = emptied(clock, bodies, clock.elapsed() + 1_000);
    await clock.advance(49);
    expect(bodies.looks).toBe(1);
    await clock.advance(1);
    expect(bodies.looks).toBe(2);
    bodies.left = 1;
    await clock.advance(50);
    expect(await fateOf(drained)).toBe('pending');
    bodies.left = 0;
    await clock.advance(50);
    expect(await fateOf(drained)).toEqual({ value: undefined });
    expect(clock.pending()).toEqual([]);
  });

  it('goes when its time is over, with bodies left', async () => {
    const clock = simulatedClock();
    const drained = emptied(clock, bodiesLeft(1), clock.elapsed() + 100);
    await clock.advance(99);
    await settled();
    expect(await fateOf(drained)).toBe('pending');
    await clock.advance(1);
    expect(await fateOf(drained)).toEqual({ value: undefined });
    expect(clock.pending()).toEqual([]);
  });
});
