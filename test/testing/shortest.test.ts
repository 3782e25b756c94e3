/** Laws of a list that is made short while it still does what it does. */
import { expect, test } from 'vitest';
import { shortest } from '../../src/testing/shortest.ts';

const numbers = (count: number): readonly number[] => Array.from({ length: count }, (_, at) => at);

/** Shortens a list that does it while it has all of `needed`; gives how often it was asked, too. */
async function shortened(list: readonly number[], needed: readonly number[], budget = Infinity) {
  let asked = 0;
  const found = await shortest(list, (shorter) => {
    asked += 1;
    const does = asked <= budget && needed.every((each) => shorter.includes(each));
    return Promise.resolve(does ? shorter : undefined);
  });
  return { found, asked };
}

test.each([0, 1, 2, 3, 7, 8, 33])(
  'of %i elements those alone are left that are needed, in their order',
  async (count) => {
    const all = numbers(count);
    for (const needed of [[], ...all.map((each) => [each]), all.filter((each) => each % 3 === 1), all])
      expect((await shortened(all, needed)).found).toEqual(needed);
  },
);

test('equal elements are told apart by their place', async () => {
  const pairs = await shortest([1, 1, 2, 2, 3], (shorter) =>
    Promise.resolve(shorter.filter((each) => each === 2).length === 2 ? shorter : undefined),
  );
  expect(pairs).toEqual([2, 2]);
});

test('many that are not needed are left out together: one of 1,000 elements is found with less than 40 questions', async () => {
  const { found, asked } = await shortened(numbers(1_000), [777]);
  expect(found).toEqual([777]);
  expect(asked).toBeLessThan(40);
});

test('what the shorter list does not need, as it says itself, is not tried', async () => {
  const tried: (readonly number[])[] = [];
  const found = await shortest(numbers(8), (shorter) => {
    tried.push(shorter);
    return Promise.resolve(shorter.includes(7) ? [7] : undefined);
  });
  expect(found).toEqual([7]);
  expect(tried.filter(({ length }) => length > 0)).toEqual([[4, 5, 6, 7]]);
});

test('once nothing shorter is found to do it any more, the shortest so far is given', async () => {
  expect((await shortened(numbers(8), [], 1)).found).toEqual([4, 5, 6, 7]);
  expect((await shortened(numbers(8), [], 0)).found).toEqual(numbers(8));
});
