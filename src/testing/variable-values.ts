/** A few values that a variable may have, its bounds among them. Pure. */
import type { VariableDefinition } from '../runtime/coordination/variables/variable.ts';

export function valuesOf({ kind, bounds, default: first }: VariableDefinition): readonly unknown[] {
  const {
    min,
    max,
    step = 1,
    options,
  } = bounds as {
    readonly min?: number;
    readonly max?: number;
    readonly step?: number;
    readonly options?: readonly unknown[];
  };
  const ends = [min, max].filter((value) => Number.isFinite(value));
  const from = min !== undefined && Number.isFinite(min) ? min : 0;
  switch (kind) {
    case 'choice':
      return options ?? [first];
    case 'boolean':
      return [true, false];
    case 'integer':
      return distinct([first, ...ends.map((end) => from + Math.floor((end! - from) / step) * step)]);
    case 'float':
      return distinct([first, ...ends]);
    default:
      return [first];
  }
}

function distinct(values: readonly unknown[]): readonly unknown[] {
  return [...new Set(values)];
}
