/** A value in a message is short, and no secret, whatever came. */
import { runInNewContext } from 'node:vm';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { defineAgent } from '../../src/index.ts';
import { inWords, inWordsUnder } from '../../src/runtime/values/in-words.ts';
import { judge } from '../../src/runtime/values/schema.ts';
import { isSecretKey, withoutSecrets } from '../../src/runtime/values/secrets.ts';
import { refusal, rig } from '../kit/rig.ts';

const KEY = 'sk-proj-Ab3dEf6hIj9lMn2pQr5tUv8x';

class Hidden {
  readonly #n = 1;
  n(): number {
    return this.#n;
  }
}

function nested(levels: number, around: (inner: unknown) => unknown): unknown {
  let value: unknown = 1;
  for (let level = 0; level < levels; level += 1) value = around(value);
  return value;
}

function refuse(): never {
  throw new Error('no');
}

describe('a value in words', () => {
  it.each([
    ['text', '"text"'],
    [7, '7'],
    [NaN, 'NaN'],
    [null, 'null'],
    [undefined, 'undefined'],
    [1n, '1'],
    [Symbol('s'), 'Symbol(s)'],
    [refusal, 'a function (refusal)'],
    [() => 1, 'a function'],
    [Hidden, 'a class (Hidden)'],
    [runInNewContext('({ classify() {} }).classify'), 'a function (classify)'],
    [runInNewContext('({ class (x) {} }).class'), 'a function (class)'],
    [runInNewContext('(class{})'), 'a class'],
    [-0, '-0'],
    [[1, undefined, 'a', [true]], '[1,undefined,"a",[true]]'],
    [{ a: 1, b: undefined, d: { e: null, f: 2n } }, '{"a":1,"b":undefined,"d":{"e":null,"f":2n}}'],
    [[NaN, -Infinity, -0], '[NaN,-Infinity,-0]'],
    [
      {
        log: (): void => {},
        make: Hidden,
        none: [
          () => 1,
          class {
            n = 1;
          },
        ],
        mark: Symbol('s'),
      },
      '{"log":[function log],"make":[class Hidden],"none":[[function],[class]],"mark":Symbol(s)}',
    ],
    [new Date(0), '"1970-01-01T00:00:00.000Z"'],
    [new URL('https://host/'), '"https://host/"'],
    [
      new Map<unknown, unknown>([
        [1, 2],
        ['apiKey', 'short'],
      ]),
      'Map {"1":2,"apiKey":"[redacted]"}',
    ],
    [new Set([1, 'two', undefined]), 'Set [1,"two",undefined]'],
    [
      new (class Refused {
        status = 418;
      })(),
      'Refused {"status":418}',
    ],
    [
      new (class {
        n = 1;
      })(),
      'a class {"n":1}',
    ],
    [[new Error('within'), new Hidden()], '["Error: within",Hidden {}]'],
    [
      { headers: new Headers({ a: 'b', cookie: 'c' }) },
      '{"headers":Headers {"a":"b","cookie":"[redacted]"}}',
    ],
    [new WeakMap(), 'WeakMap {}'],
    [/a+b/, '/a+b/'],
    [new ArrayBuffer(8), 'ArrayBuffer 8 bytes'],
    [[Object(5), Object('text'), Object(Symbol('s'))], '[5,"text",Symbol(s)]'],
    [runInNewContext('new Map([["a", {}]])'), 'Map {"a":{}}'],
    [Object.assign(Object.create(null) as object, { a: 1 }), '{"a":1}'],
    [(function* () {})(), 'Generator {}'],
  ])('reads like JSON where there is some, and names classes (%#)', (value, words) => {
    expect(inWords(value)).toBe(words);
  });
  it('is as JSON has it, up to its length', () => {
    fc.assert(
      fc.property(fc.jsonValue({ noUnicodeString: false }), (value) => {
        const text = JSON.stringify(value);
        if (text.length <= 110 && withoutSecrets(text) === text) expect(inWords(value)).toBe(text);
        else expect(inWords(value).length).toBeLessThan(130);
      }),
    );
  });
  it('ends for a map that is a key of its own', () => {
    const own = new Map<unknown, unknown>();
    own.set(own, own).set([own], { own });
    expect(inWords(own)).toMatch(/^Map \{"Map \{/);
    expect(inWords([{ a: 1, own }])).toMatch(/^\[\{"a":1,"own":Map \{"Map \{/);
  });
  it('never throws', () => {
    fc.assert(
      fc.property(fc.anything({ withBigInt: true, withNullPrototype: true, withMap: true }), (value) => {
        expect(typeof inWords(value)).toBe('string');
      }),
    );
    const trap = {
      get a(): never {
        throw new Error('no');
      },
    };
    expect(inWords(trap)).toBe('an object');
    const cycle: Record<string, unknown> = {};
    cycle['self'] = cycle;
    expect(inWords(cycle)).toMatch(/^\{"self":\{"self"/);
  });
  it('looks at no more than it shows', () => {
    let looks = 0;
    const rows = Array.from({ length: 100_000 }, (_, at) => ({
      get n() {
        looks += 1;
        return at;
      },
    }));
    expect(inWords(rows)).toMatch(/^\[\{"n":0\},\{"n":1\}.*\.\.\.$/);
    expect(looks).toBeLessThan(50);
  });
});

it('a number under the key of a secret is none that a message says; how many there are is', () => {
  expect(inWords({ password: 12345678, pins: { apiKey: 4321n }, maxTokens: 400, tokenLimit: 7n })).toBe(
    '{"password":"[redacted]","pins":{"apiKey":"[redacted]"},"maxTokens":400,"tokenLimit":7n}',
  );
  expect(inWordsUnder('secret', 4711)).toBe('"[redacted]"');
  expect(inWordsUnder('secret', 4711n)).toBe('"[redacted]"');
  expect(inWordsUnder('tokens', 4711)).toBe('4711');
});

it('no name of a function, and no symbol, says a secret', () => {
  const named = { [KEY]: () => 1 }[KEY];
  for (const value of [named, [named], Symbol(KEY), [Symbol(KEY)], { password: Symbol('hunter2') }]) {
    expect(inWords(value)).toContain('[redacted]');
    expect(inWords(value)).not.toContain('hunter2');
  }
});

describe('is short', () => {
  it('120 characters are shown whole, and of more the first 117', () => {
    const text = 'ab'.repeat(60);
    expect(inWords(text)).toBe(`"${text}"`);
    expect(inWords(`${text}c`)).toBe(`"${text.slice(0, 117)}..."`);
    expect(inWords(Symbol(text))).toBe(`Symbol(${text.slice(0, 110)}...`);
  });

  it('what is cut off a text after 4,096 characters is told, and what is hidden is not', () => {
    const secret = `${KEY}${'a1'.repeat(3_000)}`;
    expect(inWords(secret.slice(0, 4_096))).toBe('"[redacted]"');
    expect(inWords(secret.slice(0, 4_097))).toBe('"[redacted]..."');
    const row = ' of a row'.repeat(13).slice(0, 109);
    expect(inWords(`${row} ${secret}`)).toBe(`"${row} [redact..."`);
  });

  it.each<[string, (inner: unknown) => unknown, string, string]>([
    ['lists', (inner) => [inner], '[', ']'],
    ['objects', (inner) => ({ '': inner }), '{"":', '}'],
    ['what says itself what it is', (inner) => ({ toJSON: () => inner }), '', ''],
  ])('20 levels of %s are gone into', (_, around, one, end) => {
    expect(inWords(nested(19, around))).toBe(`${one.repeat(19)}1${end.repeat(19)}`);
    const twenty = `${one.repeat(20)}…${end.repeat(20)}`;
    expect([inWords(nested(21, around)), inWords(nested(40, around))]).toEqual([twenty, twenty]);
  });

  it('of bytes more than 4,096 are counted', () => {
    expect(inWords(new Uint8Array(2))).toBe('Uint8Array {"0":0,"1":0}');
    expect(inWords(new Uint8Array(4_096))).toMatch(/^Uint8Array \{"0":0,.*\.\.\.$/);
    expect(inWords(new Uint8Array(4_097))).toBe('4097 bytes');
  });

  it('fields behind what is shown are not read', () => {
    let looks = 0;
    const record = Object.fromEntries(Array.from({ length: 1_000 }, (_, at) => [`field${at}`, at]));
    for (const key of Object.keys(record))
      Object.defineProperty(record, key, { enumerable: true, get: () => (looks += 1) });
    expect(inWords(record)).toMatch(/^\{"field0":1,"field1":2,.*\.\.\.$/);
    expect(looks).toBeLessThan(15);
  });
});

describe('what is not what it seems', () => {
  it.each([
    ['a field named toJSON that is no function', { toJSON: 1 }, '{"toJSON":1}'],
    ['an error of another realm', runInNewContext('new TypeError("no")'), '"TypeError: no"'],
    [
      'an error that no constructor made',
      Object.create(Error.prototype, { message: { value: 'no' } }),
      '"Error: no"',
    ],
  ])('%s', (_, value, words) => {
    expect(inWords(value)).toBe(words);
  });

  it('what does not say of which class it is is no promise', () => {
    expect(inWords(new Proxy({}, { getPrototypeOf: refuse }))).toBe('an object');
    expect(inWords(new Proxy({ toJSON: () => 7 }, { getPrototypeOf: refuse }))).toBe('7');
  });
});

describe('quotes no secret', () => {
  it.each([
    [KEY],
    ['sk-ant-api03-short'],
    ['ghp_abcdefghijklmnopqrst'],
    ['github_pat_11ABCDEFG0abcdefgh'],
    ['xoxb-1234567890-abc'],
    ['AKIAIOSFODNN7EXAMPLE'],
    ['AIzaSyA1234567890abcdefghijklmnop'],
    ['eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl'],
    ['-----BEGIN RSA PRIVATE KEY-----\nMIIEow\n-----END RSA PRIVATE KEY-----'],
    ['Zm9vYmFyYmF6cXV4MTIzNDU2Nzg5MGFiY2Rl'],
  ])('%s, wherever it is', (secret) => {
    const shown = [
      secret,
      `before ${secret} after`,
      [secret],
      { a: { b: secret } },
      { [secret]: 1 },
      new Error(secret),
    ];
    for (const value of shown) {
      const words = inWords(value);
      expect(words).not.toContain(secret.slice(5, 12));
      if (!(value instanceof Error)) expect(words).toContain('[redacted]');
    }
  });
  it('what stands before a host, and behind Bearer', () => {
    expect(inWords('postgres://me:hunter2@db/x')).toBe('"postgres://[redacted]@db/x"');
    expect(inWords('Bearer abcdefgh')).toBe('"Bearer [redacted]"');
  });
  it('one that goes on where the words end, or where nobody looks any more', () => {
    expect(inWords(`${'x'.repeat(110)} ${KEY}`)).not.toContain('sk-');
    expect(inWords(`${KEY}${'a1'.repeat(10_000)}`)).toBe('"[redacted]..."');
  });
  it('what stands under a key that names one, but for numbers', () => {
    expect(
      inWords({ password: 'hunter2', apiKey: ['a', 'b'], token: { id: 'x' }, maxTokens: 7, tokenCount: 9 }),
    ).toBe(
      '{"password":"[redacted]","apiKey":"[redacted]","token":"[redacted]","maxTokens":7,"tokenCount":9}',
    );
    expect(inWordsUnder('password', 'hunter2')).toBe('"[redacted]"');
  });
  it.each([
    'counter-1',
    'task-1234567',
    'my-very-long-agent-name-of-many-words-0001',
    '550e8400-e29b-41d4-a716-446655440000',
    '/work/some/folder/with/2024/files/agent-of-mine.ts',
    'https://example.org/path/to/2024/11/26/report.html',
    'x'.repeat(100),
    '1'.repeat(100),
  ])('and nothing else: %s', (text) => {
    expect(inWords(text)).toBe(`"${text}"`);
  });
  it.each([
    'authorization',
    'Cookie',
    'x-api-key',
    'apiKey',
    'API_KEY',
    'accessToken',
    'clientSecret',
    'passphrase',
    'privateKey',
  ])('%s names one', (key) => expect(isSecretKey(key)).toBe(true));
  it.each(['key', 'monkey', 'max_tokens', 'x-ratelimit-remaining-tokens', 'author', 'pass'])(
    '%s names none',
    (key) => expect(isSecretKey(key)).toBe(false),
  );
});

describe('a refusal', () => {
  it('of a schema shows what came, and no secret of it', () => {
    const schema = z.object({ model: z.number(), auth: z.object({ apiKey: z.number() }) });
    const verdict = judge(schema, { model: 'gpt', auth: { apiKey: 'k1' } });
    expect(verdict).toEqual({
      problem: 'model: expected a number, got "gpt"; auth.apiKey: expected a number, got "[redacted]"',
    });
  });
  it('shows no number under the key of a secret, whatever the keys around it measure', () => {
    const schema = z.object({ tokenLimits: z.object({ password: z.string(), max: z.string() }) });
    expect(judge(schema, { tokenLimits: { password: 4711, max: 5 } })).toEqual({
      problem:
        'tokenLimits.password: expected a string, got "[redacted]"; tokenLimits.max: expected a string, got 5',
    });
  });
  it('of initArgs, of an input and of an option that is not known quotes none', async () => {
    const strict = defineAgent({
      type: 'strict',
      initArgs: z.object({ key: z.number() }),
      init: () => 0,
      tasks: { ask: { input: z.number(), run: () => 1 } },
    });
    const { agents } = await rig();
    const bad = await refusal(agents.register({ module: strict, initArgs: { key: KEY } as never }));
    expect(bad.message).toContain('[redacted]');
    const unknown = await refusal(agents.register({ module: strict, apiKey: 'k1' } as never));
    expect(unknown.message).toMatch(/apiKey.*got "\[redacted\]"/);
    const id = await agents.register({ module: strict, initArgs: { key: 1 } });
    await agents.start(id);
    const known: string = id;
    const input = await refusal(agents.execute(known, { type: 'ask', input: KEY }));
    for (const { message, cause, details } of [bad, unknown, input]) {
      expect(`${message} ${String(cause)} ${JSON.stringify(details)}`).not.toMatch(/sk-proj|k1/);
    }
  });
});
