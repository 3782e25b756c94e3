import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { MAX_LEVELS } from '../../src/runtime/values/clone-survey.ts';
import { isLongAsText, isShortAsText } from '../../src/runtime/values/text-measure.ts';

test('the measure is never less than half of the text, and never more than ten times it, of ordinary data', () => {
  fc.assert(
    fc.property(fc.jsonValue(), (value) => {
      const { length } = JSON.stringify(value);
      expect(isShortAsText(value, length / 2 - 9)).toBe(false);
      expect(isShortAsText(value, length * 10)).toBe(true);
    }),
    { numRuns: 2_000, seed: 1 },
  );
});

test('few bytes that stand for much text are found out at once', () => {
  let doubled: unknown = ['a'];
  for (let level = 0; level < 200; level += 1) doubled = [doubled, doubled];
  const long: unknown[] = [];
  long[4_000_000_000] = 1;
  const ring: unknown[] = [];
  ring.push(ring);
  const values = [
    doubled,
    { long },
    ring,
    { bytes: new Uint8Array(1_000_000) },
    new ArrayBuffer(1_000_000),
    2n ** 70n,
  ];
  for (const value of values) expect(isShortAsText(value, 1_000_000)).toBe(false);
});

test('a text of exactly as many characters as may be is short, and one more is not', () => {
  expect(isShortAsText('x'.repeat(98), 100)).toBe(true);
  expect(isShortAsText('x'.repeat(99), 100)).toBe(false);
});

test.each<[string, unknown, number]>([
  ['a number', 1, 8],
  ['nothing', null, 8],
  ['an empty object', {}, 8],
  ['a list of two numbers', [1, 2], 8 + 2 + 8 + 8],
  ['a field', { key: 'four' }, 8 + 3 + 6],
  ['two bytes', new Uint8Array(2), 8 + 2 * 8],
])('%s has a measure of its own', (_, value, characters) => {
  expect([isShortAsText(value, characters), isLongAsText(value, characters)]).toEqual([true, false]);
  expect([isShortAsText(value, characters - 1), isLongAsText(value, characters - 1)]).toEqual([false, true]);
});

test('a bigint of 64 bits is short, and a larger one never is', () => {
  for (const short of [2n ** 63n - 1n, -(2n ** 63n)]) expect(isShortAsText(short, 8)).toBe(true);
  for (const long of [2n ** 63n, -(2n ** 63n) - 1n]) expect(isShortAsText(long, 1e9)).toBe(false);
});

test.each<[string, (inner: unknown) => unknown]>([
  ['lists', (inner) => [inner]],
  ['objects', (inner) => ({ inner })],
])('what is nested more deeply than anything is read is long, of %s', (_, around) => {
  let deep: unknown = 1;
  for (let level = 0; level < MAX_LEVELS; level += 1) deep = around(deep);
  expect(isShortAsText(deep, 1e9)).toBe(true);
  expect(isShortAsText(around(deep), 1e9)).toBe(false);
});

const refuse = (): never => {
  throw new Error('no');
};

test('what cannot be read is not short, and not known to be long', () => {
  const unreadable = Object.defineProperty({}, 'it', { get: refuse, enumerable: true });
  expect([isShortAsText(unreadable, 100), isLongAsText(unreadable, 100)]).toEqual([false, false]);
});
