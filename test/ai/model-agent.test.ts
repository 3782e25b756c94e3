/** Laws of agents whose work is done by a model: what is asked, what is answered, what is remembered, what is kept. */
import { fileURLToPath } from 'node:url';
import type { StandardSchemaV1 } from '@standard-schema/spec';
import { type FlexibleSchema, isStepCount, tool, type ToolSet } from 'ai';
import { pino } from 'pino';
import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import { agentTool, defineModelAgent, serverTools, toolCallOf } from '../../src/ai.ts';
import { createAgentSystem, defineAgent, type Store } from '../../src/index.ts';
import { defineToolServer } from '../../src/mcp.ts';
import { disks, diskOf } from '../fleet/program.ts';
import { eventually } from '../kit/eventually.ts';
import { mortalStore } from '../kit/mortal-store.ts';
import { awaited, gate, refusal, rig, silent } from '../kit/rig.ts';
import { calls, refuses, says, scripted, type Turn } from './scripted.ts';
import { modelErrorOf } from '../../src/ai/model-error.ts';
import { limitSaid } from '../../src/runtime/definition/parking.ts';
import { errorInfoOf } from '../../src/runtime/values/errors.ts';

const at = (n: number, id: string) => calls('look', { at: n }, id);
const question = z.object({ question: z.string() });

function assistant(...turns: Turn[]) {
  const model = scripted(...turns);
  const agent = defineModelAgent({
    type: 'assistant',
    model,
    instructions: 'Be short.',
    tasks: {
      answer: { input: question, prompt: ({ input }) => input.question },
    },
  });
  return { model, agent };
}

/** An agent whose model has one tool. */
function seeker(
  model: ReturnType<typeof scripted>,
  look: ToolSet[string],
  limits: { readonly stopWhen?: ReturnType<typeof isStepCount>; readonly maxRepeats?: number } = {},
) {
  const tasks = { seek: { prompt: () => 'seek' } };
  return defineModelAgent({ type: 'seeker', model, tools: { look }, ...limits, tasks });
}

async function running(
  module: Parameters<Awaited<ReturnType<typeof rig>>['agents']['register']>[0]['module'],
) {
  const made = await rig();
  await made.agents.register({ id: 'ada', module });
  await made.agents.start('ada');
  const ask = (type: string, input?: unknown) => made.agents.execute('ada', { type, input });
  return { ...made, ask };
}

describe('a task of a model agent', () => {
  test('asks the model with its instructions and prompt, and gives its text', async () => {
    const { model, agent } = assistant(says('42'));
    const { ask } = await running(agent);
    expect(await ask('answer', { question: 'six times seven?' })).toBe('42');
    expect(model.prompts).toEqual([
      [
        { role: 'system', content: 'Be short.' },
        { role: 'user', content: [{ type: 'text', text: 'six times seven?' }], providerOptions: undefined },
      ],
    ]);
  });

  test.each([
    ['the agent', 'said'],
    ['a function', 'made'],
  ])('has system messages with what is for the provider in its call, where %s has them', async (_, how) => {
    const providerOptions = { anthropic: { cacheControl: { type: 'ephemeral' } } };
    const messages = [
      { role: 'system', content: 'Be short.', providerOptions } as const,
      { role: 'system', content: 'It is noon.' } as const,
    ];
    const model = scripted(says('yes'));
    const agent = defineModelAgent({
      type: 'x',
      model,
      instructions: how === 'said' ? messages : () => messages,
      tasks: { go: { prompt: () => 'go' } },
    });
    const { ask } = await running(agent);
    expect(await ask('go')).toBe('yes');
    expect(model.prompts[0]).toMatchObject([...messages, { role: 'user' }]);
  });

  test('has its input judged before anybody is asked', async () => {
    const { model, agent } = assistant();
    const { ask } = await running(agent);
    expect((await refusal(ask('answer', { question: 7 }))).code).toBe('TASK_INPUT_INVALID');
    expect(model.prompts).toEqual([]);
  });

  test('begins anew, unless the agent has a conversation', async () => {
    const { model, agent } = assistant(says('one'), says('two'));
    const { ask } = await running(agent);
    await ask('answer', { question: 'a' });
    await ask('answer', { question: 'b' });
    expect(model.prompts[1]).toHaveLength(2);
  });

  test('gives an object as its schema says, and asks again for one that is not', async () => {
    const model = scripted(says('{"n": "many"}'), says('{"n": 3}'));
    const agent = defineModelAgent({
      type: 'counter',
      model,
      tasks: { count: { prompt: () => 'how many?', output: z.object({ n: z.number() }) } },
    });
    const { ask, eventsOf } = await running(agent);
    expect(await ask('count')).toEqual({ n: 3 });
    expect(model.prompts[1]).toMatchObject([
      { role: 'user' },
      { role: 'assistant', content: [{ text: '{"n": "many"}' }] },
      { role: 'user', content: [{ text: expect.stringContaining('That is not as asked') }] },
    ]);
    expect(eventsOf('task.step').map(({ key }) => key)).toEqual(['ai:0:model:0', 'ai:0:model:1']);
  });

  test('asks again with what the tools have given, and not for it', async () => {
    const look = tool({
      description: 'Looks.',
      inputSchema: z.object({ at: z.number() }),
      execute: () => 'a cat',
    });
    const model = scripted(at(1, '1'), says('a cat'), says('{"n": 1}'));
    const agent = defineModelAgent({
      type: 'counter',
      model,
      tools: { look },
      tasks: { count: { prompt: () => 'how many?', output: z.object({ n: z.number() }) } },
    });
    const { ask } = await running(agent);
    expect(await ask('count')).toEqual({ n: 1 });
    expect(model.prompts[2]!.map(({ role }) => role)).toEqual([
      'user',
      'assistant',
      'tool',
      'assistant',
      'user',
    ]);
  });

  test('fails with what the model said, when it never gives what was asked for', async () => {
    const model = scripted(says('no'), says('never'));
    const agent = defineModelAgent({
      type: 'counter',
      model,
      tasks: { count: { prompt: () => 'how many?', output: z.object({ n: z.number() }) } },
    });
    const { ask } = await running(agent);
    const { code, cause } = await refusal(ask('count'));
    expect(code).toBe('TASK_FAILED');
    expect(cause).toMatchObject({ name: 'ModelAnswerError', text: 'never' });
  });

  test('stops a model that goes round in circles', async () => {
    const look = tool({ description: 'Looks.', inputSchema: z.object({}), execute: () => 'nothing' });
    const model = scripted(calls('look', {}, 'one'), calls('look', {}, 'two'));
    const { ask } = await running(seeker(model, look, { stopWhen: isStepCount(2) }));
    expect((await refusal(ask('seek'))).cause).toMatchObject({
      name: 'ModelAnswerError',
      message: 'the model was stopped after 2 steps without an answer',
    });
  });

  test('tells a model that calls one tool again and again, and then stops it', async () => {
    let looked = 0;
    const look = tool({
      description: 'Looks.',
      inputSchema: z.object({ at: z.number() }),
      execute: () => (looked += 1),
    });
    const turns = ['1', '2', '3', '4', '5'].map((id) => at(1, id));
    const model = scripted(at(2, '0'), ...turns, says('at last'));
    const { ask } = await running(seeker(model, look, { maxRepeats: 2 }));
    expect((await refusal(ask('seek'))).cause).toMatchObject({
      name: 'ModelAnswerError',
      message: expect.stringContaining('look was called 5 times with the same input'),
    });
    expect(looked).toBe(3);
    expect(JSON.stringify(model.prompts[4])).toContain('look was called 3 times with the same input');
  });

  test.each([
    ['of a tool that there is not', 'gaze', '{"at":1}'],
    ['whose input is not as it has to be', 'look', '{"at":"here"}'],
    ['whose input breaks off', 'look', '{"at":'],
  ])('stops a model that makes a call again and again %s', async (_, toolName, input) => {
    const look = tool({ inputSchema: z.object({ at: z.number() }), execute: () => 1 });
    const turn = (toolCallId: string) => ({
      ...calls(toolName, {}),
      content: [{ type: 'tool-call', toolCallId, toolName, input } as const],
    });
    const model = scripted(...['1', '2', '3', '4', '5'].map(turn), says('at last'));
    const { ask } = await running(seeker(model, look, { maxRepeats: 2 }));
    expect((await refusal(ask('seek'))).cause).toMatchObject({
      name: 'ModelAnswerError',
      message: expect.stringContaining(`${toolName} was called 5 times with the same input`),
    });
    expect(model.prompts).toHaveLength(5);
  });

  test('lets a model call one tool five times with the same input, where nothing else is said', async () => {
    let looked = 0;
    const look = tool({
      description: 'Looks.',
      inputSchema: z.object({ at: z.number() }),
      execute: () => (looked += 1),
    });
    const turns = ['1', '2', '3', '4', '5', '6'].map((id) => at(1, id));
    const model = scripted(...turns, says('at last'));
    const { ask } = await running(seeker(model, look));
    expect(await ask('seek')).toBe('at last');
    expect(looked).toBe(5);
    expect(JSON.stringify(model.prompts[6])).toContain('look was called 6 times with the same input');
  });

  test('that is cancelled aborts the call of the model', async () => {
    const aborted = gate<unknown>();
    const called = gate();
    const { agent } = assistant(({ abortSignal }) => {
      called.resolve();
      return new Promise((_, reject) => {
        abortSignal!.addEventListener('abort', () => {
          aborted.resolve(abortSignal!.reason);
          reject(abortSignal!.reason as Error);
        });
      });
    });
    const { agents } = await running(agent);
    const caller = new AbortController();
    const asked = awaited(
      agents.execute('ada', { type: 'answer', input: { question: 'a' }, signal: caller.signal }),
    );
    await called.promise;
    caller.abort(new Error('enough'));
    expect(await aborted.promise).toMatchObject({ message: 'enough' });
    expect((await refusal(asked)).code).toBe('TASK_ABANDONED');
  });

  test('goes on with its next task where the provider heard nothing of the abort', async () => {
    const called = gate();
    const deaf = () => {
      called.resolve();
      return new Promise<never>(() => {});
    };
    const { agent } = assistant(deaf, says('after it'));
    const { agents } = await running(agent);
    const caller = new AbortController();
    const task = { type: 'answer', input: { question: 'a' } };
    const asked = awaited(agents.execute('ada', { ...task, signal: caller.signal }));
    await called.promise;
    caller.abort();
    expect((await refusal(asked)).code).toBe('TASK_ABANDONED');
    expect(await agents.execute('ada', task)).toBe('after it');
  });

  test('a failure of the provider has its status and its limits, and nothing of the request', async () => {
    const { agent } = assistant(refuses(400, { 'x-ratelimit-limit': '7' }));
    const { ask } = await running(agent);
    const { cause } = await refusal(ask('answer', { question: 'a' }));
    expect(cause).toMatchObject({
      name: 'ModelCallError',
      status: 400,
      headers: { 'x-ratelimit-limit': '7' },
    });
    expect(JSON.stringify(cause)).not.toContain('secret');
  });

  test('so has the failure of a gateway, which has the provider’s as its cause', () => {
    const cause = refuses(429, { 'retry-after-ms': '10' });
    const gateway = Object.assign(new Error('Too many', { cause }), { statusCode: 429, isRetryable: true });
    const error = modelErrorOf(gateway);
    expect(error).toMatchObject({ status: 429, isRetryable: true, headers: { 'retry-after-ms': '10' } });
    expect(JSON.stringify(errorInfoOf(error))).not.toContain('secret');
    expect(limitSaid(error)).toMatchObject({ afterMs: 10 });
    const plain = new Error('of no provider');
    expect(modelErrorOf(plain)).toBe(plain);
  });
});

const cutOff = (text: string): Turn => ({
  ...says(text),
  finishReason: { unified: 'length', raw: undefined },
});
const define = (given: FlexibleSchema<unknown>) =>
  defineModelAgent({
    type: 'x',
    model: scripted(),
    tasks: { count: { prompt: () => 'count', output: given } },
  });
describe('an answer that is longer than it may be', () => {
  test('is given as it is where it is a text, and the log says so', async () => {
    const lines: object[] = [];
    const logger = pino(
      { level: 'warn' },
      { write: (line: string) => lines.push(JSON.parse(line) as object) },
    );
    const { agent } = assistant(cutOff('once upon a'));
    const { agents } = await rig({ logger });
    await agents.start(await agents.register({ id: 'ada', module: agent }));
    const task = { type: 'answer', input: { question: 'a tale?' } };
    expect(await agents.execute('ada', task)).toBe('once upon a');
    expect(lines).toMatchObject([{ msg: 'the answer was cut off', finishReason: 'length', agentId: 'ada' }]);
  });
  test('is asked for again where it is an object, and the model and the error are told that it was cut off', async () => {
    const model = scripted(cutOff('{"n": 1'), cutOff('{"n": 12'));
    const output = z.object({ n: z.number() });
    const agent = defineModelAgent({ type: 'x', model, tasks: { count: { prompt: () => 'count', output } } });
    const { ask } = await running(agent);
    const { cause } = await refusal(ask('count'));
    expect(cause).toMatchObject({ text: '{"n": 12', message: expect.stringContaining('cut off') });
    expect(JSON.stringify(model.prompts[1])).toContain('it was cut off');
  });
});

test('an output without a JSON Schema is refused when its agent is defined, and one that is made later is not made', () => {
  const output: StandardSchemaV1<unknown, number> = {
    '~standard': { version: 1, vendor: 'plain', validate: () => ({ value: 1 }) },
  };
  expect(() => define(output)).toThrow(/tasks\.count\.output: expected a schema with a JSON Schema.*plain/);
  expect(() => define(z.object({ at: z.date() }))).toThrow(/tasks\.count\.output.*Date/);
  expect(() =>
    define(() => {
      throw new Error('it is made when it is needed');
    }),
  ).not.toThrow();
});

describe('a conversation', () => {
  test('is remembered from task to task, trimmed as it is said, and comes back after a crash', async () => {
    const model = scripted(says('one'), says('two'), says('three'), says('four'));
    const agent = defineModelAgent({
      type: 'friend',
      model,
      conversation: { trim: (messages) => messages.slice(-2) },
      tasks: {
        talk: { prompt: ({ input }) => String(input) },
        forgetful: { prompt: () => '?', conversation: false },
      },
    });
    const { ask, agents } = await running(agent);
    await ask('talk', 'a');
    await ask('talk', 'b');
    const texts = (at: number) =>
      model.prompts[at]!.map(({ content }) => (content as { text: string }[])[0]!.text);
    expect(texts(1)).toEqual(['a', 'one', 'b']);
    await ask('forgetful');
    expect(texts(2)).toEqual(['?']);
    await agents.stop('ada');
    await agents.start('ada');
    await ask('talk', 'c');
    expect(texts(3)).toEqual(['b', 'two', 'c']);
  });

  test('is one for each key, also side by side', async () => {
    const held = gate();
    const model = scripted(
      async () => {
        await held.promise;
        return says('slow');
      },
      says('quick'),
      says('x'),
      says('y'),
    );
    const agent = defineModelAgent({
      type: 'friend',
      model,
      conversation: { of: ({ who }: { who: string }) => who },
      tasks: { talk: { input: z.object({ who: z.string() }), prompt: ({ input }) => `I am ${input.who}` } },
    });
    const { agents } = await rig();
    await agents.register({ id: 'ada', module: agent, tasks: { concurrency: 2 } });
    await agents.start('ada');
    const talk = (who: string) => agents.execute('ada', { type: 'talk', input: { who } });
    const slow = talk('slow');
    expect(await talk('quick')).toBe('quick');
    held.resolve();
    expect(await slow).toBe('slow');
    await talk('slow');
    await talk('quick');
    expect(model.prompts.slice(2).map((prompt) => JSON.stringify(prompt).includes('slow'))).toEqual([
      true,
      false,
    ]);
  });

  test('may be summed up by the model, whose call for that is kept: a limit after it pays for nothing again', async () => {
    const model = scripted(
      says('one'),
      says('two'),
      says('in short'),
      refuses(429, { 'retry-after-ms': '500' }),
      says('shorter'),
    );
    const agent = defineModelAgent({
      type: 'talker',
      model,
      instructions: 'Be short.',
      conversation: {
        trim: async (messages, { ask: aside }) => {
          if (messages.length < 4) return messages;
          const sums = [
            await aside([...messages, { role: 'user', content: 'Sum up.' }]),
            await aside('Once more.'),
          ];
          return [{ role: 'user', content: sums.join(', ') }];
        },
      },
      tasks: { say: { prompt: () => 'well?' } },
    });
    const { agents, ask, clock } = await running(agent);
    await ask('say');
    const second = awaited(ask('say'));
    while (agents.get('ada').parked === undefined) await clock.advance(0);
    await clock.advance(500);
    expect(await second).toBe('two');
    expect(model.prompts).toHaveLength(5);
    expect(model.prompts[2]!.map(({ role }) => role)).toEqual([
      'user',
      'assistant',
      'user',
      'assistant',
      'user',
    ]);
    expect(await agents.savedState('ada')).toEqual({
      conversations: { '': [{ role: 'user', content: 'in short, shorter' }] },
    });
  });

  test('that called tools is summed up without a call of a tool in it, which a provider may refuse without its tools', async () => {
    const price = tool({ inputSchema: z.object({ item: z.string() }), execute: () => ({ cents: 250 }) });
    const called = calls('price', { item: 'tea' });
    const thought = { type: 'reasoning', text: 'hm' } as const;
    const model = scripted(
      { ...called, content: [thought, ...called.content] },
      says('250 cents'),
      says('tea costs 250'),
    );
    const agent = defineModelAgent({
      type: 'talker',
      model,
      tools: { price },
      conversation: {
        trim: async (messages, { ask: aside }) => [
          { role: 'user', content: await aside([...messages, { role: 'user', content: 'Sum up.' }]) },
        ],
      },
      tasks: { say: { prompt: () => 'well?' } },
    });
    const { agents, ask } = await running(agent);
    expect(await ask('say')).toBe('250 cents');
    expect(model.doGenerateCalls[2]!.tools ?? []).toEqual([]);
    const said = model.prompts[2]!.map(({ role, content }) => [
      role,
      (content as { text?: string }[])[0]!.text,
    ]);
    expect(said).toEqual([
      ['user', 'well?'],
      ['assistant', '[called price with {"item":"tea"}]'],
      ['user', '[price gave {"cents":250}]'],
      ['assistant', '250 cents'],
      ['user', 'Sum up.'],
    ]);
    expect(model.prompts[2]!.every(({ content }) => content.length === 1)).toBe(true);
    expect(await agents.savedState('ada')).toEqual({
      conversations: { '': [{ role: 'user', content: 'tea costs 250' }] },
    });
  });

  test('that could not be summed up is answered without a second call: the next attempt asks for the sum alone', async () => {
    const filtered = { ...says(''), finishReason: { unified: 'content-filter', raw: undefined } } as const;
    const model = scripted(says('one'), filtered, says('in short'));
    const agent = defineModelAgent({
      type: 'talker',
      model,
      conversation: {
        trim: async (_, { ask: aside }) => [{ role: 'user', content: await aside('Sum up.') }],
      },
      tasks: { say: { prompt: () => 'well?', retry: { attempts: 2 } } },
    });
    const { agents, ask, clock } = await running(agent);
    const said = awaited(ask('say'));
    while (model.prompts.length < 3) await clock.advance(1_000);
    expect(await said).toBe('one');
    expect(await agents.savedState('ada')).toEqual({
      conversations: { '': [{ role: 'user', content: 'in short' }] },
    });
  });

  test('of a task that fails nothing is remembered', async () => {
    const model = scripted(refuses(400), says('hello'));
    const agent = defineModelAgent({
      type: 'friend',
      model,
      conversation: true,
      tasks: { talk: { prompt: ({ input }) => String(input) } },
    });
    const { ask } = await running(agent);
    await refusal(ask('talk', 'a'));
    await ask('talk', 'b');
    expect(JSON.stringify(model.prompts[1])).not.toContain('"a"');
  });
});

describe('a tool', () => {
  test('is called with what the model says, knows its task, and answers the model', async () => {
    const keys: string[] = [];
    const add = tool({
      description: 'Adds.',
      inputSchema: z.object({ a: z.number(), b: z.number() }),
      execute: ({ a, b }, options) => {
        const { idempotencyKey, toolName, task } = toolCallOf(options);
        keys.push(idempotencyKey, toolName, task.taskId);
        return a + b;
      },
    });
    const model = scripted(calls('add', { a: 2, b: 3 }), says('5'));
    const agent = defineModelAgent({
      type: 'adder',
      model,
      tools: { add },
      tasks: { add: { prompt: () => '2+3?' } },
    });
    const { ask, eventsOf } = await running(agent);
    expect(await ask('add')).toBe('5');
    const { taskId } = eventsOf('task.accepted')[0]!;
    expect(keys).toEqual([`${taskId}:ai:0:1:add-1`, 'add', taskId]);
    expect(model.prompts[1]).toMatchObject([
      { role: 'user' },
      { role: 'assistant' },
      { role: 'tool', content: [{ output: { type: 'json', value: 5 } }] },
    ]);
    expect(eventsOf('task.step').map(({ key }) => key)).toEqual([
      'ai:0:model:0',
      'ai:0:tool:1:add-1',
      'ai:0:model:1',
    ]);
  });

  test('is called for each call of the model, also where the provider gives one id again', async () => {
    const look = tool({
      description: 'Looks.',
      inputSchema: z.object({ at: z.number() }),
      execute: ({ at: n }) => n * 10,
    });
    const model = scripted(at(1, 'call'), at(2, 'call'), says('done'));
    const agent = defineModelAgent({
      type: 'x',
      model,
      tools: { look },
      tasks: { go: { prompt: () => 'go' } },
    });
    const { ask } = await running(agent);
    expect(await ask('go')).toBe('done');
    const results = JSON.stringify(model.prompts[2]);
    expect([results.includes('"value":10'), results.includes('"value":20')]).toEqual([true, true]);
  });

  test('is called for each call of an answer, also where the provider gives several one id', async () => {
    const keys: [string, string][] = [];
    const price = tool({
      inputSchema: z.object({ item: z.string() }),
      execute: ({ item }, options) => {
        keys.push([item, toolCallOf(options).idempotencyKey]);
        return `price of ${item}`;
      },
    });
    const both = {
      ...calls('price', {}),
      content: ['tea', 'rum'].flatMap((item) => calls('price', { item }, '1').content),
    };
    const model = scripted(both, says('done'));
    const agent = defineModelAgent({
      type: 'x',
      model,
      tools: { price },
      tasks: { go: { prompt: () => 'go' } },
    });
    const { ask } = await running(agent);
    expect(await ask('go')).toBe('done');
    expect(keys.map(([item]) => item)).toEqual(['tea', 'rum']);
    expect(new Set(keys.map(([, key]) => key)).size).toBe(2);
    const told = model.prompts[1]!.flatMap(({ role, content }) => (role === 'tool' ? content : []));
    expect(told).toMatchObject([
      { toolCallId: '1', output: { value: 'price of tea' } },
      { toolCallId: '1_2', output: { value: 'price of rum' } },
    ]);
  });

  test('that fails is told to the model', async () => {
    const broken = tool({
      description: 'Breaks.',
      inputSchema: z.object({}),
      execute: (): string => {
        throw new Error('no ink');
      },
    });
    const model = scripted(calls('broken', {}), says('it broke'));
    const agent = defineModelAgent({
      type: 'x',
      model,
      tools: { broken },
      tasks: { go: { prompt: () => 'go' } },
    });
    const { ask } = await running(agent);
    expect(await ask('go')).toBe('it broke');
    expect(JSON.stringify(model.prompts[1])).toContain('no ink');
  });

  const given = z.object({ n: z.number() });
  test.each([
    ['with the input as the model gives it', given, {}],
    ['with an input made of what the model gives', z.number(), { input: ({ n }: { n: number }) => n }],
  ])('may be another agent of the fleet, %s', async (_, input, options) => {
    const helper = defineAgent({
      type: 'helper',
      init: () => ({}),
      tasks: {
        double: { input, run: ({ input: n }) => (typeof n === 'number' ? n : n.n) * 2 },
      },
    });
    const double = agentTool({
      description: 'Doubles.',
      inputSchema: given,
      agent: 'helper',
      task: 'double',
      ...options,
    });
    const model = scripted(calls('double', { n: 4 }), says('8'));
    const agent = defineModelAgent({
      type: 'x',
      model,
      tools: { double },
      tasks: { go: { prompt: () => 'go' } },
    });
    const { ask, agents } = await running(agent);
    await agents.register({ id: 'helper', module: helper });
    await agents.start('helper');
    expect(await ask('go')).toBe('8');
    expect(JSON.stringify(model.prompts[1])).toContain('"value":8');
  });
});

test('what another agent is asked for is asked for once over the death of the program: paid once, and one question', async () => {
  const refund = tool({
    inputSchema: z.object({ cents: z.number() }),
    execute: (_, options) => toolCallOf(options).idempotencyKey,
  });
  const specialist = scripted(calls('refund', { cents: 2_000 }), says('done'));
  const till = defineModelAgent({
    type: 'till',
    model: specialist,
    tools: { refund },
    toolApproval: { refund: 'user-approval' },
    tasks: { pay: { input: z.object({ text: z.string() }), prompt: ({ input }) => input.text } },
  });
  const askTill = agentTool({
    description: 'Pays back.',
    inputSchema: z.object({ text: z.string() }),
    agent: { type: 'till' },
    task: 'pay',
  });
  const front = scripted(calls('askTill', { text: 'tea' }), says('you are paid back'));
  const desk = defineModelAgent({
    type: 'desk',
    model: front,
    tools: { askTill },
    tasks: { chat: { prompt: () => 'my tea was cold' } },
  });
  const opened = async (store: Store) => {
    const made = await rig({ store, agents: [till, desk] });
    await made.agents.ensure({ id: 'till', module: till }, { autoStart: true });
    await made.agents.ensure({ id: 'desk', module: desk }, { autoStart: true });
    return made;
  };
  const store = mortalStore(undefined, { isDurable: true });
  const first = await opened(store);
  const { id } = await first.system.tasks.submit('desk', { type: 'chat' });
  const [question] = await eventually(
    () => first.system.questions.list(),
    (open) => open.length > 0,
  );

  const next = await opened(store.die());
  await next.clock.advance(1_000);
  await eventually(
    () => next.system.tasks.counts(),
    (counts) => counts.waiting_for_input === 1 && counts.running === 1,
  );
  expect(next.system.questions.list()).toEqual([question]);
  await next.system.questions.answer(question!.id, { approved: true });
  expect(await next.system.tasks.result(id)).toBe('you are paid back');
  expect([specialist.prompts.length, front.prompts.length]).toEqual([2, 2]);
});

test('the tools of an MCP server are tools of a model, called through the agent that is its client', async () => {
  const notes = defineToolServer({
    type: 'notes',
    server: {
      command: process.execPath,
      args: [fileURLToPath(new URL('../mcp/notes-server.ts', import.meta.url))],
    },
  });
  const model = scripted(calls('n_add', { a: 2, b: 3 }), says('5'));
  const agent = defineModelAgent({
    type: 'x',
    model,
    tools: [serverTools('notes', { prefix: 'n_', allow: ['add', 'fail'] })],
    tasks: { go: { prompt: () => 'go' } },
  });
  await using system = await createAgentSystem({ logger: silent });
  await system.agents.start(await system.agents.register({ id: 'notes', module: notes }));
  await system.agents.start(await system.agents.register({ id: 'ada', module: agent }));
  expect(await system.agents.execute('ada', { type: 'go' })).toBe('5');
  expect(model.doGenerateCalls[0]!.tools).toMatchObject([
    { name: 'n_add', description: 'Adds.' },
    { name: 'n_fail' },
  ]);
  expect(model.prompts[1]!.at(-1)).toMatchObject({ content: [{ output: { value: '5' } }] });
});

test('an MCP server that is being started again is waited for, by a task that begins and by a call of a tool', async () => {
  const model = scripted(calls('add', {}), says('5'));
  const fake = defineAgent({
    type: 'notes',
    init: () => ({}),
    tasks: {
      'tools.list': { run: () => [{ name: 'add', inputSchema: { type: 'object' } }] },
      'tools.call': { run: () => ({ content: [{ type: 'text', text: 'five' }] }) },
    },
  });
  const asked = gate();
  const agent = defineModelAgent({
    type: 'x',
    model,
    tools: [serverTools('notes')],
    tasks: { go: { prompt: () => 'go' } },
    toolApproval: async () => {
      await agents.kill('notes');
      asked.resolve();
      return undefined;
    },
  });
  const { agents, clock } = await rig();
  await agents.register({ id: 'notes', module: fake, restart: { policy: 'immediate', delayMs: 500 } });
  for (const id of ['notes', await agents.register({ id: 'ada', module: agent })]) await agents.start(id);
  await agents.kill('notes');
  const answer = awaited(agents.execute('ada', { type: 'go' }));
  await clock.advance(500);
  await asked.promise;
  while (agents.get('notes').status !== 'running') await clock.advance(500);
  expect(await answer).toBe('5');
  expect(model.prompts[1]!.at(-1)).toMatchObject({ content: [{ output: { value: 'five' } }] });
});

test('an MCP server that does not come back is waited for no longer than is said: the model is told, and a new task fails', async () => {
  const model = scripted(calls('add', {}), says('without it'));
  const fake = defineAgent({
    type: 'notes',
    init: () => ({}),
    tasks: {
      'tools.list': { run: () => [{ name: 'add', inputSchema: { type: 'object' } }] },
      'tools.call': { run: () => ({ content: [] }) },
    },
  });
  const agent = defineModelAgent({
    type: 'x',
    model,
    tools: [serverTools('notes', { timeoutMs: 3_000 })],
    tasks: { go: { prompt: () => 'go' } },
    toolApproval: async () => {
      await agents.kill('notes');
      return undefined;
    },
  });
  const { agents, clock } = await rig();
  await agents.register({ id: 'notes', module: fake, restart: { policy: 'immediate', delayMs: 60_000 } });
  for (const id of ['notes', await agents.register({ id: 'ada', module: agent })]) await agents.start(id);
  const answer = awaited(agents.execute('ada', { type: 'go' }));
  while (model.prompts.length < 2) await clock.advance(500);
  expect(await answer).toBe('without it');
  expect(JSON.stringify(model.prompts[1]!.at(-1))).toContain('still waiting after 3000 ms');
  const next = refusal(agents.execute('ada', { type: 'go' }));
  await clock.advance(3_000);
  expect(await next).toMatchObject({ code: 'TASK_FAILED', cause: { code: 'TASK_TIMED_OUT' } });
});

describe.each(disks)('a task that runs again in a second program on a %s', (kind) => {
  test('pays no call again that was answered, and calls no tool again that answered', async () => {
    const disk = await diskOf(kind);
    const looked: string[] = [];
    const held = gate();
    const look = tool({
      description: 'Looks.',
      inputSchema: z.object({}),
      execute: (_, options) => {
        looked.push(toolCallOf(options).idempotencyKey);
        return new Date(7);
      },
    });
    const made = (...turns: Turn[]) => {
      const model = scripted(...turns);
      return { model, agent: seeker(model, look) };
    };
    const first = made(calls('look', {}), async () => {
      await held.promise;
      throw new Error('the program is gone');
    });
    const program = await disk.boot({ agents: [first.agent] });
    await program.agents.register({ id: 'ada', module: first.agent });
    await program.agents.start('ada');
    const { id } = await program.system.tasks.submit('ada', { type: 'seek' });
    while (first.model.prompts.length < 2) await program.clock.advance(0);
    const second = made(says('found'));
    const next = await disk.boot({ agents: [second.agent] });
    const result = next.system.tasks.result(id);
    await next.clock.advance(1_000);
    expect(await result).toBe('found');
    expect(looked).toEqual([`${id}:ai:0:1:look-1`]);
    expect(second.model.prompts).toEqual([first.model.prompts[1]]);
    held.resolve();
  });
});

describe('a task of a model agent that runs when its program dies', () => {
  test.each([
    ['never', 'unknown'],
    ['on_host_loss', 'running'],
    [undefined, 'running'],
  ] as const)('with `retry` %s is %s in the next program', async (retry, status) => {
    const disk = await diskOf(disks[0]);
    const agent = defineModelAgent({
      type: 'asker',
      model: scripted(
        () => new Promise(() => {}),
        () => new Promise(() => {}),
      ),
      tasks: { ask: { prompt: () => 'well?', retry } as never },
    });
    const program = await disk.boot({ agents: [agent] });
    await program.agents.start(await program.agents.register({ id: 'ada', module: agent }));
    const { id } = await program.system.tasks.submit('ada', { type: 'ask' });
    while (program.system.tasks.get(id).status !== 'running') await program.clock.advance(0);
    const next = await disk.boot({ agents: [agent] });
    await next.clock.advance(1_000);
    expect(next.system.tasks.get(id).status).toBe(status);
  });

  test('may be given what no store keeps, if it is never repeated', async () => {
    const model = scripted(says('a cat'));
    const agent = defineModelAgent({
      type: 'seer',
      model,
      tasks: {
        look: {
          retry: 'never',
          input: z.instanceof(Uint8Array),
          prompt: ({ input: data }) => [
            { role: 'user', content: [{ type: 'file', data, mediaType: 'image/png' }] },
          ],
        },
      },
    });
    const { ask } = await running(agent);
    expect(await ask('look', new Uint8Array([1, 2]))).toBe('a cat');
    expect(model.prompts[0]![0]).toMatchObject({ content: [{ data: { data: new Uint8Array([1, 2]) } }] });
  });
});

test('progress has what each call of the model has used, as far as its provider says', async () => {
  const usage = {
    inputTokens: { total: 90, noCache: 10, cacheRead: 80, cacheWrite: undefined },
    outputTokens: { total: 7, text: 7, reasoning: undefined },
  };
  const { agent } = assistant({ ...says('yes'), usage });
  const { agents } = await running(agent);
  const told: unknown[] = [];
  const onProgress = (value: unknown) => told.push(value);
  await agents.execute('ada', { type: 'answer', input: { question: 'a' }, onProgress });
  expect(told).toEqual([{ model: 'answered', call: 1, usage: { input: 90, cacheRead: 80, output: 7 } }]);
});

const prompt = (): string => '';
test.each([
  [{ type: '', model: 'x', tasks: {} }, 'type'],
  [{ type: 'x', model: {}, tasks: {} }, 'expected a language model of the AI SDK'],
  [{ type: 'x', model: 'x', tasks: { a: {} } }, 'prompt'],
  [{ type: 'x', model: 'x', tasks: { a: { prompt, repairs: -1 } } }, 'repairs'],
  [{ type: 'x', model: 'x', tasks: { a: { prompt, unheard: 1 } } }, 'unheard'],
  [{ type: 'x', model: 'x', tasks: {}, conversation: 7 }, 'expected true or'],
  [{ type: 'x', model: 'x', tasks: {}, more: 1 }, 'more'],
])('options that are not as expected are refused by name: %j', (options, named) => {
  expect(() => defineModelAgent(options as never)).toThrow(
    expect.objectContaining({ code: 'AGENT_SPEC_INVALID', message: expect.stringContaining(named) }),
  );
});
