import { expect, it } from 'vitest';
import { listed, meantBy, nearest } from '../../src/runtime/values/near-name.ts';

const names = ['store', 'logger', 'timeoutMs', 'restart', 'id', 'by'];

it.each([
  ['stor', 'store'],
  ['sotre', 'store'],
  ['timeout', 'timeoutMs'],
  ['TIMEOUTMS', 'timeoutMs'],
  ['restartPolicy', 'restart'],
  ['restarts', 'restart'],
])('%s: did you mean %s?', (name, near) => {
  expect(meantBy(name, names)).toBe(`did you mean "${near}"?`);
});

it.each(['payload', 'x', '', 'y', '__proto__'])('%s is like none: it says which there are', (name) => {
  expect(meantBy(name, names)).toBe(`there are: ${names.join(', ')}`);
});

it.each([
  ['a beginning of two letters', 'st', ['store'], 'store'],
  ['a beginning of one letter', 's', ['store'], undefined],
  ['a longer name that begins with a known one of four letters', 'textual-form', ['text'], 'text'],
  ['a longer name that begins with a known one of three letters', 'tex-form', ['tex'], undefined],
  ['four letters, one of them another', 'tset', ['text', 'teet'], 'teet'],
  ['four letters, two of them others', 'toot', ['text'], undefined],
  ['three letters, one of them another', 'tet', ['tat'], undefined],
  ['five letters, two of them others', 'lugar', ['lager'], 'lager'],
  ['many letters, two of them others', 'timeautms-x', ['timeoutms-y'], 'timeoutms-y'],
  ['many letters, three of them others', 'tameautms-x', ['timeoutms-y'], undefined],
])('%s: of %j and %j it means %j', (_, name, known, near) => {
  expect(nearest(name, known)).toBe(near);
});

it('of many it tells some, and how many more there are', () => {
  const many = Array.from({ length: 25 }, (_, at) => `option${at}`);
  expect(meantBy('payload', many)).toBe(`there are: ${many.slice(0, 20).join(', ')} and 5 more`);
  expect(listed(many.slice(0, 20))).toBe(many.slice(0, 20).join(', '));
  expect(listed(many.slice(0, 21))).toBe(`${many.slice(0, 20).join(', ')} and 1 more`);
  expect(meantBy('payload', [])).toBe('there are none');
});

it('a name that is very long is compared, and told, by its beginning', () => {
  const long = `timeoutMs${'x'.repeat(1_000)}`;
  expect(meantBy(long, names)).toBe('did you mean "timeoutMs"?');
  expect(meantBy('payload', [long])).toBe(`there are: ${long.slice(0, 64)}`);
  expect(meantBy(long, [long]).length).toBeLessThan(200);
});

it('of very many names the first are compared', () => {
  const others = Array.from({ length: 1_000 }, (_, at) => String(at).padStart(9, '0'));
  expect(meantBy('targte', ['target', ...others])).toBe('did you mean "target"?');
  expect(meantBy('targte', [...others, 'target'])).toMatch(/^there are: .* and 981 more$/);
});
