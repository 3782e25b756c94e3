import { inspect } from 'node:util';
import { describe, expect, it } from 'vitest';
import {
  endOfPath,
  joinSecrets,
  noSecrets,
  outermostPaths,
  secretTexts,
  splitSecrets,
  withoutSecretsIn,
  withoutTexts,
} from '../../src/runtime/values/secret-paths.ts';
import { hostileValues } from '../kit/hostile-values.ts';

it('what is taken out is put back: the same, and nothing shared', () => {
  const data = { a: { b: 'secret-1', c: [1, { d: 'secret-2' }] }, e: null };
  const { shown, values } = splitSecrets(data, ['a.b', 'a.c.1.d', 'e', 'a.x', 'e.y']);
  expect(shown).toEqual({ a: { b: '[redacted]', c: [1, { d: '[redacted]' }] }, e: '[redacted]' });
  expect([...values]).toEqual([
    ['a.b', 'secret-1'],
    ['a.c.1.d', 'secret-2'],
    ['e', null],
  ]);
  expect(data.a.b).toBe('secret-1');
  const joined = joinSecrets(shown, values);
  expect(joined).toEqual(data);
  expect((joined as typeof data).a).not.toBe(data.a);
});

it('only what data has of its own is a place', () => {
  const data = JSON.parse('{ "__proto__": { "key": "secret" } }') as object;
  const { shown, values } = splitSecrets(data, ['__proto__.key', 'constructor', 'toString.name']);
  expect([...values]).toEqual([['__proto__.key', 'secret']]);
  expect(JSON.stringify(shown)).toBe('{"__proto__":{"key":"[redacted]"}}');
  expect(Object.prototype).not.toHaveProperty('key');
  expect(JSON.stringify(joinSecrets(shown, values))).toBe('{"__proto__":{"key":"secret"}}');
});

it('without paths data is the very same, and one path takes out one secret', () => {
  const data = { a: 'secret-1', b: 2 };
  expect(splitSecrets(data, []).shown).toBe(data);
  expect(splitSecrets(data, []).values).toBe(noSecrets);
  const { shown, values } = splitSecrets(data, ['a']);
  expect([shown, [...values]]).toEqual([{ a: '[redacted]', b: 2 }, [['a', 'secret-1']]]);
});

it('what is not there, or is redacted already, is no secret', () => {
  const data = { none: undefined, hidden: '[redacted]', nothing: null, list: [1] };
  const paths = ['none', 'hidden', 'nothing.in', 'list.length.x', 'hidden.length', 'list.1', 'x.y'];
  const { shown, values } = splitSecrets(data, paths);
  expect([shown, [...values]]).toEqual([data, []]);
  expect(Object.hasOwn(shown as object, 'none')).toBe(true);
});

it('secrets that were taken out and put back can be changed and listed, as any field', () => {
  const { shown, values } = splitSecrets({ a: 'secret-1' }, ['a']);
  for (const data of [shown, joinSecrets(shown, values)])
    expect(Object.getOwnPropertyDescriptor(data, 'a')).toMatchObject({
      writable: true,
      enumerable: true,
      configurable: true,
    });
});

it('a secret is put back where there is a place for it alone', () => {
  const values = new Map([
    ['a.b', 'secret-1'],
    ['nothing.b', 'secret-2'],
    ['text.b', 'secret-3'],
    ['gone.b.c', 'secret-4'],
  ]);
  expect(joinSecrets({ a: {}, nothing: null, text: 'x' }, values)).toEqual({
    a: { b: 'secret-1' },
    nothing: null,
    text: 'x',
  });
});

it.each<[string, ReturnType<typeof endOfPath>]>([
  ['a.b', undefined],
  ['list.0.x', undefined],
  ['z', { within: '', key: 'z', known: ['a', 'list', 'nothing'] }],
  ['a.z', { within: 'a', key: 'z', known: ['b'] }],
  ['a.b.z', { within: 'a.b', key: 'z', known: [] }],
  ['list.1.x', { within: 'list', key: '1', known: ['0'] }],
  ['nothing.z.y', { within: 'nothing', key: 'z', known: [] }],
  ['toString', { within: '', key: 'toString', known: ['a', 'list', 'nothing'] }],
])('the path %s ends where it leads nowhere', (path, end) => {
  expect(endOfPath({ a: { b: 'text' }, list: [{ x: 1 }], nothing: null }, path)).toEqual(end);
});

it.each([undefined, null, 'text', 7, new Map([['a', 1]])])('a path leads nowhere from %s', (data) => {
  expect(endOfPath(data, 'a.b')).toEqual({ within: '', key: 'a', known: [] });
});

it('of paths within each other the outer one counts, once', () => {
  expect(outermostPaths(['a.b', 'a', 'c', 'a', 'ab'])).toEqual(['a', 'c', 'ab']);
});

it('texts are looked for as they are and as JSON has them, the longest first; short ones are not', () => {
  const values = new Map<string, unknown>([
    ['a', 'long"text'],
    ['b', { c: ['longer-text', 'short'], d: 7 }],
  ]);
  expect(new Set(secretTexts(values))).toEqual(new Set(['longer-text', 'long\\"text', 'long"text']));
  expect(
    withoutTexts(
      'a longer-text here',
      secretTexts(
        new Map([
          ['a', 'longer'],
          ['b', 'longer-text'],
        ]),
      ),
    ),
  ).toBe('a [redacted] here');
});

it('texts of six characters are looked for, of five not; and in whatever holds them, itself included', () => {
  const round: unknown[] = ['123456', '12345', null, 7];
  round.push(round, { again: round });
  expect(secretTexts(new Map([['key', round]]))).toEqual(['123456']);
  expect(secretTexts(new Map([['key', null]]))).toEqual([]);
});

it.each([
  ['as it is', 'line-1\nline-2', 'line-1\nline-2'],
  ['as JSON has it', 'line-1\nline-2', 'line-1\\nline-2'],
  ['as JSON has it', 'bold\u001b[1m', 'bold\\u001b[1m'],
  ['as `console.log` has it', 'bold\u001b[1m', 'bold\\x1B[1m'],
])('a text is found %s', (_, secret, told) => {
  expect(withoutTexts(`<${told}>`, secretTexts(new Map([['key', secret]])))).toBe('<[redacted]>');
});

it('a key that holds one is hidden, if nothing else does', () => {
  expect(withoutSecretsIn({ 'secret-1': 1 }, ['secret-1'])).toEqual({ '[redacted]': 1 });
  expect(withoutSecretsIn(new Map([[{ 'secret-1': 1 }, 2]]), ['secret-1'])).toEqual(
    new Map([[{ '[redacted]': 1 }, 2]]),
  );
});

function nested(levels: number): string {
  let value: unknown = 'secret-1';
  for (let level = 0; level < levels; level += 1) value = [value];
  return JSON.stringify(withoutSecretsIn(value, ['secret-1']));
}

it('what is nested more deeply than 501 levels is hidden with what holds a secret', () => {
  const within501 = `${'['.repeat(501)}"[redacted]"${']'.repeat(501)}`;
  expect([nested(501), nested(502), nested(600)]).toEqual([within501, within501, within501]);
  expect(nested(500)).toBe(within501.slice(1, -1));
});

it('data without any of them is the very same, and what holds one is a copy', () => {
  const clean = { a: [1, 'b'], c: { d: new Date(0) } };
  expect(withoutSecretsIn(clean, ['secret-1'])).toBe(clean);
  const cyclic: Record<string, unknown> = { 'with secret-1': { deep: ['x secret-1 y'] }, kept: clean };
  cyclic['self'] = cyclic;
  const shown = withoutSecretsIn(cyclic, ['secret-1']);
  expect(shown['with [redacted]']).toEqual({ deep: ['x [redacted] y'] });
  expect(shown['kept']).toEqual(clean);
  expect(shown['self']).toBe('[circular]');
  const round: unknown[] = [];
  round.push(round);
  expect(withoutSecretsIn(round, ['secret-1'])).toBe(round);
  expect(cyclic['with secret-1']).toBeDefined();
});

describe('whatever a log line or a detail may hold is shown without it', () => {
  const secrets = ['secret-1'];
  class Client {
    key = 'secret-1';
    ask(): void {}
  }
  const hidden = (value: unknown) => withoutSecretsIn({ value }, secrets).value;

  it('an error, with its causes and its fields, that stays one of its class', () => {
    const cause = new RangeError('of secret-1');
    const error = Object.assign(new TypeError('for secret-1', { cause }), { status: 401, url: '/secret-1' });
    const shown = hidden(error) as typeof error;
    expect(shown).toBeInstanceOf(TypeError);
    expect(shown.message).toBe('for [redacted]');
    expect(shown.stack).toContain('for [redacted]');
    expect(shown).toMatchObject({ status: 401, url: '/[redacted]', cause: { message: 'of [redacted]' } });
    expect(inspect(shown)).not.toContain('secret-1');
    expect(error.message).toBe('for secret-1');
    const plain = hidden(new Error('secret-1')) as Error;
    expect(Object.getOwnPropertyDescriptor(plain, 'message')).toEqual({
      value: '[redacted]',
      writable: true,
      enumerable: false,
      configurable: true,
    });
    expect(['cause', 'errors', 'name'].some((key) => Object.hasOwn(plain, key))).toBe(false);
  });
  it.each([
    ['a map', new Map<unknown, unknown>([['secret-1', { in: 'secret-1' }]])],
    ['a set', new Set(['secret-1', ['secret-1']])],
    ['an instance', new Client()],
    ['what says itself how it is shown', new URL('https://host/?key=secret-1')],
    ['errors of an error', new AggregateError([new Error('secret-1'), 'secret-1'], 'm')],
    ['a cause that is a text', new Error('m', { cause: 'secret-1' })],
    ['what contains itself by an error', Object.assign(new Error('secret-1'), { it: [] as unknown[] })],
  ])('%s', (_, value) => {
    if ('it' in value) (value.it as unknown[]).push(value);
    const shown = hidden(value);
    expect(inspect(shown, { depth: 10 })).not.toContain('secret-1');
    expect(inspect(shown, { depth: 10 })).toContain('[redacted]');
  });
  it.each([new Client(), new Error('m'), new Map([[1, 2]]), new Uint8Array(3)])(
    'one that has none stays it (%#)',
    (value) => {
      if (value instanceof Client) value.key = 'open';
      expect(withoutSecretsIn({ other: 'secret-1', value }, secrets).value).toBe(value);
    },
  );
  it.each(['a proxy that throws', 'a list that throws', 'a revoked proxy', 'a revoked list'])(
    'nothing of %s, which is in nobody’s way',
    (name) => {
      const value = hostileValues[name]!();
      const alone = { value };
      expect(withoutSecretsIn(alone, secrets)).toBe(alone);
      expect(withoutSecretsIn({ value, key: 'secret-1' }, secrets)).toEqual({
        value: '[redacted]',
        key: '[redacted]',
      });
    },
  );
  it('getters that throw, or give new values without end, are in nobody’s way', () => {
    const endless = (): object => ({
      get next() {
        return endless();
      },
    });
    const thrower = {
      get it(): never {
        throw new Error('not to be had');
      },
      toJSON(): never {
        throw new Error('not to be had');
      },
    };
    expect(hidden({ thrower, key: 'secret-1' })).toMatchObject({ key: '[redacted]' });
    expect(JSON.stringify(hidden({ endless: endless(), key: 'secret-1' }))).not.toContain('secret-1');
  });
});
