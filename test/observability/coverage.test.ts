/** Laws of `system.coverage()`: what is counted, what is not, and what comes of several programs. */
import { describe, expect, it } from 'vitest';
import { createMachine, setup } from 'xstate';
import {
  type ChartCounts,
  createAgentSystem,
  defineAgent,
  defineChartAgent,
  mergeCoverage,
} from '../../src/index.ts';
import { countElsewhere } from '../../src/runtime/engine/agent-counts.ts';
import { createChart } from '../../src/runtime/engine/chart.ts';
import { countsOf } from '../../src/runtime/engine/chart-counts.ts';
import { InterpretedCounts } from '../../src/runtime/engine/interpreted-counts.ts';
import { beginChart, stepChart } from '../../src/runtime/engine/pure-step.ts';
import { drivers } from '../kit/drivers.ts';
import { coverageOfProgram } from '../../src/runtime/observability/coverage.ts';
import { codeOf, rig, silent } from '../kit/rig.ts';

const worker = defineAgent({ type: 'worker', init: () => ({}), tasks: { work: { run: () => 1 } } });

const lamp = () =>
  createMachine({
    id: 'lamp',
    initial: 'off',
    context: { bulbs: 2 },
    states: {
      off: {
        on: {
          press: [{ guard: ({ context }) => context.bulbs > 2, target: 'bright' }, { target: 'on' }],
          look: {},
        },
      },
      on: { on: { press: 'off', 'burn.*': 'broken' } },
      bright: { always: 'on' },
      broken: { type: 'final' },
    },
  });
const options = {
  perform: () => {},
  clock: { setTimeout: () => 0, clearTimeout: () => {} },
  onBug: (bug: unknown) => {
    throw bug;
  },
};

describe('a chart', () => {
  it('counts each transition that is taken, and each guard that says no', () => {
    const machine = lamp();
    const one = createChart(machine, undefined, options);
    for (const type of ['press', 'look', 'press', 'press', 'unheard of']) one.send({ type });
    const other = createChart(machine, undefined, options);
    other.send({ type: 'press' });
    other.send({ type: 'burn.out' });
    expect(countsOf(machine)).toEqual({
      chart: 'lamp',
      hash: expect.stringMatching(/^[0-9a-f]{32}$/),
      transitions: {
        'lamp.off: press → bright if guard (1 of 2)': 0,
        'lamp.off: press → on (2 of 2)': 3,
        'lamp.on: press → off': 1,
        'lamp.on: burn.* → broken': 1,
        'lamp.bright: always → on': 0,
      },
      refusals: { 'lamp.off: press → bright if guard (1 of 2), refused': 3 },
    });
  });

  it('with regions counts the same way', () => {
    const machine = createMachine({
      id: 'two',
      type: 'parallel',
      states: {
        left: {
          initial: 'a',
          states: { a: { on: { go: 'b' } }, b: { always: { guard: () => false, target: 'a' } } },
        },
        right: { initial: 'a', states: { a: { on: { go: { guard: () => false, target: 'b' } } }, b: {} } },
      },
    });
    createChart(machine, undefined, options).send({ type: 'go' });
    const { transitions, refusals } = countsOf(machine);
    expect(transitions).toEqual({
      'two.left.a: go → left.b': 1,
      'two.left.b: always → left.a if guard': 0,
      'two.right.a: go → right.b if guard': 0,
    });
    expect(Object.values(refusals)).toEqual([1, 1]);
  });

  it.each(drivers.filter((driver) => driver !== 'table'))('that %s drives is not counted', (driver) => {
    const machine = lamp();
    createChart(machine, undefined, options, driver).send({ type: 'press' });
    expect(Object.values(countsOf(machine).transitions)).toEqual([0, 0, 0, 0, 0]);
  });
});

describe('steps that are taken as data', () => {
  it('count as those of a chart that runs, where somebody counts them', () => {
    const machine = lamp();
    const counts = new InterpretedCounts(machine);
    let { snapshot } = beginChart(machine, undefined, counts);
    for (const type of ['press', 'look', 'press', 'press', 'unheard of', 'burn.out']) {
      snapshot = stepChart(
        machine,
        JSON.parse(JSON.stringify(snapshot)) as typeof snapshot,
        { type },
        counts,
      ).snapshot;
    }
    const uncounted = beginChart(machine, undefined).snapshot;
    stepChart(machine, uncounted, { type: 'press' });
    const run = lamp();
    const chart = createChart(run, undefined, options);
    for (const type of ['press', 'look', 'press', 'press', 'unheard of', 'burn.out']) chart.send({ type });
    const [told] = counts.charts();
    expect(told).toEqual(countsOf(run));
    expect(told?.transitions['lamp.off: press → on (2 of 2)']).toBe(2);
  });

  it('count no refusal of a guard that a transition of the very event has left unasked', () => {
    const machine = createMachine({
      id: 'm',
      initial: 'a',
      states: { a: { on: { 'go.*': { guard: () => false, target: 'c' }, go: 'b' } }, b: {}, c: {} },
    });
    const counts = new InterpretedCounts(machine);
    stepChart(machine, beginChart(machine, undefined).snapshot, { type: 'go' }, counts);
    expect(counts.charts()[0]?.refusals).toEqual({ 'm.a: go.* → c if guard, refused': 0 });
  });

  it('count a way that the first step goes on', () => {
    const machine = createMachine({
      id: 'm',
      initial: 'a',
      states: { a: { always: [{ guard: () => false, target: 'c' }, { target: 'b' }] }, b: {}, c: {} },
    });
    const counts = new InterpretedCounts(machine);
    for (let time = 0; time < 3; time++) beginChart(machine, undefined, counts);
    expect(counts.charts()[0]?.transitions).toEqual({
      'm.a: always → c if guard (1 of 2)': 0,
      'm.a: always → b (2 of 2)': 3,
    });
  });
});

describe('system.coverage()', () => {
  it('grows with what its agents go through, of every chart that there is', async () => {
    const { system, agents } = await rig();
    const before = system.coverage();
    expect(before.charts.map(({ chart }) => chart)).toEqual([
      'agent',
      'supervisor',
      'coordinator',
      'consensus',
      'pool',
      'autoscaler',
      'quota',
      'budget',
      'progress',
    ]);
    await agents.start(await agents.register({ id: 'a', module: worker }));
    await agents.execute('a', { type: 'work' });
    await agents.stop('a');
    const after = system.coverage();
    const start = 'agent.registered: agent.start → alive';
    const grown = (name: string) =>
      after.charts[0]!.transitions[name]! - before.charts[0]!.transitions[name]!;
    expect(grown(start)).toBe(1);
    expect(
      grown(
        'agent.alive.serving.running.coordinated.idle: mailbox.busy → alive.serving.running.coordinated.busy',
      ),
    ).toBe(1);
    const { transitions, never } = after.report('agent');
    expect(transitions.taken).toBeGreaterThan(5);
    expect(transitions.taken + never.filter((name) => !name.endsWith(', refused')).length).toBe(
      transitions.all,
    );
    expect(never).not.toContain(start);
    expect(String(after).split('\n')[0]).toMatch(
      /^agent: \d+ of \d+ transitions, \d+ of \d+ guard outcomes; never: /,
    );
  });

  it('is of the whole program: another system goes on counting', async () => {
    const { system } = await rig();
    const name = 'agent.registered: agent.start → alive';
    const before = system.coverage().charts[0]!.transitions[name]!;
    const other = await createAgentSystem({ logger: silent });
    await other.agents.start(await other.agents.register({ module: worker }));
    await other.close();
    expect(system.coverage().charts[0]!.transitions[name]).toBe(before + 1);
  });
});

const counted = (chart: string, hash: string, go: number, no: number) => ({
  version: 1 as const,
  charts: [
    {
      chart,
      hash,
      transitions: { 'a: go → b': go, 'b: back → a': 0 },
      refusals: { 'a: go → b, refused': no },
    },
  ],
});

describe('the chart that an agent is', () => {
  const machine = setup({
    guards: { isMuch: ({ event }) => (event as { input?: unknown }).input === 9 },
  }).createMachine({
    id: 'kettle',
    initial: 'cold',
    states: {
      cold: { on: { heat: [{ guard: 'isMuch', target: 'burnt' }, 'hot'] } },
      hot: { on: { cool: 'cold' } },
      burnt: { type: 'final' },
    },
  });
  const kettle = defineChartAgent({
    type: 'kettle',
    machine,
    tasks: { heat: { answer: 'taken' }, cool: { answer: 'taken' } },
  });

  it('is counted over all agents that are one, and added up over programs', async () => {
    const { system, agents } = await rig();
    for (const id of ['one', 'other']) {
      await agents.start(await agents.register({ id, module: kettle }));
      await agents.execute(id, { type: 'heat', input: 1 });
    }
    await agents.execute('one', { type: 'cool' });
    const of = system.coverage().charts.find(({ chart }) => chart === 'kettle');
    expect(of).toMatchObject({
      transitions: {
        'kettle.cold: heat → burnt if isMuch (1 of 2)': 0,
        'kettle.cold: heat → hot (2 of 2)': 2,
        'kettle.hot: cool → cold': 1,
      },
      refusals: { 'kettle.cold: heat → burnt if isMuch (1 of 2), refused': 2 },
    });
    const file = JSON.stringify(system.coverage());
    const merged = mergeCoverage(JSON.parse(file), system.coverage());
    expect(merged.charts.find(({ chart }) => chart === 'kettle')!.transitions).toMatchObject({
      'kettle.hot: cool → cold': 2,
    });
    expect(merged.report('kettle').never).toEqual(['kettle.cold: heat → burnt if isMuch (1 of 2)']);
  });
});

/** What is counted of the chart of the agents below, a version each. */
function ordersIn(coverage: { readonly charts: readonly ChartCounts[] }): readonly ChartCounts[] {
  return coverage.charts.filter(({ chart }) => chart === 'order');
}

/** As a child may tell it: with many names, and great counts. */
function madeUp(n: number, names: number): ChartCounts {
  const times = n === 0 ? Number.MAX_SAFE_INTEGER : 1;
  const transitions = Object.fromEntries(Array.from({ length: names }, (_, at) => [`t${at}`, times]));
  return { chart: `told-${n}`, hash: 'made up', transitions, refusals: { ['__proto__']: 1 } };
}

function madeUpOnes(): readonly ChartCounts[] {
  return coverageOfProgram().charts.filter(({ hash }) => hash === 'made up');
}

describe('the chart of an agent that has a thread or a process', () => {
  const module = new URL('../fixtures/agents/order.ts', import.meta.url);
  const submitted = 'order.draft: submit → review if isComplete';
  const never = 'order.review.waiting: after 86400000 → review.escalated';
  it.each(['in-process', 'thread', 'process', 'group'] as const)(
    'is counted as any other: %s',
    async (host) => {
      const { system, agents } = await rig();
      const isolation = host === 'group' ? 'process' : host;
      const resources = host === 'group' ? { group: 'all' } : {};
      const before = ordersIn(system.coverage())[0]?.transitions ?? {};
      for (const id of ['one', 'other']) {
        await agents.start(await agents.register({ id, module, isolation, resources }));
        await agents.execute(id, { type: 'submit' });
      }
      await agents.execute('one', { type: 'reject' });
      await agents.kill('one');
      // The versions that hosts tell are one.
      const [after, ...others] = ordersIn(system.coverage());
      expect(others).toEqual([]);
      const grown = (name: string) => after!.transitions[name]! - (before[name] ?? 0);
      expect(grown(submitted)).toBe(2);
      expect(grown('order.review: reject → draft')).toBe(1);
      expect(grown('order.review: approve → shipping')).toBe(0);
      expect(after!.refusals).toEqual({ [`${submitted}, refused`]: 0 });
      expect(system.coverage().report('order').never).toContain(never);
      const file = JSON.stringify(system.coverage());
      const [merged] = ordersIn(mergeCoverage(JSON.parse(file), JSON.parse(file)));
      expect(merged!.transitions[submitted]).toBe(2 * after!.transitions[submitted]!);
    },
  );

  it('that says it is one of the framework’s own is not believed', () => {
    const [agent] = mergeCoverage(coverageOfProgram()).charts;
    const name = 'agent.registered: agent.start → alive';
    countElsewhere([{ ...agent!, transitions: { [name]: 1e6 } }]);
    expect(coverageOfProgram().charts[0]).toEqual(agent);
  });

  it('is kept of children within bounds, whatever they tell', () => {
    countElsewhere([madeUp(0, 20_001), madeUp(0, 1)]);
    expect(Object.keys(madeUpOnes()[0]!.transitions)).toHaveLength(20_000);
    expect(madeUpOnes()[0]!.transitions['t0']).toBe(Number.MAX_SAFE_INTEGER);
    for (let n = 1; n < 2_000; n++) countElsewhere([madeUp(n, 1)]);
    expect(madeUpOnes().length).toBeGreaterThan(900);
    expect(madeUpOnes().length).toBeLessThanOrEqual(1_000);
  });
});

describe('mergeCoverage', () => {
  it('adds up what several programs have taken, through files', () => {
    const kept = [counted('x', '1', 2, 0), counted('x', '1', 3, 4)].map((one) =>
      JSON.parse(JSON.stringify(one)),
    );
    const merged = mergeCoverage(...kept);
    expect(merged.charts).toEqual(counted('x', '1', 5, 4).charts);
    expect(JSON.parse(JSON.stringify(merged))).toEqual(counted('x', '1', 5, 4));
    expect(mergeCoverage(merged, ...kept).charts[0]!.transitions['a: go → b']).toBe(10);
    expect(String(merged)).toBe('x: 1 of 2 transitions, 1 of 1 guard outcomes; never: b: back → a');
    expect(merged.report()).toEqual(merged.report('x'));
    expect(merged.report('y')).toEqual({
      transitions: { taken: 0, all: 0 },
      guards: { taken: 0, all: 0 },
      never: [],
    });
  });

  it('keeps versions of a chart apart, and says which', () => {
    const merged = mergeCoverage(counted('x', 'aaaaaaaaaa', 1, 1), counted('x', 'bbbbbbbbbb', 0, 0));
    expect(
      String(merged)
        .split('\n')
        .map((line) => line.slice(0, 14)),
    ).toEqual(['x (aaaaaaaa): ', 'x (bbbbbbbb): ']);
  });

  it('of no data is empty, and malformed data is refused', async () => {
    expect(mergeCoverage().charts).toEqual([]);
    expect(String(mergeCoverage())).toBe('');
    for (const none of [
      undefined,
      1,
      {},
      { version: 2, charts: [] },
      { version: 1, charts: [{ chart: 'x' }] },
    ]) {
      expect(await codeOf(() => mergeCoverage(none))).toBe('AGENT_SPEC_INVALID');
    }
    const negative = counted('x', '1', -1, 0);
    expect(await codeOf(() => mergeCoverage(negative))).toBe('AGENT_SPEC_INVALID');
  });
});
