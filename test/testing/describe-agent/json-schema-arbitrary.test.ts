/** Values by a schema: valid ones, of every kind that it allows, and small when they are shrunk. */
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { inputsOf } from '../../../src/testing/describe-agent/inputs.ts';

interface Tree {
  readonly value: number;
  readonly children: readonly Tree[];
}
const tree: z.ZodType<Tree> = z.object({ value: z.number(), children: z.lazy(() => z.array(tree)) });

const schemas: Readonly<Record<string, z.ZodType>> = {
  'whole numbers': z.number().int(),
  'whole numbers in bounds': z.number().int().min(-3).max(12),
  'large whole numbers': z.number().int().min(1_000_000),
  'negative whole numbers': z.number().int().max(-500),
  'whole numbers in steps': z.number().int().multipleOf(7).min(10).max(100),
  'whole numbers beyond a bound': z.number().int().gt(0).lt(3),
  numbers: z.number(),
  'numbers in bounds': z.number().gt(0).max(1),
  'numbers in steps': z.number().multipleOf(0.5),
  texts: z.string(),
  'texts of a length': z.string().min(2).max(4),
  'texts of a pattern': z.string().regex(/^[a-c]{2}\d$/),
  'e-mail addresses': z.email(),
  moments: z.iso.datetime(),
  days: z.iso.date(),
  uuids: z.uuid(),
  addresses: z.url(),
  booleans: z.boolean(),
  nothing: z.null(),
  constants: z.literal('just this'),
  choices: z.enum(['a', 'b', 'c']),
  alternatives: z.union([z.number(), z.string(), z.null()]),
  'alternatives by a field': z.discriminatedUnion('kind', [
    z.object({ kind: z.literal('one'), n: z.number() }),
    z.object({ kind: z.literal('two'), text: z.string() }),
  ]),
  both: z.intersection(z.object({ a: z.number() }), z.object({ b: z.string() })),
  lists: z.array(z.number()).min(1).max(3),
  tuples: z.tuple([z.string(), z.number()]),
  'tuples with a rest': z.tuple([z.string()]).rest(z.number()),
  objects: z.object({ a: z.number(), b: z.string().optional() }),
  'strict objects': z.strictObject({ a: z.number() }),
  'objects by key': z.record(z.string(), z.number()),
  'optional ones': z.string().optional(),
  defaults: z.number().default(3),
  transformed: z.string().transform((text) => text.length),
  refined: z
    .number()
    .int()
    .refine((n) => n % 2 === 0),
  anything: z.unknown(),
  trees: tree,
  'what may be null': z.string().nullable(),
};

/** The different inputs of a task that such a plan gives. */
const take = (plan: Parameters<typeof inputsOf>[3]) =>
  new Set(fc.sample(inputsOf(fc, 'task', z.number(), plan), { numRuns: 50, seed: 1 }));

describe('by a schema', () => {
  it.each(Object.entries(schemas))('%s are valid', (_, schema) => {
    const values = fc.sample(inputsOf(fc, 'task', schema, {}), { numRuns: 200, seed: 3 });
    const wrong = values.filter((value) => !schema.safeParse(value).success);
    expect(wrong).toEqual([]);
  });

  it.each(['whole numbers', 'texts', 'alternatives', 'lists', 'choices', 'numbers', 'booleans', 'trees'])(
    '%s are many',
    (name) => {
      const values = fc.sample(inputsOf(fc, 'task', schemas[name], {}), { numRuns: 200, seed: 3 });
      expect(new Set(values.map((value) => JSON.stringify(value))).size).toBeGreaterThan(
        name === 'booleans' ? 1 : 2,
      );
    },
  );

  it('what is shrunk is the smallest that is still wrong', () => {
    const schema = z.object({ names: z.array(z.string()).max(5), count: z.number().int().min(0) });
    const inputs = inputsOf(fc, 'task', schema, {}) as fc.Arbitrary<z.infer<typeof schema>>;
    const { counterexample } = fc.check(
      fc.property(inputs, ({ names, count }) => count < 10 || names.length < 2),
      { seed: 5, numRuns: 1_000 },
    );
    expect(counterexample).toEqual([{ names: ['', ''], count: 10 }]);
  });

  it('examples and arbitraries of the user come first', () => {
    expect([...take({ examples: [1, 2] })].toSorted((a, b) => Number(a) - Number(b))).toEqual([1, 2]);
    expect([...take({ inputs: fc.constant(7) })]).toEqual([7]);
    expect([...new Set(fc.sample(inputsOf(fc, 'task', undefined, {}), 5))]).toEqual([undefined]);
  });

  it('a schema that says nothing of itself is refused with the way out', () => {
    const silent = {
      '~standard': { version: 1, vendor: 'mine', validate: (value: unknown) => ({ value }) },
    } as const;
    expect(() => inputsOf(fc, 'task', silent, {})).toThrow(
      'the input schema of task (mine) does not say what it is as JSON Schema: give it examples',
    );
  });
});
