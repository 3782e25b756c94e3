/** Time and chance that obey: what tests of agents stand on. */
import { describe, expect, test } from 'vitest';
import { seededRandom, settled, simulatedClock } from '../../src/testing/index.ts';

describe('simulated time', () => {
  test('stands still until it is moved', async () => {
    const clock = simulatedClock({ startAt: 1_000 });
    let fired = false;
    clock.setTimeout(() => {
      fired = true;
    }, 0);
    await settled();
    expect(fired).toBe(false);
    expect(clock.now()).toBe(1_000);
  });

  test('fires timers in the order in which they are due, and in that of their arming where it is the same', async () => {
    const clock = simulatedClock({ startAt: 0 });
    const fired: string[] = [];
    for (const [name, delayMs] of [
      ['c', 20],
      ['a', 10],
      ['d', 20],
      ['b', 10],
      ['e', 21],
    ] as const) {
      clock.setTimeout(() => fired.push(`${name} at ${clock.now()}`), delayMs);
    }
    await clock.advance(20);
    expect(fired).toEqual(['a at 10', 'b at 10', 'c at 20', 'd at 20']);
    expect(clock.now()).toBe(20);
    expect(clock.pending()).toEqual([{ dueAt: 21 }]);
  });

  test('goes from deadline to deadline: what one timer arms fires in the same advance, when it is due', async () => {
    const clock = simulatedClock({ startAt: 0 });
    const fired: number[] = [];
    const chain = (): void => {
      fired.push(clock.now());
      if (fired.length < 3) clock.setTimeout(chain, 100);
    };
    clock.setTimeout(chain, 100);
    await clock.advance(300);
    expect(fired).toEqual([100, 200, 300]);
  });

  test('lets promises and immediates run out between two timers', async () => {
    const clock = simulatedClock();
    const order: string[] = [];
    clock.setTimeout(() => {
      order.push('first');
      setImmediate(() => {
        void Promise.resolve().then(() => setImmediate(() => order.push('what it began')));
      });
    }, 1);
    clock.setTimeout(() => order.push('second'), 1);
    await clock.advance(1);
    expect(order).toEqual(['first', 'what it began', 'second']);
  });

  test('does not fire what was cleared, nor what is due never, nor twice', async () => {
    const clock = simulatedClock();
    let fired = 0;
    const count = (): void => {
      fired += 1;
    };
    const cleared = clock.setTimeout(count, 5);
    const never = clock.setTimeout(count, Infinity);
    clock.setTimeout(count, 5);
    clock.clearTimeout(cleared);
    clock.clearTimeout(cleared);
    clock.clearTimeout(undefined);
    expect(clock.pending()).toHaveLength(1);
    await clock.advance(10);
    await clock.advance(1_000_000);
    clock.clearTimeout(never);
    expect(fired).toBe(1);
  });

  test('runs the next timer alone, and says when there is none', async () => {
    const clock = simulatedClock({ startAt: 0 });
    const fired: number[] = [];
    clock.setTimeout(() => fired.push(clock.now()), 7);
    clock.setTimeout(() => fired.push(clock.now()), 7);
    expect(await clock.runNext()).toBe(true);
    expect(fired).toEqual([7]);
    expect(await clock.runNext()).toBe(true);
    expect(await clock.runNext()).toBe(false);
    expect(clock.now()).toBe(7);
  });

  test('is moved only by a number of ms, forward', async () => {
    const clock = simulatedClock();
    await expect(clock.advance(-1)).rejects.toThrow(TypeError);
    await expect(clock.advance(Number.NaN)).rejects.toThrow(TypeError);
    await expect(clock.advance(Infinity)).rejects.toThrow(TypeError);
    await expect(clock.advance(Symbol('soon') as never)).rejects.toThrow(/got Symbol\(soon\)$/);
    expect(() => clock.setTimeout(() => {}, Number.NaN)).toThrow(TypeError);
  });
});

const numbers = (seed: number) => Array.from({ length: 100 }, seededRandom(seed));

describe('seeded chance', () => {
  test('is the same for the same seed, and another for another', () => {
    expect(numbers(7)).toEqual(numbers(7));
    expect(numbers(7)).not.toEqual(numbers(8));
  });

  test('lies in [0, 1), and is spread evenly', () => {
    const random = seededRandom(1);
    const tenths = Array.from({ length: 10 }, () => 0);
    for (let draw = 0; draw < 10_000; draw++) {
      const tenth = Math.floor(random() * 10);
      tenths[tenth] = (tenths[tenth] ?? 0) + 1;
    }
    expect(Object.keys(tenths)).toHaveLength(10);
    for (const count of tenths) expect(Math.abs(count - 1_000)).toBeLessThan(150);
  });
});
