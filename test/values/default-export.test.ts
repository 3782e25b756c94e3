/** The default export of a module, as its author wrote it: of one that a compiler has made CommonJS it is a level deeper. */
import { expect, it } from 'vitest';
import { defaultExportOf } from '../../src/runtime/values/default-export.ts';

const compiled = (more: object) => ({ __esModule: true, ...more });

it.each([
  ['none', {}, undefined],
  ['null', { default: null }, null],
  ['a text', { default: 'text' }, 'text'],
  ['an object', { default: { type: 'a' } }, { type: 'a' }],
  ['an object with a default of its own', { default: { default: 1 } }, { default: 1 }],
  [
    'what says that it is compiled by another word',
    { default: { __esModule: 1, default: 1 } },
    { __esModule: 1, default: 1 },
  ],
  ['of a compiled module', { default: compiled({ default: 1 }) }, 1],
  ['of a compiled module, undefined', { default: compiled({ default: undefined }) }, undefined],
  ['of a compiled module that has none', { default: compiled({ named: 1 }) }, compiled({ named: 1 })],
])('is as its author wrote it: %s', (_, loaded, expected) => {
  expect(defaultExportOf(loaded)).toEqual(expected);
});
