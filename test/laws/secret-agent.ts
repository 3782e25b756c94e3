/** An agent that is careless with what it was given, in a module of its own. */
import { z } from 'zod';
import { defineAgent } from '../../src/index.ts';

export default defineAgent({
  type: 'careless',
  initArgs: z.object({
    apiKey: z.string().startsWith('key-', { error: ({ input }) => `expected a key, got ${String(input)}` }),
    headers: z.object({ authorization: z.string() }),
    model: z.string().default('small'),
  }),
  connect: ({ initArgs, log }) => {
    log.warn(`connects with ${initArgs.apiKey}`, { headers: initArgs.headers });
    console.log(`prints ${initArgs.apiKey}`);
    return initArgs;
  },
  init: ({ initArgs, restored }): Record<string, unknown> => restored ?? { model: initArgs.model },
  health: ({ resources }) => ({ with: resources }),
  tasks: {
    use: { run: ({ resources, state }) => `${resources.apiKey} ${String(state['model'])}` },
    fail: {
      run: ({ resources }) => {
        throw Object.assign(
          new Error(`401 for ${resources.apiKey}`, { cause: new Error(resources.apiKey) }),
          {
            sent: resources.headers,
          },
        );
      },
    },
    keep: {
      run: ({ resources, state }) => {
        state['mine'] = { list: [1, `Bearer ${resources.headers.authorization}`] };
      },
    },
    crash: {
      run: ({ resources }) => {
        queueMicrotask(() => {
          throw new Error(`crashed with ${resources.apiKey}`);
        });
        return new Promise(() => {});
      },
    },
  },
});
