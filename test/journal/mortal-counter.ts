import { z } from 'zod';
import { defineAgent } from '../../src/agent.ts';

export const counter = defineAgent({
  type: 'counter',
  init: ({ restored }): { count: number } => restored ?? { count: 0 },
  tasks: { add: { output: z.number(), run: ({ state }) => ++state.count } },
});
