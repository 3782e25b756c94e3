/** An agent that says where its body is, and that does what its limits and its sandbox are for. */
import { readFileSync } from 'node:fs';
import { threadId } from 'node:worker_threads';
import { defineAgent } from '../../src/index.ts';

const MEBIBYTE = 1024 * 1024;

export default defineAgent({
  type: 'bodily',
  init: ({ restored }) => (restored as { count: number } | undefined) ?? { count: 0 },
  tasks: {
    where: { run: () => ({ pid: process.pid, threadId }) },
    count: {
      run: ({ state }) => {
        state.count += 1;
        return state.count;
      },
    },
    exhaust: {
      run: async () => {
        const held: Buffer[] = [];
        for (;;) {
          held.push(Buffer.alloc(MEBIBYTE, 1));
          await new Promise((resolve) => setImmediate(resolve));
        }
      },
    },
    exit: { run: () => process.exit(3) },
    read: { run: ({ input }) => readFileSync(input as string, 'utf8').length },
    variable: { run: ({ input }) => process.env[input as string] ?? null },
  },
});
