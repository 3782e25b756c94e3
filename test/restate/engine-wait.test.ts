/** A node that starts while the engine is away: a real server that starts again, and engines that answer as told. */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { pino } from 'pino';
import { expect, onTestFinished, test, vi } from 'vitest';
import { type AgentNodeOptions, connectFleet, createAgentNode } from '../../src/restate.ts';
import { EngineAdmin } from '../../src/restate/engine/engine-admin.ts';
import { onceThere } from '../../src/restate/nodes/engine-wait.ts';
import { settled, simulatedClock } from '../../src/testing/index.ts';
import { fateOf } from '../kit/rig.ts';
import { hasEngine, startEngine } from './engine.ts';
import { worker } from './worker.ts';

type Options = AgentNodeOptions & { readonly clock?: ReturnType<typeof simulatedClock> };

test.runIf(hasEngine())(
  'a node that starts while its engine is away says so, and joins once it is back',
  async () => {
    await using engine = await startEngine();
    const { ingressUrl, adminUrl } = engine;
    process.kill(engine.pid, 'SIGKILL');
    const waits = Promise.withResolvers<unknown>();
    const joining = createAgentNode({
      name: 'early',
      listen: 'http://127.0.0.1:0',
      restate: { ingressUrl, adminUrl },
      agents: [worker],
      logger: pino({ level: 'warn' }, { write: (line) => waits.resolve(JSON.parse(line)) }),
    });
    expect(await waits.promise).toMatchObject({
      node: 'early',
      engine: expect.stringContaining(new URL(adminUrl).host),
      msg: 'it waits for the engine, and joins once that is there',
    });
    await engine.killAndRestart();
    await using _ = await joining;
    await using fleet = await connectFleet({ ingressUrl, agents: [worker] });
    const id = await fleet.agents.register({ module: worker });
    await fleet.agents.start(id);
    expect(await fleet.agents.execute(id, { type: 'count' })).toBe(1);
    await fleet.stopAgents({ timeoutMs: 0 });
  },
);

test.runIf(hasEngine())('nodes that start while their engine starts again all join', async () => {
  await using engine = await startEngine();
  const { ingressUrl, adminUrl } = engine;
  const restarted = engine.killAndRestart();
  const nodes = await Promise.all(
    ['n1', 'n2', 'n3'].map((name) =>
      createAgentNode({
        name,
        listen: 'http://127.0.0.1:0',
        restate: { ingressUrl, adminUrl },
        logger: pino({ level: 'silent' }),
      }),
    ),
  );
  await restarted;
  await using fleet = await connectFleet({ ingressUrl });
  expect((await fleet.nodes()).map(({ name }) => name)).toEqual(['n1', 'n2', 'n3']);
  for (const node of nodes) await node.close();
});

/** What a node says that waits by a clock which stands still: one that waits says nothing. */
async function refusalOf(restate: AgentNodeOptions['restate']): Promise<unknown> {
  const options: Options = {
    name: 'refused',
    listen: 'http://127.0.0.1:0',
    restate,
    clock: simulatedClock({ startAt: 0 }),
    logger: pino({ level: 'silent' }),
  };
  return createAgentNode(options).then(
    () => 'joined',
    ({ code, message }) => `${code}: ${message}`,
  );
}

test.runIf(hasEngine())(
  'what is not mended by waiting is refused at once: a key, or an address, of something else',
  async () => {
    await using engine = await startEngine({ partitions: 1 });
    const { ingressUrl, adminUrl } = engine;
    const identityKeys = ['publickeyv1_w7YHemBctH5Ck2nQRQ47iBBqhNHy4FV7t2Usbye2A6f'];
    expect(await refusalOf({ ingressUrl, adminUrl, identityKeys })).toMatch(
      /^STORE_FAILED: .*restate\.identityKeys.*401 Unauthorized/,
    );
    expect(await refusalOf({ ingressUrl, adminUrl, advertise: 'http://127.0.0.1:1' })).toMatch(
      /^STORE_FAILED: .*META0003/,
    );
    expect(await refusalOf({ ingressUrl, adminUrl: ingressUrl })).toMatch(
      /^STORE_FAILED: .*the engine says 400/,
    );
    expect(await refusalOf({ ingressUrl, adminUrl: 'http://127.0.0.1:1' })).toMatch(
      /^STORE_FAILED: .*bad port/,
    );
  },
);

async function portOfNobody(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

test('an engine that stays away is asked less and less often until the time is over, and named then', async () => {
  const clock = simulatedClock({ startAt: 0 });
  const admin = new EngineAdmin(`http://127.0.0.1:${await portOfNobody()}`);
  const askedAt: number[] = [];
  const logger = { warn: vi.fn() };
  let asked: Promise<unknown> = Promise.resolve();
  const waiting = onceThere(
    () => {
      askedAt.push(clock.now());
      return (asked = admin.deployments());
    },
    { clock, timeoutMs: 4_000, logger },
  );
  while ((await fateOf(waiting)) === 'pending') {
    await asked.catch(() => undefined);
    await settled();
    await clock.advance(50);
  }
  await expect(waiting).rejects.toMatchObject({
    code: 'STORE_FAILED',
    message: expect.stringMatching(
      /admin interface at http:\/\/127\.0\.0\.1:\d+ does not answer: .*ECONNREFUSED/,
    ),
  });
  expect(askedAt).toEqual([0, 50, 150, 350, 750, 1_550, 2_550, 3_550, 4_000]);
  expect(logger.warn).toHaveBeenCalledOnce();
});

test.each([502, 503, 504])('a proxy that answers %d speaks for an engine that is away', async (status) => {
  const answers = [status, 200];
  const server = createServer((_, response) => {
    response.statusCode = answers.shift()!;
    response.end('{"deployments":[]}');
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });
  const admin = new EngineAdmin(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
  const clock = simulatedClock({ startAt: 0 });
  const waits = Promise.withResolvers<void>();
  const waiting = onceThere(() => admin.deployments(), {
    clock,
    timeoutMs: 1_000,
    logger: { warn: () => waits.resolve() },
  });
  await waits.promise;
  await settled();
  await clock.advance(50);
  expect(await waiting).toEqual([]);
});
