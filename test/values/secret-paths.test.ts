import { expect, it } from 'vitest';
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
