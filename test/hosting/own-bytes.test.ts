/** Bytes that travel have a buffer of their own: nothing that lay beside them arrives. */
import { serialize } from 'node:v8';
import { expect, test } from 'vitest';
import { deserializedWithOwnBytes, withoutForeignBytes } from '../../src/runtime/hosting/hosts/own-bytes.ts';

/** Eight bytes in the midst of what is no business of their reader's. */
function pool(): ArrayBuffer {
  return new TextEncoder().encode('secret--abcdefgh--secret').buffer;
}
const kinds: readonly (readonly [string, () => ArrayBufferView])[] = [
  ['a Buffer', () => Buffer.from(pool(), 8, 8)],
  ['a Uint8Array', () => new Uint8Array(pool(), 8, 8)],
  ['a Float64Array', () => new Float64Array(pool(), 8, 1)],
  ['a BigInt64Array', () => new BigInt64Array(pool(), 8, 1)],
  ['a DataView', () => new DataView(pool(), 8, 8)],
];
const places: readonly (readonly [string, (view: unknown) => unknown])[] = [
  ['alone', (view) => view],
  ['in a list', (view) => [1, [view]]],
  ['in a field', (view) => ({ output: { view } })],
  ['in a Map', (view) => new Map([['key', view]])],
  ['as a key', (view) => new Map([[view, 1]])],
  ['in a Set', (view) => new Set([{ view }])],
  ['behind an error', (view) => new Error('of it', { cause: view })],
];

test.for(kinds)('%s', ([, view]) => {
  for (const [place, within] of places) {
    const sent = within(view());
    for (const arrived of [
      structuredClone(withoutForeignBytes(sent)),
      deserializedWithOwnBytes(serialize(sent)),
    ]) {
      const found = viewIn(arrived);
      expect([place, Buffer.from(found.buffer).toString()]).toEqual([place, 'abcdefgh']);
      expect(found.byteOffset).toBe(0);
    }
  }
});

test('what has its own bytes, and what only a thread can have, is sent as it is', () => {
  for (const message of [
    [1, { output: 'plain' }],
    [{ bytes: new Uint8Array(3) }],
    [new Uint8Array(new SharedArrayBuffer(8), 0, 3)],
    [new Uint8Array(pool(), 0, 3), new Blob(['x'])],
  ]) {
    expect(withoutForeignBytes(message)).toBe(message);
  }
});

test('what occurs many times is looked at once, and a proxy not at all', () => {
  let looks = 0;
  let doubled: object = {};
  for (let level = 0; level < 10; level += 1) {
    const inner = doubled;
    doubled = {
      get left() {
        looks += 1;
        return inner;
      },
      right: inner,
    };
  }
  const tell = (): never[] => {
    looks += 1;
    return [];
  };
  // No plain data, which would be looked at by itself.
  const message = new Map([['doubled', doubled]]);
  expect(withoutForeignBytes(message)).toBe(message);
  expect(looks).toBe(10);
  const unseen = new Set([new Proxy({}, { ownKeys: tell, getPrototypeOf: tell as never })]);
  expect(withoutForeignBytes(unseen)).toBe(unseen);
  expect(looks).toBe(10);
});

test('a Buffer stays a Buffer out of a process, and what occurs twice is one thing', () => {
  const view = Buffer.from(pool(), 8, 8);
  const [one, two] = deserializedWithOwnBytes(serialize([view, view])) as readonly [unknown, unknown];
  expect(Buffer.isBuffer(one)).toBe(true);
  expect(one).toBe(two);
});

function viewIn(value: unknown): ArrayBufferView {
  if (ArrayBuffer.isView(value)) return value;
  if (value instanceof Map) return viewIn([...value].flat());
  if (value instanceof Set) return viewIn([...value]);
  if (value instanceof Error) return viewIn(value.cause);
  const inner = Object.values(value as object).find((item) => typeof item === 'object');
  return viewIn(inner);
}
