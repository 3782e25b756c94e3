/** What a message takes of memory is known before it is read, whatever its bytes are: nobody writes one that ends its reader. */
import { deserialize, serialize } from 'node:v8';
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { contentBytesOf } from '../../src/runtime/hosting/hosts/content-bytes.ts';
import { deserializedWithOwnBytes } from '../../src/runtime/hosting/hosts/own-bytes.ts';
import { anyData } from './any-data.ts';

const MAX_PLACES = 2 ** 25;

/** What a value takes at the least: its texts and bytes, a place for each item, and a little for each object. */
function leastOf(value: unknown, seen = new Set<unknown>()): number {
  if (typeof value === 'string') return value.length;
  if (typeof value !== 'object' || value === null || seen.has(value)) return 0;
  seen.add(value);
  const all = (items: Iterable<unknown>): number => {
    let sum = 16;
    for (const item of items) sum += leastOf(item, seen);
    return sum;
  };
  if (value instanceof ArrayBuffer) return value.maxByteLength;
  if (ArrayBuffer.isView(value)) return 16 + leastOf(value.buffer, seen);
  if (value instanceof Map) return all([...value].flat());
  if (value instanceof Set) return all(value);
  // One with far fewer items than places may be a table.
  const isTable =
    Array.isArray(value) &&
    (value.length > MAX_PLACES || value.length > 27 * Object.keys(value).length + 5_000);
  const places = Array.isArray(value) && !isTable ? 8 * value.length : 0;
  const error = value instanceof Error ? [value.message, value.stack, value.cause] : [];
  return places + all([...Object.values(value), ...error]);
}

/** With holes of all widths. */
const holey = fc
  .array(fc.tuple(fc.nat(20_000), fc.nat(9)), { maxLength: 5 })
  .map((entries) => entries.reduce<unknown[]>((array, [at, item]) => ((array[at] = item), array), []));
const error = fc.tuple(fc.string(), anyData).map(([message, cause]) => new RangeError(message, { cause }));
const boxed = fc.constantFrom(/x/, /y/gi, Object('text'), Object(1n), Object(true), Object(0), new Date(0));
const one = fc.oneof(anyData, holey, error, boxed);
const value = fc.oneof(one, fc.array(one, { maxLength: 5 }));
const spoiled = fc
  .tuple(
    value.map((any) => serialize(any)),
    fc.array(fc.tuple(fc.nat(), fc.oneof(fc.nat(255), fc.constantFrom(...Buffer.from('aA?^V~'), 128, 255))), {
      maxLength: 3,
    }),
  )
  .map(([bytes, spots]) => {
    const copy = Buffer.from(bytes);
    for (const [at, byte] of spots) copy[2 + (at % (copy.length - 2))] = byte;
    return copy;
  });
const tags = fc
  .array(
    fc.constantFrom(...Buffer.from('"oA{}a$;:,\'nTFINdDZzcSrmsVBR^t~?_0@-. \\'), 0, 1, 2, 127, 128, 255),
    {
      maxLength: 24,
    },
  )
  .map((rest) => Buffer.from([...serialize(null).subarray(0, 2), ...rest]));

test('what V8 reads takes no less than it says, of 5,000 messages of which some bytes are anything', () => {
  let read = 0;
  fc.assert(
    fc.property(fc.oneof({ weight: 3, arbitrary: spoiled }, tags), (bytes) => {
      let size: number;
      let came: unknown;
      try {
        size = contentBytesOf(bytes);
        if (size > 1_000_000) return;
        came = deserializedWithOwnBytes(bytes);
      } catch {
        return;
      }
      read += 1;
      expect(size).toBeGreaterThanOrEqual(leastOf(came));
    }),
    { numRuns: 5_000, seed: 1 },
  );
  expect(read).toBeGreaterThan(1_000);
});

const COUNT = 4_000;
const kinds: Readonly<Record<string, string>> = {
  objects: 'o{\0',
  'objects with a number for a key': 'oI\xfe\x0f_{\x01',
  'objects with a number in words for a key': 'o"\x041000_{\x01',
  'arrays with an item behind their end': 'a\0I\xfe\x0f_@\x01\0',
  Maps: ';:\0',
  Sets: "',\0",
  'Maps with entries': ';_00_TFFTI\x02_:\x0a',
  'Sets with items': "'_0TFI\x02I\x04I\x06I\x08I\x0a,\x09",
  errors: 'r.',
  expressions: 'R"\0\0',
  'empty arrays': 'A\0$\0\0',
  'arrays with holes': 'a\x7f@\0\x7f',
  dates: 'D\0\0\0\0\0\0\0\0',
  numbers: 'N\x01\x01\x01\x01\x01\x01\x01\x01',
  'Number objects': 'n\0\0\0\0\0\0\0\0',
  'Boolean objects': 'y',
  'String objects': 's"\0',
  'BigInt objects': 'z\0',
  bigints: 'Z\0',
  buffers: 'B\0',
  views: 'B\0VB\0\0\0',
  'views of Node': '\\\x01\x01x',
  holes: '-',
};

describe('of many', () => {
  test.for(Object.entries(kinds))('%s no more than twice as much memory is taken', ([, one]) => {
    const item = Buffer.from(one, 'latin1');
    const length = [(COUNT & 127) | 128, COUNT >> 7];
    const bytes = Buffer.concat([
      serialize(null).subarray(0, 2),
      Buffer.from(['A'.charCodeAt(0), ...length]),
      Buffer.alloc(COUNT * item.length, item),
      Buffer.from(['$'.charCodeAt(0), 0, ...length]),
    ]);
    const size = contentBytesOf(bytes);
    const taken = Array.from({ length: 5 }, () => {
      const before = process.memoryUsage();
      const items = deserialize(bytes) as unknown[];
      const { heapUsed, external } = process.memoryUsage();
      expect(items).toHaveLength(COUNT);
      return heapUsed - before.heapUsed + external - before.external;
    }).toSorted((one, other) => one - other);
    // Reading has a table of its own for as long as it goes on; and garbage may be collected meanwhile.
    expect(taken[2]).toBeLessThan(2 * size);
  });
});

test('an array with holes takes all of its places, up to a length from which on it is a table', () => {
  expect(contentBytesOf(serialize(Array(MAX_PLACES)))).toBeGreaterThan(8 * MAX_PLACES);
  expect(contentBytesOf(serialize(Array(MAX_PLACES + 1)))).toBeLessThan(1_000);
});

test.for([
  /x/,
  /x/g,
  new Date(0),
  Object('x'),
  Object(1n),
  new Error('m'),
  new Error('m', { cause: /x/ }),
  new Map([[/x/, 1]]),
  Buffer.from('x'),
  new Float64Array(1),
  new DataView(new ArrayBuffer(1)),
  { 7: 1n },
  'x',
  '\u{1F600}',
  -1.5,
  undefined,
])('what stands behind %o is found, and is as large as in front of it', (other) => {
  const large = Array(1_000_000);
  expect(contentBytesOf(serialize([other, large]))).toBe(contentBytesOf(serialize([large, other])));
  expect(contentBytesOf(serialize([other, large]))).toBeGreaterThan(8_000_000);
});

const LARGE = serialize(Array(1_000_000)).subarray(2);

/** An array with places for a million items behind something else, in an array of two. */
function withLarge(other: string): Buffer {
  return Buffer.concat([
    serialize(null).subarray(0, 2),
    Buffer.from(`A\x02${other}`, 'latin1'),
    LARGE,
    Buffer.from('$\0\x02', 'latin1'),
  ]);
}

test.for(
  Object.entries({
    'a number of more than five bytes': 'I\x80\x80\x80\x80\x80',
    'a text whose length is said in more than five bytes': '"\x81\x80\x80\x80\x80x',
    'a part of an error whose mark is said in two bytes': 'r\xed\x80"\x01x.',
    'a kind of view that is said in two bytes': 'B\x01xV\xc2\x80\0\x01\0',
    'a count of objects before the text of an expression': 'R?\0"\x01x\0',
    'a count of objects before a number for a key': 'o?\0I\xfe\x0f_{\x01',
  }),
)('%s, which V8 reads and never writes, is refused: nothing is hidden behind it', ([, other]) => {
  const bytes = withLarge(other);
  expect(deserialize(bytes)).toHaveProperty('1.length', 1_000_000);
  expect(() => contentBytesOf(bytes)).toThrow('V8 does not write such bytes');
});

const PARTS = [
  '_',
  '0',
  'I\x04',
  'U\x03',
  'N\0\0\0\0\0\0\0\0',
  'Z\x10aaaaaaaa',
  '"\x01a',
  'c\x02a\0',
  'y',
  'z\0',
  's',
  'R',
  '?\0',
  'o',
  '{\0',
  '{\x01',
  ';',
  ':\x02',
  ':\0',
  "'",
  ',\x01',
  ',\0',
  'A\x01',
  '$\0\x01',
  'a\x02',
  '@\0\x02',
  '@\x01\x02',
  '-',
  'r',
  'm',
  'c',
  '.',
  'B\x01x',
  'VB\0\x01\0',
  '~\x01\x02x',
  '\\\x01\x01x',
  '^\0',
  'I\x80\x80\x80\x80\x80',
  '\0',
  '\x80',
];

test('whatever V8 reads, what stands behind it is found, or all is refused: in 20,000 messages of its parts', () => {
  const parts = fc.array(fc.constantFrom(...PARTS), { minLength: 1, maxLength: 8 });
  let found = 0;
  fc.assert(
    fc.property(parts, (some) => {
      const bytes = withLarge(some.join(''));
      let size: number;
      try {
        size = contentBytesOf(bytes);
        if (size < 8_000_000) deserialize(bytes);
      } catch {
        return;
      }
      expect(size).toBeGreaterThanOrEqual(8_000_000);
      found += 1;
    }),
    { numRuns: 20_000, seed: 1 },
  );
  expect(found).toBeGreaterThan(1_000);
});

test('a number for a key that is far from others takes an entry of a table, and not the places before it', () => {
  for (const far of [{ 4_000: 'x' }, { 0: 'x', 3_000: 'x' }])
    expect(contentBytesOf(serialize(far))).toBeLessThan(1_500);
  // As V8 does: places up to it, and half as many again.
  expect(contentBytesOf(serialize({ 1_023: 'x' }))).toBeGreaterThan(1.5 * 8 * 1_024);
});

test('a growing buffer takes what it may grow to', () => {
  const bytes = serialize(new ArrayBuffer(8, { maxByteLength: 1_000_000 }));
  expect(contentBytesOf(bytes)).toBeGreaterThan(1_000_000);
});

test('bytes of another version are refused: V8 reads them by other rules', () => {
  const bytes = serialize([1]);
  bytes[1] = bytes[1]! - 1;
  expect(deserialize(bytes)).toEqual([1]);
  expect(() => contentBytesOf(bytes)).toThrow('it is not of version');
  expect(() => contentBytesOf(Buffer.alloc(0))).toThrow('it is not of version');
});
