import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { isShortAsText } from '../../src/runtime/values/text-measure.ts';

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

const refuse = (): never => {
  throw new Error('no');
};

test('what cannot be read is not short', () => {
  expect(isShortAsText(Object.defineProperty({}, 'it', { get: refuse, enumerable: true }), 100)).toBe(false);
});
