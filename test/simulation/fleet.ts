/** The fleet that is simulated here: agents that count, vote, listen and end, two pools of them, and what they share. */
import { z } from 'zod';
import { defineAgent, variable } from '../../src/index.ts';
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
    grow: {
      run: ({ agents, taskId }) => agents.spawn({ id: `hand-of-${taskId}`, module: hand, parent: 'stop' }),
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
    { module: clerk, count: 3 },
    { module: fragile, count: 2 },
    { module: hand, pool: { name: 'hands', min: 1, max: 3 } },
  ],
  variables: {
    pace: variable.integer({ min: 1, max: 9, default: 1 }),
    mode: variable.choice({ options: ['idle', 'steady', 'hasty'], default: 'steady' }),
  },
  budgets: [{ name: 'all', limits: { calls: 4, tokens: 30 } }],
  invariants: { countsOnlyGrow },
};
