/** Nothing that a child sends does more than end that child, or fail the one task it belongs to. */
import type { KeyObject } from 'node:crypto';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { serialize } from 'node:v8';
import { pino } from 'pino';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type AgentSystem, createAgentSystem, type SystemEvent } from '../../src/index.ts';
import { framed } from '../fixtures/agents/channel.ts';
import { refusal, silent } from '../kit/rig.ts';

const module = new URL('../fixtures/agents/hostile.ts', import.meta.url);
const CANNOT = 'cannot be sent to another thread or process: ';

const UNREADABLE: unknown = expect.stringContaining('cannot be read');

/** What cannot travel, and how the place is named. */
const unsendable = {
  linked: 'parent.parent.parent.parent.parent.parent.parent.parent… is nested deeper than 1000 levels',
  nested: 'it[0][0][0][0][0][0][0][0]… is nested deeper than 1000 levels',
  maps: 'it.get("in").get("in").get("in").get("in").get("in").get("in").get("in").get("in")… is nested deeper',
  causes: 'cause.cause.cause.cause.cause.cause.cause.cause… is nested deeper than 1000 levels',
  function: 'run is a function (run)',
  symbol: 'it[0] is the symbol Symbol(mark)',
  proxy: 'proxied is a proxy',
  promise: 'later is a promise',
  weak: 'it.get("cache") is a WeakMap',
  getter: 'not to be had',
  givenAway: 'buffer is a buffer that was given away',
  memory: 'memory is an instance of Memory',
  url: 'links[0] is an instance of URL, whose content is not in its fields',
  named: 'rows[0].page is an instance of URL, whose content is not in its fields',
  fields: 'at is an instance of Date, whose field "zone" would be lost',
  headers: 'headers is an instance of Headers',
  request: 'request is an instance of Request',
  response: 'it is an instance of Response',
  query: 'query is an instance of URLSearchParams',
  form: 'form is an instance of FormData',
  signal: 'signal is an instance of AbortSignal',
  bodyStream: 'body is an instance of ReadableStream',
  stream: 'out is an instance of PassThrough',
  emitter: 'events is an instance of EventEmitter',
  private: 'counter is an instance of Counter',
};
const unsendableFrom = {
  process: {
    ...unsendable,
    module: 'layers[1] is a WebAssembly.Module',
    shared: 'shared is a SharedArrayBuffer',
    blob: 'blob is an instance of Blob',
    key: 'key is an instance of SecretKeyObject',
  },
  thread: unsendable,
};

describe.for(['process', 'thread'] as const)('a %s', (isolation) => {
  let system: AgentSystem;
  let agents: AgentSystem['agents'];
  const events: SystemEvent[] = [];
  const uncaught: unknown[] = [];
  let listen: ((line: Record<string, unknown>) => void) | undefined;
  const logger = pino(
    { level: 'info' },
    { write: (line) => hear(JSON.parse(line) as Record<string, unknown>) },
  );
  const hear = (line: Record<string, unknown>): void => {
    if (line['agentId'] === 'speaker' && line['msg'] === 'fields') listen?.(line);
  };
  const note = (thrown: unknown): void => void uncaught.push(thrown);

  async function started(id: string): Promise<string> {
    await agents.register({
      id,
      module,
      isolation,
      restart: { policy: 'immediate', delayMs: 1 },
      tasks: { concurrency: 4 },
    });
    await agents.start(id);
    return id;
  }
  async function crashOf(id: string): Promise<Extract<SystemEvent, { type: 'agent.crashed' }>> {
    return await new Promise((resolve) => {
      const stop = system.events.subscribe((event) => {
        if (event.type !== 'agent.crashed' || event.agentId !== id) return;
        stop();
        resolve(event);
      });
    });
  }

  beforeAll(async () => {
    process.on('uncaughtException', note);
    system = await createAgentSystem({ logger });
    ({ agents } = system);
    system.events.subscribe((event) => events.push(event));
    await started('bystander');
    await started('speaker');
  });
  afterAll(async () => {
    expect(await agents.execute('bystander', { type: 'echo', input: 'well' })).toBe('well');
    expect(agents.get('bystander')).toMatchObject({ status: 'running', incarnation: 1 });
    await system.close();
    process.off('uncaughtException', note);
    expect(uncaught).toEqual([]);
  });

  test.for(Object.entries(unsendableFrom[isolation]))(
    'fails its task by the output: %s',
    async ([name, place]) => {
      const { code, message } = await refusal(agents.execute('speaker', { type: 'output', input: name }));
      expect(code).toBe('TASK_FAILED');
      expect(message).toContain('the output of the task cannot be sent');
      expect(message).toContain(place);
      expect(agents.get('speaker')).toMatchObject({ status: 'running', incarnation: 1 });
    },
  );
  test.for(Object.entries(unsendableFrom[isolation]))(
    'fails its task by such a chunk, and its reader hears of it: %s',
    async ([name, place]) => {
      const stream = agents.stream('speaker', { type: 'emit', input: name });
      const read: unknown[] = [];
      const { code, message } = await refusal(async () => {
        for await (const chunk of stream) read.push(chunk);
      });
      expect([read, code]).toEqual([['before'], 'TASK_FAILED']);
      expect(message).toContain('a chunk of the task cannot be sent');
      expect(message).toContain(place.split(' ').slice(-2).join(' '));
      expect(agents.get('speaker')).toMatchObject({ status: 'running', incarnation: 1 });
    },
  );
  test.for(Object.entries(unsendableFrom[isolation]))(
    'is refused what it asks for with such a thing: %s',
    async ([name, place]) => {
      const { code, message, cause } = await refusal(agents.execute('speaker', { type: 'ask', input: name }));
      expect(code).toBe('TASK_FAILED');
      expect(message).toContain('what is given along with agents.execute cannot be sent');
      expect(message).toContain(place.split(' ').slice(-2).join(' '));
      expect(cause).toMatchObject({ code: 'REQUEST_INVALID' });
      expect(agents.get('speaker')).toMatchObject({ status: 'running', incarnation: 1 });
    },
  );
  test.runIf(isolation === 'thread')('sends what a thread can have: a Blob, a KeyObject', async () => {
    const { blob } = (await agents.execute('speaker', { type: 'output', input: 'blob' })) as { blob: Blob };
    expect(await blob.text()).toBe('abc');
    const { key } = (await agents.execute('speaker', { type: 'output', input: 'key' })) as { key: KeyObject };
    expect(key.export()).toEqual(Buffer.alloc(16));
    const { blob: back } = (await agents.execute('speaker', { type: 'echo', input: { blob } })) as {
      blob: Blob;
    };
    expect(await back.text()).toBe('abc');
  });
  test.for(['input', 'initArgs'])('is not sent such a thing either, as %s', async (what) => {
    const url = { url: new URL('https://host/') };
    const { code, message } = await refusal(
      what === 'input'
        ? agents.execute('speaker', { type: 'echo', input: url })
        : agents.register({ module, isolation, initArgs: url }),
    );
    expect(code).toBe(what === 'input' ? 'TASK_INPUT_INVALID' : 'AGENT_SPEC_INVALID');
    expect(message).toContain('url is an instance of URL');
  });
  test('says of progress, log fields and health details that they cannot be sent, and goes on', async () => {
    for (const name of Object.keys(unsendableFrom[isolation])) {
      expect(await agents.execute('speaker', { type: 'progress', input: name })).toBe('answered');
      expect(await agents.execute('speaker', { type: 'log', input: name })).toBe('answered');
      await agents.execute('speaker', { type: 'detail', input: name });
      expect(await agents.checkHealth('speaker')).toMatchObject({ status: 'healthy' });
    }
    await agents.execute('speaker', { type: 'detail', input: '' });
    expect(agents.get('speaker')).toMatchObject({ status: 'running', incarnation: 1 });
  });
  test('log fields that would take all memory as text are left out, and come with the reason', async () => {
    const spoken = new Promise<Record<string, unknown>>((resolve) => (listen = resolve));
    await agents.execute('speaker', { type: 'log', input: 'doubled' });
    const { msg, fields, problem } = await spoken;
    expect(msg).toBe('fields');
    expect(fields).toMatch(/^\{"taskId":"task-[\d-]+","doubled":\[\[/);
    expect(problem).toMatch(
      /the fields cannot be sent to another .*: they are longer than 1048576 characters/,
    );
    // As an output it is small: what occurs twice is sent once.
    expect(await agents.execute('speaker', { type: 'output', input: 'doubled' })).toBeTypeOf('object');
  });
  test('what is small, and endless as JSON, is no output of a task that is submitted', async () => {
    const { id } = await system.tasks.submit('speaker', { type: 'output', input: 'doubled' });
    await expect(system.tasks.result(id)).rejects.toThrow(/output\.doubled.* is longer than 268,435,456/);
  });
  test('ends when it sends by hand, past all checks, what cannot be read, and the fault is named', async () => {
    const id = await started('by-hand');
    const crash = crashOf(id);
    const beside = agents.execute(id, { type: 'hang' }).catch((thrown: unknown) => thrown);
    const task = agents.execute(id, { type: 'post', input: 'linked' }).catch((thrown: unknown) => thrown);
    expect((await crash).reason).toMatchObject({ error: { name: 'ChannelError', message: UNREADABLE } });
    expect([await beside, await task]).toMatchObject([
      { code: 'TASK_ABANDONED' },
      { code: 'TASK_ABANDONED' },
    ]);
  });
  test('an input that cannot travel is the fault of its caller', async () => {
    let deep: unknown = 1;
    for (let level = 0; level < 2_000; level += 1) deep = { deep };
    for (const input of [deep, () => 1, { run: [Symbol('no')] }]) {
      const { code, message } = await refusal(agents.execute('speaker', { type: 'echo', input }));
      expect([code, message]).toEqual(['TASK_INPUT_INVALID', expect.stringContaining(CANNOT)]);
    }
    expect(agents.get('speaker')).toMatchObject({ status: 'running', incarnation: 1 });
  });
  test('initArgs that cannot travel are refused when they are registered', async () => {
    let deep: unknown = 1;
    for (let level = 0; level < 2_000; level += 1) deep = { deep };
    for (const initArgs of [deep, { run: [Symbol('no')] }]) {
      const { code, message } = await refusal(agents.register({ module, isolation, initArgs }));
      expect([code, message]).toEqual(['AGENT_SPEC_INVALID', expect.stringContaining(CANNOT)]);
    }
  });
  test('a thousand levels travel there and back', async () => {
    let deep: unknown = 1;
    for (let level = 0; level < 1_000; level += 1) deep = { deep };
    expect(await agents.execute('speaker', { type: 'echo', input: deep })).toEqual(deep);
  });
});

/** Few bytes on their way, and more text than there is memory. */
function doubled(): object {
  let value: object = ['a'];
  for (let level = 0; level < 60; level += 1) value = [value, value];
  return value;
}

test('a thread that sends without end is ended before it holds up others', async () => {
  await using system = await createAgentSystem({ logger: silent });
  const { agents } = system;
  const id = await agents.register({ module, isolation: 'thread', restart: { policy: 'never' } });
  const { promise: crashed, resolve } = Promise.withResolvers<unknown>();
  system.events.subscribe((event) => event.type === 'agent.crashed' && resolve(event.reason));
  await agents.start(id);
  const flooding = refusal(agents.execute(id, { type: 'flood', input: [1, 'no report'] }));
  expect(await crashed).toMatchObject({
    error: { name: 'ChannelError', message: expect.stringContaining('messages in one turn') as unknown },
  });
  expect(await flooding).toMatchObject({ code: 'TASK_ABANDONED' });
});

describe('bytes that a process writes to the descriptor of its channel', () => {
  let system: AgentSystem;
  beforeAll(async () => {
    system = await createAgentSystem({ logger: silent });
    await system.agents.register({ id: 'bystander', module });
    await system.agents.start('bystander');
  });
  afterAll(async () => {
    expect(system.agents.get('bystander')).toMatchObject({ status: 'running', incarnation: 1 });
    await system.close();
  });

  const wasm = Buffer.from([255, 15, 119, 0]);
  const deepArrays = Buffer.concat([
    Buffer.from([255, 15]),
    Buffer.concat(Array.from({ length: 100_000 }, () => Buffer.from([65, 1]))),
  ]);
  // A hundred times 30 million places.
  const emptyArrays = Buffer.concat([
    Buffer.from([255, 15, 65, 100]),
    ...Array.from({ length: 100 }, () => Buffer.from([97, 128, 135, 167, 14, 64, 0, 128, 135, 167, 14])),
    Buffer.from([36, 0, 100]),
  ]);
  test.for<readonly [string, Uint8Array, RegExp]>([
    [
      'no frame',
      Buffer.from('{"cmd":"NODE_HANDLE"}\n'),
      /a message of \d+ bytes, expected 268435456 at the most/,
    ],
    ['a length beyond all', Buffer.alloc(8, 255), /a message of 4294967295 bytes, expected 268435456/],
    ['an empty frame', framed(Buffer.alloc(0)), /a message of 0 bytes that cannot be read/],
    ['a frame of noise', framed(Buffer.alloc(100, 7)), /a message of 100 bytes that cannot be read/],
    ['a compiled module', framed(wasm), /a message of 4 bytes that cannot be read/],
    [
      'a bomb of text',
      framed(Buffer.from('[1,{"type":"log","level":"info","message":5}')),
      /of 44 bytes that cannot be/,
    ],
    ['arrays without end', framed(deepArrays), /a message of 200002 bytes that cannot be read/],
    [
      'few bytes, and more places with nothing in them than there is memory',
      framed(emptyArrays),
      /a message of \d{4} bytes that cannot be read: it takes about 240000\d{5} bytes of memory/,
    ],
    [
      'bytes of another version',
      framed(Buffer.from([255, 13, 48])),
      /a message of 3 bytes that cannot be read: it is not of version/,
    ],
  ])('end it, and the fault is named: %s', async ([, bytes, message]) => {
    const { agents } = system;
    const id = await agents.register({ module, restart: { policy: 'never' } });
    await agents.start(id);
    const work = agents.execute(id, { type: 'write', input: bytes });
    expect((await refusal(work)).code).toBe('TASK_ABANDONED');
    expect(agents.get(id)).toMatchObject({
      status: 'crashed',
      reason: { error: { name: 'ChannelError', message: expect.stringMatching(message) as unknown } },
    });
    expect(await agents.execute('bystander', { type: 'echo', input: id })).toBe(id);
  });
  test('end it when they are more than it may have memory', async () => {
    const { agents } = system;
    const maxMemoryBytes = 100 * 1_048_576;
    const id = await agents.register({ module, restart: { policy: 'never' }, resources: { maxMemoryBytes } });
    await agents.start(id);
    const input = Buffer.alloc(4);
    input.writeUInt32LE(maxMemoryBytes + 1);
    await agents.execute(id, { type: 'write', input }).catch(() => undefined);
    const message = `its process sent a message of ${maxMemoryBytes + 1} bytes, expected ${maxMemoryBytes} at the most`;
    expect(agents.get(id).reason).toEqual({ error: { name: 'ChannelError', message } });
  });
  test('end it when what they stand for is more than it may have memory', async () => {
    const { agents } = system;
    const maxMemoryBytes = 100 * 1_048_576;
    const id = await agents.register({ module, restart: { policy: 'never' }, resources: { maxMemoryBytes } });
    await agents.start(id);
    const objects = Buffer.alloc(3 * 1_048_576, 'y');
    const length = Buffer.from([0x80, 0x80, 0xc0, 0x01]);
    const [begin, end] = [Buffer.from([255, 15, 65]), Buffer.from('$\0')];
    const input = framed(Buffer.concat([begin, length, objects, end, length]));
    await agents.execute(id, { type: 'write', input }).catch(() => undefined);
    const message = expect.stringMatching(
      /it takes about \d{9} bytes of memory, expected 209715200/,
    ) as string;
    expect(agents.get(id)).toMatchObject({ status: 'crashed', reason: { error: { message } } });
  });
  test.for<readonly [string, Buffer]>([
    [
      'arrays in JSON that are deeper than any stack',
      Buffer.from(
        `[1,{"type":"health.answered","checkId":1,"detail":${'['.repeat(200_000)}${']'.repeat(200_000)}}]`,
      ),
    ],
    [
      'log fields that are few bytes and much text',
      serialize([1, { type: 'log', level: 'error', message: 'm', fields: doubled() }]),
    ],
    [
      'an error longer than any',
      serialize([1, { type: 'state.save_failed', error: { name: 'E', message: 'm'.repeat(1_000_000) } }]),
    ],
    [
      'an error that no store can keep, for it is an instance',
      serialize([1, { type: 'state.save_failed', error: new Error('m') }]),
    ],
  ])('that are a message and no report are dropped and counted: %s', async ([, body]) => {
    const { agents } = system;
    const id = await agents.register({ module, tasks: { concurrency: 2 } });
    await agents.start(id);
    const writing = agents.execute(id, { type: 'write', input: framed(body) }).catch(() => undefined);
    while (agents.get(id).metrics.dropped === 0)
      expect(await agents.execute(id, { type: 'echo', input: 1 })).toBe(1);
    expect(agents.get(id)).toMatchObject({ status: 'running', metrics: { dropped: 1 } });
    await agents.kill(id);
    await writing;
  });
  test('without end leave others their turns, however fast they come', async () => {
    const { agents } = system;
    const id = await agents.register({ module, restart: { policy: 'never' } });
    await agents.start(id);
    const frame = framed(serialize([1, 'no report']));
    const input = Buffer.concat(Array.from({ length: 1_000 }, () => frame));
    const flooding = agents.execute(id, { type: 'flood', input }).catch(() => undefined);
    let most = 0;
    for (let before = 0; before < 100_000; ) {
      await nextTurn();
      const { dropped } = agents.get(id).metrics;
      most = Math.max(most, dropped - before);
      before = dropped;
    }
    // What a stream reads at once, and what it may have read by then.
    expect(most).toBeLessThanOrEqual((2 * 65_536) / frame.length + 1);
    await agents.kill(id);
    await flooding;
  });
  test('that were written before it exits arrive', async () => {
    const { agents } = system;
    const id = await agents.register({ module, restart: { policy: 'never' } });
    await agents.start(id);
    const heard: unknown[] = [];
    const input = 'x'.repeat(20_000);
    await agents
      .execute(id, { type: 'lastWord', input, onProgress: (value) => heard.push(value) })
      .catch(() => 0);
    expect(heard).toEqual([input]);
    expect(agents.get(id).reason).toEqual({ exitCode: 3 });
  });
  test('that say why it ends, and more than there is memory for, end it', async () => {
    const { agents } = system;
    const id = await agents.register({ module, restart: { policy: 'never' } });
    await agents.start(id);
    const input = framed(serialize([1, { type: 'exited', reason: doubled() }]));
    await agents.execute(id, { type: 'write', input }).catch(() => undefined);
    const message = expect.stringMatching(/^expected an exit reason, got \S{50,150}$/) as string;
    expect(agents.get(id)).toMatchObject({ status: 'crashed', reason: { error: { message } } });
  });
  test('are its alone: what the agent starts does not inherit the descriptor', async () => {
    const { channel, inherited } = (await system.agents.execute('bystander', { type: 'descriptors' })) as {
      readonly channel: string;
      readonly inherited: string;
    };
    expect(channel).toMatch(/^socket:\[\d+\]$/);
    expect(inherited).toMatch(/pipe:|socket:/);
    expect(inherited).not.toContain(channel);
  });
  test('it has no other channel: `process.send` is not there', async () => {
    expect(await system.agents.execute('bystander', { type: 'send' })).toBe('undefined');
  });
});
