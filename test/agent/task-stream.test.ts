/** Tasks that are read as streams: in every host, no faster than they are read, and over when nobody reads. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type AgentSystem, createAgentSystem, defineAgent } from '../../src/index.ts';
import { STREAM_WINDOW } from '../../src/runtime/hosting/stream-window.ts';
import { type ScriptedBody, scriptedHost, settled } from '../../src/testing/index.ts';
import { codeOf, fateOf, refusal, rig, silent } from '../kit/rig.ts';

const module = new URL('../fixtures/agents/streaming.ts', import.meta.url);

async function allOf(stream: AsyncIterable<unknown>): Promise<unknown[]> {
  const read: unknown[] = [];
  for await (const chunk of stream) read.push(chunk);
  return read;
}

describe.for(['in-process', 'thread', 'process'] as const)('a task in a host of the kind %s', (isolation) => {
  let system: AgentSystem;
  let agents: AgentSystem['agents'];
  beforeAll(async () => {
    system = await createAgentSystem({ logger: silent });
    ({ agents } = system);
    await agents.register({ id: 'one', module, isolation });
    await agents.start('one');
  });
  afterAll(async () => {
    expect(agents.get('one')).toMatchObject({ status: 'running', incarnation: 1, metrics: { dropped: 0 } });
    await system.close();
  });

  test('is read chunk by chunk, and its output is there at the end', async () => {
    for (const type of ['emits', 'yields']) {
      for (const input of [0, 1, STREAM_WINDOW, 1_000]) {
        const stream = agents.stream('one', { type, input });
        expect(await allOf(stream)).toEqual(Array.from({ length: input }, (_, chunk) => chunk));
        expect(await stream.output).toBe(`${input} in all`);
      }
    }
  });
  test('that nobody reads as a stream is done all the same', async () => {
    for (const type of ['emits', 'yields'])
      expect(await agents.execute('one', { type, input: 1_000 })).toBe('1000 in all');
  });
  test('is held back by a reader that reads slowly', async () => {
    const stream = agents.stream('one', { type: 'emits', input: 1_000 });
    for (let read = 0; read < 100; read += 1) expect((await stream.next()).value).toBe(read);
    // It is as far as it may be ahead, and asks to be heard of by its state.
    await stream.return();
    const emitted = (await agents.execute('one', { type: 'emitted' })) as number;
    expect(emitted).toBeGreaterThanOrEqual(100);
    expect(emitted).toBeLessThanOrEqual(100 + STREAM_WINDOW);
  });
  test('ends when its reader leaves the loop', async () => {
    const stream = agents.stream('one', { type: 'yields', input: 1_000 });
    for await (const chunk of stream) if (chunk === 5) break;
    expect(await codeOf(stream.output)).toBe('TASK_ABANDONED');
    expect(await stream.next()).toEqual({ done: true, value: undefined });
    expect(await agents.execute('one', { type: 'cleanedUp' })).toBeGreaterThan(0);
  });
  test('that fails is thrown once, behind the chunks that came before', async () => {
    const stream = agents.stream('one', { type: 'breaks', input: 3 });
    const read: unknown[] = [];
    const { code, cause } = await refusal(async () => {
      for await (const chunk of stream) read.push(chunk);
    });
    expect([read, code, (cause as Error).message]).toEqual([[0, 1, 2], 'TASK_FAILED', 'no more']);
    expect(await stream.next()).toEqual({ done: true, value: undefined });
    expect(await codeOf(stream.output)).toBe('TASK_FAILED');
  });
  test('is streamed by a handle, until the incarnation has ended', async () => {
    const handle = agents.handle('one');
    expect(await allOf(handle.stream({ type: 'yields', input: 2 }))).toEqual([0, 1]);
    await agents.register({ id: 'short', module, isolation, restart: { policy: 'never' } });
    const short = await agents.start('short');
    await agents.kill('short');
    expect(await codeOf(allOf(short.stream({ type: 'yields', input: 2 })))).toBe('AGENT_NOT_RUNNING');
  });
});

const streamer = defineAgent({
  type: 'streamer',
  init: () => ({ n: 0 }),
  tasks: {
    count: {
      run: async function* ({ state }) {
        for (;;) yield (state.n += 1);
      },
    },
    limited: {
      run: async function* ({ park }) {
        yield 1;
        park({ afterMs: 1_000, why: 'no more for now' });
      },
    },
    refused: {
      run: async function* () {
        yield 1;
        throw Object.assign(new RangeError('slow down, please'), {
          status: 429,
          headers: { 'retry-after': '1' },
        });
      },
    },
    never: { run: () => new Promise<void>(() => undefined) },
  },
});

async function running() {
  const given = await rig();
  await given.agents.register({ id: 'a', module: streamer });
  await given.agents.start('a');
  return given;
}

describe('a stream', () => {
  test('of what is refused says so where it is read, and by its output', async () => {
    const { agents, system } = await running();
    for (const [id, type, code] of [
      ['nobody', 'count', 'AGENT_NOT_FOUND'],
      ['a', 'nothing', 'TASK_INCOMPATIBLE'],
    ] as const) {
      const stream = agents.stream(id, { type });
      expect(await codeOf(stream.next())).toBe(code);
      expect(await codeOf(stream.output)).toBe(code);
    }
    expect(await codeOf(agents.stream('a', { type: 'count', timeoutMs: -1 }).next())).toBe(
      'TASK_INPUT_INVALID',
    );
    await system.close();
    expect(await codeOf(agents.stream('a', { type: 'count' }).next())).toBe('SYSTEM_CLOSED');
  });
  test('whose time is over is abandoned by it, slow reader or not', async () => {
    const { agents, clock } = await running();
    const stream = agents.stream('a', { type: 'count', timeoutMs: 50 });
    expect((await stream.next()).value).toBe(1);
    await clock.advance(50);
    expect(await codeOf(allOf(stream))).toBe('TASK_TIMED_OUT');
  });
  test('is cancelled by its signal, and by the end of its agent', async () => {
    const { agents } = await running();
    const controller = new AbortController();
    const stream = agents.stream('a', { type: 'count', signal: controller.signal });
    await stream.next();
    controller.abort(new Error('enough'));
    expect(await codeOf(allOf(stream))).toBe('TASK_ABANDONED');
    const next = agents.stream('a', { type: 'count' });
    await next.next();
    await agents.kill('a');
    expect(await codeOf(allOf(next))).toBe('TASK_ABANDONED');
  });
  test('that has been read is not begun again: one that runs into a limit then fails', async () => {
    const { agents, eventsOf, clock } = await running();
    const { code, cause } = await refusal(allOf(agents.stream('a', { type: 'limited' })));
    expect([code, (cause as Error).message]).toEqual(['TASK_FAILED', 'no more for now']);
    expect(eventsOf('task.parked')).toEqual([]);
    // Nobody has read anything of the other: it waits for its reset.
    const output = agents.execute('a', { type: 'limited' });
    expect(await fateOf(output)).toBe('pending');
    expect(eventsOf('task.parked')).toHaveLength(1);
    await agents.kill('a');
    await clock.advance(0);
    expect(await fateOf(output)).toBe('TASK_ABANDONED');
  });
  test('one that runs into a limit then fails with what it has thrown', async () => {
    const { agents } = await running();
    const { cause } = await refusal(allOf(agents.stream('a', { type: 'refused' })));
    expect(cause).toMatchObject({ name: 'RangeError', message: 'slow down, please', status: 429 });
  });
  test('several reads at once get several chunks, in order', async () => {
    const { agents } = await running();
    const stream = agents.stream('a', { type: 'count' });
    const read = await Promise.all([stream.next(), stream.next(), stream.next()]);
    expect(read.map(({ value }) => value)).toEqual([1, 2, 3]);
    await stream.return();
  });
  test('that fails is thrown by one of several reads that wait, and the others are at its end', async () => {
    const { agents } = await running();
    const stream = agents.stream('a', { type: 'never' });
    const reads = [stream.next(), stream.next()];
    await agents.kill('a');
    expect(await Promise.all(reads.map((read) => fateOf(read)))).toEqual([
      'TASK_ABANDONED',
      { value: { done: true, value: undefined } },
    ]);
  });
  test('that is left while a read waits ends that read', async () => {
    const { agents } = await running();
    const stream = agents.stream('a', { type: 'never' });
    const read = stream.next();
    await settled();
    const left = stream.return();
    expect(await read).toEqual({ done: true, value: undefined });
    // The work goes on until it obeys; its reader is free.
    expect(await fateOf(left)).toEqual({ value: { done: true, value: undefined } });
  });
  test('is left at the end of the block that it is declared in', async () => {
    const { agents } = await running();
    const outputs: Promise<unknown>[] = [];
    {
      await using stream = agents.stream('a', { type: 'count' });
      outputs.push(stream.output);
      await stream.next();
    }
    expect(await codeOf(outputs[0]!)).toBe('TASK_ABANDONED');
  });
  test('that throws into its task cancels it, with that as the cause', async () => {
    const { agents } = await running();
    const stream = agents.stream('a', { type: 'count' });
    await stream.next();
    await expect(stream.throw(new RangeError('mine'))).rejects.toThrow('mine');
    expect((await refusal(stream.output)).cause).toMatchObject({ message: 'mine' });
  });
});

test('chunks past the window, and of tasks that do not run, are dropped and counted', async () => {
  const manifest = { tasks: { work: { requires: [], retry: false } } };
  const bodies: ScriptedBody[] = [];
  const host = scriptedHost({ isolation: 'process', manifest, onOpen: (body) => bodies.push(body) });
  const { agents } = await rig({ hosts: { process: host } });
  await agents.register({ id: 'a', module });
  const starting = agents.start('a');
  await settled();
  const [body] = bodies as [ScriptedBody];
  body.ready();
  await starting;
  body.takeRequests();
  // It was given no task so far.
  body.report({ type: 'task.chunk', taskId: 'nobody', chunk: 0 });
  expect(agents.get('a').metrics.dropped).toBe(1);
  const stream = agents.stream('a', { type: 'work' });
  await settled();
  const [run] = body.takeRequests();
  const taskId = run?.type === 'task.run' ? run.taskId : '';
  for (let chunk = 0; chunk < 10_000; chunk += 1) body.report({ type: 'task.chunk', taskId, chunk });
  body.report({ type: 'task.chunk', taskId: 'nobody', chunk: 0 });
  expect(agents.get('a').metrics.dropped).toBe(1 + 10_001 - STREAM_WINDOW);
  expect(body.takeRequests()).toEqual([]);
  // One is read: there is room for one more, and the body is told so.
  expect((await stream.next()).value).toBe(0);
  expect(body.takeRequests()).toEqual([{ type: 'task.chunks_taken', taskId, taken: 1 }]);
  body.report({ type: 'task.chunk', taskId, chunk: 'next' });
  body.report({ type: 'task.completed', taskId, output: 'done' });
  body.report({ type: 'task.chunk', taskId, chunk: 'late' });
  expect(await allOf(stream)).toEqual([
    ...Array.from({ length: STREAM_WINDOW - 1 }, (_, n) => n + 1),
    'next',
  ]);
  expect(await stream.output).toBe('done');
});
