/** Inputs of tasks: from the user's examples, from an arbitrary of theirs, or from the task's own schema. */
import type { Arbitrary } from 'fast-check';
import type * as FastCheck from 'fast-check';
import { errorInfoOf } from '../../runtime/values/errors.ts';
import { type AnySchema, judge, type Schema } from '../../runtime/values/schema.ts';
import { arbitraryOf, type JsonSchema } from './json-schema-arbitrary.ts';

export interface InputPlan {
  /** Inputs to take, in place of any that are made up. */
  readonly examples?: readonly unknown[];
  /** A fast-check arbitrary, in place of the one that the schema gives. */
  readonly inputs?: unknown;
}

/** Of how many made-up values one at least has to be valid. */
const TRIALS = 200;

/** @throws Error for a schema that nothing can be made up for, with the way out */
export function inputsOf(
  fc: typeof FastCheck,
  task: string,
  schema: AnySchema | undefined,
  { examples, inputs }: InputPlan,
): Arbitrary<unknown> {
  if (inputs !== undefined) return inputs as Arbitrary<unknown>;
  if (examples !== undefined && examples.length > 0) return fc.constantFrom(...examples);
  if (schema === undefined) return fc.constant(undefined);
  const wayOut = `give it examples: { tasks: { ${JSON.stringify(task)}: { examples: […] } } }`;
  const made = arbitraryOf(fc, jsonSchemaOf(schema, task, wayOut));
  const isValid = (value: unknown): boolean => {
    const verdict = judge(schema, value);
    return verdict instanceof Promise || 'value' in verdict;
  };
  if (!fc.sample(made, { numRuns: TRIALS, seed: 1 }).some(isValid)) {
    throw new Error(`of ${TRIALS} inputs made up by the schema of ${task} none is valid: ${wayOut}`);
  }
  return made.filter(isValid);
}

/** What a schema says of itself as JSON Schema, where its library speaks Standard JSON Schema (zod, arktype, …). */
function jsonSchemaOf(schema: Schema, task: string, wayOut: string): JsonSchema {
  const standard = schema['~standard'] as unknown as {
    readonly vendor: string;
    readonly jsonSchema?: { input(options: { readonly target: string }): JsonSchema };
  };
  if (standard.jsonSchema === undefined) {
    throw new Error(
      `the input schema of ${task} (${standard.vendor}) does not say what it is as JSON Schema: ${wayOut}`,
    );
  }
  try {
    return standard.jsonSchema.input({ target: 'draft-2020-12' });
  } catch (thrown) {
    throw new Error(
      `the input schema of ${task} is not one of JSON data (${errorInfoOf(thrown).message}): ${wayOut}`,
      {
        cause: thrown,
      },
    );
  }
}
