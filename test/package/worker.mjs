/** An agent that ends its host in every way. Plain JavaScript, for every runtime. */
import { readdirSync } from 'node:fs';
import { homedir } from 'node:os';
import { defineAgent } from 'mabeam/agent';

export default defineAgent({
  type: 'worker',
  init: ({ restored }) => restored ?? { n: 0 },
  tasks: {
    add: { run: ({ state }) => (state.n += 1) },
    exit: { run: () => process.exit(7) },
    kill: { run: () => process.kill(process.pid, 'SIGKILL') },
    loop: {
      run: () => {
        for (;;);
      },
    },
    fill: {
      run: async ({ signal }) => {
        const kept = [];
        while (!signal.aborted) {
          kept.push(Array.from({ length: 50_000 }, (_, index) => ({ index })));
          await new Promise((resolve) => setImmediate(resolve));
        }
      },
    },
    look: { run: () => readdirSync(homedir()).length },
  },
});
