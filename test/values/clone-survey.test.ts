import { createSecretKey } from 'node:crypto';
import { EventEmitter } from 'node:events';
import { SocketAddress } from 'node:net';
import { PassThrough } from 'node:stream';
import { deserialize, serialize } from 'node:v8';
import { runInNewContext } from 'node:vm';
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { cloneProblemOf, MAX_LEVELS } from '../../src/runtime/values/clone-survey.ts';

const { WebAssembly } = globalThis as unknown as {
  WebAssembly: { Module: new (bytes: Uint8Array) => object };
};
const compiled = (): object => new WebAssembly.Module(new Uint8Array([0, 97, 115, 109, 1, 0, 0, 0]));

class Link {
  readonly next: unknown;
  constructor(next: unknown) {
    this.next = next;
  }
}

/** Ways to put a value into another one, one level deeper. */
const wrappings: Readonly<Record<string, (inner: unknown) => unknown>> = {
  objects: (inner) => ({ role: 'user', parent: inner }),
  arrays: (inner) => [inner],
  'keys of Maps': (inner) => new Map([[inner, 1]]),
  Maps: (inner) => new Map([['in', inner]]),
  Sets: (inner) => new Set([inner]),
  causes,
  instances: (inner) => new Link(inner),
  'objects without a prototype': (inner) => Object.assign(Object.create(null) as object, { inner }),
};

/** Without a stack: of a million errors, stacks take a third of the test. */
function causes(inner: unknown): Error {
  const limit = Error.stackTraceLimit;
  Error.stackTraceLimit = 0;
  const error = new Error('outer', { cause: inner });
  Error.stackTraceLimit = limit;
  return error;
}

function nested(wrap: (inner: unknown) => unknown, levels: number): unknown {
  let value: unknown = 'inmost';
  for (let level = 0; level < levels; level += 1) value = wrap(value);
  return value;
}

describe.for(Object.entries(wrappings))('depth, in %s', ([, wrap]) => {
  test('what is as deep as may be is sent and read', () => {
    const value = nested(wrap, MAX_LEVELS);
    expect(cloneProblemOf(value, 'process')).toBeUndefined();
    expect(() => deserialize(serialize(value)) as unknown).not.toThrow();
  });
  test('one level more is named', () => {
    expect(cloneProblemOf(nested(wrap, MAX_LEVELS + 1), 'process')).toMatch(
      /… is nested deeper than 1000 levels$/,
    );
  });
  test('what is deeper than any stack is named, too', () => {
    expect(cloneProblemOf(nested(wrap, 20_000), 'thread')).toMatch(/… is nested deeper than 1000 levels$/);
  });
});

describe('an instance', () => {
  class Money {
    readonly amount = 7;
    text(): string {
      return String(this.amount);
    }
  }
  // oxlint-disable-next-line no-extraneous-class -- it is this very class that has nothing
  class Done {}
  class Page extends URL {
    readonly visits = 1;
  }
  test.for([
    ['of a class with fields', new Money()],
    ['of a class without anything', new Done()],
    ['without a prototype', Object.create(null)],
    ['that inherits nothing but from plain objects', Object.create({})],
    ['of another realm', runInNewContext('({ a: new (class { b = 1 })() })')],
    ['that is a date, an expression, a number', [new Date(), /x/, Object(1)]],
    ['that is an error', Object.assign(new DOMException('m', 'AbortError'), { a: 1 })],
  ] as const)('%s is sent as its fields', ([, value]) => {
    for (const reach of ['thread', 'process'] as const) expect(cloneProblemOf(value, reach)).toBeUndefined();
  });
  test.for([
    ['URL', new URL('https://host/')],
    ['Page', new Page('https://host/')],
    ['Headers', new Headers()],
    ['AbortSignal', AbortSignal.abort()],
    ['Event', new Event('a')],
    ['TextEncoder', new TextEncoder()],
    ['WritableStream', new WritableStream()],
    ['EventEmitter', new EventEmitter()],
    ['PassThrough', new PassThrough()],
    ['WeakRef', new WeakRef({})],
    ['Iterator', new Map().entries()],
    ['NumberFormat', new Intl.NumberFormat()],
    ['a class', Object.create({ read: () => 1, constructor: undefined })],
  ] as const)('of %s is named, in a process and in a thread', ([name, value]) => {
    const named = new RegExp(`^inner\\[0\\] is an instance of ${name}, whose content is not in its fields$`);
    expect(cloneProblemOf({ inner: [value] }, 'process')).toMatch(named);
    expect(cloneProblemOf({ inner: [value] }, 'thread')).toMatch(named);
  });
  test.for([
    ['Blob', new Blob(['a'])],
    ['File', new File(['a'], 'name')],
    ['SecretKeyObject', createSecretKey(Buffer.alloc(16))],
    ['SocketAddress', new SocketAddress({})],
  ] as const)('of %s is sent to a thread alone', ([name, value]) => {
    expect(cloneProblemOf([value], 'process')).toMatch(new RegExp(`^it\\[0\\] is an instance of ${name},`));
    expect(cloneProblemOf([value], 'thread')).toBeUndefined();
  });
});

describe('a name beside the places of an array', () => {
  const sparse: unknown[] = [];
  sparse[3] = 1;
  test.for<readonly [string, unknown[]]>([
    ['an empty one', []],
    ['a short one', [1, 2]],
    ['a long one', Array.from({ length: 5_000 }, () => 1)],
    ['one with holes', sparse],
    ['a long one with holes', Array.from({ length: 100 })],
    ['one that matches', 'ab'.match(/(?<first>a)/)!],
  ])('of %s is gone into', ([, array]) => {
    for (const reach of ['thread', 'process'] as const) {
      expect(cloneProblemOf({ rows: array }, reach)).toBeUndefined();
      const named = Object.assign([...array], { 'the page': { at: 1 } });
      expect(cloneProblemOf({ rows: named }, reach)).toBeUndefined();
      expect(deserialize(serialize(named))).toEqual(named);
      const odd = Object.assign([...array], { page: { link: new URL('https://host/') } });
      expect(cloneProblemOf({ rows: odd }, reach)).toMatch(/^rows.page.link is an instance of URL,/);
      const symbol = Object.assign([...array], { page: Symbol('s') });
      expect(cloneProblemOf([{ rows: [symbol] }], reach)).toBe('it[0].rows[0].page is the symbol Symbol(s)');
    }
  });
});

describe('fields beside a content that the clone knows', () => {
  class Zoned extends Date {
    readonly zone = 'UTC';
  }
  class Ranks extends Map<string, number> {
    readonly unit = 'points';
  }
  test.for([
    ['Date', Object.assign(new Date(), { zone: 'UTC' }), 'zone'],
    ['Zoned', new Zoned(), 'zone'],
    ['Map', Object.assign(new Map(), { unit: undefined }), 'unit'],
    ['Ranks', new Ranks(), 'unit'],
    ['Set', Object.assign(new Set([1]), { unit: 1 }), 'unit'],
    ['RegExp', Object.assign(/x/, { unit: 1 }), 'unit'],
  ] as const)('of a %s would be lost, and are named', ([name, value, field]) => {
    for (const reach of ['thread', 'process'] as const)
      expect(cloneProblemOf({ rows: [value] }, reach)).toBe(
        `rows[0] is an instance of ${name}, whose field "${field}" would be lost`,
      );
  });
  test('of what the content is, its own place is named first', () => {
    const map = Object.assign(new Map([['run', (): number => 1]]), { unit: 1 });
    expect(cloneProblemOf({ map }, 'process')).toMatch(/^map.get\("run"\) is a function/);
  });
});

describe('a value of ordinary depth has no problem', () => {
  test('what contains itself', () => {
    const ring: Record<string, unknown> = { n: 1 };
    ring['self'] = { ring };
    const list: unknown[] = [];
    list.push(list, new Map([['list', list]]), new Set([list]));
    expect([cloneProblemOf(ring, 'process'), cloneProblemOf(list, 'process')]).toEqual([
      undefined,
      undefined,
    ]);
  });
  test('what occurs many times, more often than could be counted', () => {
    let doubled: unknown = 'a';
    let fields: unknown = 'a';
    for (let level = 0; level < 500; level += 1) {
      doubled = [doubled, doubled];
      fields = { left: fields, right: fields };
    }
    expect(cloneProblemOf(doubled, 'process')).toBeUndefined();
    expect(cloneProblemOf(fields, 'process')).toBeUndefined();
  });
  test('a ring longer than is deep enough is as deep as it is long', () => {
    const first: Record<string, unknown> = {};
    let last = first;
    for (let n = 1; n < MAX_LEVELS; n += 1) last = last['next'] = {};
    last['next'] = first;
    expect(cloneProblemOf(first, 'process')).toBeUndefined();
    last['next'] = { next: first };
    expect(cloneProblemOf(first, 'process')).toMatch(/nested deeper/);
  });
  test('an array that is long without having much in it', () => {
    const long: unknown[] = [];
    long[4_000_000_000] = 1;
    expect(cloneProblemOf(long, 'process')).toBeUndefined();
    long[3_999_999_999] = Symbol('far');
    expect(cloneProblemOf({ long }, 'process')).toBe('long["3999999999"] is the symbol Symbol(far)');
  });
});

describe('the place is named', () => {
  test.for<readonly [string, () => unknown, string]>([
    ['a function at the top', () => (): number => 1, 'it is a function'],
    ['a symbol in an array', () => [0, Symbol('s')], 'it[1] is the symbol Symbol(s)'],
    [
      'a function far in',
      () => ({ layers: [0, { run: (): number => 1 }] }),
      'layers[1].run is a function (run)',
    ],
    ['a key that is no word', () => ({ 'a b': { c: Symbol('s') } }), 'it["a b"].c is the symbol Symbol(s)'],
    ['in a Map', () => ({ map: new Map([['k', Symbol('s')]]) }), 'map.get("k") is the symbol Symbol(s)'],
    ['in the keys of a Map', () => new Map([[Symbol('s'), 1]]), 'keys() is the symbol Symbol(s)'],
    ['in a Set', () => ({ set: new Set([Symbol('s')]) }), 'set.values() is the symbol Symbol(s)'],
    ['a promise', () => [Promise.resolve()], 'it[0] is a promise'],
    ['a WeakSet', () => [new WeakSet()], 'it[0] is a WeakSet'],
    ['a proxy of an object', () => ({ state: new Proxy({}, {}) }), 'state is a proxy'],
    ['a proxy of an array', () => ({ state: new Proxy([], {}) }), 'state is a proxy'],
    ['a buffer that is gone', () => [gone()], 'it[0] is a buffer that was given away'],
    ['a view of one', () => [goneView()], 'it[0] is a buffer that was given away'],
  ])('%s', ([, make, problem]) => {
    for (const reach of ['thread', 'process'] as const)
      expect(cloneProblemOf(make(), reach)).toMatch(problem);
  });
  test('without what lies beside it, which is no level either', () => {
    const beside = [{ a: { b: [] } }, new Map([['k', {}]]), new Set([{}]), new Error('e', { cause: {} })];
    expect(cloneProblemOf([...beside, Symbol('s')], 'process')).toBe('it[4] is the symbol Symbol(s)');
    const wide = Array.from({ length: MAX_LEVELS + 1 }, () => new Set());
    expect(cloneProblemOf(wide, 'process')).toBeUndefined();
  });
  test('of what a thread can have and a process cannot', () => {
    const values: readonly (readonly [object, string])[] = [
      [{ model: compiled() }, 'model is a WebAssembly.Module'],
      [{ memory: new SharedArrayBuffer(8) }, 'memory is a SharedArrayBuffer'],
    ];
    for (const [value, problem] of values) {
      expect(cloneProblemOf(value, 'process')).toBe(problem);
      expect(cloneProblemOf(value, 'thread')).toBeUndefined();
    }
  });
});

function gone(): ArrayBuffer {
  const buffer = new ArrayBuffer(8);
  structuredClone(buffer, { transfer: [buffer] });
  return buffer;
}

function goneView(): Uint8Array {
  const view = new Uint8Array(8);
  structuredClone(view.buffer, { transfer: [view.buffer] });
  return view;
}

const refuse = (): never => {
  throw new Error('no');
};

test('a place, and a symbol, are told in few words, however long their names are', () => {
  const long = 'k'.repeat(100_000);
  const problem = cloneProblemOf({ [long]: { [long]: [Symbol(long)] } }, 'process')!;
  expect(problem).toMatch(
    /^k{100}\.\.\. \(cut, of 100000 characters\)\.k{100}.*\[0\] is the symbol Symbol\(k+\.\.\.$/,
  );
  expect(problem.length).toBeLessThan(600);
});

test('a value that cannot be looked at is left to the clone: nothing is thrown', () => {
  const unreadable = Object.defineProperty({}, 'it', { get: refuse, enumerable: true });
  const traps = new Proxy({}, { getPrototypeOf: refuse, ownKeys: refuse, get: refuse });
  const map = new Map([[1, unreadable]]);
  for (const value of [unreadable, [traps], map]) expect(() => cloneProblemOf(value, 'thread')).not.toThrow();
});

test('10,000 values, the hostile among them: what has no problem is read where it is sent', () => {
  const odd = fc.constantFrom<() => unknown>(
    () => () => 1,
    () => Symbol('s'),
    () => new Proxy({}, {}),
    () => new SharedArrayBuffer(1),
    compiled,
    gone,
    goneView,
    () => Promise.resolve(),
    () => new WeakMap(),
    () => new Error('e', { cause: new Error('c') }),
    () => Object.defineProperty({}, 'it', { get: () => Symbol('got'), enumerable: true }),
  );
  const leaf = fc.oneof(
    fc.anything({ withBigInt: true, withTypedArray: true, withMap: true }),
    odd.map((make) => make()),
  );
  const { value } = fc.letrec<{ value: unknown }>((tie) => ({
    value: fc.oneof(
      { depthSize: 'small' },
      { weight: 3, arbitrary: leaf },
      {
        weight: 2,
        arbitrary: fc
          .tuple(
            tie('value'),
            fc.constantFrom(...Object.values(wrappings)),
            fc.constantFrom(1, 1, 1, 1, 2, 2, 999, 1_500),
          )
          .map(([inner, wrap, levels]) => {
            let wrapped: unknown = inner;
            for (let level = 0; level < levels; level += 1) wrapped = wrap(wrapped);
            return wrapped;
          }),
      },
    ),
  }));
  const ends = { named: 0, refused: 0, read: 0 };
  for (const each of fc.sample(value, { numRuns: 10_000, seed: 1 })) {
    if (cloneProblemOf(each, 'process') !== undefined) {
      ends.named += 1;
      continue;
    }
    let bytes: Buffer;
    try {
      bytes = serialize(each);
    } catch {
      ends.refused += 1;
      continue;
    }
    deserialize(bytes);
    ends.read += 1;
  }
  expect(ends.named).toBeGreaterThan(1_000);
  expect(ends.read).toBeGreaterThan(1_000);
  // Next to nothing is left for the clone to tell without a place.
  expect(ends.refused).toBeLessThan(100);
});
