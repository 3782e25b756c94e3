/** Delays that no timer of Node holds are made of steps that it does. */
import { describe, expect, it } from 'vitest';
import { armDelay, clearDelay, LONGEST_TIMER_MS } from '../../src/runtime/time/long-delay.ts';

/** Timers that a test fires, as Node has them: those that are armed, and what they hold of the program. */
function rig() {
  let fired = 0;
  const armed: { run: () => void; delayMs: number; isRef: boolean; unref: () => void }[] = [];
  const timers = {
    setTimeout: (run: () => void, delayMs: number) => {
      const timer = { run, delayMs, isRef: true, unref: () => void (timer.isRef = false) };
      armed.push(timer);
      return timer;
    },
    clearTimeout: (timer: unknown) => {
      const place = armed.indexOf(timer as (typeof armed)[number]);
      if (place >= 0) armed.splice(place, 1);
    },
  };
  const arm = (delayMs: number) => armDelay(timers, () => void (fired += 1), delayMs);
  /** The one that is armed is due. */
  const fire = () => armed.shift()?.run();
  const seen = () => [fired, armed.map(({ delayMs }) => delayMs), armed.map(({ isRef }) => isRef)];
  return { timers, arm, fire, seen };
}

describe('a delay', () => {
  it('of the most that Node holds is one timer, and a millisecond more is a second one', () => {
    const { arm, fire, seen } = rig();
    arm(LONGEST_TIMER_MS);
    expect(seen()).toEqual([0, [LONGEST_TIMER_MS], [true]]);
    fire();
    expect(seen()).toEqual([1, [], []]);
    arm(LONGEST_TIMER_MS + 1);
    expect(seen()).toEqual([1, [LONGEST_TIMER_MS], [true]]);
    fire();
    expect(seen()).toEqual([1, [1], [true]]);
    fire();
    expect(seen()).toEqual([2, [], []]);
  });

  it('of several steps fires once, after all of them', () => {
    const { arm, fire, seen } = rig();
    arm(3 * LONGEST_TIMER_MS);
    for (let step = 0; step < 3; step += 1) {
      expect(seen()).toEqual([0, [LONGEST_TIMER_MS], [true]]);
      fire();
    }
    expect(seen()).toEqual([1, [], []]);
  });

  it.each([0, 1, 2])('that is cleared after %i steps never fires', (steps) => {
    const { timers, arm, fire, seen } = rig();
    const handle = arm(4 * LONGEST_TIMER_MS);
    for (let step = 0; step < steps; step += 1) fire();
    clearDelay(timers, handle);
    clearDelay(timers, handle);
    expect(seen()).toEqual([0, [], []]);
    const short = arm(5);
    clearDelay(timers, short);
    clearDelay(timers, undefined);
    expect(seen()).toEqual([0, [], []]);
  });

  it('that keeps no program alive does so in none of its steps', () => {
    const { arm, fire, seen } = rig();
    const handle = arm(2 * LONGEST_TIMER_MS + 5) as { unref(): void };
    handle.unref();
    for (const delayMs of [LONGEST_TIMER_MS, LONGEST_TIMER_MS, 5]) {
      expect(seen()).toEqual([0, [delayMs], [false]]);
      fire();
    }
    expect(seen()).toEqual([1, [], []]);
  });

  it('without end arms nothing', () => {
    const { timers, arm, seen } = rig();
    const handle = arm(Infinity);
    expect(seen()).toEqual([0, [], []]);
    clearDelay(timers, handle);
    expect(seen()).toEqual([0, [], []]);
  });
});
