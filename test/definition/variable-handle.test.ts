/** What speaks of a variable: its name, or its handle; anything else is refused. */
import { expect, test } from 'vitest';
import { nameOf, variableName, variableRef } from '../../src/runtime/definition/variable-handle.ts';

const handle = { name: 'lr', default: 1 };

test('a name and a handle are read, and come to the name', () => {
  expect([nameOf('lr'), nameOf(handle)]).toEqual(['lr', 'lr']);
  expect([variableRef.parse('lr'), variableRef.parse(handle)]).toEqual(['lr', handle]);
  expect([variableName.parse('lr'), variableName.parse(handle)]).toEqual(['lr', 'lr']);
});

test.each([
  ['no text', 7],
  ['an empty name', ''],
  ['nothing', null],
  ['a handle without a name', { default: 1 }],
  ['a handle with an empty name', { ...handle, name: '' }],
  ['a handle whose name is no text', { ...handle, name: 7 }],
  [
    'a handle whose name cannot be read',
    {
      get name(): never {
        throw new Error('no');
      },
    },
  ],
])('%s is refused', (_, given) => {
  expect(variableRef.safeParse(given).error?.issues[0]?.message).toMatch(
    /^expected the name of a v|^Too small/,
  );
  expect(variableName.safeParse(given).success).toBe(false);
});
