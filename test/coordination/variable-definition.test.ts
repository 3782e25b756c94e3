/** What `variable.*` takes and refuses, and what a definition of JSON data keeps. */
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { variable } from '../../src/index.ts';
import { codeOf, refusal, rig } from '../kit/rig.ts';

type Kind = keyof typeof variable;
const kinds = Object.keys(variable) as Kind[];
const make = (kind: Kind, options: unknown): unknown =>
  (variable[kind] as (options: unknown) => unknown)(options);
const cyclic: { self?: unknown } = {};
cyclic.self = cyclic;

describe('an invalid definition', () => {
  it.each(kinds)('%s: is refused, naming the kind and what came, whatever came', async (kind) => {
    for (const came of [undefined, null, 1, 'x', [], () => 1]) {
      const { code, message } = await refusal(() => make(kind, came));
      expect(code).toBe('VARIABLE_INVALID');
      expect(message).toMatch(new RegExp(`^variable\\.${kind}: .*got `));
    }
    const reading = () =>
      make(kind, {
        get default() {
          throw new Error('a getter threw');
        },
      });
    expect(await refusal(reading)).toMatchObject({
      code: 'VARIABLE_INVALID',
      message: expect.stringContaining('a getter threw'),
    });
  });

  it.each<[Kind, object]>([
    ['float', { default: 1, mn: 0 }],
    ['float', { default: 1, step: 1 }],
    ['integer', { default: 1, steps: 2 }],
    ['choice', { default: 1, options: [1], min: 1 }],
    ['boolean', { default: true, options: [true] }],
    ['json', { default: 1, shema: z.number() }],
  ])('%s: an option that it does not know is refused by name: %j', async (kind, options) => {
    const name = Object.keys(options).at(-1);
    expect(await refusal(() => make(kind, options))).toMatchObject({
      code: 'VARIABLE_INVALID',
      message: expect.stringContaining(`: ${name}: unknown option`),
    });
  });

  it.each<[Kind, object, string]>([
    ['float', { min: '0', default: 1 }, 'variable.float: min: expected a number, got "0"'],
    ['float', { max: NaN, default: 1 }, 'variable.float: max: expected a number, got NaN'],
    ['float', { min: 1, max: 0, default: 1 }, 'variable.float: expected min <= max, got min 1 and max 0'],
    ['float', { min: 1 }, 'variable.float: default: expected a finite number, 1 or more, got undefined'],
    [
      'integer',
      { step: 0.5, default: 1 },
      'variable.integer: step: expected a whole number, 1 or more, got 0.5',
    ],
    ['integer', { min: 0.5, default: 1 }, 'variable.integer: min: expected a whole number, got 0.5'],
    [
      'choice',
      { options: 'ab', default: 'a' },
      'variable.choice: options: expected one or more different values, got "ab"',
    ],
    [
      'choice',
      { options: [], default: 1 },
      'variable.choice: options: expected one or more different values, got []',
    ],
    [
      'choice',
      { options: [0, -0], default: 0 },
      'variable.choice: options: expected one or more different values, got [0,0]',
    ],
    ['boolean', {}, 'variable.boolean: default: expected true or false, got undefined'],
    ['json', {}, 'variable.json: default: expected JSON data, got undefined'],
    ['json', { schema: {}, default: 1 }, 'variable.json: schema: expected a Standard Schema, got {}'],
  ])('%s: %j is refused, saying what was expected', async (kind, options, message) => {
    expect(await refusal(() => make(kind, options))).toMatchObject({ code: 'VARIABLE_INVALID', message });
  });

  it.each([NaN, Infinity, undefined, null, { a: 1 }, [1], 1n, Symbol('a')])(
    'choice: %s is no option, for JSON cannot keep it as it is',
    async (option) => {
      expect(await refusal(() => make('choice', { options: ['a', option], default: 'a' }))).toMatchObject({
        code: 'VARIABLE_INVALID',
        message: expect.stringMatching(/options\.1: expected a string, a finite number or a boolean, got /),
      });
    },
  );
});

describe('a value of JSON data', () => {
  const schema = z.object({ n: z.any() });

  it.each<[unknown, string]>([
    [{ n: NaN }, 'n is NaN'],
    [{ n: { list: [1, -Infinity] } }, 'n.list[1] is -Infinity'],
    [{ n: [undefined] }, 'n[0] is undefined'],
    [{ n: new Date(0) }, 'n is an instance of Date'],
    [{ n: new Map() }, 'n is an instance of Map'],
    [{ n: () => 1 }, 'n is a function (n)'],
    [{ n: 1n }, 'n is the bigint 1'],
    [{ n: cyclic }, 'n.self is an object that contains itself'],
  ])('that JSON would make something else is refused: case %#, $1', async (value, problem) => {
    const { system } = await rig();
    await system.variables.define('v', variable.json({ schema, default: { n: 0 } }));
    expect(await refusal(system.variables.set('v', value))).toMatchObject({
      code: 'VARIABLE_INVALID',
      message: `variable "v": expected JSON data, but ${problem}`,
    });
    expect(system.variables.get('v')).toMatchObject({ value: { n: 0 }, version: 1 });
    const unkept = variable.json({ default: value });
    expect(await codeOf(system.variables.define('w', unkept))).toBe('VARIABLE_INVALID');
  });

  it('is what its schema made of it, and may leave fields out', async () => {
    const { system } = await rig();
    const settings = z.object({ rate: z.number().default(1), note: z.string().optional() });
    await system.variables.define('v', variable.json({ schema: settings, default: { rate: 2 } }));
    await system.variables.set('v', { note: undefined });
    expect(system.variables.get('v').value).toStrictEqual({ rate: 1 });
    const odd = JSON.parse('{"__proto__":{"x":1},"$":"tag"}') as object;
    await system.variables.define('w', variable.json({ default: odd }));
    expect(JSON.stringify(system.variables.get('w').value)).toBe(JSON.stringify(odd));
  });
});

describe('zero', () => {
  it('is one value, for JSON has one only', async () => {
    const { system } = await rig();
    await system.variables.define('f', variable.float({ default: -0 }));
    await system.variables.define('c', variable.choice({ options: [-0, 1], default: 1 }));
    await system.variables.define('j', variable.json({ default: [-0] }));
    await system.variables.set('c', -0);
    expect(system.variables.list().map(({ value }) => value)).toStrictEqual([0, 0, [0]]);
    expect(system.variables.get('c').bounds).toStrictEqual({ options: [0, 1] });
    await system.variables.set('f', 1);
    await system.variables.set('f', -0);
    expect(system.variables.get('f').value).toBe(0);
  });
});
