/** Laws of scaling signals that have a name. */
import { expect, expectTypeOf, test } from 'vitest';
import { defineScalingSignal, type NamedScalingSignal, type PoolSpec } from '../../src/index.ts';
import type { FleetPoolSpec } from '../../src/restate.ts';
import { isNamedScalingSignal } from '../../src/runtime/pools/scaling-signal.ts';
import { refusal } from '../kit/rig.ts';

const measure = () => ({ waiting: 3 });

test('one has the name and the function that it was given, and stays so', () => {
  const signal = defineScalingSignal('backlog', measure);
  expect(signal).toEqual({ name: 'backlog', measure });
  expect(Object.isFrozen(signal)).toBe(true);
  expect([signal, measure, { name: 'backlog' }, 'backlog'].map(isNamedScalingSignal)).toEqual([
    true,
    false,
    false,
    false,
  ]);
});

test.each([
  ['name', '', measure],
  ['name', 'x'.repeat(257), measure],
  ['name', 7, measure],
  ['measure', 'backlog', {}],
])('an invalid %s is refused by its field', async (field, name, given) => {
  const attempt = async () => defineScalingSignal(name as string, given as never);
  const { code, message } = await refusal(attempt());
  expect(code).toBe('AGENT_SPEC_INVALID');
  expect(message).toContain(`defineScalingSignal: ${field}`);
});

test('the types of a pool take it: in one program beside a function, in a fleet beside a name', () => {
  type Signal<Spec extends { readonly scale?: { readonly signal?: unknown } | undefined }> = NonNullable<
    NonNullable<Spec['scale']>['signal']
  >;
  expectTypeOf<NamedScalingSignal>().toExtend<Signal<PoolSpec>>();
  expectTypeOf<typeof measure>().toExtend<Signal<PoolSpec>>();
  expectTypeOf<string>().not.toExtend<Signal<PoolSpec>>();
  expectTypeOf<Signal<FleetPoolSpec>>().toEqualTypeOf<NamedScalingSignal | string>();
});
