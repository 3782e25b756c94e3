import { deserialize, serialize } from 'node:v8';
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { decoded, encoded } from '../../src/runtime/hosting/hosts/message-codec.ts';
import { anyData } from './any-data.ts';

const HEADER_BYTES = 4;

function bytesOf(message: readonly unknown[]): Buffer {
  const [head, tail = Buffer.alloc(0)] = encoded(message, HEADER_BYTES);
  return Buffer.concat([head.subarray(HEADER_BYTES), tail]);
}

const isJson = (message: readonly unknown[]): boolean => bytesOf(message)[0] === '['.charCodeAt(0);
const cloned = (message: readonly unknown[]): unknown => deserialize(serialize(message));

const twice = { n: 1 };
const selfish: unknown[] = [];
selfish.push(selfish);
const withFields = Object.assign([1, 2], { third: 3 });
/** A hole in the midst of it. */
// oxlint-disable-next-line no-sparse-arrays -- it is what is tested
const sparse = [1, , 3];

describe('a message comes back as a structured clone of it', () => {
  test.for<readonly [string, unknown]>([
    ['undefined', undefined],
    ['a field that is undefined', { field: undefined }],
    ['-0', -0],
    ['NaN', Number.NaN],
    ['Infinity', Infinity],
    ['fractions', [1.5, 2.25]],
    ['a bigint', 10n],
    ['a date', new Date(5)],
    ['a long text', 'x'.repeat(1_000)],
    ['text with half characters', 'a\uD800b'],
    ['text with line ends and quotes', '"\u2028\n\\'],
    ['a hole', sparse],
    ['an array with fields of its own', withFields],
    ['a match', /b/.exec('abc')],
    ['a field called __proto__', JSON.parse('{"__proto__":{"polluted":true}}')],
    ['a field called toJSON', { toJSON: 1 }],
    ['what occurs twice', { first: twice, second: twice }],
    ['what contains itself', selfish],
    ['no prototype', Object.assign(Object.create(null) as object, { n: 1 })],
    [
      'an instance',
      new (class Point {
        readonly x = 1;
      })(),
    ],
    ['bytes', new Uint8Array([1, 2, 3])],
    ['a Map', new Map([[{ n: 1 }, new Set([1])]])],
  ])('%s', ([, value]) => {
    const message = [1, { type: 'task.completed', output: value }];
    expect(decoded(bytesOf(message))).toStrictEqual(cloned(message));
  });
  test('whatever it holds', () => {
    let asJson = 0;
    fc.assert(
      fc.property(fc.array(anyData, { maxLength: 4 }), (message) => {
        if (isJson(message)) asJson += 1;
        expect(decoded(bytesOf(message))).toStrictEqual(cloned(message));
      }),
      { numRuns: 5_000, seed: 1 },
    );
    expect(asJson).toBeGreaterThan(500);
    expect(asJson).toBeLessThan(4_500);
  });
  test('what occurs twice is one thing there, too', () => {
    const [first, second] = decoded(bytesOf([twice, twice])) as object[];
    expect(first).toBe(second);
  });
});

test('what cannot be cloned is refused, in small messages, too', () => {
  for (const value of [() => 1, Symbol('no'), new Proxy({}, {}), new Proxy([], {}), new WeakMap()]) {
    expect(() => bytesOf([value])).toThrow();
  }
});

test('ordinary messages are JSON, up to the depth that a value may have, and no deeper', () => {
  expect(
    isJson([1, { type: 'task.completed', taskId: 't', output: { n: 1, tags: ['a', null, true] } }]),
  ).toBe(true);
  let deep: unknown = 1;
  for (let level = 1; level < 1_000; level += 1) deep = [deep];
  expect([isJson([deep]), isJson([[deep]])]).toEqual([true, false]);
  let fields: unknown = 1;
  for (let level = 1; level < 1_000; level += 1) fields = { fields };
  expect([isJson([fields]), isJson([{ fields }])]).toEqual([true, false]);
});

test('bytes that are no message are a throw', () => {
  for (const bytes of [
    [],
    [0],
    [91],
    [91, 49],
    [123, 125],
    [255],
    [255, 15],
    [255, 15, 119, 0],
    [255, 200, 95],
  ]) {
    expect(() => decoded(Buffer.from(bytes))).toThrow();
  }
});
