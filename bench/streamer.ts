/** The agent whose streams are measured: so many chunks of a word each. */
import { defineAgent } from '../src/agent.ts';

export default defineAgent({
  type: 'streamer',
  init: () => null,
  tasks: {
    stream: {
      run: async function* ({ input }) {
        for (let chunk = 0; chunk < Number(input); chunk++) yield 'word ';
      },
    },
  },
});
