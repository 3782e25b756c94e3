/** A map that is renewed is a `Map`, whatever comes and goes. */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { RenewedMap } from '../../src/runtime/values/renewed-map.ts';

/** Few keys, and many steps: entries come again, and the map is renewed. */
const steps = fc.array(fc.tuple(fc.nat({ max: 90 }), fc.boolean()), { minLength: 2_400, maxLength: 2_600 });

it('holds what a Map holds, in its order', () => {
  fc.assert(
    fc.property(steps, (taken) => {
      const renewed = new RenewedMap<string, number>();
      const map = new Map<string, number>();
      for (const [at, [number, isAdded]] of taken.entries()) {
        const key = `key-${number}`;
        if (!isAdded) expect(renewed.delete(key)).toBe(map.delete(key));
        else if (!map.has(key)) {
          renewed.add(key, at);
          map.set(key, at);
        }
        expect(renewed.get(key)).toBe(map.get(key));
        expect(renewed.has(key)).toBe(map.has(key));
        expect(renewed.size).toBe(map.size);
        if (at % 50 === 0) expect([...renewed.values()]).toEqual([...map.values()]);
      }
      expect([...renewed.values()]).toEqual([...map.values()]);
    }),
    { numRuns: 6 },
  );
});

it('gives the newest back, and the one before it, after either has gone', () => {
  const renewed = new RenewedMap<string, number>();
  renewed.add('one', 1);
  renewed.add('two', 2);
  expect(renewed.delete('two')).toBe(true);
  expect(renewed.delete('two')).toBe(false);
  expect([renewed.get('one'), renewed.get('two'), renewed.size]).toEqual([1, undefined, 1]);
  renewed.add('two', 3);
  expect(renewed.delete('one')).toBe(true);
  expect([...renewed.values()]).toEqual([3]);
});

it('holds nothing of an entry that has gone', async () => {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  const renewed = new RenewedMap<object, object>();
  const held = [0, 1, 2].map(() => {
    const [key, value] = [{}, {}];
    renewed.add(key, value);
    renewed.delete(key);
    return [new WeakRef(key), new WeakRef(value)];
  });
  // What a weak reference has shown is held until the turn is over.
  await new Promise(setImmediate);
  collect();
  expect(held.flat().map((one) => one.deref())).toEqual(Array.from({ length: 6 }, () => undefined));
});
