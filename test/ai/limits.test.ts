/** Laws of a provider that says "not now": the task waits, and nothing that was paid is paid again. */
import { type Tool, tool } from 'ai';
import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import { defineAgent } from '../../src/agent.ts';
import { agentTool, defineModelAgent, toolCallOf } from '../../src/ai.ts';
import { awaited, fateOf, gate, refusal, rig } from '../kit/rig.ts';
import { calls, refuses, says, scripted, type Turn } from './scripted.ts';

let attempts = 0;
const search = tool({
  description: 'Searches.',
  inputSchema: z.object({}),
  execute: () => {
    attempts += 1;
    if (attempts === 1) throw Object.assign(new Error('busy'), { status: 429, retryAfterMs: 500 });
    return 'found';
  },
});

async function running(onLimit: 'park' | 'fail', ...turns: Turn[]) {
  const model = scripted(...turns);
  const module = defineModelAgent({
    type: 'assistant',
    model,
    onLimit,
    quota: 'provider',
    tools: { search },
    tasks: { answer: { prompt: () => 'well?' } },
  });
  const made = await rig();
  for (const id of ['ada', 'bob']) {
    await made.agents.register({ id, module });
    await made.agents.start(id);
  }
  return { ...made, model };
}

const parked = async ({ agents, clock }: Awaited<ReturnType<typeof running>>) => {
  while (agents.get('ada').parked === undefined) await clock.advance(0);
  return agents.get('ada').parked!;
};

describe('a model agent whose provider', () => {
  test('is rate-limited parks until the reset, together with those that share the quota', async () => {
    const fleet = await running('park', refuses(429, { 'retry-after-ms': '1500' }), says('yes'));
    const { agents, clock, eventsOf } = fleet;
    const asked = awaited(agents.execute('ada', { type: 'answer' }));
    expect(await parked(fleet)).toMatchObject({ until: clock.now() + 1_500, quota: 'provider' });
    expect(agents.get('bob').parked).toMatchObject({ quota: 'provider' });
    expect(await fateOf(asked)).toBe('pending');
    await clock.advance(1_500);
    expect(await asked).toBe('yes');
    expect(eventsOf('task.failed')).toEqual([]);
    expect(agents.get('ada')).toMatchObject({ incarnation: 1 });
  });

  test.each([500, 502, 529])(
    'fails for a while with %i parks, and says that the reset is a guess',
    async (status) => {
      const fleet = await running('park', refuses(status), says('yes'));
      const asked = awaited(fleet.agents.execute('ada', { type: 'answer' }));
      expect(await parked(fleet)).toMatchObject({ guessed: true });
      await fleet.clock.advance(2_000);
      expect(await asked).toBe('yes');
    },
  );

  test('refuses for good fails the task', async () => {
    const { agents } = await running('park', refuses(401));
    expect((await refusal(agents.execute('ada', { type: 'answer' }))).cause).toMatchObject({ status: 401 });
  });

  test('is rate-limited fails the task where the definition says so', async () => {
    const { agents } = await running('fail', refuses(429, { 'retry-after': '7' }));
    const { code, cause } = await refusal(agents.execute('ada', { type: 'answer' }));
    expect({ code, cause }).toMatchObject({ code: 'TASK_FAILED', cause: { status: 429, isRetryable: true } });
  });
});

test('a tool that runs into a limit parks the task, and no call of the model is made again for it', async () => {
  attempts = 0;
  const fleet = await running('park', calls('search', {}), says('found it'));
  const asked = awaited(fleet.agents.execute('ada', { type: 'answer' }));
  expect(await parked(fleet)).toMatchObject({ until: fleet.clock.now() + 500 });
  await fleet.clock.advance(500);
  expect(await asked).toBe('found it');
  expect(attempts).toBe(2);
  expect(fleet.model.prompts).toHaveLength(2);
});

test('calls of tools that the model makes side by side end before one of them parks the task, and are not made again', async () => {
  attempts = 0;
  let paid = 0;
  const limited = gate();
  const pay = tool({
    inputSchema: z.object({}),
    execute: async (_, { abortSignal }) => {
      paid += 1;
      await limited.promise;
      return new Promise<string>((resolve, reject) => {
        setImmediate(resolve, 'paid');
        abortSignal!.addEventListener('abort', () => reject(abortSignal!.reason as Error));
      });
    },
  });
  const both = {
    ...calls('pay', {}),
    content: [...calls('pay', {}).content, ...calls('search', {}).content],
  };
  const model = scripted(both, says('done'));
  const limitedSearch = {
    ...search,
    execute: (...given: Parameters<NonNullable<typeof search.execute>>) => {
      limited.resolve();
      return search.execute(...given);
    },
  };
  const module = defineModelAgent({
    type: 'assistant',
    model,
    tools: { pay, search: limitedSearch },
    tasks: { answer: { prompt: () => 'well?' } },
  });
  const made = await rig();
  await made.agents.start(await made.agents.register({ id: 'ada', module }));
  const asked = awaited(made.agents.execute('ada', { type: 'answer' }));
  while (made.agents.get('ada').parked === undefined) await made.clock.advance(0);
  await made.clock.advance(500);
  expect(await asked).toBe('done');
  expect({ paid, attempts }).toEqual({ paid: 1, attempts: 2 });
  expect(model.prompts).toHaveLength(2);
});

/** An agent whose model calls two tools at once: one waits, and the other has run into its limit once that `waits`. */
async function parkedBeside(made: Awaited<ReturnType<typeof rig>>, decide: Tool, waits: () => Promise<void>) {
  const limitedSearch = {
    ...search,
    execute: async (...given: Parameters<NonNullable<typeof search.execute>>) => {
      await waits();
      return search.execute(...given);
    },
  };
  const both = {
    ...calls('decide', {}),
    content: [...calls('decide', {}).content, ...calls('search', {}).content],
  };
  const model = scripted(both, says('done'));
  const module = defineModelAgent({
    type: 'assistant',
    model,
    tools: { decide, search: limitedSearch },
    tasks: { answer: { prompt: () => 'well?' } },
  });
  await made.agents.start(await made.agents.register({ id: 'ada', module }));
  const asked = awaited(made.agents.execute('ada', { type: 'answer' }));
  while (made.agents.get('ada').parked === undefined) await made.clock.advance(0);
  return { asked, model };
}

test('a call that waits for a person does not hold up the limit of one beside it, and its question is asked once', async () => {
  attempts = 0;
  const made = await rig();
  const decide = tool({
    inputSchema: z.object({}),
    execute: async (_, options) =>
      `they said ${await toolCallOf(options).task.ask<string>({ question: 'Well?' })}`,
  });
  const { asked, model } = await parkedBeside(made, decide, async () => {
    while (made.eventsOf('question.asked').length === 0) await made.clock.advance(0);
  });
  const [question] = made.system.questions.list();
  await made.system.questions.answer(question!.id, 'yes');
  await made.clock.advance(500);
  expect(await asked).toBe('done');
  expect(attempts).toBe(2);
  expect(made.eventsOf('question.asked')).toHaveLength(1);
  expect(JSON.stringify(model.prompts[1])).toContain('they said yes');
});

test('a call that waits for another agent does not hold up the limit of one beside it, and is not made again', async () => {
  attempts = 0;
  const made = await rig();
  const begins = gate();
  const decided = gate();
  let begun = 0;
  const boss = defineAgent({
    type: 'boss',
    init: () => ({}),
    tasks: {
      decide: {
        run: async () => {
          begun += 1;
          begins.resolve();
          await decided.promise;
          return 'go';
        },
      },
    },
  });
  await made.agents.start(await made.agents.register({ id: 'boss', module: boss }));
  const decide = agentTool({
    description: 'Decides.',
    inputSchema: z.object({}),
    agent: 'boss',
    task: 'decide',
  });
  const { asked } = await parkedBeside(made, decide, () => begins.promise);
  await made.clock.advance(500);
  expect(await fateOf(asked)).toBe('pending');
  decided.resolve();
  expect(await asked).toBe('done');
  expect({ attempts, begun }).toEqual({ attempts: 2, begun: 1 });
});
