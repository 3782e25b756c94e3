/** What models and tools return, as it is kept and comes back. */
import { expect, test } from 'vitest';
import { fromPlain, toPlain } from '../../src/ai/plain-data.ts';

const back = (value: unknown): unknown => fromPlain(JSON.parse(JSON.stringify(toPlain(value))));

test('times, bytes and addresses come back as they were, and objects that look like their marks', () => {
  const value = {
    at: new Date(1_000),
    bytes: new Uint8Array([1, 2, 3]),
    page: new URL('https://host.example/a'),
    marked: { 'mabeam:date': 1_000 },
    nested: [{ at: new Date(0) }],
  };
  expect(back(value)).toEqual(value);
});

test.for([Number.NaN, Infinity, -Infinity, new Date(Number.NaN)])(
  '%s, which JSON has not, is null at every depth, as in JSON',
  (none) => {
    expect(back(none)).toBeNull();
    expect(back({ rows: [none, { none }] })).toEqual({ rows: [null, { none: null }] });
  },
);

test('undefined is left out of objects, and null in lists', () => {
  expect(back({ gone: undefined, list: [undefined, 1] })).toEqual({ list: [null, 1] });
});

test.for([() => 1, Symbol('none'), 1n])('%s is refused: it is no data', (none) => {
  expect(() => toPlain({ rows: [none] })).toThrow(/is no JSON data/);
});

test('what is kept, and what comes back, has fields that can be listed, written and taken away', () => {
  for (const made of [toPlain({ a: 1 }), fromPlain({ a: 1 })])
    expect(Object.getOwnPropertyDescriptor(made, 'a')).toEqual({
      value: 1,
      enumerable: true,
      configurable: true,
      writable: true,
    });
});
