/** An agent whose one task pays for six things in turn, and writes down what it paid and what it was told is kept. */
import { appendFileSync } from 'node:fs';
import { defineAgent } from '../../src/agent.ts';

export const STEPS = 6;

export default defineAgent({
  type: 'payer',
  init: () => ({}),
  tasks: {
    pay: {
      retry: 'on_host_loss',
      run: async ({ input, step, taskId }) => {
        const write = (line: string): void => appendFileSync(String(input), `${taskId} ${line}\n`);
        let sum = 0;
        for (let n = 0; n < STEPS; n++) {
          sum += await step(`thing ${n}`, () => {
            write(`paid ${n}`);
            return n;
          });
          write(`kept ${n}`);
        }
        return sum;
      },
    },
  },
});
