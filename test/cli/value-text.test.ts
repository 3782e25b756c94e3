/** A value in a command is JSON, or else the text itself. */
import { expect, it } from 'vitest';
import { valueFrom } from '../../src/cli/value-text.ts';

it.each<[string, unknown]>([
  ['{"a":[1]}', { a: [1] }],
  ['7', 7],
  ['"7"', '7'],
  ['null', null],
  ['seven', 'seven'],
  ['{a:1}', '{a:1}'],
  ['', ''],
])('%j is %j', (text, value) => {
  expect(valueFrom(text)).toEqual(value);
});
