/** Laws of constraints over several variables: none is ever broken, whatever is under way at once. */
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { defineConstraint, defineVariable, variable } from '../../src/index.ts';
import { codeOf, fateOf, gate, refusal, rig } from '../kit/rig.ts';

const lr = variable.float({ min: 0, max: 1, default: 0.1 });

/** What no type keeps out: a function that is `async`, and fails. */
const rejecting = () => Promise.reject(new Error('mine')) as never;

/** Two variables whose sum is 10 at the most, and whose values are judged when the test says so. */
async function slow() {
  const judged = gate();
  const { system } = await rig();
  const { variables, consensus } = system;
  const schema = z.number().refine(async (n) => {
    if (n > 1) await judged.promise;
    return true;
  });
  for (const name of ['a', 'b']) await variables.define(name, variable.json({ schema, default: 1 }));
  const constrain = () => variables.constrain(['a', 'b'], ({ a, b }) => Number(a) + Number(b) <= 10);
  const values = () => variables.list().map(({ value }) => value);
  return { system, variables, consensus, constrain, values, judge: () => judged.resolve() };
}

describe('constraints', () => {
  it('over several variables refuse a change that would break them, and only that', async () => {
    const { system } = await rig();
    const count = variable.integer({ default: 1 });
    const lift = system.variables.constrain(['low', 'high'], ({ low, high }) =>
      (low as number) <= (high as number) ? true : 'low is above high',
    );
    await system.variables.define('low', count);
    await system.variables.define('high', count);
    await system.variables.set('high', 5);
    const { code, message } = await refusal(system.variables.set('low', 6));
    expect(code).toBe('VARIABLE_INVALID');
    expect(message).toBe(
      'the constraint on low, high does not hold for low = 6, high = 5: low is above high',
    );
    await system.variables.set('low', 5);
    expect(await codeOf(system.variables.rollback('high', 1))).toBe('VARIABLE_INVALID');
    expect(system.variables.list().map(({ name, value }) => [name, value])).toEqual([
      ['high', 5],
      ['low', 5],
    ]);
    lift();
    await system.variables.set('low', 6);
    expect(await codeOf(() => system.variables.constrain(['low', 'high'], () => false))).toBe(
      'VARIABLE_INVALID',
    );
    expect(await codeOf(() => system.variables.constrain([], () => true))).toBe('VARIABLE_INVALID');
  });

  it('with a name say so, and one that is not as expected is refused when it is defined', async () => {
    const { system } = await rig();
    await system.variables.define('lr', lr);
    const small = defineConstraint('small', ['lr'], ({ lr: rate }) => (rate as number) < 0.5);
    expect(small).toMatchObject({ name: 'small', variables: ['lr'] });
    const lift = system.variables.constrain(small);
    expect((await refusal(system.variables.set('lr', 0.6))).message).toBe(
      'the constraint "small" on lr does not hold for lr = 0.6',
    );
    lift();
    await system.variables.set('lr', 0.6);
    const odd = defineConstraint as (...given: unknown[]) => unknown;
    for (const [field, ...given] of [
      ['name', '', ['lr'], () => true],
      ['name', 7, ['lr'], () => true],
      ['variables', 'small', [], () => true],
      ['variables', 'small', 'lr', () => true],
      ['variables', 'small', [7], () => true],
      ['holds', 'small', ['lr'], true],
    ] as const) {
      const { code, message } = await refusal(() => odd(...given));
      expect([code, message]).toEqual(['VARIABLE_INVALID', expect.stringContaining(field)]);
    }
  });

  it('declared before their variables hold for the defaults as well', async () => {
    const { system } = await rig();
    const { variables } = system;
    variables.constrain(['low', 'high'], ({ low, high }) => Number(low) <= Number(high));
    await variables.define('low', variable.integer({ default: 2 }));
    expect(await refusal(variables.define('high', variable.integer({ default: 1 })))).toMatchObject({
      code: 'VARIABLE_INVALID',
      message: 'the constraint on low, high does not hold for low = 2, high = 1',
    });
    expect(variables.list().map(({ name }) => name)).toEqual(['low']);
    await variables.define('high', variable.integer({ default: 2 }));
  });

  it('name variables by definitions that are theirs, and by no other', async () => {
    const { system } = await rig();
    const { variables } = system;
    const low = defineVariable('low', variable.integer({ default: 1 }));
    expect(await codeOf(() => variables.constrain([low], () => true))).toBe('VARIABLE_UNKNOWN');
    await variables.define(low);
    variables.constrain([low], () => true);
    const other = defineVariable('low', variable.integer({ default: 1, max: 9 }));
    expect(await refusal(() => variables.constrain([low, other], () => true))).toMatchObject({
      code: 'VARIABLE_INVALID',
      message: expect.stringContaining('variable "low" is defined otherwise'),
    });
  });

  it('that give a promise are refused as such, whatever becomes of it', async () => {
    const { system } = await rig();
    await system.variables.define('lr', lr);
    const message = 'the constraint on lr gave a promise, expected true, or why not, at once';
    expect(await refusal(() => system.variables.constrain(['lr'], rejecting))).toMatchObject({
      code: 'VARIABLE_INVALID',
      message,
    });
    await system.variables.set('lr', 0.2);
    let isSlow = false;
    system.variables.constrain(['lr'], () => (isSlow ? rejecting() : true));
    isSlow = true;
    expect((await refusal(system.variables.set('lr', 0.3))).message).toBe(message);
    expect(system.variables.get('lr').value).toBe(0.2);
  });

  describe('hold whatever is under way at once', () => {
    it('two changes that each would do, and together would not', async () => {
      const { variables, constrain, values, judge } = await slow();
      constrain();
      const both = [variables.set('a', 6), variables.set('b', 6)];
      const fates = both.map((one) => fateOf(one));
      expect(await Promise.all(both.map((one) => fateOf(one)))).toEqual(['pending', 'pending']);
      judge();
      await Promise.allSettled([...both, ...fates]);
      expect(await Promise.all(both.map((one) => fateOf(one)))).toEqual([
        { value: { version: 2, acknowledged: [], outOfDate: [] } },
        'VARIABLE_INVALID',
      ]);
      expect(values()).toEqual([6, 1]);
    });

    it('a rule that is added while a value is judged', async () => {
      const { variables, constrain, values, judge } = await slow();
      const change = codeOf(variables.set('a', 10));
      constrain();
      judge();
      expect(await change).toBe('VARIABLE_INVALID');
      expect(values()).toEqual([1, 1]);
    });

    it('a rollback, a definition and a fallback', async () => {
      const { variables, consensus, constrain, values, judge } = await slow();
      judge();
      await variables.set('a', 9);
      await variables.set('a', 1);
      constrain();
      const roundsOut = [
        variables.set('b', 6),
        variables.rollback('a', 2),
        consensus.propose({ variable: 'a', value: 2, fallback: () => 9 }),
      ];
      const [set, rolledBack, round] = await Promise.allSettled(roundsOut);
      expect([set!.status, rolledBack!.status]).toEqual(['fulfilled', 'rejected']);
      expect(round).toMatchObject({ value: { problem: expect.stringMatching(/does not hold/) as string } });
      expect(values()).toEqual([1, 6]);
    });

    it('a definition whose default is judged while another value changes', async () => {
      const { variables, judge } = await slow();
      variables.constrain(['a', 'c'], ({ a, c }) => Number(a) + Number(c) <= 10);
      const schema = z.number().refine(async () => true);
      judge();
      const both = await Promise.allSettled([
        variables.define('c', variable.json({ schema, default: 5 })),
        variables.set('a', 6),
      ]);
      // Whichever came first, the other one is refused.
      expect(both.map(({ status }) => status).toSorted()).toEqual(['fulfilled', 'rejected']);
    });
  });

  it('that throw refuse the change with what they threw', async () => {
    const { system } = await rig();
    await system.variables.define('lr', lr);
    let isSick = false;
    system.variables.constrain(['lr'], () => {
      if (isSick) throw new Error('cannot say');
      return true;
    });
    isSick = true;
    expect((await refusal(system.variables.set('lr', 0.2))).message).toMatch(/lr threw: cannot say/);
    expect(system.variables.get('lr').version).toBe(1);
  });
});
