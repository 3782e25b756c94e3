/** What each kind of variable takes and refuses, as a definition and as a value. */
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { defineVariable, variable } from '../../src/index.ts';
import { codeOf, gate, fateOf, refusal, rig } from '../kit/rig.ts';

type Kind = keyof typeof variable;
const kinds = Object.keys(variable) as Kind[];
const make = (kind: Kind, options: unknown): unknown =>
  (variable[kind] as (options: unknown) => unknown)(options);
/** Of the whole numbers from -4 to 4 those that an integer takes. */
async function taken(options: object): Promise<unknown[]> {
  const { judge } = variable.integer({ default: 0, ...options });
  const found: unknown[] = [];
  for (let value = -4; value <= 4; value += 1) if ('value' in (await judge(value))) found.push(value);
  return found;
}
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
    ['integer', { min: 1, max: 0, default: 1 }, 'variable.integer: expected min <= max, got min 1 and max 0'],
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
      'variable.choice: options: expected one or more different values, got [0,-0]',
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

describe('an integer', () => {
  it.each<[object, string]>([
    [{}, 'a whole number'],
    [{ step: 1 }, 'a whole number'],
    [{ min: 0 }, 'a whole number, 0 or more'],
    [{ max: 9 }, 'a whole number, 9 or less'],
    [{ max: 9, step: 2 }, 'a whole number, 9 or less, in steps of 2 from 0'],
    [{ min: -3, max: 9, step: 3 }, 'a whole number from -3 to 9, in steps of 3 from -3'],
  ])('with %j says what it expects', async (options, expected) => {
    const { judge } = variable.integer({ default: 0, ...options });
    expect(await judge(0.5)).toEqual({ problem: `expected ${expected}, got 0.5` });
  });

  it('without a step takes every whole number, and with one those that are counted from 0 or from `min`', async () => {
    expect(await taken({ min: -1, max: 2 })).toEqual([-1, 0, 1, 2]);
    expect(await taken({ step: 1 })).toEqual([-4, -3, -2, -1, 0, 1, 2, 3, 4]);
    expect(await taken({ step: 3 })).toEqual([-3, 0, 3]);
    expect(await taken({ min: -4, step: 2 })).toEqual([-4, -2, 0, 2, 4]);
  });
});

describe('a variable with a name', () => {
  const one = variable.float({ min: 1, max: 1, default: 1 });

  it('is its definition, frozen with its bounds', () => {
    const named = defineVariable('rate', one);
    expect(named).toMatchObject({ name: 'rate', kind: 'float', default: 1, bounds: { min: 1, max: 1 } });
    expect([one, one.bounds, named, named.bounds].every(Object.isFrozen)).toBe(true);
  });

  it('has one of 1 to 1,000 characters', async () => {
    for (const name of ['x', 'x'.repeat(1_000)]) expect(defineVariable(name, one).name).toBe(name);
    for (const name of ['', 'x'.repeat(1_001), 7 as never]) {
      const { code, message } = await refusal(() => defineVariable(name, one));
      expect([code, message]).toEqual(['VARIABLE_INVALID', expect.stringMatching(/^defineVariable: name: /)]);
    }
  });

  it('needs a definition', async () => {
    expect(await refusal(() => defineVariable('rate', { kind: 'float' } as never))).toMatchObject({
      code: 'VARIABLE_INVALID',
      message: expect.stringMatching(
        /^variable "rate": expected what variable\.float, .* got \{"kind":"float"\}$/,
      ),
    });
  });
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

describe('a variable', () => {
  const examples = [
    [
      'float',
      variable.float({ min: -1, max: 1, default: 0 }),
      [-1, 0.5, 1],
      [1.01, NaN, Infinity, '1', null],
    ],
    [
      'integer in steps',
      variable.integer({ min: 1, max: 10, step: 3, default: 4 }),
      [1, 4, 10],
      [2, 0, 13, 1.5, true],
    ],
    [
      'choice',
      variable.choice({ options: ['sgd', 'adam'], default: 'sgd' }),
      ['adam'],
      ['rms', 0, undefined],
    ],
    ['boolean', variable.boolean({ default: false }), [true], [0, 'true', null]],
    [
      'json',
      variable.json({ schema: z.object({ layers: z.array(z.int()) }), default: { layers: [1] } }),
      [{ layers: [2, 3] }],
      [{ layers: 'x' }, [], null],
    ],
  ] as const;

  it.each(examples)(
    '%s: takes what is within its bounds and refuses all else, changing nothing',
    async (kind, definition, good, bad) => {
      const { system } = await rig();
      await system.variables.define('v', definition);
      expect(system.variables.get('v')).toMatchObject({
        kind: kind.split(' ')[0],
        value: definition.default,
        version: 1,
      });
      for (const value of good) {
        await system.variables.set('v', value);
        expect(system.variables.get('v').value).toEqual(value);
      }
      const before = system.variables.get('v');
      for (const value of bad) {
        const { code, message } = await refusal(system.variables.set('v', value));
        expect(code).toBe('VARIABLE_INVALID');
        expect(message).toMatch(/^variable "v": .*(expected|Invalid)/);
      }
      expect(system.variables.get('v')).toEqual(before);
    },
  );

  it('bounds that no value fits and defaults outside of them are refused', async () => {
    const made = [
      () => variable.float({ min: 1, max: 0, default: 1 }),
      () => variable.float({ max: 1, default: 2 }),
      () => variable.integer({ step: 0, default: 1 }),
      () => variable.integer({ min: 0.5, default: 1 }),
      () => variable.integer({ default: 1.5 }),
      () => variable.choice({ options: [], default: 'a' as never }),
      () => variable.choice({ options: ['a', 'a'], default: 'a' }),
      () => variable.boolean({ default: 1 as never }),
      () => variable.json({ schema: 7 as never, default: 1 }),
    ];
    for (const make of made) expect(await codeOf(make)).toBe('VARIABLE_INVALID');
    const { system } = await rig();
    const unfit = variable.json({ schema: z.number(), default: 'x' as never });
    expect(await codeOf(system.variables.define('v', unfit))).toBe('VARIABLE_INVALID');
    expect(await codeOf(system.variables.define('v', { kind: 'float' } as never))).toBe('VARIABLE_INVALID');
    expect(await codeOf(system.variables.define('', variable.boolean({ default: true })))).toBe(
      'VARIABLE_INVALID',
    );
    expect(system.variables.list()).toEqual([]);
  });

  it('json is kept as a frozen copy: nobody can change it behind the back of others', async () => {
    const { system } = await rig();
    await system.variables.define('v', variable.json<{ list: number[] }>({ default: { list: [] } }));
    const mine = { list: [1] };
    await system.variables.set('v', mine);
    mine.list.push(2);
    const { value } = system.variables.get('v');
    expect(value).toEqual({ list: [1] });
    expect(() => (value as { list: number[] }).list.push(3)).toThrow(TypeError);
    const loop: { self?: unknown } = {};
    loop.self = loop;
    for (const value of [loop, 1n, () => 1, undefined]) {
      expect(await codeOf(system.variables.set('v', value))).toBe('VARIABLE_INVALID');
    }
  });

  it('an asynchronous schema is awaited, and what became impossible meanwhile is refused', async () => {
    const { system } = await rig();
    const judged = gate<boolean>();
    const schema = z.number().refine((n) => n < 5 || judged.promise);
    await system.variables.define('v', variable.json({ schema, default: 1 }));
    const setting = fateOf(system.variables.set('v', 7));
    expect(await setting).toBe('pending');
    const late = system.variables.set('v', 7);
    system.coordination.suspend();
    judged.resolve(true);
    expect(await codeOf(late)).toBe('COORDINATION_UNAVAILABLE');
    expect(system.variables.get('v').value).toBe(1);
  });
});
