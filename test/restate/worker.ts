/** An agent that counts, says where it is, and works for as long as it is told. */
import { appendFileSync } from 'node:fs';
import { defineAgent } from '../../src/index.ts';

interface State {
  count: number;
  migrated?: boolean;
}

/** Until when tasks of this program were parked. */
const parked = new Set<number>();

export const worker = defineAgent({
  type: 'worker',
  init: ({ restored, previousStop, initArgs, incarnation, agentId }) => {
    const { notes } = initArgs as { notes?: string };
    if (notes !== undefined) {
      appendFileSync(notes, `${JSON.stringify({ agentId, incarnation, previousStop, pid: process.pid })}\n`);
    }
    return (restored as State | undefined) ?? { count: 0 };
  },
  tasks: {
    count: {
      run: ({ state }) => {
        state.count += 1;
        return state.count;
      },
    },
    where: { run: () => process.pid },
    park: {
      run: ({ input, park }) => {
        const { until } = input as { until: number };
        if (parked.has(until)) return 'done';
        parked.add(until);
        return park({ until, why: 'the limit is reached' });
      },
    },
    ask: { run: async ({ ask, input }) => [await ask({ question: String(input) }), process.pid] },
    spend: {
      run: async ({ budget, signal }) => {
        await budget.reserve({ calls: 1 });
        await new Promise((_, reject) =>
          signal.addEventListener('abort', () => reject(new Error('aborted'))),
        );
      },
    },
    work: {
      run: async ({ input, signal }) => {
        const { promise, resolve, reject } = Promise.withResolvers<void>();
        const timer = setTimeout(resolve, (input as { ms: number }).ms);
        signal.addEventListener('abort', () => {
          clearTimeout(timer);
          reject(new Error('aborted'));
        });
        await promise;
        return process.pid;
      },
    },
    repeat: {
      retry: 'on_host_loss',
      run: async ({ input }) => {
        await new Promise((resolve) => setTimeout(resolve, (input as { ms: number }).ms));
        return process.pid;
      },
    },
  },
});

/** The next version of its code: its states are of another shape. */
export const workerOfNext = defineAgent({
  type: 'worker',
  stateVersion: 2,
  migrate: (saved) => ({ ...(saved as State), migrated: true }),
  init: ({ restored }) => (restored as State | undefined) ?? { count: 0 },
  tasks: {
    count: {
      run: ({ state }) => {
        state.count += 1;
        return state.count;
      },
    },
    version: { run: () => 2 },
  },
});

export default worker;
