/** An agent that listens to a variable, and votes by its arguments. */
import { defineAgent } from '../../src/index.ts';

export const voter = defineAgent({
  type: 'voter',
  variables: ['rate'],
  init: ({ variables }) => ({ began: variables['rate'], heard: [] as unknown[] }),
  onVariable: ({ value, state }) => {
    state.heard.push(value);
  },
  tasks: { heard: { run: ({ state, variables }) => ({ ...state, now: variables['rate'] }) } },
  vote: ({ proposal }) => {
    if (proposal.value === 5) throw new Error('no idea');
    return (proposal.value as number) > 10 ? 'reject' : 'accept';
  },
});
