/** The fleet that is simulated here: agents that count, vote, listen, end, work for each other and have keys, a chart, a pool, and what they share. */
import { z } from 'zod';
import { assign, emit, fromPromise, setup } from 'xstate';
import {
  type ChartAnswer,
  type ChartEvent,
  defineAgent,
  defineChartAgent,
  variable,
} from '../../src/index.ts';
import type { FleetSeen, SimulatedFleet } from '../../src/testing/index.ts';

const tasks = {
  /** A number that only grows, as long as nothing that was answered is lost. */
  count: { run: ({ state }: { state: Counted }) => (state.n += 1) },
  /** Comes back to a state that it had before. */
  flip: { run: ({ state }: { state: Counted }) => (state.isOn = !state.isOn) },
  read: { run: ({ state }: { state: Counted }) => state.n },
  fail: {
    run: () => {
      throw new Error('as it was to');
    },
  },
};

interface Counted {
  n: number;
  isOn?: boolean;
}
const init = ({ restored }: { readonly restored?: unknown }): Counted =>
  (restored as Counted | undefined) ?? { n: 0 };

const hand = defineAgent({
  type: 'hand',
  variables: ['pace'],
  init,
  tasks: {
    ...tasks,
    again: { retry: 'on_host_loss', run: ({ state }: { state: Counted }) => (state.n += 1) },
  },
});

const clerk = defineAgent({
  type: 'clerk',
  quota: 'provider',
  variables: ['pace', 'mode'],
  init,
  vote: ({ proposal }) => (proposal.value === 'idle' ? 'reject' : 'accept'),
  tasks: {
    ...tasks,
    again: { retry: 'on_host_loss', run: ({ state }: { state: Counted }) => (state.n += 1) },
    complete: {
      run: ({ state, complete }: { state: Counted; complete: () => void }) => {
        complete();
        return state.n;
      },
    },
    obey: {
      run: ({ signal }: { signal: AbortSignal }) =>
        new Promise<void>((_, reject) => {
          signal.addEventListener('abort', () => reject(new Error('obeyed')));
        }),
    },
    ignore: { run: () => new Promise<void>(() => {}) },
    ask: {
      run: ({ ask }) =>
        ask({ question: 'well?', schema: z.enum(['yes', 'no']), deadlineMs: 60_000, otherwise: 'no' }),
    },
    spend: {
      run: async ({ budget }) => (await budget.reserve({ calls: 1, tokens: 10 })).settle({ tokens: 4 }),
    },
    steps: {
      retry: 'on_host_loss',
      run: async ({ step }) => (await step('one', () => 1)) + (await step('two', () => 2)),
    },
    words: {
      run: async function* () {
        yield 'one';
        yield 'two';
      },
    },
    /** Has others do it, one after the other; a way that comes back to one who waits is refused. */
    pass: {
      run: ({ input, agents }): Promise<unknown> | number => {
        const [next, ...way] = input as readonly string[];
        return next === undefined ? 0 : agents.execute(next, { type: 'pass', input: way, timeoutMs: 60_000 });
      },
    },
    hire: { run: ({ agents }) => agents.execute({ pool: 'hands' }, { type: 'count', timeoutMs: 60_000 }) },
    grow: {
      run: ({ agents, taskId }) => agents.spawn({ id: `hand-of-${taskId}`, module: hand, parent: 'stop' }),
    },
  },
});

const rounds = {
  light: { answer: 'taken' },
  look: { output: z.string() },
} as const;

/** A chart: it burns down by itself, and what it invokes puts it out. */
const candle = defineChartAgent({
  type: 'candle',
  machine: setup({
    types: { events: {} as ChartEvent<typeof rounds>, emitted: {} as ChartAnswer<typeof rounds> },
    actors: { wind: fromPromise(() => Promise.resolve()) },
    guards: { isNew: ({ context }) => (context as { lit: number }).lit < 3 },
  }).createMachine({
    id: 'candle',
    context: { lit: 0 },
    initial: 'out',
    on: {
      look: { actions: emit(({ context }) => ({ type: 'look.done', output: String(context.lit) }) as const) },
    },
    states: {
      out: {
        on: {
          light: [
            { guard: 'isNew', target: 'lit', actions: assign({ lit: ({ context }) => context.lit + 1 }) },
            { target: 'windy', actions: assign({ lit: ({ context }) => context.lit + 1 }) },
          ],
        },
      },
      lit: { after: { 90_000: 'out' } },
      windy: { invoke: { src: 'wind', onDone: 'out' } },
    },
  }),
  tasks: rounds,
});

/** Somebody with a key, who is careless with it. */
const caller = defineAgent({
  type: 'caller',
  initArgs: z.object({ key: z.string() }),
  connect: ({ initArgs }) => ({ key: initArgs.key }),
  init,
  tasks: {
    ...tasks,
    blab: {
      run: ({ resources, log }) => {
        log.error(`it is ${resources.key}`);
        throw new Error(`${resources.key} is refused`);
      },
    },
  },
});

const fragile = defineAgent({
  type: 'fragile',
  onTaskError: 'crash',
  variables: ['mode'],
  init: async ({ restored }): Promise<Counted> => {
    await Promise.resolve();
    return init({ restored });
  },
  onVariable: async () => {
    await Promise.resolve();
  },
  vote: async ({ state }: { state: Counted }) => {
    await Promise.resolve();
    return state.n % 2 === 0 ? 'accept' : 'reject';
  },
  tasks,
});

/** Of one agent each count that is answered is greater than those answered before it was asked. */
function countsOnlyGrow({ answers, events, memory }: FleetSeen): void {
  for (const event of events) {
    if (event.type === 'agent.forgotten') delete memory[event.agentId];
  }
  for (const { to, task, output } of answers) {
    if (typeof to !== 'string' || (task !== 'count' && task !== 'again')) continue;
    const known = (memory[to] ??= new Set()) as Set<unknown>;
    if (known.has(output)) throw new Error(`${to} answered ${String(output)} twice: a count was lost`);
    known.add(output);
  }
}

export const fleet: SimulatedFleet = {
  agents: [
    {
      module: clerk,
      count: 3,
      tasks: {
        pass: { examples: [[], ['clerk-2'], ['clerk-1', 'clerk-3'], ['clerk-3', 'clerk-2', 'clerk-1']] },
      },
    },
    { module: fragile, count: 2 },
    { module: caller, spec: { initArgs: { key: 'sk-simulated' }, secrets: ['key'] } },
    { module: candle },
    { module: hand, pool: { name: 'hands', min: 1, max: 3 } },
  ],
  variables: {
    pace: variable.integer({ min: 1, max: 9, default: 1 }),
    mode: variable.choice({ options: ['idle', 'steady', 'hasty'], default: 'steady' }),
  },
  budgets: [{ name: 'all', limits: { calls: 4, tokens: 30 } }],
  invariants: { countsOnlyGrow },
};
