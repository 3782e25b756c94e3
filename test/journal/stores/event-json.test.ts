import assert from 'node:assert/strict';
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { SystemEvent } from '../../../src/index.ts';
import { decodeEvent, encodeEvent } from '../../../src/runtime/journal/stores/sqlite/event-json.ts';

function eventOf(value: unknown): SystemEvent {
  return { sequence: 1, at: 0, type: 'variable.changed', name: 'v', value, version: 1, by: 't' };
}

function through(value: unknown): unknown {
  const event = decodeEvent(encodeEvent(eventOf(value)));
  return event.type === 'variable.changed' ? event.value : undefined;
}

/** JSON data, and what JSON cannot say; keys that mean something to a prototype or to the format. */
const data = fc.letrec<{ any: unknown }>((tie) => ({
  any: fc.oneof(
    { maxDepth: 6, withCrossShrink: true },
    fc.oneof(
      fc.string({ unit: 'binary' }),
      fc.string({ unit: fc.integer({ min: 0, max: 0xffff }).map((unit) => String.fromCharCode(unit)) }),
      fc.double(),
      fc.constantFrom(0, -0, NaN, Infinity, -Infinity, true, false, null),
    ),
    fc.array(fc.oneof(fc.constant(undefined), tie('any'))),
    fc.dictionary(fc.oneof(fc.constantFrom('$', 'of', '__proto__', 'constructor'), fc.string()), tie('any'), {
      noNullPrototype: false,
    }),
  ),
})).any;

describe('an event as JSON', () => {
  test('gives back any data, to the sign of a zero', () => {
    fc.assert(
      fc.property(data, (value) => {
        // Vitest takes a field named constructor for the type of the object.
        assert.deepStrictEqual(through(value), value);
      }),
      { seed: 5, numRuns: 500 },
    );
  });

  test('leaves out fields that are undefined, and no others', () => {
    expect(through({ a: undefined, b: [undefined], c: null })).toStrictEqual({ b: [undefined], c: null });
  });

  test('is refused whatever it holds that JSON data is not, at any depth', () => {
    class Model {
      size = 1;
    }
    const strangers = [() => 1, 1n, Symbol('s'), new Model(), new Date(), new Map(), /x/, new Uint8Array(1)];
    const paths = fc.array(fc.oneof(fc.nat(3), fc.stringMatching(/^[a-z]{1,3}$/)), { maxLength: 5 });
    fc.assert(
      fc.property(fc.constantFrom(...strangers), paths, (stranger, path) => {
        let value: unknown = stranger;
        for (const key of path.toReversed()) {
          value =
            typeof key === 'number' ? [...Array<number>(key).fill(0), value] : { before: 0, [key]: value };
        }
        const inner = path.map((key) => (typeof key === 'number' ? `[${key}]` : `.${key}`)).join('');
        expect(() => encodeEvent(eventOf(value))).toThrow(`event variable.changed: value${inner} is `);
      }),
      { seed: 6, numRuns: 300 },
    );
  });

  test('keeps one thing that is there twice, and refuses one that contains itself', () => {
    const twice = { a: 1 };
    expect(through([twice, { twice }])).toStrictEqual([{ a: 1 }, { twice: { a: 1 } }]);
    const ring: Record<string, unknown> = {};
    ring['next'] = { back: [ring] };
    expect(() => encodeEvent(eventOf(ring))).toThrow('value.next.back[0] is an object that contains itself');
  });

  test('is refused when it is nested without a visible end, and by no stack overflow', () => {
    let deep: unknown = 0;
    for (let level = 0; level < 20_000; level++) deep = [deep];
    expect(() => encodeEvent(eventOf(deep))).toThrow('nested deeper than 500 levels');
  });

  test('says what a value with an odd key is at', () => {
    expect(() => encodeEvent(eventOf({ 'a b': { '': 1n } }))).toThrow('value["a b"][""] is the bigint 1');
  });

  test.each(['', '{', '7', 'null', '{}', '{"sequence":1}', '{"type":"a","sequence":1,"x":{"$":"new"}}'])(
    'is not read from %j',
    (text) => {
      expect(() => decodeEvent(text)).toThrow();
    },
  );
});
