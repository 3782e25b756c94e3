/** Laws of answers that come word by word: given on at once, kept whole, and never asked for again. */
import { APICallError, tool } from 'ai';
import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import { defineModelAgent } from '../../src/ai.ts';
import { disks, diskOf } from '../fleet/program.ts';
import { settled } from '../../src/testing/index.ts';
import { awaited, fateOf, gate, refusal, rig } from '../kit/rig.ts';
import { refuses, scriptedStreams, type StreamPart, streams, streamsCall } from './scripted.ts';

const seen: string[] = [];
const look = tool({
  description: 'Looks.',
  inputSchema: z.object({}),
  execute: () => {
    seen.push('looked');
    return 'a cat';
  },
});

function teller(...turns: (StreamPart | Error | 'closes')[][]) {
  const model = scriptedStreams(...turns);
  const agent = defineModelAgent({
    type: 'teller',
    model,
    tools: { look },
    tasks: {
      tell: { prompt: () => 'tell', stream: true },
      count: { prompt: () => 'count', stream: true, output: z.object({ n: z.number() }) },
    },
  });
  return { model, agent };
}

async function told(agents: Awaited<ReturnType<typeof rig>>['agents'], type: string) {
  const stream = agents.stream('ada', { type });
  const chunks: unknown[] = [];
  for await (const chunk of stream) chunks.push(chunk);
  return { chunks, output: await stream.output };
}

async function running(...turns: (StreamPart | Error | 'closes')[][]) {
  const { model, agent } = teller(...turns);
  const made = await rig();
  await made.agents.register({ id: 'ada', module: agent });
  await made.agents.start('ada');
  return { ...made, model };
}

describe('a task that streams', () => {
  test('gives words as they come, and the whole text at its end', async () => {
    const { agents, eventsOf } = await running(streams('once ', 'upon ', 'a time'));
    expect(await told(agents, 'tell')).toEqual({
      chunks: ['once ', 'upon ', 'a time'],
      output: 'once upon a time',
    });
    expect(eventsOf('task.step').map(({ key }) => key)).toEqual(['ai:0:model:0']);
  });

  test('gives an object that comes word by word, whole', async () => {
    const { agents } = await running(streams('{"n"', ':3}'));
    expect((await told(agents, 'count')).output).toEqual({ n: 3 });
  });

  test('calls its tools only once the call is kept', async () => {
    const { agents, eventsOf } = await running(streamsCall('look', {}), streams('a cat'));
    expect(await told(agents, 'tell')).toEqual({ chunks: ['a cat'], output: 'a cat' });
    expect(eventsOf('task.step').map(({ key }) => key)).toEqual([
      'ai:0:model:0',
      'ai:0:tool:1:look-1',
      'ai:0:model:1',
    ]);
  });

  test('whose stream breaks off fails with that, and keeps nothing of it', async () => {
    const { agents, eventsOf } = await running([
      ...streams('once ').slice(0, 3),
      new Error('connection reset'),
    ]);
    const error = await refusal(told(agents, 'tell'));
    expect(error).toMatchObject({
      code: 'TASK_FAILED',
      message: expect.stringContaining('connection reset'),
    });
    expect(eventsOf('task.step')).toEqual([]);
  });

  test.each([
    ['that breaks off, and ends all the same', { type: 'error', error: new Error('reset') }],
    ['with a last part that is none', { type: 'finish', usage: {} }],
  ])('whose stream is one %s has no answer, and keeps nothing', async (_, part) => {
    const [first, last] = [streams('once ').slice(0, 3), streams('').at(-1)!];
    const { agents, eventsOf } = await running([...first, part as unknown as StreamPart, last]);
    expect(await refusal(told(agents, 'tell'))).toMatchObject({ code: 'TASK_FAILED' });
    expect(eventsOf('task.step')).toEqual([]);
  });

  test('whose stream ends without its last part has no answer, whatever came before, and keeps nothing', async () => {
    for (const parts of [streams('half of').slice(0, -1), streams('half of').slice(0, 3), []]) {
      const { agents, eventsOf } = await running([...parts, 'closes']);
      expect(await refusal(told(agents, 'tell'))).toMatchObject({
        code: 'TASK_FAILED',
        message: expect.stringMatching(
          /the answer of .+: expected a stream that ends with its part "finish"/,
        ),
      });
      expect(eventsOf('task.step')).toEqual([]);
    }
  });

  test('whose stream its provider ends as interrupted has no answer: nothing is kept, and no tool called', async () => {
    const interrupted = { unified: 'interrupted', raw: undefined } as const;
    for (const parts of [streams('half of'), streamsCall('look', {})]) {
      seen.length = 0;
      const broken = parts.map((part) =>
        part.type === 'finish' ? { ...part, finishReason: interrupted } : part,
      );
      const { agents, eventsOf } = await running(broken);
      expect(await refusal(told(agents, 'tell'))).toMatchObject({
        code: 'TASK_FAILED',
        message: expect.stringMatching(
          /the answer of .+: expected a whole one, got one that broke off in the middle/,
        ),
      });
      expect([eventsOf('task.step'), seen]).toEqual([[], []]);
    }
  });

  test('whose model stops because of an error has no answer', async () => {
    const stopped = streams('half of').map((part) =>
      part.type === 'finish' ? { ...part, finishReason: { unified: 'error', raw: 'x' } as const } : part,
    );
    const { agents } = await running(stopped);
    expect(await refusal(told(agents, 'tell'))).toMatchObject({
      code: 'TASK_FAILED',
      cause: { name: 'ModelAnswerError', message: 'the model gave no answer: error', text: 'half of' },
    });
  });

  test.each([
    ['an overload', { type: 'overloaded_error', message: 'Overloaded' }],
    ['a limit', { type: 'error', code: 'rate_limit_exceeded', message: 'Too many' }],
    ['what the SDK makes of it', { message: 'Busy', statusCode: 503, isRetryable: true }],
    ['a word that it may be asked again', { message: 'Busy', isRetryable: true }],
  ])('whose stream ends in the middle with %s parks, for a time that nobody said', async (_, error) => {
    const broken = [...streams('once ').slice(0, 2), { type: 'error', error } as StreamPart];
    const { agents, clock } = await running(broken, streams('at last'));
    const telling = told(agents, 'tell');
    await clock.advance(0);
    while (agents.get('ada').parked === undefined) await clock.advance(0);
    expect(agents.get('ada').parked).toMatchObject({
      guessed: true,
      why: expect.stringContaining(error.message),
    });
    await clock.advance(1_000);
    expect((await telling).output).toBe('at last');
  });

  test('whose model reasons, uses tools and answers gets on; one that then is silent has stalled', async () => {
    const made = await rig();
    const { clock } = made;
    const parts: StreamPart[] = [
      { type: 'reasoning-start', id: '1' },
      { type: 'reasoning-delta', id: '1', delta: 'hm' },
    ];
    const model = scriptedStreams([...parts, 'hangs']);
    const agent = defineModelAgent({
      type: 'teller',
      model,
      tasks: { tell: { prompt: () => 'tell', stream: true, stalledAfterMs: 1_000, onStall: 'abort' } },
    });
    await made.agents.register({ id: 'ada', module: agent });
    await made.agents.start('ada');
    const told: unknown[] = [];
    const output = awaited(
      made.agents.execute('ada', { type: 'tell', onProgress: (value) => told.push(value) }),
    );
    await settled();
    expect(told).toEqual([{ model: 'reasoning-delta' }]);
    await clock.advance(999);
    expect(await fateOf(output)).toBe('pending');
    await clock.advance(1);
    expect(await fateOf(output)).toBe('TASK_STALLED');
  });

  test.each([
    ['before it has given a word parks, and goes on with the next', 2],
    ['after that fails, for a word that was read cannot be taken back', 3],
  ])('whose connection breaks %s: nothing of the request is kept', async (_, parts) => {
    const cut = new APICallError({
      message: 'Failed to process successful response',
      url: 'https://provider.example/v1',
      requestBodyValues: { messages: 'secret' },
      statusCode: 200,
      isRetryable: true,
      cause: Object.assign(new Error('other side closed'), { code: 'UND_ERR_SOCKET' }),
    });
    const broken = [...streams('once ').slice(0, parts), cut];
    const { agents, clock, events } = await running(broken, streams('at last'));
    const telling = told(agents, 'tell').catch((error: Error) => error.cause);
    await clock.advance(60_000);
    expect(await telling).toMatchObject(
      parts === 2
        ? { output: 'at last' }
        : { name: 'ModelCallError', message: expect.stringContaining('other side closed') },
    );
    expect(JSON.stringify(events)).not.toContain('secret');
  });

  test('whose stream says that a limit is reached parks, and goes on with the answer of the next', async () => {
    const broken = streams('once ').slice(0, 2);
    broken.push({ type: 'error', error: refuses(429, { 'retry-after': '7' }) });
    const { agents, clock } = await running(broken, streams('at last'));
    const telling = told(agents, 'tell');
    await clock.advance(0);
    while (agents.get('ada').parked === undefined) await clock.advance(0);
    expect(agents.get('ada').parked).toMatchObject({ until: clock.now() + 7_000 });
    await clock.advance(7_000);
    expect((await telling).output).toBe('at last');
  });
});

describe.each(disks)('a stream that was kept, in a second program on a %s', (kind) => {
  test('is not asked for again', async () => {
    const disk = await diskOf(kind);
    const held = gate();
    const first = teller(streamsCall('look', {}), []);
    const program = await disk.boot({ agents: [first.agent] });
    await program.agents.register({ id: 'ada', module: first.agent });
    await program.agents.start('ada');
    seen.length = 0;
    program.system.events.subscribe((event) => {
      if (event.type === 'task.step' && event.key.includes('tool')) held.resolve();
    });
    const { id } = await program.system.tasks.submit('ada', { type: 'tell' });
    await held.promise;
    const second = teller(streams('a cat, as I said'));
    const next = await disk.boot({ agents: [second.agent] });
    const result = next.system.tasks.result(id);
    await next.clock.advance(1_000);
    expect(await result).toBe('a cat, as I said');
    expect(seen).toEqual(['looked']);
    expect(second.model.doStreamCalls).toHaveLength(1);
  });
});
