/** Who asks for an act: a text of 1 to 256 characters, or nobody. */
import { expect, it } from 'vitest';
import { actor, actSchema, saidBy } from '../../src/runtime/values/act.ts';

it.each([
  ['', false],
  ['a', true],
  ['a'.repeat(256), true],
  ['a'.repeat(257), false],
  [7, false],
])('by %j: that may be said is %s', (by, isTaken) => {
  const read = actor.safeParse(by);
  expect(read.success).toBe(isTaken);
  if (!isTaken)
    expect(read.error!.issues.map(({ message }) => message)).toEqual([
      'expected who asks for it, 1 to 256 characters',
    ]);
  expect(actSchema.safeParse({ by }).success).toBe(isTaken);
});

it('an act that nobody is said to have asked for has no field for them', () => {
  expect(actSchema.parse({})).toEqual({});
  expect(saidBy(undefined)).toStrictEqual({});
  expect(saidBy('ada')).toStrictEqual({ by: 'ada' });
});
