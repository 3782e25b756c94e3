/** The agent whose tasks are measured: it gives back what it is given. */
import { defineAgent } from '../src/runtime/definition/define-agent.ts';

export default defineAgent({
  type: 'echo',
  init: () => null,
  tasks: { echo: { run: ({ input }) => input } },
});
