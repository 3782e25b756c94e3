/** Laws of a model agent that pays from budgets: set aside before a call, settled after it, and never beyond the limit. */
import { describe, expect, test } from 'vitest';
import { defineModelAgent } from '../../src/ai.ts';
import type { CallPrices } from '../../src/ai/call-cost.ts';
import { type AnyAgentDefinition, type Budgets, memoryStore, type Store } from '../../src/index.ts';
import { settled } from '../../src/testing/index.ts';
import { failingStore } from '../journal/failing-store.ts';
import { awaited, refusal, rig } from '../kit/rig.ts';
import { refuses, says, scripted, scriptedStreams, streams, type StreamPart, type Turn } from './scripted.ts';

const HOUR = 3_600_000;

async function spending(limits: object, budget: true | CallPrices, ...turns: Turn[]) {
  const model = scripted(...turns);
  const module = defineModelAgent({
    type: 'spender',
    model,
    budget,
    settings: { maxOutputTokens: 100 },
    tasks: { say: { prompt: () => 'well?' } },
  });
  const { execute, ...made } = await payingFrom({ name: 'purse', ...limits } as never, module);
  return { ...made, model, say: () => execute({ type: 'say' }) };
}

/** The same of an agent whose answer streams in these parts. */
async function telling(parts: (StreamPart | Error)[]) {
  const module = defineModelAgent({
    type: 'teller',
    model: scriptedStreams(parts),
    budget: true,
    settings: { maxOutputTokens: 100 },
    tasks: { tell: { prompt: () => 'tell', stream: true } },
  });
  const { execute, ...made } = await payingFrom({ name: 'purse', limits: { tokens: 1_000 } }, module);
  return { ...made, tell: () => execute({ type: 'tell' }) };
}

async function payingFrom(
  purse: Parameters<Budgets['define']>[0],
  module: AnyAgentDefinition,
  store: Store = memoryStore(),
) {
  const made = await rig({ store });
  made.system.budgets.define(purse);
  await made.agents.register({ id: 'ada', module });
  await made.agents.start('ada');
  const execute = (task: { readonly type: string }) => made.agents.execute('ada', task);
  const spent = () => made.system.budgets.get('purse').spent;
  return { ...made, execute, spent };
}

describe('a call of a model', () => {
  test('sets aside what it may cost, and settles what it did', async () => {
    const seen: unknown[] = [];
    const { say, spent, system } = await spending(
      { limits: { tokens: 1_000, money: 1, calls: 9 } },
      PRICES,
      () => {
        seen.push(system.budgets.get('purse').left);
        return says('yes');
      },
    );
    await say();
    const [{ tokens }] = seen as [{ tokens: number }];
    expect(tokens).toBeLessThan(1_000 - 100);
    expect(tokens).toBeGreaterThan(1_000 - 200);
    expect(spent()).toMatchObject({ tokens: 15, calls: 1, money: 0.02 });
  });

  test('that the provider refuses costs nothing; one that fails costs what was set aside', async () => {
    const refused = await spending({ limits: { tokens: 1_000 } }, true, refuses(400));
    await refusal(refused.say());
    expect(refused.spent().tokens ?? 0).toBe(0);
    const failed = await spending({ limits: { tokens: 1_000 } }, true, new Error('connection reset'));
    await refusal(failed.say());
    expect(failed.spent().tokens).toBeGreaterThan(100);
  });

  test('that is rate-limited while the store fails parks all the same, and costs nothing', async () => {
    const store = failingStore();
    const model = scripted(() => {
      store.trouble = 'throws';
      throw refuses(429, { 'retry-after-ms': '1500' });
    }, says('yes'));
    const module = defineModelAgent({
      type: 'spender',
      model,
      budget: true,
      settings: { maxOutputTokens: 100 },
      tasks: { say: { prompt: () => 'well?' } },
    });
    const { system, clock, spent } = await payingFrom(
      { name: 'purse', limits: { tokens: 1_000 } },
      module,
      store,
    );
    const { id } = await system.tasks.submit('ada', { type: 'say' });
    await settled();
    expect(system.tasks.get(id).status).toBe('parked');
    expect(spent().tokens ?? 0).toBe(0);
    store.trouble = undefined;
    await clock.advance(60_000);
    expect(await system.tasks.result(id)).toBe('yes');
    expect(spent().tokens).toBe(15);
  });

  test.each([
    ['no figures', undefined, undefined],
    ['what is no number', Number.NaN, 5],
    ['less than nothing', 10, -5],
    ['a text', '10', 5],
    ['more than a number holds', 1e308, 1e308],
    ['more than a budget counts', 1e16, 5],
  ])('of which the provider gives %s answers, and costs what was set aside', async (_, input, output) => {
    const answer = says('yes');
    const usage = {
      inputTokens: { ...answer.usage.inputTokens, total: input },
      outputTokens: { ...answer.usage.outputTokens, total: output },
    };
    const { say, spent } = await spending({ limits: { tokens: 1_000, money: 1 } }, PRICES, {
      ...answer,
      usage,
    } as never);
    expect(await say()).toBe('yes');
    expect(spent().tokens).toBeGreaterThan(100);
    expect(spent().money).toBeGreaterThan(0.1);
  });

  test.each<[part: string, given: object, named: string]>([
    ['no usage', { usage: undefined }, 'usage: expected an object, got undefined'],
    ['null as usage', { usage: null }, 'usage: expected an object, got null'],
    ['usage without figures', { usage: {} }, 'usage.inputTokens: expected an object, got undefined'],
    ['null as content', { content: null }, 'content: expected an array, got null'],
    ['no content', { content: undefined }, 'content: expected an array, got undefined'],
    ['a part that is null', { content: [null] }, 'content.0: expected an object, got null'],
    ['no reason of its end', { finishReason: null }, 'finishReason: expected an object, got null'],
  ])('whose provider gives %s is named, not kept, and costs what is known of it', async (_, given, named) => {
    const broken = { ...says('yes'), ...given };
    const { say, spent, model } = await spending({ limits: { tokens: 1_000 } }, true, broken, says('yes'));
    const { code, cause } = await refusal(say());
    expect(code).toBe('TASK_FAILED');
    expect(String(cause)).toContain(`the answer of ${model.provider} (${model.modelId}): ${named}`);
    if ('usage' in given) expect(spent().tokens).toBeGreaterThan(100);
    else expect(spent().tokens).toBe(15);
    // What was no answer is not there for the next task either.
    expect(await say()).toBe('yes');
  });

  test('whose stream ends without usage is named, and costs what was set aside', async () => {
    const parts = streams('once').map((part) =>
      part.type === 'finish' ? { ...part, usage: undefined as never } : part,
    );
    const { tell, spent } = await telling(parts);
    const { code, cause } = await refusal(tell());
    expect(code).toBe('TASK_FAILED');
    expect(String(cause)).toMatch(/the answer of .* \(.*\): usage: expected an object, got undefined/);
    expect(spent().tokens).toBeGreaterThan(100);
  });

  test('of which the provider tells one side costs that', async () => {
    const answer = says('yes');
    const outputTokens = { ...answer.usage.outputTokens, total: undefined };
    const { say, spent } = await spending({ limits: { tokens: 1_000 } }, true, {
      ...answer,
      usage: { ...answer.usage, outputTokens },
    });
    await say();
    expect(spent().tokens).toBe(10);
  });

  test.each([
    [399, false],
    [400, true],
    [499, true],
    [500, false],
    [503, false],
  ])('that fails with the status %i costs nothing: %s', async (status, isFree) => {
    const { say, spent, agents, clock } = await spending(
      { limits: { tokens: 1_000 } },
      true,
      refuses(status),
    );
    const said = awaited(say());
    // A provider that fails for a while parks the task.
    if (status < 500) await refusal(said);
    else while (agents.get('ada').parked === undefined) await clock.advance(0);
    expect((spent().tokens ?? 0) === 0).toBe(isFree);
  });

  test.each<[form: string, thrown: object, isFree: boolean]>([
    ['a status', { status: 429 }, true],
    ['a status code', { statusCode: 429 }, true],
    ['a status with a reset', { status: 429, retryAfterMs: 500 }, true],
    ['the status of its metadata', { $metadata: { httpStatusCode: 429 } }, true],
    ['the status of its response', { response: { status: 429, headers: { 'retry-after': '1' } } }, true],
    ['the status of its cause', { cause: { status: 429 } }, true],
    ['the last of its errors', { lastError: { statusCode: 429 } }, true],
    ['the limit behind a gateway', { status: 502, cause: { status: 429 } }, true],
    ['a reset alone', { retryAfterMs: 500 }, true],
    ['a server that fails, behind which nothing is known', { status: 503, retryAfterMs: 500 }, false],
    ['a word that it may be asked again', { isRetryable: true }, false],
  ])('that is refused by %s parks its task; it costs nothing: %s', async (_, fields, isFree) => {
    const thrown = Object.assign(new Error('slow down'), fields);
    const { say, spent, agents, clock } = await spending(
      { limits: { tokens: 1_000, calls: 9 } },
      true,
      thrown,
    );
    void awaited(say());
    while (agents.get('ada').parked === undefined) await clock.advance(0);
    const { tokens = 0, calls = 0 } = spent();
    expect({ tokens: tokens === 0, calls }).toEqual({ tokens: isFree, calls: isFree ? 0 : 1 });
  });

  const limited: StreamPart = {
    type: 'error',
    error: { type: 'rate_limit_error', message: 'slow down' },
  };
  test.each<[when: string, parts: (StreamPart | Error)[], isFree: boolean]>([
    ['in place of an answer', [{ type: 'stream-start', warnings: [] }, limited], true],
    ['as its stream breaks', [Object.assign(new Error('slow down'), { status: 429 })], true],
    ['within an answer', [...streams('once').slice(0, 3), limited], false],
  ])('whose stream says %s that a limit is reached costs nothing: %s', async (_, parts, isFree) => {
    const { tell, spent, agents, clock } = await telling(parts);
    void awaited(tell());
    while (agents.get('ada').parked === undefined) await clock.advance(0);
    expect((spent().tokens ?? 0) === 0).toBe(isFree);
  });

  test('for which too little is left is not made, and fails its task', async () => {
    const { say, model } = await spending({ limits: { tokens: 50 } }, true, says('yes'));
    const { code, cause } = await refusal(say());
    expect({ code, cause }).toMatchObject({ code: 'TASK_FAILED', cause: { code: 'BUDGET_EXHAUSTED' } });
    expect(model.prompts).toEqual([]);
  });

  test('for which too little is left until a refill waits for that', async () => {
    const { say, agents, clock } = await spending(
      { limits: { calls: 1 }, everyMs: HOUR },
      true,
      says('one'),
      says('two'),
    );
    expect(await say()).toBe('one');
    const second = awaited(say());
    while (agents.get('ada').parked === undefined) await clock.advance(0);
    await clock.advance(HOUR);
    await clock.advance(2_000);
    expect(await second).toBe('two');
  });
});

const PRICES: CallPrices = { perMillionInput: 1_000, perMillionOutput: 2_000 };
