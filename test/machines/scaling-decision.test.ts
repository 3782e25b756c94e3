import { expect, it } from 'vitest';
import { scalingPolicy } from '../../src/machines/scaling-decision.ts';

it.each([
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
