/**
 * What the compiler knows of a shared variable: from its definition to whoever reads, sets, hears or votes on it.
 *
 * These laws hold when this file compiles. Running it shows that values are what their types say.
 */
import { describe, expect, expectTypeOf, it } from 'vitest';
import { setup } from 'xstate';
import { z } from 'zod';
import {
  agentOf,
  type AgentSystem,
  type ChartEvent,
  type ChartInput,
  type Confirmation,
  defineAgent,
  defineChartAgent,
  defineFleet,
  defineConstraint,
  defineVariable,
  type Proposal,
  type ValuesOf,
  variable,
  type VariableRecord,
} from '../../src/index.ts';
import { codeOf, refusal, rig } from '../kit/rig.ts';

const rate = defineVariable('rate', variable.float({ min: 0, max: 1, default: 0.1 }));
const plan = defineVariable('plan', variable.choice({ options: ['a', 'b'], default: 'a' }));
const shape = defineVariable(
  'shape',
  variable.json({ schema: z.object({ layers: z.array(z.int()) }), default: { layers: [1] } }),
);

const typed = defineAgent({
  type: 'typed',
  variables: [rate, plan],
  init: ({ variables }) => {
    expectTypeOf(variables).toEqualTypeOf<{ readonly rate: number; readonly plan: 'a' | 'b' }>();
    // @ts-expect-error -- it has not declared that one
    expect(variables.shape).toBeUndefined();
    return { heard: [`${variables.plan} ${variables.rate}`] };
  },
  onVariable: ({ name, value, state, variables }) => {
    if (name === 'rate') expectTypeOf(value).toEqualTypeOf<number>();
    else expectTypeOf(value).toEqualTypeOf<'a' | 'b'>();
    expectTypeOf(variables.rate).toEqualTypeOf<number>();
    state.heard.push(`${name} ${value}`);
  },
  vote: ({ proposal }) => {
    if (proposal.variable === 'plan') {
      expectTypeOf(proposal.value).toEqualTypeOf<'a' | 'b'>();
      return proposal.current === 'a' ? 'accept' : 'reject';
    }
    expectTypeOf(proposal.current).toEqualTypeOf<number>();
    return proposal.value > proposal.current ? 'accept' : 'reject';
  },
  tasks: {
    double: {
      input: z.number(),
      run: ({ input, variables, state }) => {
        expectTypeOf(variables.rate).toEqualTypeOf<number>();
        expectTypeOf(state.heard).toEqualTypeOf<string[]>();
        return input * variables.rate;
      },
    },
    heard: { run: ({ state }) => state.heard },
  },
});

const named = defineAgent({
  type: 'named',
  variables: ['rate'],
  init: ({ variables }) => {
    expectTypeOf(variables).toEqualTypeOf<Readonly<Record<string, unknown>>>();
    return null;
  },
  vote: ({ proposal }) => {
    expectTypeOf(proposal.variable).toEqualTypeOf<string>();
    expectTypeOf(proposal.value).toEqualTypeOf<unknown>();
    return 'abstain';
  },
  tasks: {},
});

const mixed = defineAgent({
  type: 'mixed',
  variables: [rate, 'other'],
  init: ({ variables }) => {
    expectTypeOf(variables.rate).toEqualTypeOf<number>();
    expectTypeOf(variables['other']).toEqualTypeOf<unknown>();
    return null;
  },
  tasks: {},
});

const wrong = ({ variables, consensus }: AgentSystem) => [
  // @ts-expect-error -- no number
  variables.set(rate, 'high'),
  // @ts-expect-error -- no option
  variables.set(plan, 'c'),
  // @ts-expect-error -- no such shape
  variables.set(shape, { layers: ['one'] }),
  // @ts-expect-error -- no number
  consensus.propose({ variable: rate, value: 'high' }),
  // @ts-expect-error -- the fallback's value is no number
  consensus.propose({ variable: rate, value: 1, fallback: () => 'high' }),
  // @ts-expect-error -- no variable of the rule
  variables.constrain([rate], (values) => values.plan === 'a'),
  // @ts-expect-error -- no variable of the constraint
  defineConstraint('of rate', [rate], (values) => values.plan === 'a'),
  // @ts-expect-error -- it has no name
  variables.define(variable.boolean({ default: true })),
  // @ts-expect-error -- no option
  variable.choice({ options: ['a'], default: 'b' }),
  variables.set('rate', 'anything'),
  consensus.propose({ variable: 'rate', value: 'anything' }),
];

const chartTasks = { go: { answer: 'taken' } } as const;
const machine = setup({
  types: {
    input: {} as ChartInput<unknown, ValuesOf<typeof rate>>,
    context: {} as { rate: number },
    events: {} as ChartEvent<typeof chartTasks, typeof rate>,
  },
  actions: {
    note: ({ event, system }) => {
      if (event.type === 'variable.changed') expectTypeOf(event.value).toEqualTypeOf<number>();
      if (event.type === 'vote.asked') expectTypeOf(event.proposal.value).toEqualTypeOf<number>();
      expectTypeOf(agentOf<undefined, typeof rate>(system).variables.rate).toEqualTypeOf<number>();
    },
  },
}).createMachine({
  context: ({ input }) => ({ rate: input.variables.rate }),
  on: { go: { actions: 'note' } },
});

describe('a variable that is named by its handle', () => {
  it('is typed where it is defined, read, changed, heard and voted on', async () => {
    const { system, agents } = await rig();
    const { variables, consensus } = system;
    expectTypeOf(await variables.define(rate)).toEqualTypeOf<VariableRecord<number>>();
    await variables.define(plan);
    await variables.define(shape);
    expectTypeOf(variables.get(rate).value).toEqualTypeOf<number>();
    expectTypeOf(variables.get(plan).value).toEqualTypeOf<'a' | 'b'>();
    expectTypeOf(variables.get(shape).value).toEqualTypeOf<{ layers: number[] }>();
    expectTypeOf(variables.get('rate').value).toEqualTypeOf<unknown>();

    const heard: number[] = [];
    const lift = variables.subscribe(rate, ({ value, previous }) => {
      expectTypeOf(previous).toEqualTypeOf<number | undefined>();
      heard.push(value);
    });
    variables.constrain([rate, plan], (values) => {
      expectTypeOf(values).toEqualTypeOf<{ readonly rate: number; readonly plan: 'a' | 'b' }>();
      return values.plan === 'a' || values.rate < 0.9;
    });
    const id = await agents.register({ module: typed, coordination: { communicationPattern: 'sync' } });
    await agents.start(id);

    expectTypeOf(await variables.set(rate, 0.5)).toEqualTypeOf<Confirmation>();
    expect(await agents.execute(id, { type: 'double', input: 4 })).toBe(2);
    const decided = await consensus.propose({
      variable: plan,
      value: 'b',
      fallback: ({ current }) => current,
    });
    expect(decided.outcome).toBe('accepted');
    expect(await codeOf(variables.set(rate, 0.95))).toBe('VARIABLE_INVALID');
    await variables.rollback(rate, 1);
    lift();
    await variables.set(rate, 0.2);
    expect(heard).toEqual([0.5, 0.1]);
    expect(await agents.execute(id, { type: 'heard' })).toEqual([
      'a 0.1',
      'rate 0.5',
      'plan b',
      'rate 0.1',
      'rate 0.2',
    ]);
    expect(variables.get(rate)).toMatchObject({ name: 'rate', kind: 'float', value: 0.2, version: 4 });
    expect(variables.history(plan).map(({ value }) => value)).toEqual(['a', 'b']);
    expect(variables.outOfDate(rate)).toEqual([]);
  });

  it('is typed in charts, too', async () => {
    const module = defineChartAgent({ type: 'chart', machine, tasks: chartTasks, variables: [rate] });
    const { system, agents } = await rig();
    await system.variables.define(rate);
    const id = await agents.register({ module });
    await agents.start(id);
    await agents.execute(id, { type: 'go' });
    expect(await agents.savedState(id)).toMatchObject({ snapshot: { context: { rate: 0.1 } } });
  });

  it('comes with a fleet', async () => {
    const fleet = defineFleet({ variables: [rate, plan] });
    await using system = await fleet.start();
    expect([system.variables.get(rate).value, system.variables.get(plan).value]).toEqual([0.1, 'a']);
    expect(() => defineFleet({ variables: [rate, rate] })).toThrow('two variables called "rate"');
  });

  it('of one that is named by a string nothing is known', () => {
    expect([named.variables, mixed.variables]).toEqual([['rate'], ['rate', 'other']]);
    expectTypeOf<Proposal['value']>().toEqualTypeOf<unknown>();
  });

  it('what is wrong does not compile', () => {
    expect(wrong).toBeTypeOf('function');
  });

  it('is refused where it is not defined, or otherwise than it says', async () => {
    const { system } = await rig();
    const { variables, consensus } = system;
    const uses = [
      () => variables.get(rate),
      () => variables.set(rate, 0.5),
      () => variables.history(rate),
      () => variables.outOfDate(rate),
      () => variables.rollback(rate, 1),
      () => variables.constrain([rate], () => true),
      () => variables.subscribe(rate, () => {}),
      () => consensus.propose({ variable: rate, value: 1 }),
    ];
    for (const use of uses) expect((await refusal(use)).code).toBe('VARIABLE_UNKNOWN');
    await variables.define('rate', variable.float({ min: 0, max: 2, default: 2 }));
    for (const use of uses) {
      expect(await refusal(use)).toMatchObject({
        code: 'VARIABLE_INVALID',
        message:
          'variable "rate" is defined otherwise: its handle says float, min 0, max 1, it is float, min 0, max 2',
      });
    }
    expect(await codeOf(variables.define(rate))).toBe('VARIABLE_INVALID');
  });

  it('a handle needs a name and a definition', async () => {
    const bad = [
      () => defineVariable('', variable.boolean({ default: true })),
      () => defineVariable(7 as never, variable.boolean({ default: true })),
      () => defineVariable('x', { kind: 'float' } as never),
      () => defineAgent({ type: 'x', variables: [{ name: 7 } as never], init: () => null, tasks: {} }),
    ];
    for (const make of bad) {
      expect((await refusal(make)).code).toMatch(/VARIABLE_INVALID|AGENT_SPEC_INVALID/);
    }
  });
});
