import { inspect } from 'node:util';
import { describe, expect, it } from 'vitest';
import {
  joinSecrets,
  outermostPaths,
  secretTexts,
  splitSecrets,
  withoutSecretsIn,
  withoutTexts,
} from '../../src/runtime/values/secret-paths.ts';

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

it('of paths within each other the outer one counts, once', () => {
  expect(outermostPaths(['a.b', 'a', 'c', 'a', 'ab'])).toEqual(['a', 'c', 'ab']);
});

it('texts are looked for as they are and as JSON has them, the longest first; short ones are not', () => {
  const values = new Map<string, unknown>([
    ['a', 'long"text'],
    ['b', { c: ['longer-text', 'short'], d: 7 }],
  ]);
  expect(secretTexts(values)).toEqual(['longer-text', 'long\\"text', 'long"text']);
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
