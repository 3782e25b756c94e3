/** What the compiler knows of a model agent: its tasks, what goes in and what comes out. */
import { expectTypeOf, test } from 'vitest';
import { z } from 'zod';
import { defineModelAgent } from '../../src/ai.ts';
import type { AgentSystem } from '../../src/index.ts';

const agent = defineModelAgent({
  type: 'typed',
  connect: () => ({ client: 7 }),
  initArgs: z.object({ tone: z.string().default('dry') }),
  model: ({ resources, initArgs }) => {
    expectTypeOf(resources).toEqualTypeOf<{ client: number }>();
    expectTypeOf(initArgs).toEqualTypeOf<{ tone: string }>();
    return 'provider/model';
  },
  tasks: {
    say: {
      input: z.object({ at: z.string().transform(Number) }),
      prompt: ({ input, resources }) => `${input.at.toFixed()} ${resources.client.toFixed()}`,
    },
    count: { prompt: () => 'how many?', output: z.object({ n: z.number() }) },
    free: { prompt: ({ input }) => String(input) },
  },
});

const use = async (agents: AgentSystem['agents']) => {
  const id = await agents.register({ module: agent, initArgs: {} });
  expectTypeOf(await agents.execute(id, { type: 'say', input: { at: '1' } })).toEqualTypeOf<string>();
  expectTypeOf(await agents.execute(id, { type: 'count' })).toEqualTypeOf<{ n: number }>();
  expectTypeOf(await agents.execute(id, { type: 'free', input: 3 })).toEqualTypeOf<string>();
  // @ts-expect-error what goes in is not what the prompt sees
  await agents.execute(id, { type: 'say', input: { at: 1 } });
  // @ts-expect-error there is no such task
  await agents.execute(id, { type: 'sing' });
};

test('callers send what goes in, and get text, or the object that the schema says', () => {
  expectTypeOf(use).toBeFunction();
});
