import { once } from 'node:events';
import { createConnection } from 'node:net';
import { type IncomingMessage, request } from 'node:http';
import {
  createInspector as createStatelyInspector,
  createWebSocketReceiver,
  type StatelyInspectionEvent,
} from '@statelyai/inspect';
import { pino } from 'pino';
import { afterEach, describe, expect, it } from 'vitest';
import { WebSocket } from 'ws';
import {
  type AgentSystem,
  AgentSystemError,
  type AgentSystemOptions,
  createAgentSystem,
  defineAgent,
} from '../../../src/index.ts';
import { createInspector, type Inspector, type InspectorOptions } from '../../../src/inspector.ts';

const silent = pino({ level: 'silent' });
const worker = defineAgent({
  type: 'worker',
  init: () => ({ n: 0 }),
  tasks: { add: { run: ({ state }) => (state.n += 1) } },
});

const open = new Set<AsyncDisposable>();
afterEach(async () => {
  for (const one of open) await one[Symbol.asyncDispose]();
  open.clear();
});

async function inspector(options: InspectorOptions = {}): Promise<Inspector> {
  const opened = await createInspector({ logger: silent, ...options });
  open.add(opened);
  return opened;
}

async function systemWith(
  observed: Inspector,
  inspect: AgentSystemOptions['inspect'] = observed.observe,
): Promise<AgentSystem> {
  const system = await createAgentSystem({ logger: silent, inspect });
  open.add(system);
  return system;
}

/** What Stately's own receiver hears, and a way to wait for it. */
function receiver(url: string) {
  const heard: StatelyInspectionEvent[] = [];
  const waiting = new Set<() => void>();
  createWebSocketReceiver({ server: url }).subscribe((event) => {
    heard.push(event);
    for (const look of waiting) look();
  });
  const until = (isThere: (heard: readonly StatelyInspectionEvent[]) => boolean): Promise<void> => {
    const { promise, resolve } = Promise.withResolvers<void>();
    const look = () => {
      if (!isThere(heard)) return;
      waiting.delete(look);
      resolve();
    };
    waiting.add(look);
    look();
    return promise;
  };
  return { heard, until };
}

/** How a WebSocket was answered: open, or the status it was refused with. */
async function knock(url: string, headers: Record<string, string> = {}): Promise<'open' | number> {
  const socket = new WebSocket(url, { headers });
  const { promise, resolve, reject } = Promise.withResolvers<'open' | number>();
  socket.on('unexpected-response', (_, { statusCode }) => {
    resolve(statusCode ?? 0);
    socket.terminate();
  });
  socket.on('open', () => resolve('open'));
  socket.on('error', reject);
  const answer = await promise;
  socket.on('error', () => {});
  socket.terminate();
  return answer;
}

async function get(url: string, headers: Record<string, string> = {}) {
  const sent = request(url, { headers, agent: false });
  sent.end();
  const [response] = (await once(sent, 'response')) as [IncomingMessage];
  let text = '';
  for await (const part of response.setEncoding('utf8')) text += String(part);
  return { status: response.statusCode, headers: response.headers, text };
}

describe('a viewer is let in', () => {
  it('with the token, and with nothing else', async () => {
    const { url, webSocketUrl } = await inspector({ token: 'a token of 16 characters' });
    expect(await knock(webSocketUrl)).toBe('open');
    expect(await knock(webSocketUrl.replace('characters', 'charactera'))).toBe(401);
    expect(await knock(webSocketUrl.replace(/\?.*/, ''))).toBe(401);
    expect((await get(url)).status).toBe(200);
    expect((await get(url.replace(/\?.*/, '?token='))).status).toBe(401);
    expect((await get(url.replace('/?', '/other?'))).status).toBe(404);
  });

  it('with the token to the pictures of the charts, and to no other file', async () => {
    const { url, webSocketUrl } = await inspector();
    const picture = await get(url.replace('/?', '/charts/agent.svg?'));
    expect(picture.status).toBe(200);
    expect(picture.headers['content-type']).toBe('image/svg+xml');
    expect(picture.text).toContain('data-state="crashed.waiting"');
    expect((await get(url.replace(/\/\?.*/, '/charts/agent.svg?token=wrong'))).status).toBe(401);
    for (const path of [
      'charts/none.svg',
      'charts/agent.mmd',
      'charts/..%2fpackage.json',
      'charts/../agent.svg',
    ]) {
      expect((await get(url.replace('/?', `/${path}?`))).status).toBe(404);
    }
    expect(await knock(webSocketUrl.replace('/?', '/charts/agent.svg?'))).toBe(404);
  });

  it('not from a page elsewhere, nor by another name of this machine', async () => {
    const { url, webSocketUrl } = await inspector();
    const { host } = new URL(url);
    expect(await knock(webSocketUrl, { Origin: 'http://evil.example' })).toBe(403);
    expect(await knock(webSocketUrl, { Origin: `http://${host}` })).toBe('open');
    expect((await get(url, { Host: 'evil.example' })).status).toBe(403);
    expect(await knock(webSocketUrl, { Host: `evil.example:${new URL(url).port}` })).toBe(403);
  });

  it('up to as many as were said', async () => {
    const { webSocketUrl } = await inspector({ maxViewers: 1 });
    const first = new WebSocket(webSocketUrl);
    await once(first, 'open');
    expect(await knock(webSocketUrl)).toBe(503);
    first.close();
    await once(first, 'close');
  });

  it('on the loopback interface alone', async () => {
    const { url } = await inspector();
    const { hostname, port } = new URL(url);
    expect(hostname).toBe('127.0.0.1');
    const socket = createConnection({ host: '127.0.0.2', port: Number(port) });
    const [error] = (await once(socket, 'error')) as [NodeJS.ErrnoException];
    expect(error.code).toBe('ECONNREFUSED');
  });

  it('by a page that runs its own script only, and tells no other site its address', async () => {
    const { url } = await inspector();
    const { headers, text } = await get(url);
    const nonce = /'nonce-([\w-]+)'/.exec(String(headers['content-security-policy']))?.[1];
    expect(text.match(/<script nonce="([^"]+)">/)?.[1]).toBe(nonce);
    expect(headers['referrer-policy']).toBe('no-referrer');
    expect(text).toContain('src="https://stately.ai/inspect"');
  });
});

describe('the charts of a system', () => {
  it('reach a late viewer: who everybody is, and how they stand', async () => {
    const observed = await inspector();
    const system = await systemWith(observed);
    for (const id of ['ada', 'bob'])
      await system.agents.start(await system.agents.register({ id, module: worker }));
    await system.agents.stop('bob');
    const { heard, until } = receiver(observed.webSocketUrl);
    await until(
      (all) => new Set(all.map(({ sessionId }) => sessionId)).size >= 3 && standsAt(all, 'bob') !== undefined,
    );
    const ada = heard.find((event) => event.type === '@xstate.actor' && event.name === 'ada');
    expect(JSON.parse((ada as { definition: string }).definition)).toMatchObject({ id: 'agent' });
    expect(standsAt(heard, 'ada')).toEqual({ alive: { serving: { running: { coordinated: 'idle' } } } });
    expect(standsAt(heard, 'bob')).toBe('stopped');
  });

  it('are followed as they change', async () => {
    const observed = await inspector();
    const system = await systemWith(observed);
    const { heard, until } = receiver(observed.webSocketUrl);
    const id = await system.agents.register({ id: 'ada', module: worker });
    await system.agents.start(id);
    await until((all) => JSON.stringify(standsAt(all, 'ada'))?.includes('running') ?? false);
    await system.agents.stop(id);
    await until((all) => standsAt(all, 'ada') === 'stopped');
    expect(heard.every(({ _version }) => typeof _version === 'string')).toBe(true);
  });

  it.each<[string, (observed: Inspector) => AgentSystemOptions['inspect'], RegExp]>([
    ['run as they do unwatched', ({ observe }) => observe, /^chart:\d+$/],
    [
      'run on XState where a function hands over its events',
      ({ observe }) =>
        (event) =>
          observe(event),
      /^x:\d+$/,
    ],
  ])('%s, and are shown alike', async (_, inspect, sessionId) => {
    const observed = await inspector();
    const system = await systemWith(observed, inspect(observed));
    await system.agents.start(await system.agents.register({ id: 'ada', module: worker }));
    const { heard, until } = receiver(observed.webSocketUrl);
    await until((all) => standsAt(all, 'ada') !== undefined);
    expect(standsAt(heard, 'ada')).toEqual({ alive: { serving: { running: { coordinated: 'idle' } } } });
    const ada = heard.find((event) => event.type === '@xstate.actor' && event.name === 'ada');
    expect(ada?.sessionId).toMatch(sessionId);
    expect(ada).toMatchObject({ rootId: ada?.sessionId, snapshot: { status: 'active', children: {} } });
    expect(Object.keys((ada as { snapshot: object }).snapshot)).toEqual(
      expect.arrayContaining(['historyValue', 'tags', 'context']),
    );
  });

  it.each<[string, () => unknown]>([
    [
      'throws',
      () => {
        throw new Error('a broken observer');
      },
    ],
    ['rejects', () => Promise.reject(new Error('a broken observer'))],
  ])('are not disturbed by an observer that %s, which is logged', async (_, inspect) => {
    const lines: string[] = [];
    const logger = pino({ level: 'error' }, { write: (line: string) => lines.push(line) });
    const system = await createAgentSystem({ logger, inspect });
    open.add(system);
    const id = await system.agents.register({ module: worker });
    await system.agents.start(id);
    expect(await system.agents.execute(id, { type: 'add' })).toBe(1);
    expect((await system.agents.stop(id)).status).toBe('stopped');
    expect(lines[0]).toMatch(/an observer of charts threw/);
  });

  it('are sent far fewer messages than they take steps', async () => {
    const observed = await inspector();
    const system = await systemWith(observed);
    const id = await system.agents.register({ id: 'ada', module: worker });
    await system.agents.start(id);
    const { heard, until } = receiver(observed.webSocketUrl);
    await until((all) => standsAt(all, 'ada') !== undefined);
    const before = heard.length;
    for (let i = 0; i < 2_000; i++) await system.agents.execute(id, { type: 'add' });
    await system.agents.stop(id);
    await until((all) => standsAt(all, 'ada') === 'stopped');
    expect(heard.length - before).toBeLessThan(1_000);
  });
});

describe('after close', () => {
  it('nothing is left: no port, no viewer, and later observations do no harm', async () => {
    const observed = await inspector();
    const system = await systemWith(observed);
    const viewer = new WebSocket(observed.webSocketUrl);
    await once(viewer, 'open');
    const left = once(viewer, 'close');
    await Promise.all([observed.close(), observed.close()]);
    const [code] = (await left) as [number];
    expect(code).toBe(1001);
    await expect(get(observed.url)).rejects.toMatchObject({ code: 'ECONNREFUSED' });
    expect(process.getActiveResourcesInfo().filter((name) => name === 'TCPServerWrap')).toEqual([]);
    await system.agents.start(await system.agents.register({ module: worker }));
    expect(observed.status()).toEqual({ actors: 0, viewers: 0, leftOut: 0 });
  });

  it('a viewer that does not answer is cut off', async () => {
    const observed = await inspector();
    const { hostname, port, search } = new URL(observed.url);
    const socket = createConnection({ host: hostname, port: Number(port) });
    socket.write(
      [
        `GET /${search} HTTP/1.1`,
        `Host: ${hostname}:${port}`,
        'Connection: Upgrade',
        'Upgrade: websocket',
        'Sec-WebSocket-Version: 13',
        'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
        '',
        '',
      ].join('\r\n'),
    );
    await once(socket, 'data');
    const closed = once(socket, 'close');
    socket.resume();
    await observed.close();
    await closed;
  });

  it('a port that is taken is refused by name', async () => {
    const { url } = await inspector();
    await expect(inspector({ port: Number(new URL(url).port) })).rejects.toMatchObject({
      code: 'AGENT_SPEC_INVALID',
      message: expect.stringMatching(
        /^createInspector: port: expected one that is free, got \d+ \(/,
      ) as unknown,
      cause: { code: 'EADDRINUSE' },
    });
  });
});

describe('an invalid option', () => {
  const token = 'a-secret-of-some-length';
  const unreadable = {
    get port() {
      throw new Error('a getter threw');
    },
  };
  it.each<[unknown, RegExp]>([
    [null, /: .*got null$/],
    [{ port: -1 }, /: port: .*got -1$/],
    [{ port: 65_536 }, /: port: .*got 65536$/],
    [{ token: 'short' }, /: token: .*got "\[redacted\]"$/],
    [{ filter: 5 }, /: filter: expected a function, got 5$/],
    [{ coalesceMs: -1 }, /: coalesceMs: .*got -1$/],
    [{ maxViewers: 0 }, /: maxViewers: .*got 0$/],
    [{ viewerUrl: 'javascript:alert(1)' }, /: viewerUrl: .*got "javascript:alert\(1\)"$/],
    [
      { clock: { now: () => 0 } },
      /: clock: expected an object with now, setTimeout, clearTimeout \(it lacks setTimeout, clearTimeout\), got \{"now":\[function now\]\}$/,
    ],
    [{ logger: {} }, /: logger: expected an object with error, got \{\}$/],
    [{ token, host: '0.0.0.0' }, /: host: unknown option \(.*\), got "0\.0\.0\.0"$/],
    [unreadable, /: it cannot be read: a getter threw$/],
  ])(
    'is refused, saying what was expected and what came, and nothing else: case %#',
    async (options, message) => {
      const refused = await createInspector(options as InspectorOptions).catch((error: unknown) => error);
      expect(refused).toBeInstanceOf(AgentSystemError);
      expect(refused).toMatchObject({ code: 'AGENT_SPEC_INVALID', message: expect.stringMatching(message) });
      expect((refused as AgentSystemError).message).toMatch(/^createInspector: /);
      expect((refused as AgentSystemError).message).not.toContain(token);
    },
  );
});

/** The newest state of an actor that was introduced under `name`. */
function standsAt(heard: readonly StatelyInspectionEvent[], name: string): unknown {
  const actor = heard.find((event) => event.type === '@xstate.actor' && event.name === name);
  const newest = heard.findLast(
    (event) => event.type === '@xstate.snapshot' && event.sessionId === actor?.sessionId,
  );
  return (newest as { snapshot: { value?: unknown } } | undefined)?.snapshot.value;
}

it("an inspector of Stately's own package is shown the charts by itself, as XState shows them", async () => {
  const { promise, resolve } = Promise.withResolvers<void>();
  const named = new Set<string>();
  const stately = createStatelyInspector({
    start: () => {},
    stop: () => {},
    send: (event) => {
      if (event.type === '@xstate.actor') named.add(event.sessionId);
      else if (event.type === '@xstate.snapshot' && named.has(event.sessionId)) resolve();
    },
  });
  const system = await systemWith(await inspector(), stately.inspect);
  await system.agents.start(await system.agents.register({ module: worker }));
  await promise;
});

it('an observer is called as a method, and does no harm when it throws', async () => {
  const observer = {
    told: 0,
    next() {
      this.told += 1;
      throw new Error('it cannot see');
    },
  };
  const system = await systemWith(await inspector(), observer);
  const id = await system.agents.register({ module: worker });
  await system.agents.start(id);
  expect(await system.agents.execute(id, { type: 'add' })).toBe(1);
  expect(observer.told).toBeGreaterThan(0);
});

it.each([{}, { next: 1 }, 5, 'x', null])('what inspects nothing, %j, is refused', async (inspect) => {
  await expect(createAgentSystem({ logger: silent, inspect: inspect as never })).rejects.toMatchObject({
    code: 'AGENT_SPEC_INVALID',
    message: expect.stringContaining('inspect: expected a function, or an observer with next'),
  });
});
