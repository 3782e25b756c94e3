/** The names of the tests of an agent: each is one of a kind, and says which of them it is. */
import { expect, it } from 'vitest';
import { describeAgent } from '../../../src/testing/index.ts';
import { orderWith } from './order.ts';

it('tests are counted from 1, in order, and no two have one name', async () => {
  const names: string[] = [];
  const declared: unknown[] = [];
  describeAgent(orderWith(), {
    walks: 25,
    describe: (_, run) => declared.push(run()),
    it: (name) => names.push(name),
  });
  for (const declaring of declared) await declaring;
  expect(names.filter((name) => name.startsWith('walks'))).toEqual([
    'walks 1 to 10 of seed 1',
    'walks 11 to 20 of seed 1',
    'walks 21 to 25 of seed 1',
  ]);
  expect(names.filter((name) => name.startsWith('search'))).toEqual(
    Array.from({ length: 8 }, (_, at) => `search ${at + 1} for what its tours have left`),
  );
  expect(names.slice(-2)).toEqual([
    'its chart is covered',
    'it starts from every state that it was seen to save',
  ]);
  expect(new Set(names).size).toBe(names.length);
});
