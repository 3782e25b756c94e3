/**
 * What a model agent adds to the AI SDK: a task of one call, and of five calls with a tool between them, beside the
 * same `generateText` on the same model that answers at once. Then how many chunks a second a task streams.
 */
import { generateText, isStepCount, tool, type LanguageModel } from 'ai';
import { MockLanguageModelV4 } from 'ai/test';
import { pino } from 'pino';
import { z } from 'zod';
import { defineModelAgent } from '../src/ai.ts';
import { createAgentSystem, type Isolation } from '../src/index.ts';
import streamer from './streamer.ts';

const TASKS = 300;
const CHUNKS = 20_000;
const STREAMER = new URL('./streamer.ts', import.meta.url);
const logger = pino({ level: 'silent' });
const usage = {
  inputTokens: { total: 1, noCache: 1, cacheRead: undefined, cacheWrite: undefined },
  outputTokens: { total: 1, text: 1, reasoning: undefined },
};

const look = tool({ description: 'Looks.', inputSchema: z.object({ n: z.int() }), execute: ({ n }) => n });

/** Calls the tool so often, and then says something. */
function modelOf(toolCalls: number): LanguageModel {
  return new MockLanguageModelV4({
    doGenerate: async ({ prompt }) => {
      const n = prompt.filter(({ role }) => role === 'tool').length;
      const isCall = n < toolCalls;
      return {
        content: [
          isCall
            ? { type: 'tool-call', toolCallId: String(n), toolName: 'look', input: `{"n":${n}}` }
            : { type: 'text', text: 'done' },
        ],
        finishReason: { unified: isCall ? 'tool-calls' : 'stop', raw: undefined },
        usage,
        warnings: [],
      };
    },
  });
}

export async function benchModels(): Promise<void> {
  for (const toolCalls of [0, 4]) {
    const calls = toolCalls + 1;
    const model = modelOf(toolCalls);
    const module = defineModelAgent({
      type: 'assistant',
      model,
      tools: { look },
      tasks: { say: { prompt: () => 'well?' } },
    });
    await using system = await createAgentSystem({ logger });
    await system.agents.start(await system.agents.register({ id: 'ada', module }));
    const bare = await perTask(() =>
      generateText({ model, prompt: 'well?', tools: { look }, stopWhen: isStepCount(20), maxRetries: 0 }),
    );
    const agent = await perTask(() => system.agents.execute('ada', { type: 'say' }));
    const line = { calls, bare_us: bare, agent_us: agent, added_a_call_us: (agent - bare) / calls };
    console.log(JSON.stringify({ bench: 'model_task', ...line }));
  }
  for (const isolation of ['in-process', 'thread', 'process'] as const) await benchStream(isolation);
}

async function benchStream(isolation: Isolation): Promise<void> {
  await using system = await createAgentSystem({ logger });
  const where = isolation === 'in-process' ? { module: streamer } : { module: STREAMER, isolation };
  await system.agents.register({ id: 'ada', ...where });
  await system.agents.start('ada');
  const read = async (): Promise<number> => {
    let chunks = 0;
    for await (const _ of system.agents.stream('ada', { type: 'stream', input: CHUNKS })) chunks += 1;
    return chunks;
  };
  await read();
  const begun = performance.now();
  const chunks = await read();
  if (chunks !== CHUNKS) throw new Error(`${chunks} of ${CHUNKS} chunks came`);
  const perSecond = (chunks / (performance.now() - begun)) * 1_000;
  console.log(JSON.stringify({ bench: 'stream', isolation, chunks, chunks_per_s: Math.round(perSecond) }));
}

/** In µs, warm: the median of five rounds. */
async function perTask(work: () => Promise<unknown>): Promise<number> {
  const rounds: number[] = [];
  for (let round = 0; round < 6; round++) {
    const begun = performance.now();
    for (let task = 0; task < TASKS; task++) await work();
    rounds.push(((performance.now() - begun) / TASKS) * 1_000);
  }
  return rounds.slice(1).toSorted((a, b) => a - b)[2]!;
}
