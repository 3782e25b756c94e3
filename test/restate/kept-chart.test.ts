/** Laws of deadlines that are data, and of a chart that is kept between two steps. */
import { describe, expect, it } from 'vitest';
import { assign, setup } from 'xstate';
import { ChartAtWork, earliestOf, type KeptChart, takeAllDue } from '../../src/restate/engine/kept-chart.ts';

const due = (dueAt: number, order: number) => ({ dueAt, order });

describe('of deadlines', () => {
  it('the earliest is the first; of one moment, the one that was armed first', () => {
    expect(earliestOf([])).toBe(undefined);
    expect(earliestOf([due(2, 1), due(1, 3), due(1, 2), due(3, 0)])).toEqual(due(1, 2));
    expect(earliestOf([due(1, 2), due(1, 3)])).toEqual(due(1, 2));
  });

  it('all are taken that are due by now, in their order, with those that taking one adds', () => {
    let table = [due(10, 2), due(5, 3), due(11, 1), due(5, 1)];
    const taken: unknown[] = [];
    takeAllDue(
      () => table,
      10,
      (one) => {
        taken.push([one.dueAt, one.order]);
        table = table.filter((other) => other !== one);
        if (one.order === 3) table.push(due(7, 4));
      },
    );
    expect(taken).toEqual([
      [5, 1],
      [5, 3],
      [7, 4],
      [10, 2],
    ]);
    expect(table).toEqual([due(11, 1)]);
  });
});

interface Kept {
  context: { n: number; ms: number };
  input: { ms: number };
  events: { type: 'go' | 'more' | 'off' };
}
const types = {} as Kept;
const machine = setup({
  types,
  actions: { say: () => {}, count: assign({ n: ({ context }) => context.n + 1 }) },
  delays: { soon: ({ context }) => context.ms, later: 50 },
}).createMachine({
  id: 'kept',
  context: ({ input }) => ({ n: 0, ms: input.ms }),
  initial: 'idle',
  states: {
    idle: { on: { go: 'waiting', more: { actions: ['count', 'say'] } } },
    waiting: {
      entry: 'say',
      after: { soon: 'over', later: { actions: 'count' } },
      on: { off: 'idle', go: { target: 'waiting', reenter: true } },
    },
    over: { entry: 'say' },
  },
});

function rig(ms = 10) {
  const kept: KeptChart<typeof machine> = { life: undefined as never, deadlines: [] };
  const owner = { now: 100, perform: () => {} };
  const said: unknown[] = [];
  let order = 0;
  const chart = new ChartAtWork(machine, kept, {
    get now() {
      return owner.now;
    },
    nextOrder: () => (order += 1),
    perform: () => {
      said.push(kept.life.value);
      owner.perform();
    },
  });
  chart.begin({ ms });
  return {
    kept,
    owner,
    chart,
    said: () => said.splice(0),
    dues: () => kept.deadlines.map(({ dueAt, order: place }) => [dueAt, place]),
  };
}

describe('a kept chart', () => {
  it('arms its deadlines from now on, each with its place, and drops them with their state', () => {
    const { chart, dues, kept, said } = rig();
    chart.send({ type: 'go' });
    expect([kept.life.value, dues(), said()]).toEqual([
      'waiting',
      [
        [110, 1],
        [150, 2],
      ],
      ['waiting'],
    ]);
    chart.send({ type: 'off' });
    expect([kept.life.value, dues()]).toEqual(['idle', []]);
  });

  it('that is entered again has its deadlines anew, and no former one', () => {
    const { chart, dues, owner } = rig();
    chart.send({ type: 'go' });
    owner.now = 104;
    chart.send({ type: 'go' });
    expect(dues()).toEqual([
      [114, 3],
      [154, 4],
    ]);
  });

  it('takes a deadline once, and waits for one that is Infinity for ever', () => {
    const { chart, dues, kept } = rig();
    chart.send({ type: 'go' });
    chart.take(kept.deadlines[1]!);
    expect([kept.life.value, kept.life.context.n, dues()]).toEqual(['waiting', 1, [[110, 1]]]);
    chart.take(kept.deadlines[0]!);
    expect([kept.life.value, dues()]).toEqual(['over', []]);
    const never = rig(Infinity);
    never.chart.send({ type: 'go' });
    expect(never.dues()).toEqual([[150, 1]]);
  });

  it('runs to completion: what is sent while effects are performed waits until they all are', () => {
    const { chart, owner, kept, said } = rig();
    const seen: boolean[] = [];
    owner.perform = () => {
      seen.push(chart.isStepping);
      owner.perform = () => {};
      chart.send({ type: 'go' });
      seen.push(kept.life.value === 'idle');
    };
    expect(chart.isStepping).toBe(false);
    chart.send({ type: 'more' });
    expect([kept.life.value, kept.life.context.n, seen, chart.isStepping]).toEqual([
      'waiting',
      1,
      [true, true],
      false,
    ]);
    expect(said()).toEqual(['idle', 'waiting']);
  });

  it('begun anew has forgotten its state and its deadlines', () => {
    const { chart, dues, kept } = rig();
    chart.send({ type: 'more' });
    chart.send({ type: 'go' });
    chart.begin({ ms: 3 });
    expect([kept.life.value, kept.life.context, dues()]).toEqual(['idle', { n: 0, ms: 3 }, []]);
  });
});
