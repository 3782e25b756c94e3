/** An agent with a fault: an account that holds anything can be overdrawn. */
import { z } from 'zod';
import { defineAgent } from '../../../src/agent.ts';

const amount = z.number().int().min(1).max(100);

export default defineAgent({
  type: 'account',
  init: ({ restored }): { balance: number } => restored ?? { balance: 0 },
  tasks: {
    deposit: { input: amount, output: z.number(), run: ({ input, state }) => (state.balance += input) },
    withdraw: {
      input: amount,
      output: z.number(),
      run: ({ input, state }) => {
        if (state.balance === 0) return 0;
        state.balance -= input;
        return input;
      },
    },
  },
});
