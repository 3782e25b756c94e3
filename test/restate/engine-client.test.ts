/** The way into the engine against ingresses that are slow, silent, dying or away: no server, sockets alone. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect, onTestFinished, test, vi } from 'vitest';
import { connectFleet, createAgentNode } from '../../src/restate.ts';
import { EngineClient } from '../../src/restate/engine/engine-client.ts';
import { FleetCommands } from '../../src/restate/client/fleet-commands.ts';
import { gate } from '../kit/rig.ts';

type Take = (request: IncomingMessage, response: ServerResponse) => void;

/** An ingress that does as told; it is at the same port again after `again`. */
async function ingress(take: Take) {
  let server: Server | undefined;
  let port = 0;
  const end = async (): Promise<void> => {
    const ending = server;
    server = undefined;
    if (ending === undefined) return;
    const closed = new Promise((resolve) => ending.close(resolve));
    ending.closeAllConnections();
    await closed;
  };
  const again = async (next: Take = take): Promise<void> => {
    server = createServer(next);
    await new Promise<void>((resolve) => server!.listen(port, '127.0.0.1', resolve));
    ({ port } = server.address() as AddressInfo);
  };
  await again();
  onTestFinished(end);
  return { url: () => `http://127.0.0.1:${port}`, end, again };
}

const answering =
  (value: unknown): Take =>
  (_, response) => {
    response.setHeader('content-type', 'application/json').end(JSON.stringify(value));
  };
const silent: Take = () => undefined;
const isProbe = ({ url }: IncomingMessage): boolean => url!.endsWith('/time');

const target = { service: 'things', method: 'do' };

async function refusal(
  work: Promise<unknown>,
): Promise<{ code: string; message: string; details?: unknown }> {
  return work.then(
    (value) => Promise.reject(new Error(`expected a refusal, got ${JSON.stringify(value)}`)),
    (thrown: unknown) => thrown as never,
  );
}

test('an engine that takes calls and answers none is given up in its time, each call with a code', async () => {
  const { url } = await ingress(silent);
  const engine = new EngineClient(url(), { timeoutMs: 100 });
  onTestFinished(() => engine.close());
  const calls = [engine.call(target, null), engine.call(target, null, { isRepeatable: true })];
  for (const { code, message } of await Promise.all(calls.map(refusal))) {
    expect([code, message]).toEqual(['STORE_FAILED', expect.stringContaining('answered nothing for 100 ms')]);
  }
});

test('so is one that is not there', async () => {
  const gone = await ingress(silent);
  await gone.end();
  const engine = new EngineClient(gone.url(), { timeoutMs: 100 });
  onTestFinished(() => engine.close());
  expect(await refusal(engine.call(target, null))).toMatchObject({ code: 'STORE_FAILED' });
});

test('a call that takes longer than that is waited for, as long as the engine says that it is there', async () => {
  const asked: (() => void)[] = [];
  let probes = 0;
  const { url } = await ingress((request, response) => {
    if (!isProbe(request)) {
      asked.push(() => answering('late')(request, response));
      return;
    }
    probes += 1;
    answering(0)(request, response);
    // Four halves of its time have passed.
    if (probes === 4) for (const answer of asked) answer();
  });
  // Each answer has to come within it, on a busy machine too.
  const engine = new EngineClient(url(), { timeoutMs: 1_200 });
  onTestFinished(() => engine.close());
  expect(await engine.call(target, null)).toBe('late');
  expect(probes).toBeGreaterThanOrEqual(4);
});

test('a call whose ingress dies midway is made again under the same key, and answered by the next', async () => {
  const keys: unknown[] = [];
  const { url, end, again } = await ingress((request) => {
    keys.push(request.headers['idempotency-key']);
    request.socket.destroy();
    void end().then(() =>
      again((later, response) => {
        keys.push(later.headers['idempotency-key']);
        answering('done')(later, response);
      }),
    );
  });
  const engine = new EngineClient(url(), { timeoutMs: 20_000 });
  onTestFinished(() => engine.close());
  expect(await engine.call(target, null)).toBe('done');
  expect(keys).toEqual([keys[0], keys[0]]);
  expect(keys[0]).toEqual(expect.any(String));
});

test('who waits in vain is told where the engine was asked, and what came of that', async () => {
  const away = await ingress(silent);
  await away.end();
  const failing = await ingress((_, response) => void response.writeHead(502).end('<html>'));
  for (const [address, why] of [
    [away.url(), `${away.url()}: connect ECONNREFUSED`],
    [failing.url(), `${failing.url()}: HTTP 502`],
  ] as const) {
    const engine = new EngineClient(address, { timeoutMs: 100 });
    onTestFinished(() => engine.close());
    expect((await refusal(engine.call(target, null))).message).toContain(`(${why}`);
  }
});

test.each(['localhost:8080', 'ftp://localhost:8080', 'http://', '/restate'])(
  'what is no address that speaks HTTP is refused at once: %s',
  async (ingressUrl) => {
    const { code, message } = await refusal(connectFleet({ ingressUrl }));
    expect(code).toBe('AGENT_SPEC_INVALID');
    expect(message).toContain('ingressUrl: expected http://<address>:<port>');
    const node = { name: 'n', listen: 'http://127.0.0.1:0' };
    const restate = { ingressUrl: 'http://127.0.0.1:1', adminUrl: ingressUrl };
    expect((await refusal(createAgentNode({ ...node, restate }))).message).toContain('adminUrl');
  },
);

test('a call that its caller makes again under a key of its own is the same call to the engine', async () => {
  const keys: unknown[] = [];
  const { url } = await ingress((request, response) => {
    keys.push(request.headers['idempotency-key']);
    answering(null)(request, response);
  });
  const engine = new EngineClient(url());
  onTestFinished(() => engine.close());
  for (const idempotencyKey of ['one', 'one', 'two']) await engine.call(target, null, { idempotencyKey });
  expect(keys).toEqual(['one', 'one', 'two']);
});

test('after a close nobody asks any more whether the engine is there', async () => {
  let probes = 0;
  const probed = gate();
  const first = await ingress((request) => {
    if (!isProbe(request)) return;
    probes += 1;
    probed.resolve();
  });
  const engine = new EngineClient(first.url(), { timeoutMs: 1_000 });
  const call = refusal(engine.call(target, null));
  await probed.promise;
  engine.close();
  expect((await call).code).toBe('SYSTEM_CLOSED');
  // What is asked again is asked within a fraction of the time in which another one is given up.
  const second = await ingress(silent);
  const another = new EngineClient(second.url(), { timeoutMs: 600 });
  onTestFinished(() => another.close());
  expect((await refusal(another.call(target, null))).code).toBe('STORE_FAILED');
  expect(probes).toBe(1);
});

test('a close ends every call that is open, with SYSTEM_CLOSED, whatever the engine does', async () => {
  const { url } = await ingress(silent);
  const fleet = await connectFleet({ ingressUrl: url() });
  const { agents, tasks, pools, variables, consensus, coordination, events, budgets, quotas, questions } =
    fleet;
  const open = [
    fleet.nodes(),
    fleet.coverage(),
    fleet.stopAgents(),
    fleet.alerts.list(),
    agents.start('ada'),
    agents.execute('ada', { type: 'work' }),
    agents.list(),
    agents.checkHealth('ada'),
    tasks.submit('ada', { type: 'work' }),
    tasks.list(),
    tasks.schedules(),
    pools.list(),
    variables.list(),
    consensus.propose({ variable: 'rate', value: 1 }),
    coordination.leader(),
    events.read().next(),
    budgets.list(),
    quotas.list(),
    questions.list(),
  ].map(refusal);
  await fleet.close();
  expect(new Set((await Promise.all(open)).map(({ code }) => code))).toEqual(new Set(['SYSTEM_CLOSED']));
  expect(await refusal(agents.list())).toMatchObject({ code: 'SYSTEM_CLOSED' });
});

test('a closed fleet says so before anything else that is wrong with a call', async () => {
  const { url } = await ingress(silent);
  const fleet = await connectFleet({ ingressUrl: url() });
  await fleet.close();
  const { agents, tasks, pools, variables, consensus, coordination, events, budgets, quotas, questions } =
    fleet as unknown as Record<string, Record<string, (...given: unknown[]) => Promise<unknown>>>;
  const wrong = { what: Symbol('none') };
  const calls: Record<string, () => Promise<unknown>> = {
    'agents.register': () => agents!['register']!(wrong),
    'agents.register with options': () => agents!['register']!({ module: new URL('file:///a.ts') }, wrong),
    'agents.ensure': () => agents!['ensure']!(wrong),
    'agents.update': () => agents!['update']!('ada', {}, wrong),
    'agents.start': () => agents!['start']!('', wrong),
    'agents.startAll': () => agents!['startAll']!(wrong),
    'agents.restart': () => agents!['restart']!('', wrong),
    'agents.stop': () => agents!['stop']!('', wrong),
    'agents.kill': () => agents!['kill']!('', wrong),
    'agents.pause': () => agents!['pause']!('', wrong),
    'agents.resume': () => agents!['resume']!('', wrong),
    'agents.forget': () => agents!['forget']!('', wrong),
    'agents.get': () => agents!['get']!(''),
    'agents.list': () => agents!['list']!(wrong),
    'agents.handle': () => agents!['handle']!(''),
    'agents.checkHealth': () => agents!['checkHealth']!(''),
    'agents.savedState': () => agents!['savedState']!(''),
    'agents.can': () => agents!['can']!('', wrong),
    'agents.execute': () => agents!['execute']!('', wrong),
    'agents.execute of none': () => agents!['execute']!('ada', null),
    'pools.create': () => pools!['create']!(wrong),
    'pools.ensureSize': () => pools!['ensureSize']!('', -1, wrong),
    'pools.execute': () => pools!['execute']!('', wrong),
    'pools.get': () => pools!['get']!(''),
    'pools.close': () => pools!['close']!('', wrong),
    'tasks.submit': () => tasks!['submit']!(wrong, wrong),
    'tasks.get': () => tasks!['get']!('none'),
    'tasks.list': () => tasks!['list']!(wrong),
    'tasks.legal': () => tasks!['legal']!('none'),
    'tasks.result': () => tasks!['result']!('none', wrong),
    'tasks.cancel': () => tasks!['cancel']!('none', ''),
    'tasks.cancel of none': () => tasks!['cancel']!('none'),
    'tasks.retry': () => tasks!['retry']!('none', wrong),
    'tasks.retry of none': () => tasks!['retry']!('none'),
    'tasks.forget': () => tasks!['forget']!('none', wrong),
    'tasks.schedule': () => tasks!['schedule']!(wrong),
    'tasks.unschedule': () => tasks!['unschedule']!('', wrong),
    'variables.define': () => variables!['define']!('', wrong),
    'variables.set': () => variables!['set']!('rate', 1, wrong),
    'variables.rollback': () => variables!['rollback']!('rate', 1, wrong),
    'consensus.propose': () => consensus!['propose']!(wrong),
    'coordination.suspend': () => coordination!['suspend']!(wrong),
    'coordination.resume': () => coordination!['resume']!(wrong),
    'events.read': () => (events!['read']!(wrong) as unknown as AsyncGenerator).next(),
    'events.replay': () => events!['replay']!(1, -1),
    'budgets.define': () => budgets!['define']!(wrong),
    'budgets.get': () => budgets!['get']!(1),
    'budgets.refill': () => budgets!['refill']!(1, wrong),
    'quotas.lift': () => quotas!['lift']!('', wrong),
    'questions.list': () => questions!['list']!(wrong),
    'questions.get': () => questions!['get']!('none'),
    'questions.answer': () => questions!['answer']!('none', wrong, wrong),
    stopAgents: () => fleet.stopAgents(wrong as never),
  };
  const codes = await Promise.all(
    Object.entries(calls).map(async ([name, call]) => [name, (await refusal(call())).code]),
  );
  expect(codes.filter(([, code]) => code !== 'SYSTEM_CLOSED')).toEqual([]);
});

test('a node that does not answer is unreachable by name, in the time of what is asked', async () => {
  const { url } = await ingress(silent);
  const engine = new EngineClient(url());
  onTestFinished(() => engine.close());
  const commands = new FleetCommands(engine);
  const { code, message, details } = await refusal(commands.serve('n7', 'health', null, -4_950));
  expect([code, message]).toEqual(['NODE_UNREACHABLE', 'node n7 has not answered within 50 ms']);
  expect(details).toEqual({ node: 'n7' });
});

test('nor is one whose service the engine has given up', async () => {
  const { url } = await ingress((_, response) => {
    response.writeHead(409, { 'content-type': 'application/json' });
    response.end(JSON.stringify({ message: 'killed' }));
  });
  const engine = new EngineClient(url());
  onTestFinished(() => engine.close());
  const { code, details } = await refusal(new FleetCommands(engine).serve('n7', 'offer', null, 0));
  expect([code, details]).toEqual(['NODE_UNREACHABLE', { node: 'n7' }]);
});

test.each([2 ** 31, 2 ** 53, Infinity, 60_000.5])(
  'the result of a task is waited for, for %d ms: longer than timers hold, or no whole ms',
  async (timeoutMs) => {
    const { url } = await ingress((request, response) => {
      if (isProbe(request)) answering(Date.now())(request, response);
      // A timer that fires at once would be first.
      else setTimeout(() => answering({ value: 7 })(request, response), 30);
    });
    const fleet = await connectFleet({ ingressUrl: url() });
    onTestFinished(() => fleet.close());
    expect(await fleet.tasks.result('ada/task-x-1', { timeoutMs })).toBe(7);
  },
);

test('a patience that is none is refused by name', async () => {
  const given = { ingressUrl: 'http://127.0.0.1:1', engineTimeoutMs: 0 };
  expect(await refusal(connectFleet(given))).toMatchObject({
    code: 'AGENT_SPEC_INVALID',
    message: expect.stringContaining('engineTimeoutMs') as string,
  });
});

test('the time is that of the fleet, also right after the clock of this program was set, and set back', async () => {
  const right = Date.now;
  let compared = 0;
  const { url } = await ingress((request, response) => {
    compared += 1;
    answering(right())(request, response);
  });
  const engine = new EngineClient(url());
  onTestFinished(() => engine.close());
  for (const offMs of [0, 3_600_000, -3_600_000, 0]) {
    const clock = vi.spyOn(Date, 'now').mockImplementation(() => right() + offMs);
    onTestFinished(() => clock.mockRestore());
    const [one, other] = await Promise.all([engine.now(), engine.now()]);
    for (const now of [one, other, await engine.now()]) expect(Math.abs(now - right())).toBeLessThan(1_000);
    clock.mockRestore();
  }
  expect(compared).toBe(4);
});

test('an answer of the fleet that took long does not tell the time: it is asked again', async () => {
  const right = Date.now;
  const steady = performance.now.bind(performance);
  let compared = 0;
  let tookMs = 0;
  const { url } = await ingress((request, response) => {
    compared += 1;
    const at = right() + tookMs;
    if (compared === 1) tookMs = 1_000;
    answering(at)(request, response);
  });
  const engine = new EngineClient(url());
  onTestFinished(() => engine.close());
  const clocks = [
    vi.spyOn(Date, 'now').mockImplementation(() => right() + tookMs - 3_600_000),
    vi.spyOn(performance, 'now').mockImplementation(() => steady() + tookMs),
  ];
  onTestFinished(() => clocks.forEach((clock) => clock.mockRestore()));
  expect(Math.abs((await engine.now()) - right() - tookMs)).toBeLessThan(250);
  expect(compared).toBe(2);
});
