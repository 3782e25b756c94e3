/** What a written test says besides its path: enough to fail for the same reason, and nothing that cannot be said. */
import { runInThisContext } from 'node:vm';
import { expect, it } from 'vitest';
import { variable } from '../../../src/index.ts';
import { regressionTerms } from '../../../src/testing/describe-agent/regression-terms.ts';
import type { Seen, SubjectOptions } from '../../../src/testing/describe-agent/subject.ts';

const limit = 0;
const alone: NonNullable<SubjectOptions['invariants']> = {
  arrow: ({ state }) => state.balance >= 0,
  method({ state }) {
    return state.balance >= 0;
  },
  // oxlint-disable-next-line func-names -- the form is what is tried
  old: function ({ state }) {
    return state.balance >= 0;
  },
  async later({ state }) {
    await Promise.resolve();
    return state.balance >= 0;
  },
  plain: (seen) => seen.state.balance >= 0,
  'not a name': ({ state }) => state.balance >= 0,
};
const bad = { state: { balance: -1 }, isAlive: true, last: undefined };

/** What the code says, where nothing but what it imports is there. */
function read(fields: readonly string[]): SubjectOptions {
  const make = runInThisContext(`(variable) => ({ ${fields.join(', ')} })`) as (of: object) => SubjectOptions;
  return make(variable);
}

/** Whether an invariant that was made of its text breaks, too, and breaks by its own verdict. */
async function breaks({ invariants = {} }: SubjectOptions): Promise<boolean> {
  try {
    const [holds] = Object.values(invariants);
    return (await holds!(bad)) === false;
  } catch {
    return false;
  }
}

it.each(Object.keys(alone))('an invariant that stands by itself is written as its text: %s', async (name) => {
  const { fields, missing, imports } = await regressionTerms(
    { invariants: { ...alone, other: () => true } },
    `invariant ${name}`,
    breaks,
  );
  expect([missing, imports]).toEqual([[], []]);
  const made = read(fields) as Required<SubjectOptions>;
  expect(Object.keys(made.invariants)).toEqual([name]);
  expect(await breaks(made)).toBe(true);
});

it('one that needs what is around it is left to the reader, by name', async () => {
  const invariants = { notBelow: ({ state }: Seen) => state.balance >= limit };
  expect(await regressionTerms({ invariants }, 'invariant notBelow', breaks)).toEqual({
    fields: ['invariants: { notBelow }'],
    imports: [],
    missing: ['notBelow'],
  });
});

it('what else the path depends on is said, where it is data', async () => {
  const options: SubjectOptions = {
    initArgs: { from: 3 },
    spec: { tasks: { concurrency: 2 } },
    except: ['a restart changes nothing'],
    variables: {
      rate: variable.float({ min: 0, default: 1 }),
      count: variable.integer({ min: 0, max: 9, default: 1 }),
      mode: variable.choice({ options: ['a', 'b'], default: 'a' }),
    },
    tasks: { add: { mayFail: true, examples: [1] }, end: { mayEnd: true }, read: { examples: [2] } },
    invariants: { other: () => true },
  };
  const { fields, imports, missing } = await regressionTerms(options, 'it starts', breaks);
  expect([imports, missing]).toEqual([['variable'], []]);
  const made = read(fields);
  expect(made).toMatchObject({
    initArgs: { from: 3 },
    spec: { tasks: { concurrency: 2 } },
    except: ['a restart changes nothing'],
    tasks: { add: { mayFail: true }, end: { mayEnd: true } },
  });
  expect(Object.keys(made.tasks!)).toEqual(['add', 'end']);
  expect(JSON.stringify(made.variables)).toBe(JSON.stringify(options.variables));
  expect(made.invariants).toBeUndefined();
});

it('data that JSON does not give back is left to the reader', async () => {
  const { fields, missing } = await regressionTerms({ initArgs: { at: new Date(0) } }, 'it starts', breaks);
  expect([fields, missing]).toEqual([['initArgs'], ['initArgs']]);
});

it.each([{ mayFail: true }, { mayEnd: true }])('one task alone is said: %o', async (plan) => {
  const { fields } = await regressionTerms({ tasks: { add: plan } }, 'it starts', breaks);
  expect(read(fields).tasks).toEqual({ add: plan });
});
