/** Amounts are kept in whole numbers, so that their sums are exact. */
import { expect, it } from 'vitest';
import { shownAmount, wholeOf } from '../../src/runtime/limits/budget-amount.ts';

it.each([
  [0.07, 70_000, 70_000],
  [0.1 + 0.2, 300_000, 300_000],
  [1.000_000_5, 1_000_000, 1_000_001],
  [0, 0, 0],
])('%d of money is %i millionths rounded down, %i rounded up', (money, down, up) => {
  expect(wholeOf({ money }, Math.floor)).toEqual({ money: down });
  expect(wholeOf({ money }, Math.ceil)).toEqual({ money: up });
});

it('other units are rounded as they are, and a unit that is not given is left out', () => {
  expect(wholeOf({ tokens: 1.4 }, Math.ceil)).toStrictEqual({ tokens: 2 });
  expect(wholeOf({ tokens: 1.4, money: 0.5 }, Math.floor)).toStrictEqual({ tokens: 1, money: 500_000 });
  expect(wholeOf({}, Math.ceil)).toStrictEqual({});
});

it('what is shown is money as people give it, and other units as they are', () => {
  expect(shownAmount({ money: 70_000, tokens: 3 })).toStrictEqual({ money: 0.07, tokens: 3 });
  expect(shownAmount({ tokens: 3 })).toStrictEqual({ tokens: 3 });
  expect(Object.isFrozen(shownAmount({ tokens: 3 }))).toBe(true);
});
