/** Laws of an MCP server at an address as an agent. */
import { pino } from 'pino';
import { describe, expect, test } from 'vitest';
import { createAgentSystem } from '../../src/index.ts';
import { defineToolServer, type ToolServerTransport } from '../../src/mcp.ts';
import { servedFetch } from '../../src/mcp/served-fetch.ts';
import { gate, refusal, silent } from '../kit/rig.ts';
import { type AnswerKind, servedAtAnAddress } from './served-at-an-address.ts';

const MIB = 1024 * 1024;

const notice = (data: string): string =>
  JSON.stringify({ jsonrpc: '2.0', method: 'notifications/message', params: { level: 'info', data } });

async function agentOf(server: ToolServerTransport, logger = silent) {
  const system = await createAgentSystem({ logger });
  const module = defineToolServer({ type: 'notes', server });
  const restart = { policy: 'immediate', delayMs: 0 } as const;
  const id = await system.agents.register({ id: 'notes', module, restart });
  await system.agents.start(id);
  const call = async (name: string): Promise<string> => {
    const given = await system.agents.execute(id, { type: 'tools.call', input: { name } });
    return (given.content[0] as { text: string }).text;
  };
  return { system, call };
}

describe('an MCP server at an address', () => {
  test.each<AnswerKind>(['json', 'events'])(
    'an answer in %s that is too long fails its call at once, naming the bound',
    async (kind) => {
      await using served = await servedAtAnAddress(kind);
      const { system, call } = await agentOf({ url: served.url });
      await using _ = system;
      const tooLong = await refusal(call(`long${12 * MIB}`));
      expect(tooLong.code).toBe('TASK_FAILED');
      expect((tooLong.cause as Error).message).toContain('the answer is longer than 10 MiB');
      expect(await call(`long${9 * MIB}`)).toHaveLength(9 * MIB);
      expect(await call('short')).toBe('short');
      expect(system.agents.get('notes')).toMatchObject({ status: 'running', incarnation: 1 });
    },
  );

  test('a message to nobody that is too long is left out, and the log says so', async () => {
    await using served = await servedAtAnAddress('events', [notice('x'.repeat(11 * MIB)), notice('short')]);
    const told = gate<string>();
    const write = (line: string): void => {
      if (line.includes('a message of the server is longer than 10 MiB')) told.resolve(line);
    };
    const { system, call } = await agentOf({ url: served.url }, pino({ level: 'warn' }, { write }));
    await using _ = system;
    expect(JSON.parse(await told.promise)).toMatchObject({ agentId: 'notes', msg: 'MCP' });
    expect(await call('short')).toBe('short');
  });

  test('of what a server says with a refusal no more than 4 KiB is read', async () => {
    await using served = await servedAtAnAddress('json');
    const ask = servedFetch({ headers: () => ({}), tooLong: () => undefined, forgotten: () => undefined });
    const refused = await ask(served.url, { method: 'DELETE' });
    expect(refused.status).toBe(404);
    expect(await refused.text()).toHaveLength(4_096);
  });

  test('headers that a function gives are asked for before each request, and get the context of `connect`', async () => {
    await using served = await servedAtAnAddress('json');
    let calls = 0;
    const headers = async ({ agentId }: { readonly agentId: string }) => ({
      authorization: `${agentId} ${(calls += 1)}`,
    });
    const { system, call } = await agentOf({ url: served.url, headers });
    await call('short');
    await system.close();
    const sent = served.seen.map((request) => request.headers.authorization);
    expect(new Set(sent).size).toBe(sent.length);
    expect(sent[0]).toBe('notes 1');
  });

  test('a server that has forgotten its session is an agent that crashes, and has a new one', async () => {
    await using served = await servedAtAnAddress('json');
    const { system, call } = await agentOf({ url: served.url });
    await using _ = system;
    const again = new Promise<unknown>((resolve) => {
      let reason: unknown;
      system.events.subscribe((event) => {
        if (event.type === 'agent.crashed') reason = event.reason;
        if (event.type === 'agent.started') resolve(reason);
      });
    });
    served.forget();
    await refusal(call('short'));
    expect(JSON.stringify(await again)).toContain('the MCP server of notes has forgotten its session');
    expect(await call('short')).toBe('short');
  });

  test('an agent that is stopped ends its session', async () => {
    await using served = await servedAtAnAddress('json');
    const { system } = await agentOf({ url: served.url });
    await using _ = system;
    expect(served.sessions()).toBe(1);
    await system.agents.stop('notes');
    expect(served.sessions()).toBe(0);
  });
});
