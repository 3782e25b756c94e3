/** What callers write and what the schemas read have the same fields, each of the same type. */
import { expectTypeOf, it } from 'vitest';
import type { z } from 'zod';
import type {
  AgentSpecInput,
  agentSpec,
  BudgetSpecInput,
  budgetSpec,
  PoolSpecInput,
  poolSpec,
  RestartPolicyInput,
  restartPolicy,
  RoundTermsInput,
  roundTerms,
} from '../../src/machines/index.ts';

/** As a schema has it: nothing is `readonly`. `object` itself has no fields to be mapped. */
type Read<Value> = Value extends (...given: never) => unknown
  ? Value
  : Value extends readonly (infer Entry)[]
    ? Read<Entry>[]
    : Value extends object
      ? keyof Value extends never
        ? Value
        : { -readonly [Key in keyof Value]: Read<Value[Key]> }
      : Value;

it('is one list of fields', () => {
  expectTypeOf<Read<AgentSpecInput>>().toEqualTypeOf<Read<z.input<typeof agentSpec>>>();
  expectTypeOf<Read<RestartPolicyInput>>().toEqualTypeOf<Read<z.input<typeof restartPolicy>>>();
  expectTypeOf<Read<BudgetSpecInput>>().toEqualTypeOf<Read<z.input<typeof budgetSpec>>>();
  expectTypeOf<Read<RoundTermsInput>>().toEqualTypeOf<Read<z.input<typeof roundTerms>>>();
  expectTypeOf<Read<PoolSpecInput>>().toEqualTypeOf<Read<z.input<typeof poolSpec>>>();
});
