/** An agent in a module of its own. */
import { z } from 'zod';
import { defineAgent } from '../../src/index.ts';

export default defineAgent({
  type: 'module-agent',
  initArgs: z.object({ from: z.int() }),
  init: ({ initArgs, restored }): { n: number } => restored ?? { n: initArgs.from },
  tasks: {
    add: { input: z.int(), run: ({ state, input }) => (state.n += input) },
  },
});
