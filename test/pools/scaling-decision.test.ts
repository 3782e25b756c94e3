import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  decideScaling,
  isCoolingDown,
  neverScaled,
  type ScalingHistory,
  type ScalingMetrics,
  scalingPolicy,
} from '../../src/machines/index.ts';
import { walks } from '../models/fleet/runs.ts';

const NOW = 1_000_000;
const policy = { ...scalingPolicy.parse({}), min: 1, max: 10 };
const calm: ScalingMetrics = { size: 4, waiting: 0, busyShare: 0.5, admissible: Infinity, isSettled: true };
const decide = (metrics: Partial<ScalingMetrics>, history: ScalingHistory = neverScaled, over: object = {}) =>
  decideScaling({ ...calm, ...metrics }, { ...policy, ...over }, history, NOW);

const grown = (agoMs: number) => ({ upAt: NOW - agoMs, downAt: undefined });

describe('a pool grows', () => {
  test.each([
    ['when its members are busy', { busyShare: 0.8 }],
    ['when a task waits for each member', { waiting: 4 }],
  ])('%s', (_, metrics) => {
    expect(decide(metrics)).toMatchObject({ action: 'scale', to: 5 });
  });

  test.each([
    ['its members are less busy than that', { busyShare: 0.79 }],
    ['fewer wait', { waiting: 3 }],
    ['it is as large as it may be', { size: 10, busyShare: 1 }],
    ['a change is under way', { busyShare: 1, isSettled: false }],
  ])('not when %s', (_, metrics) => {
    expect(decide(metrics).action).toBe('hold');
  });

  test('from nothing, when any task waits', () => {
    const none = { size: 0, busyShare: 0 };
    expect(decide({ ...none, waiting: 1 }, neverScaled, { min: 0 })).toMatchObject({
      action: 'scale',
      to: 1,
    });
    expect(decide({ ...none, waiting: 0 }, neverScaled, { min: 0 }).action).toBe('hold');
  });

  test('by its step, and no further than its bounds and the limits of the system', () => {
    const up = { ...policy.up, step: 4 };
    expect(decide({ busyShare: 1 }, neverScaled, { up })).toMatchObject({ to: 8 });
    expect(decide({ busyShare: 1, size: 8 }, neverScaled, { up })).toMatchObject({ to: 10 });
    expect(decide({ busyShare: 1, admissible: 2 }, neverScaled, { up })).toMatchObject({ to: 6 });
  });

  test.each([
    ['memory stalls', { memoryPressure: 0.11 }],
    ['memory is used up', { memoryUsed: 0.96 }],
    ['the limits have no room', { admissible: 0 }],
  ])('is blocked, and says so, while %s', (_, metrics) => {
    expect(decide({ busyShare: 1, ...metrics })).toMatchObject({
      action: 'blocked',
      why: expect.stringMatching(/memory|limits/) as string,
    });
  });

  test('is blocked by busy processors only where a ceiling is set', () => {
    const strained = { busyShare: 1, cpuPressure: 0.99, loadPerCpu: 40 };
    expect(decide(strained).action).toBe('scale');
    const ceilings = { ...policy.ceilings, cpuPressure: 0.9 };
    expect(decide(strained, neverScaled, { ceilings })).toMatchObject({
      action: 'blocked',
      why: expect.stringContaining('processors') as string,
    });
    const load = { ...policy.ceilings, loadPerCpu: 4 };
    expect(decide(strained, neverScaled, { ceilings: load }).action).toBe('blocked');
  });

  test('not again before its cooldown is over', () => {
    const { cooldownMs } = policy.up;
    expect(decide({ busyShare: 1 }, grown(cooldownMs - 1)).action).toBe('hold');
    expect(decide({ busyShare: 1 }, grown(cooldownMs)).action).toBe('scale');
  });

  test('from nothing at once, whatever its size was before', () => {
    const none = { size: 0, busyShare: 0, waiting: 1 };
    const scaled = { upAt: NOW, downAt: NOW };
    expect(decide(none, scaled, { min: 0 })).toMatchObject({ action: 'scale', to: 1 });
    const up = { ...policy.up, step: 3, cooldownMs: Infinity };
    expect(decide(none, scaled, { min: 0, up })).toMatchObject({ action: 'scale', to: 3 });
    expect(decide({ ...none, memoryUsed: 1 }, scaled, { min: 0 }).action).toBe('blocked');
    expect(decide({ size: 1, busyShare: 1, waiting: 1 }, scaled, { min: 0 }).action).toBe('hold');
  });

  test('at once after a shrink', () => {
    expect(decide({ busyShare: 1 }, { upAt: undefined, downAt: NOW }).action).toBe('scale');
  });
});

describe('a pool shrinks', () => {
  test('when nothing waits and few are busy', () => {
    expect(decide({ busyShare: 0.3 })).toMatchObject({ action: 'scale', to: 3 });
    expect(decide({ busyShare: 0.31 }).action).toBe('hold');
    expect(decide({ busyShare: 0, waiting: 1 }).action).toBe('hold');
  });

  test('not below its bounds', () => {
    expect(decide({ busyShare: 0, size: 1 }).action).toBe('hold');
    const down = { ...policy.down, step: 9 };
    expect(decide({ busyShare: 0 }, neverScaled, { down })).toMatchObject({ to: 1 });
  });

  test('not to a size at which those that stay would be so busy that it grew again', () => {
    const down = { ...policy.down, busyShare: 0.7 };
    expect(decide({ size: 2, busyShare: 0.41 }, neverScaled, { down }).action).toBe('hold');
    expect(decide({ size: 2, busyShare: 0.39 }, neverScaled, { down })).toMatchObject({ to: 1 });
  });

  test.each([
    // What is busy of so many, and the least size at which less than 0.8 of it would be.
    { size: 10, busy: 3, to: 4 },
    { size: 10, busy: 1, to: 2 },
    { size: 9, busy: 2, to: 3 },
    { size: 8, busy: 2.4, to: 4 },
    { size: 100, busy: 8, to: 11 },
    { size: 100, busy: 16, to: 21 },
    { size: 100, busy: 0, to: 1 },
  ])('by more than one at once, to where $busy of $size busy would not make it grow again', (given) => {
    const { size, busy, to } = given;
    const down = { ...policy.down, step: 99 };
    expect(decide({ size, busyShare: busy / size }, neverScaled, { max: 100, down })).toMatchObject({ to });
    expect(decide({ size: to, busyShare: busy / to }).action).toBe('hold');
    const less = { ...policy.down, step: size - to - 1 };
    expect(decide({ size, busyShare: busy / size }, neverScaled, { max: 100, down: less })).toMatchObject({
      to: to + 1,
    });
  });

  test('while memory is short, by whatever it can spare', () => {
    expect(decide({ busyShare: 0.5, memoryPressure: 0.5 })).toMatchObject({
      to: 3,
      why: expect.stringContaining('memory') as string,
    });
    expect(decide({ busyShare: 0.5, memoryPressure: 0.5, waiting: 1 }).action).toBe('hold');
    expect(decide({ busyShare: 0.79, memoryPressure: 0.5, size: 2 }).action).toBe('hold');
  });

  test('not before its cooldown is over, whichever way the size changed last', () => {
    const { cooldownMs } = policy.down;
    for (const history of [
      { upAt: NOW - cooldownMs + 1, downAt: undefined },
      { upAt: undefined, downAt: NOW - cooldownMs + 1 },
    ]) {
      expect(decide({ busyShare: 0 }, history).action).toBe('hold');
    }
    expect(decide({ busyShare: 0 }, { upAt: NOW - cooldownMs, downAt: NOW - cooldownMs }).action).toBe(
      'scale',
    );
  });
});

describe('a cooldown', () => {
  test.each([
    ['of a growth runs for both directions', { upAt: NOW - 299_999, downAt: undefined }, true],
    ['of a growth is over after the longer of the two', { upAt: NOW - 300_000, downAt: undefined }, false],
    ['of a shrink runs', { upAt: undefined, downAt: NOW - 299_999 }, true],
    ['of a shrink is over', { upAt: undefined, downAt: NOW - 300_000 }, false],
    ['there is none at first', neverScaled, false],
  ])('%s', (_, history, isOn) => {
    expect(isCoolingDown(policy, history, NOW)).toBe(isOn);
  });

  test('of a growth may be the longer one', () => {
    const slow = { ...policy, up: { ...policy.up, cooldownMs: 900_000 } };
    expect(isCoolingDown(slow, { upAt: NOW - 899_999, downAt: undefined }, NOW)).toBe(true);
  });
});

const policies = fc
  .record({
    min: fc.nat(3),
    room: fc.nat(12),
    up: fc.record({
      busyShare: fc.double({ min: 0.2, max: 1, noNaN: true }),
      step: fc.integer({ min: 1, max: 5 }),
      waitingPerMember: fc.integer({ min: 1, max: 3 }),
    }),
    downShare: fc.double({ min: 0, max: 0.99, noNaN: true }),
    downStep: fc.integer({ min: 1, max: 5 }),
  })
  .map(({ min, room, up, downShare, downStep }) => ({
    ...scalingPolicy.parse({
      up: { ...up, cooldownMs: 0 },
      down: { busyShare: up.busyShare * downShare, step: downStep, cooldownMs: 0 },
    }),
    min,
    max: Math.max(1, min + room),
  }));

/** What a pool of such a size measures when so many tasks are wanted to be under way at any time. */
function measured(demand: number, size: number): ScalingMetrics {
  const busy = Math.min(demand, size);
  return {
    size,
    waiting: demand - busy,
    busyShare: size === 0 ? 0 : busy / size,
    admissible: Infinity,
    isSettled: true,
  };
}

describe('whatever the policy', () => {
  test('a demand that does not change leads to a size that does not change, and turns round once at the most', () => {
    fc.assert(
      fc.property(policies, fc.nat(20), fc.nat(15), (policy, demand, start) => {
        const sizes = [Math.min(policy.max, Math.max(policy.min, start))];
        for (let look = 0; look < 60; look++) {
          const size = sizes.at(-1)!;
          const decision = decideScaling(measured(demand, size), policy, neverScaled, look);
          if (decision.action !== 'scale') break;
          expect(decision.to).toBeGreaterThanOrEqual(policy.min);
          expect(decision.to).toBeLessThanOrEqual(policy.max);
          expect(decision.to).not.toBe(size);
          sizes.push(decision.to);
        }
        expect(sizes.length).toBeLessThan(40);
        const ways = sizes.slice(1).map((size, index) => Math.sign(size - sizes[index]!));
        expect(ways.filter((way, index) => index > 0 && way !== ways[index - 1]).length).toBeLessThanOrEqual(
          1,
        );
      }),
      walks(300),
    );
  });

  test('a strained machine never sees a pool grow, and more demand never makes one smaller', () => {
    fc.assert(
      fc.property(policies, fc.nat(20), fc.nat(15), fc.nat(5), (policy, demand, start, more) => {
        const size = Math.min(policy.max, Math.max(policy.min, start));
        const strained = { ...measured(demand, size), memoryPressure: 1 };
        const under = decideScaling(strained, policy, neverScaled, 0);
        if (under.action === 'scale') expect(under.to).toBeLessThan(size);
        const target = (wanted: number): number => {
          const decision = decideScaling(measured(wanted, size), policy, neverScaled, 0);
          return decision.action === 'scale' ? decision.to : size;
        };
        expect(target(demand + more)).toBeGreaterThanOrEqual(target(demand));
      }),
      walks(300),
    );
  });
});

test.each([
  ['up.busyShare', 1, true],
  ['up.busyShare', 1.001, false],
  ['up.busyShare', 0, false],
  ['down.busyShare', 0, true],
  ['down.busyShare', -0.001, false],
  ['ceilings.memoryPressure', 0, true],
  ['ceilings.memoryPressure', 1, true],
  ['ceilings.memoryPressure', 1.001, false],
] as const)(
  'a share is from 0 to 1, and one that members are added at more than 0: %s of %d',
  (of, share, isOne) => {
    const [part, name] = of.split('.') as [string, string];
    expect(scalingPolicy.safeParse({ [part]: { [name]: share } }).success).toBe(isOne);
  },
);
