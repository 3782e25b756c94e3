import { expect, it } from 'vitest';
import { chanceBy } from '../../src/runtime/values/chance.ts';

it('what is a chance is given as it came, and nothing is reported', () => {
  const given = [0, 0.5, 1 - Number.EPSILON];
  const chance = chanceBy(
    () => given.shift()!,
    () => expect.unreachable(),
  );
  expect([chance(), chance(), chance()]).toEqual([0, 0.5, 1 - Number.EPSILON]);
});

it.each<[string, () => unknown]>([
  [
    'throws',
    () => {
      throw new Error('no dice');
    },
  ],
  ['gives a promise that is rejected', () => Promise.reject(new Error('no dice'))],
  ['gives no number', () => Number.NaN],
  ['gives 1', () => 1],
  ['gives less than 0', () => -0.1],
  ['gives a text', () => '0.5'],
])("a function that %s is replaced by the machine's own chance, and reported once", async (_, random) => {
  const reported: unknown[] = [];
  const chance = chanceBy(random as () => number, (message) => void reported.push(message));
  for (let at = 0; at < 3; at += 1) {
    const value = chance();
    expect(value).toBeGreaterThanOrEqual(0);
    expect(value).toBeLessThan(1);
  }
  await new Promise(setImmediate);
  expect(reported).toEqual(['random has failed, which is told once']);
});
