/** The agent that is measured: the least that an agent can do, with a state that changes. */
import { defineAgent } from '../src/index.ts';

export const counter = defineAgent({
  type: 'counter',
  init: ({ restored }) => restored ?? { n: 0 },
  tasks: { add: { run: ({ state }) => ++state.n } },
});
