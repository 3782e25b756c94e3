import { expect, it } from 'vitest';
import { variable, type VariableDefinition } from '../../src/index.ts';
import { valuesOf } from '../../src/testing/variable-values.ts';

it.each<[VariableDefinition, unknown[]]>([
  [variable.integer({ min: 1, max: 10, step: 4, default: 5 }), [5, 1, 9]],
  [variable.integer({ min: -3, max: 3, default: -3 }), [-3, 3]],
  [variable.integer({ max: 9, default: 0 }), [0, 9]],
  [variable.integer({ max: -5, step: 3, default: -9 }), [-9, -6]],
  [variable.integer({ max: 5, step: 3, default: 0 }), [0, 3]],
  [variable.integer({ min: -7, max: -2, step: 2, default: -5 }), [-5, -7, -3]],
  [variable.float({ min: 0.5, max: 2, default: 1 }), [1, 0.5, 2]],
  [variable.choice({ options: ['a', 'b'], default: 'b' }), ['a', 'b']],
  [variable.boolean({ default: false }), [true, false]],
  [variable.json({ default: { n: 1 } }), [{ n: 1 }]],
])('of %j these are tried, each of which it may have: %j', (definition, values) => {
  expect(valuesOf(definition)).toEqual(values);
});
