/** An agent that counts and votes, for benches of fleets on more than one machine. */
import { defineAgent } from '../src/index.ts';

export const counter = defineAgent({
  type: 'counter',
  variables: ['rate'],
  init: ({ restored }) => (restored as { n: number } | undefined) ?? { n: 0 },
  tasks: {
    add: {
      run: ({ state }) => {
        state.n += 1;
        return state.n;
      },
    },
  },
  vote: () => 'accept',
});
