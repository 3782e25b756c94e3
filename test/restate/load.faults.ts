/**
 * Faults on a real server and real node processes, under load: what was acknowledged is counted, and nothing of it may
 * be lost, or done twice where a key was given.
 *
 * `MABEAM_FAULTS=20` kills as many nodes as that; by default few, for there are other tests.
 */
import { createPrivateKey, createPublicKey, generateKeyPairSync } from 'node:crypto';
import { connect } from 'node:http2';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { memoryStore } from '../../src/index.ts';
import { connectFleet, createAgentNode, type Fleet, keepEvents, planUpgrade } from '../../src/restate.ts';
import { sqliteStore } from '../../src/sqlite.ts';
import { type Engine, hasEngine, startEngine } from './engine.ts';
import { eventually } from './fleet-rig.ts';
import { nodeProcess, type NodeProcess } from './node-process.ts';
import { worker } from './worker.ts';

const KILLS = Number(process.env['MABEAM_FAULTS'] ?? 2);
const AGENTS = 4;

async function cluster(config?: string): Promise<{ engine: Engine; fleet: Fleet }> {
  const engine = await startEngine(config === undefined ? {} : { config });
  onTestFinished(() => engine.stop());
  const fleet = await connectFleet({ ingressUrl: engine.ingressUrl, agents: [worker] });
  onTestFinished(() => fleet.close());
  return { engine, fleet };
}

async function workers(fleet: Fleet): Promise<string[]> {
  const ids: string[] = [];
  for (let index = 1; index <= AGENTS; index++) {
    const id = await fleet.agents.register({ id: `worker-${index}`, module: worker });
    await fleet.agents.start(id);
    ids.push(id);
  }
  return ids;
}

/** Has every agent count, one after the other, each with a key of its own; gives how often that was acknowledged. */
async function load(fleet: Fleet, id: string, over: AbortSignal): Promise<number> {
  let acknowledged = 0;
  while (!over.aborted) {
    const { id: taskId } = await fleet.tasks.submit(id, {
      type: 'count',
      idempotencyKey: `${id} ${acknowledged}`,
    });
    try {
      await fleet.tasks.result(taskId);
      acknowledged += 1;
    } catch {
      // Its node was lost over it: nobody knows how far it came, and the stream says so.
      await fleet.tasks.forget(taskId);
    }
  }
  return acknowledged;
}

async function allRun(fleet: Fleet, ids: readonly string[]): Promise<void> {
  await eventually(
    () => Promise.all(ids.map((id) => fleet.agents.get(id))),
    (records) => records.every(({ status }) => status === 'running'),
  );
}

describe.runIf(hasEngine())('under load', () => {
  test(
    'nodes that are killed at any moment cost no acknowledged work',
    async () => {
      const { engine, fleet } = await cluster();
      let made = 0;
      const node = (): Promise<NodeProcess> => nodeProcess(engine, `n${(made += 1)}`);
      const nodes = [await node(), await node(), await node()];
      const ids = await workers(fleet);
      const over = new AbortController();
      const loads = ids.map((id) => load(fleet, id, over.signal));
      for (let kill = 0; kill < KILLS; kill++) {
        await new Promise((resolve) => setTimeout(resolve, 200 + Math.random() * 800));
        const victim = nodes.splice(Math.floor(Math.random() * nodes.length), 1)[0]!;
        victim.kill('SIGKILL');
        nodes.push(await node());
        await allRun(fleet, ids);
      }
      await new Promise((resolve) => setTimeout(resolve, 300));
      over.abort();
      const acknowledged = await Promise.all(loads);
      for (const [index, id] of ids.entries()) {
        const { count } = (await fleet.agents.savedState(id)) as { count: number };
        const unknown = await unknownOf(fleet, id);
        // What nobody knows may have been kept before its node was gone.
        expect(count).toBeGreaterThanOrEqual(acknowledged[index]!);
        expect(count).toBeLessThanOrEqual(acknowledged[index]! + unknown);
      }
      expect(Math.min(...acknowledged)).toBeGreaterThan(0);
    },
    60_000 + KILLS * 20_000,
  );

  test('a server that is killed and started again goes on where it was: no error, nothing lost, nothing twice', async () => {
    const { engine, fleet } = await cluster();
    await nodeProcess(engine, 'n1');
    await nodeProcess(engine, 'n2');
    const ids = await workers(fleet);
    const over = new AbortController();
    const loads = ids.map((id) => load(fleet, id, over.signal));
    await new Promise((resolve) => setTimeout(resolve, 500));
    await engine.killAndRestart();
    await new Promise((resolve) => setTimeout(resolve, 2_000));
    over.abort();
    const acknowledged = await Promise.all(loads);
    for (const [index, id] of ids.entries()) {
      const { count } = (await fleet.agents.savedState(id)) as { count: number };
      const unknown = await unknownOf(fleet, id);
      expect(count).toBeGreaterThanOrEqual(acknowledged[index]!);
      expect(count).toBeLessThanOrEqual(acknowledged[index]! + unknown);
    }
  }, 90_000);
});

async function unknownOf(fleet: Fleet, agentId: string): Promise<number> {
  let unknown = 0;
  for await (const { type } of fleet.events.read({ agentId })) if (type === 'task.unknown') unknown += 1;
  return unknown;
}

describe.runIf(hasEngine())('a fleet', () => {
  test('keeps its events in a store, in the order of its log, each once, from where the store was', async () => {
    const { engine, fleet } = await cluster();
    const folder = await mkdtemp(join(tmpdir(), 'mabeam-archive-'));
    onTestFinished(() => rm(folder, { recursive: true }));
    await nodeProcess(engine, 'n1');
    const path = join(folder, 'events.db');
    const first = await keepEvents(fleet, sqliteStore(path));
    const [id] = await workers(fleet);
    await fleet.agents.execute(id!, { type: 'count' });
    await first.settled();
    await first.close();
    await fleet.agents.stop(id!);
    const store = memoryStore();
    await using again = await keepEvents(fleet, sqliteStore(path));
    await using other = await keepEvents(fleet, store);
    await eventually(
      async () => {
        await again.settled();
        await other.settled();
        const kept = await store.read({ agentId: id!, limit: 1_000 });
        return kept.map(({ type }) => type);
      },
      (types) => types.at(-1) === 'agent.stopped',
    );
    const all = [];
    for await (const event of fleet.events.read()) all.push(event);
    await again.settled();
    await other.settled();
    await again.close();
    const reopened = sqliteStore(path);
    void reopened.recover();
    onTestFinished(() => reopened.close());
    for (const kept of [reopened, store]) {
      const events = await kept.read({ limit: 10_000 });
      expect(events.map(({ sequence, type }) => [sequence, type])).toEqual(
        all.map(({ sequence, type }) => [sequence, type]),
      );
    }
    expect(await planUpgrade(fleet)).toMatchObject(
      Array.from({ length: AGENTS }, () => ({ type: 'worker', verdict: 'same' })),
    );
  }, 60_000);

  test('whose engine signs its calls takes no others', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'mabeam-identity-'));
    onTestFinished(() => rm(folder, { recursive: true }));
    const pem = join(folder, 'key.pem');
    const { privateKey } = generateKeyPairSync('ed25519');
    await writeFile(pem, privateKey.export({ type: 'pkcs8', format: 'pem' }));
    const { engine, fleet } = await cluster(`request-identity-private-key-pem-file = "${pem}"`);
    const key = `publickeyv1_${base58(rawPublicKey(privateKey.export({ type: 'pkcs8', format: 'pem' }) as string))}`;
    const { ingressUrl, adminUrl } = engine;
    const node = await createAgentNode({
      name: 'n1',
      listen: 'http://127.0.0.1:0',
      restate: { ingressUrl, adminUrl, identityKeys: [key] },
      agents: [worker],
    });
    const [id] = await workers(fleet);
    expect(await fleet.agents.execute(id!, { type: 'count' })).toBe(1);
    for (const path of [
      '/host/discover',
      '/host/invoke/mabeam_host_n1/post',
      '/control/invoke/mabeam_agent/command',
    ]) {
      expect(await statusOf(node.url, path)).toBe(401);
    }
    expect(await statusOf(node.url, '/')).toBe(404);
    await fleet.stopAgents({ timeoutMs: 0 });
    await node.close({ timeoutMs: 1_000 });
  }, 60_000);
});

function rawPublicKey(pem: string): Buffer {
  return createPublicKey(createPrivateKey(pem)).export({ type: 'spki', format: 'der' }).subarray(-32);
}

function base58(bytes: Buffer): string {
  const digits = '123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz';
  let rest = BigInt(`0x${bytes.toString('hex')}`);
  let text = '';
  for (; rest > 0n; rest /= 58n) text = digits[Number(rest % 58n)]! + text;
  for (const byte of bytes) {
    if (byte !== 0) break;
    text = `1${text}`;
  }
  return text;
}

async function statusOf(url: string, path: string): Promise<number> {
  const session = connect(url);
  try {
    const stream = session.request({
      ':path': path,
      ':method': 'POST',
      'content-type': 'application/vnd.restate.invocation.v5',
    });
    stream.end();
    return await new Promise((resolve, reject) => {
      stream.on('response', (headers) => resolve(Number(headers[':status'])));
      stream.on('error', reject);
    });
  } finally {
    session.destroy();
  }
}
