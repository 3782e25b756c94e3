import { expect, it } from 'vitest';
import { meantBy } from '../../src/runtime/values/near-name.ts';

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

it('of many it tells some, and how many more there are', () => {
  const many = Array.from({ length: 25 }, (_, at) => `option${at}`);
  expect(meantBy('payload', many)).toBe(`there are: ${many.slice(0, 20).join(', ')} and 5 more`);
  expect(meantBy('payload', [])).toBe('there are none');
});
