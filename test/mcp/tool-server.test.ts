/** Laws of an MCP server as an agent, with a real server in a process of its own. */
import { setImmediate as immediate, setTimeout as timeout } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { InMemoryTransport } from '@modelcontextprotocol/sdk/inMemory.js';
import { Server } from '@modelcontextprotocol/sdk/server/index.js';
import { ListToolsRequestSchema } from '@modelcontextprotocol/sdk/types.js';
import { describe, expect, test } from 'vitest';
import { createAgentSystem, type SystemEvent } from '../../src/index.ts';
import { defineToolServer } from '../../src/mcp.ts';
import { gone } from '../hosting/hosts.ts';
import { refusal, silent } from '../kit/rig.ts';
import stubborn from './stubborn.ts';

const server = {
  command: process.execPath,
  args: [fileURLToPath(new URL('./notes-server.ts', import.meta.url))],
};
const notes = defineToolServer({ type: 'notes', server });

async function fleet(definition = notes, spec: object = {}) {
  const system = await createAgentSystem({ logger: silent });
  const seen: SystemEvent[] = [];
  const listeners = new Set<() => void>();
  system.events.subscribe((event) => {
    seen.push(event);
    for (const tell of listeners) tell();
  });
  const until = (type: SystemEvent['type'], times = 1): Promise<void> =>
    new Promise((resolve) => {
      const look = (): void => {
        if (seen.filter((event) => event.type === type).length < times) return;
        listeners.delete(look);
        resolve();
      };
      listeners.add(look);
      look();
    });
  const restart = { policy: 'immediate', delayMs: 0 } as const;
  const id = await system.agents.register({ id: 'notes', module: definition, restart, ...spec });
  await system.agents.start(id);
  const call = async (name: string, args: Record<string, unknown> = {}): Promise<string> => {
    const input = { name, arguments: args };
    const result = await system.agents.execute(id, { type: 'tools.call', input });
    return (result.content[0] as { text: string }).text;
  };
  return { system, id, call, until };
}

/** Its list of tools has always one page more, which comes after `turn`. */
function endless(turn: () => Promise<unknown>) {
  const paging = new Server({ name: 'endless', version: '1' }, { capabilities: { tools: {} } });
  paging.setRequestHandler(ListToolsRequestSchema, async () => {
    await turn();
    return { tools: [{ name: 'again', inputSchema: { type: 'object' } }], nextCursor: 'again' };
  });
  return async () => {
    const [ours, theirs] = InMemoryTransport.createLinkedPair();
    await paging.connect(theirs);
    return ours;
  };
}

const isAlive = (pid: number): boolean => {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
};

/** As `connect` gives it, to a server that goes when it is closed. */
function connection() {
  const { promise, resolve } = Promise.withResolvers<string>();
  return {
    client: { close: async () => resolve('has ended') },
    gone: promise,
    leave: async () => undefined,
    isEnding: false,
  };
}

describe('a tool server', () => {
  test('lists its tools with the schemas of their arguments, and calls them', async () => {
    const { system, id, call } = await fleet();
    await using _ = system;
    const tools = await system.agents.execute(id, { type: 'tools.list' });
    expect(tools.map(({ name }) => name)).toEqual([
      'add',
      'pid',
      'fail',
      'hang',
      'print',
      'long',
      'endless',
      'stall',
      'end',
    ]);
    expect(tools[0]).toMatchObject({
      description: 'Adds.',
      inputSchema: { type: 'object', properties: { a: { type: 'number' }, b: { type: 'number' } } },
    });
    expect(await call('add', { a: 2, b: 3 })).toBe('5');
    expect(await system.agents.checkHealth(id)).toMatchObject({
      detail: { name: 'notes', version: '1.2.3' },
    });
  });

  test('a line that is no message costs no answer that comes with it', async () => {
    const { system, call } = await fleet(defineToolServer({ type: 'notes', server, callTimeoutMs: 5_000 }));
    await using _ = system;
    expect(await call('print')).toBe('printed');
    expect(await call('add', { a: 2, b: 3 })).toBe('5');
  });

  test('an answer that is too long fails its call at once, naming the bound; the agent answers its checks', async () => {
    const health = { intervalMs: 300, timeoutMs: 5_000, failuresBeforeKill: 2 };
    const { system, id, call, until } = await fleet(notes, { health, tasks: { concurrency: 2 } });
    await using _ = system;
    const fit = call('long', { bytes: 1024 * 1024 });
    const [tooLong] = await Promise.all([refusal(call('long', { bytes: 12_000_000 })), until('task.failed')]);
    expect(tooLong.code).toBe('TASK_FAILED');
    expect((tooLong.cause as Error).message).toContain('the answer is longer than 10 MiB');
    expect(await fit).toHaveLength(1024 * 1024);
    expect(await call('add', { a: 2, b: 3 })).toBe('5');
    expect(system.agents.get(id)).toMatchObject({ status: 'running', incarnation: 1 });
  });

  test('an answer that is too long, and stalls before its id, fails the one call that waits, at once', async () => {
    const { system, call } = await fleet();
    await using _ = system;
    const { code, cause } = await refusal(call('stall'));
    expect(code).toBe('TASK_FAILED');
    expect((cause as Error).message).toContain('the answer is longer than 10 MiB');
  });

  test('a server whose answer does not end is an agent that crashes, and is started again', async () => {
    const { system, id, call, until } = await fleet(notes, { tasks: { concurrency: 2 } });
    await using _ = system;
    // Whose answer it is cannot be known.
    const lost = await Promise.all([refusal(call('hang')), refusal(call('endless'))]);
    for (const { code, message } of lost) {
      expect({ code, message }).toEqual({
        code: 'TASK_ABANDONED',
        message: expect.stringContaining('has ended'),
      });
    }
    await until('agent.started', 2);
    expect(await call('add', { a: 2, b: 3 })).toBe('5');
    expect(system.agents.get(id)).toMatchObject({ status: 'running', incarnation: 2 });
  });

  test('a tool that fails fails its task with the server’s words, and the agent lives on', async () => {
    const { system, call } = await fleet();
    await using _ = system;
    expect(await refusal(call('fail'))).toMatchObject({
      code: 'TASK_FAILED',
      message: expect.stringContaining('no ink'),
    });
    expect(await refusal(call('unheard-of'))).toMatchObject({ code: 'TASK_FAILED' });
    expect(await call('add', { a: 1, b: 1 })).toBe('2');
  });

  test('only what is allowed is listed and called', async () => {
    const { system, id, call } = await fleet(defineToolServer({ type: 'notes', server, allow: ['add'] }));
    await using _ = system;
    expect(await system.agents.execute(id, { type: 'tools.list' })).toHaveLength(1);
    expect(await refusal(call('pid'))).toMatchObject({
      message: expect.stringContaining('the tool pid is not allowed here'),
    });
    expect(await call('add', { a: 1, b: 1 })).toBe('2');
  });

  test('a server whose list of tools never ends fails the listing, after 100 pages or the time of a call', async () => {
    const quick = await fleet(defineToolServer({ type: 'notes', server: endless(immediate) }));
    await using _ = quick.system;
    expect(await refusal(quick.system.agents.execute(quick.id, { type: 'tools.list' }))).toMatchObject({
      code: 'TASK_FAILED',
      message: expect.stringContaining('the server lists its tools on more than 100 pages'),
    });
    const slow = await fleet(
      defineToolServer({ type: 'notes', server: endless(() => timeout(50)), callTimeoutMs: 200 }),
    );
    await using __ = slow.system;
    expect(await refusal(slow.system.agents.execute(slow.id, { type: 'tools.list' }))).toMatchObject({
      code: 'TASK_FAILED',
      message: expect.stringContaining('timed out'),
    });
  });

  test('a call that takes too long fails', async () => {
    const { system, call } = await fleet(defineToolServer({ type: 'notes', server, callTimeoutMs: 3_000 }));
    await using _ = system;
    expect(await refusal(call('hang'))).toMatchObject({ code: 'TASK_FAILED' });
    expect(await call('add', { a: 1, b: 1 })).toBe('2');
  });

  test('a server that dies is an agent that crashes, and is started again; its process ends with the agent', async () => {
    const { system, id, call, until } = await fleet();
    const first = Number(await call('pid'));
    process.kill(first, 'SIGKILL');
    await until('agent.started', 2);
    const second = Number(await call('pid'));
    expect(second).not.toBe(first);
    expect(system.agents.get(id)).toMatchObject({ status: 'running', incarnation: 2 });
    const ending = refusal(call('end'));
    await until('agent.started', 3);
    expect(['TASK_ABANDONED', 'TASK_FAILED']).toContain((await ending).code);
    const third = Number(await call('pid'));
    await system.close();
    expect([first, second, third].filter(isAlive)).toEqual([]);
  });

  test('a server that goes because its agent has closed it crashes nobody; one that goes by itself does', async () => {
    const { init, disconnect } = notes as unknown as Readonly<
      Record<'init' | 'disconnect', (context: object) => unknown>
    >;
    const crashes: unknown[] = [];
    const self = { crash: (error: Error) => crashes.push(error.message) };
    const closed = connection();
    init({ resources: closed, self });
    await disconnect({ resources: closed });
    expect(crashes).toEqual([]);
    const lost = connection();
    init({ resources: lost, self });
    await lost.client.close();
    await lost.gone;
    expect(crashes).toEqual(['the MCP server of notes has ended']);
  });

  test('a server that hangs is one that does not answer its health check: it is killed, and started again', async () => {
    // The next server has to answer within it, on a busy machine too.
    const health = { intervalMs: 100, timeoutMs: 4_000, failuresBeforeKill: 1 };
    const { system, id, call, until } = await fleet(notes, { health });
    const first = Number(await call('pid'));
    process.kill(first, 'SIGSTOP');
    await until('agent.started', 2);
    expect(Number(await call('pid'))).not.toBe(first);
    expect(system.agents.get(id)).toMatchObject({ status: 'running', incarnation: 2 });
    await system.close();
    await gone(first);
  });

  test('a server that dies more often than its policy allows is given up', async () => {
    const restart = { policy: 'immediate', delayMs: 0, maxRestarts: 1, withinMs: 60_000 };
    const { system, id, call, until } = await fleet(notes, { restart });
    await using _ = system;
    process.kill(Number(await call('pid')), 'SIGKILL');
    await until('agent.started', 2);
    void refusal(call('end'));
    await until('agent.gave_up');
    expect(system.agents.get(id)).toMatchObject({ status: 'crashed', incarnation: 2 });
  });

  test('a server that ends by itself takes what it has started along, and is told to go no longer than it takes', async () => {
    const { system, id, call, until } = await fleet(stubborn);
    const pids = JSON.parse(await call('pids')) as number[];
    void refusal(call('end'));
    await until('agent.started', 2);
    await Promise.all(pids.map(gone));
    const next = JSON.parse(await call('pids')) as number[];
    await system.agents.stop(id);
    await system.close();
    await Promise.all(next.map(gone));
  });

  test('a server that cannot be started is a failed start that says why', async () => {
    await using system = await createAgentSystem({ logger: silent });
    const module = defineToolServer({ type: 'none', server: { command: '/no/such/server' } });
    await system.agents.register({ id: 'none', module });
    expect(await refusal(system.agents.start('none'))).toMatchObject({
      code: 'AGENT_START_FAILED',
      message: expect.stringContaining('ENOENT'),
    });
  });

  test.each([
    [{ type: '', server }, 'type'],
    [{ type: 'x', server: {} }, 'expected { command'],
    [{ type: 'x', server, callTimeoutMs: 0 }, 'callTimeoutMs'],
    [{ type: 'x', server, more: 1 }, 'more'],
  ])('refuses options that are not as expected: %j', (options, named) => {
    expect(() => defineToolServer(options as never)).toThrow(
      expect.objectContaining({ code: 'AGENT_SPEC_INVALID', message: expect.stringContaining(named) }),
    );
  });
});
