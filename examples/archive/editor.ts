/** An agent that makes a page of an index, and asks a person before it gives it away. */
import { defineAgent } from '../../src/index.ts';
import { z } from 'zod';
import { addresses } from './addresses.ts';
import { entrySchema } from './reading.ts';

export const editor = defineAgent({
  type: 'editor',
  init: () => ({ published: 0 }),
  tasks: {
    publish: {
      input: z.array(entrySchema),
      retry: 'on_host_loss',
      run: async ({ input, ask, state }) => {
        const question = `Publish an index of ${input.length} addresses?`;
        if (!(await ask({ question, schema: z.boolean() })))
          return 'The person said no: nothing was published.';
        state.published += 1;
        const byYear = new Map(input.map((entry) => [entry.year, entry]));
        const lines = addresses().map(({ year, president }) => {
          const topics = byYear.get(year)?.topics.join(', ') ?? '(not read)';
          return `${year}  ${president.padEnd(20).slice(0, 20)}  ${topics}`;
        });
        return lines.join('\n');
      },
    },
  },
});
