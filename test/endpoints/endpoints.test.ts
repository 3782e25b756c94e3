import { once } from 'node:events';
import { type IncomingMessage, request } from 'node:http';
import { connect } from 'node:net';
import { pino } from 'pino';
import { Registry } from 'prom-client';
import { describe, expect, it, onTestFinished } from 'vitest';
import { createEndpoints, type Endpoints, type EndpointsOptions } from '../../src/endpoints.ts';
import { type AgentSystem, createAgentSystem, defineAgent, memoryStore } from '../../src/index.ts';
import { gate, refusal } from '../kit/rig.ts';

const silent = pino({ level: 'silent' });
const plain = defineAgent({ type: 'plain', init: () => ({}), tasks: {} });

async function opened(options: EndpointsOptions = {}, of?: AgentSystem) {
  const system = of ?? (await createAgentSystem({ logger: silent }));
  const endpoints = await createEndpoints(system, options);
  onTestFinished(async () => {
    await endpoints.close();
    await system.close({ timeoutMs: 0 });
  });
  return { system, endpoints };
}

async function ask(
  { port }: Pick<Endpoints, 'port'>,
  path: string,
  options: {
    readonly host?: string;
    readonly method?: string;
    readonly headers?: Readonly<Record<string, string>>;
  } = {},
) {
  const sent = request({ host: '127.0.0.1', port, path, agent: false, ...options });
  sent.end();
  const [response] = (await once(sent, 'response')) as [IncomingMessage];
  let text = '';
  for await (const part of response.setEncoding('utf8')) text += String(part);
  return { status: response.statusCode, text, headers: response.headers };
}

describe('/livez', () => {
  it('says ok as long as the program answers at all, in a close and after it, too', async () => {
    const { system, endpoints } = await opened();
    expect(await ask(endpoints, '/livez')).toMatchObject({ status: 200, text: 'ok\n' });
    await system.close();
    expect(await ask(endpoints, '/livez')).toMatchObject({ status: 200, text: 'ok\n' });
  });
});

describe('/readyz', () => {
  it('says ok while the system takes work, and each check where it is asked for them', async () => {
    const { endpoints } = await opened({ checks: { model: () => true } });
    expect(await ask(endpoints, '/readyz')).toMatchObject({ status: 200, text: 'ok\n' });
    expect(await ask(endpoints, '/readyz?verbose')).toMatchObject({
      status: 200,
      text: '[+]system ok\n[+]store ok\n[+]model ok\nok\n',
    });
  });

  it('says no from the first moment of a close on', async () => {
    const { system, endpoints } = await opened();
    const { promise: mayEnd, resolve } = gate();
    const slow = defineAgent({ type: 'slow', init: () => ({}), tasks: {}, terminate: () => mayEnd });
    await system.agents.start(await system.agents.register({ module: slow }));
    const closed = system.close();
    expect(await ask(endpoints, '/readyz')).toMatchObject({
      status: 503,
      text: '[-]system failed: it is closing\n[+]store ok\nnot ready\n',
    });
    resolve();
    await closed;
    expect((await ask(endpoints, '/readyz')).text).toContain('it is closed');
  });

  it('says no while the store fails, and yes when it is back', async () => {
    const store = memoryStore();
    let fails = false;
    const system = await createAgentSystem({
      logger: silent,
      store: {
        ...store,
        isDurable: false,
        recover: () => store.recover(),
        read: (query) => store.read(query),
        state: (id) => store.state(id),
        close: () => store.close(),
        append: (batch) => {
          if (fails) throw new Error('the disk is full');
          return store.append(batch);
        },
      },
    });
    const { endpoints } = await opened({}, system);
    const raised = Promise.withResolvers<void>();
    const cleared = Promise.withResolvers<void>();
    system.events.subscribe(({ type }) => {
      if (type === 'alert.raised') raised.resolve();
      if (type === 'alert.cleared') cleared.resolve();
    });
    fails = true;
    await expect(system.agents.register({ module: plain })).rejects.toMatchObject({ code: 'STORE_FAILED' });
    await raised.promise;
    expect(await ask(endpoints, '/readyz')).toMatchObject({ status: 503 });
    expect((await ask(endpoints, '/readyz')).text).toMatch(/^\[-\]store failed: .*the disk is full$/m);
    fails = false;
    await cleared.promise;
    expect(await ask(endpoints, '/readyz')).toMatchObject({ status: 200 });
  });

  it('takes no for an answer in every form, and waits for none', async () => {
    const { endpoints } = await opened({
      checkTimeoutMs: 50,
      checks: {
        no: () => false,
        why: () => Promise.resolve('warming\nup'),
        throws: () => {
          throw new Error('broken');
        },
        rejects: () => Promise.reject(new Error('gone')),
        hangs: () => new Promise(() => undefined),
        fine: () => Promise.resolve(true),
      },
    });
    expect(await ask(endpoints, '/readyz')).toMatchObject({
      status: 503,
      text: [
        '[+]system ok',
        '[+]store ok',
        '[-]no failed: it says no',
        '[-]why failed: warming up',
        '[-]throws failed: broken',
        '[-]rejects failed: gone',
        '[-]hangs failed: no answer within 50 ms',
        '[+]fine ok',
        'not ready',
        '',
      ].join('\n'),
    });
  });
});

describe('/metrics', () => {
  it('gives what its source says, as the type it says', async () => {
    const { endpoints } = await opened({ metrics: new Registry() });
    const { status, headers } = await ask(endpoints, '/metrics');
    expect({ status, type: headers['content-type'] }).toEqual({
      status: 200,
      type: Registry.PROMETHEUS_CONTENT_TYPE,
    });
  });

  it('is not there without a source, and says why a source fails', async () => {
    const { endpoints } = await opened();
    expect(await ask(endpoints, '/metrics')).toMatchObject({ status: 404 });
    const failing = {
      contentType: 'text/plain',
      metrics: () => Promise.reject(new Error('no numbers today')),
    };
    const { endpoints: others } = await opened({ metrics: failing });
    expect(await ask(others, '/metrics')).toMatchObject({ status: 500, text: 'no numbers today\n' });
    expect(await ask(others, '/livez')).toMatchObject({ status: 200 });
  });

  it('wants its token where there is one, and /livez wants none', async () => {
    const metricsToken = 'a-token-of-the-scraper';
    const { endpoints } = await opened({ metrics: new Registry(), metricsToken });
    const asked = async (authorization?: string) =>
      (await ask(endpoints, '/metrics', authorization ? { headers: { authorization } } : {})).status;
    expect(await asked()).toBe(401);
    expect(await asked(`Bearer ${metricsToken}x`)).toBe(401);
    expect(await asked(metricsToken)).toBe(401);
    expect(await asked(`Bearer ${metricsToken}`)).toBe(200);
    expect(await ask(endpoints, '/livez')).toMatchObject({ status: 200 });
  });
});

describe('the server', () => {
  it('answers GET and HEAD alone, and at its addresses alone', async () => {
    const { endpoints } = await opened();
    expect(await ask(endpoints, '/readyz', { method: 'HEAD' })).toMatchObject({ status: 200, text: '' });
    const posted = await ask(endpoints, '/readyz', { method: 'POST' });
    expect(posted).toMatchObject({ status: 405, headers: { allow: 'GET, HEAD' } });
    for (const path of ['/', '/livez/', '//livez', '/metrics', '/%2e%2e', '/constructor']) {
      expect(await ask(endpoints, path)).toMatchObject({ status: 404 });
    }
  });

  it('says of an address that cannot be read that the asker is wrong', async () => {
    const { endpoints } = await opened();
    expect(await ask(endpoints, 'http://[::1')).toMatchObject({ status: 400 });
  });

  it('on the loopback interface answers to loopback names alone', async () => {
    const { endpoints } = await opened();
    const asked = async (host: string) => (await ask(endpoints, '/livez', { headers: { host } })).status;
    for (const host of ['localhost', `localhost:${endpoints.port}`, '127.0.0.1:1', '[::1]:80', '127.8.0.1']) {
      expect([host, await asked(host)]).toEqual([host, 200]);
    }
    for (const host of ['evil.example', '127.0.0.1.evil.example', 'localhost.evil.example', '10.0.0.1']) {
      expect([host, await asked(host)]).toEqual([host, 403]);
    }
  });

  it('on any loopback address answers to loopback names alone, and says how others are answered', async () => {
    // Only Linux has more of them without being told.
    const host = process.platform === 'linux' ? '127.0.0.2' : '127.0.0.1';
    const { endpoints } = await opened({ host });
    const { status, text } = await ask(endpoints, '/readyz', { host, headers: { host: 'evil.example' } });
    expect(status).toBe(403);
    expect(text).toContain("createEndpoints(system, { host: '0.0.0.0' })");
  });

  it('on all interfaces answers to any name: a probe comes by the address of its pod', async () => {
    const { endpoints } = await opened({ host: '0.0.0.0' });
    const { status } = await ask(endpoints, '/livez', { headers: { host: '10.1.2.3:9464' } });
    expect(status).toBe(200);
  });

  it('survives bytes that are not HTTP', async () => {
    const { endpoints } = await opened();
    const socket = connect(endpoints.port, '127.0.0.1');
    socket.end('nonsense\r\n\r\n');
    await once(socket.resume(), 'close');
    expect(await ask(endpoints, '/livez')).toMatchObject({ status: 200 });
  });

  it('is gone after a close, which may be called twice, and so are open connections', async () => {
    const { endpoints } = await opened();
    const socket = connect(endpoints.port, '127.0.0.1');
    await once(socket, 'connect');
    const gone = once(socket.resume(), 'close');
    await Promise.all([endpoints.close(), endpoints.close()]);
    await gone;
    await expect(ask(endpoints, '/livez')).rejects.toMatchObject({ code: 'ECONNREFUSED' });
  });

  it('refuses a port that is taken, and a host that is none of this machine', async () => {
    const { endpoints, system } = await opened();
    await expect(createEndpoints(system, { port: endpoints.port })).rejects.toMatchObject({
      code: 'AGENT_SPEC_INVALID',
      message: expect.stringMatching(
        /^createEndpoints: port: expected one that is free, got \d+ \(/,
      ) as unknown,
      cause: { code: 'EADDRINUSE' },
    });
    await expect(createEndpoints(system, { host: '203.0.113.1' })).rejects.toMatchObject({
      code: 'AGENT_SPEC_INVALID',
      message: expect.stringContaining(
        'createEndpoints: host: expected a name or an address of this machine',
      ) as unknown,
      cause: { code: 'EADDRNOTAVAIL' },
    });
  });
});

it.each([
  [{ port: 70_000 }, 'port'],
  [{ host: '' }, 'host'],
  [{ metrics: {} }, 'metrics'],
  [{ metrics: { metrics: () => '' } }, 'contentType'],
  [{ metricsToken: 'short' }, 'metricsToken'],
  [{ checks: { one: 'yes' } }, 'checks.one'],
  [{ checkTimeoutMs: 0 }, 'checkTimeoutMs'],
  [{ colour: 'red' }, 'colour'],
])('refuses %j by name', async (options, named) => {
  await using system = await createAgentSystem({ logger: silent });
  const { code, message } = await refusal(createEndpoints(system, options as EndpointsOptions));
  expect({ code, message }).toEqual({ code: 'AGENT_SPEC_INVALID', message: expect.stringContaining(named) });
  expect(message).not.toContain('short');
});

describe('metrics that cannot be sent', () => {
  const text = 'text/plain';
  const sources: Readonly<Record<string, NonNullable<EndpointsOptions['metrics']>>> = {
    'are no text': { contentType: text, metrics: () => undefined as unknown as string },
    'are an object': { contentType: text, metrics: () => ({}) as unknown as string },
    'are bytes': { contentType: text, metrics: () => new ArrayBuffer(8) as unknown as string },
    'have a type that no header takes': { contentType: 'text\n', metrics: () => 'up 1' },
  };

  it.each(Object.entries(sources))(
    'are answered with 500 when they %s, and end nothing',
    async (_, metrics) => {
      const { endpoints } = await opened({ metrics });
      expect((await ask(endpoints, '/metrics')).status).toBe(500);
      expect((await ask(endpoints, '/livez')).status).toBe(200);
    },
  );
});
