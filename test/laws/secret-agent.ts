/** An agent that is careless with what it was given, in a module of its own. */
import { z } from 'zod';
import { defineAgent } from '../../src/index.ts';

const helper = new URL('secret-helper.ts', import.meta.url);

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
    step: { run: ({ resources, step }) => step('mine', () => ({ list: [1, `with ${resources.apiKey}`] })) },
    stepKey: { run: ({ resources, step }) => step(`with ${resources.apiKey}`, () => 1) },
    ask: {
      run: async ({ resources, ask, input }) => {
        const said = `with ${resources.apiKey}`;
        if (input === 'key') return ask({ key: said, question: 'which?' });
        const schema = z.string().refine((text) => text !== 'no', { error: `not ${said}` });
        return ask({
          key: 'one',
          question: `which, ${said}?`,
          details: { list: [resources.headers, said] },
          schema,
        });
      },
    },
    call: {
      run: ({ resources, agents, input }) => {
        const said = `with ${resources.apiKey}`;
        const task = { type: 'again', input: { said } };
        switch (input) {
          case 'input of a task that may be repeated':
            return agents.execute('helper', task);
          case 'input with a key':
            return agents.execute('helper', { ...task, type: 'once', idempotencyKey: 'key' });
          case 'key':
            return agents.execute('helper', { type: 'once', idempotencyKey: said });
          case 'input':
            return agents.execute('helper', { ...task, type: 'once' });
          case 'child':
            return agents.spawn({ id: `child ${said}`, module: helper });
          case 'child with it as its secret':
            return agents.spawn({ id: 'child', module: helper, initArgs: { said }, secrets: ['said'] });
          default:
            return agents.spawn({ id: 'child', module: helper, initArgs: { said } });
        }
      },
    },
    park: {
      run: async ({ resources, step, steps, park, input }) => {
        if (steps.size > 0) return 'went on';
        await step('once', () => 1);
        if (input === 'asks') return park({ afterMs: 10, why: `no more for ${resources.apiKey}` });
        throw Object.assign(new Error(`429 for ${resources.apiKey}`), { status: 429, retryAfterMs: 10 });
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
