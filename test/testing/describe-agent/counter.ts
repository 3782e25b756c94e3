/** An agent without a fault: it counts, votes, hears of a variable, and completes itself when it is told to. */
import { z } from 'zod';
import { defineAgent } from '../../../src/agent.ts';

interface Count {
  n: number;
  rate: number;
}

export default defineAgent({
  type: 'counter',
  capabilities: ['count'],
  variables: ['rate'],
  initArgs: z.object({ from: z.number().int().default(0) }).default({ from: 0 }),
  init: ({ initArgs, restored }): Count => restored ?? { n: initArgs.from, rate: 0 },
  tasks: {
    add: {
      requires: ['count'],
      input: z.number().int().min(0).max(1_000),
      output: z.number(),
      run: ({ input, state }) => (state.n += input),
    },
    read: { output: z.number(), run: async ({ state }) => state.n },
    fly: { requires: ['wings'], run: () => 'never' },
  },
  onVariable: ({ value, state }) => {
    state.rate = value as number;
  },
  vote: ({ proposal, state }) => (state.n > 10 ? 'abstain' : proposal.value === 0 ? 'reject' : 'accept'),
  health: ({ state }) => ({ n: state.n }),
  terminate: ({ log }) => log.debug('counted'),
});
