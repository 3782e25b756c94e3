/** Agents that do next to nothing. */
import { defineAgent } from '../../src/index.ts';

export const plain = defineAgent({
  type: 'plain',
  capabilities: ['echo'],
  init: () => ({ n: 0 }),
  tasks: { echo: { run: ({ input }) => input } },
});

/** One whose init does what a test says. */
export function withInit(init: () => unknown) {
  return defineAgent({ type: 'odd', init, tasks: { echo: { run: ({ input }) => input } } });
}
