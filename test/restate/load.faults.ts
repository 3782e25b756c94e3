/**
 * Faults on a real server and real node processes, under load: what was acknowledged is counted, and nothing of it may
 * be lost, or done twice where a key was given.
 *
 * `MABEAM_FAULTS=20` kills as many nodes as that; by default few, for there are other tests.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { memoryStore } from '../../src/index.ts';
import { connectFleet, type Fleet, keepEvents, planUpgrade } from '../../src/restate.ts';
import { sqliteStore } from '../../src/sqlite.ts';
import { type Engine, hasEngine, startEngine } from './engine.ts';
import { eventually } from '../kit/eventually.ts';
import { PATIENT_MS } from './fleet-rig.ts';
import { allRunElsewhere, loadOn, workers } from './load.ts';
import { nodeProcess, type NodeProcess } from './node-process.ts';
import { worker } from './worker.ts';

const KILLS = Number(process.env['MABEAM_FAULTS'] ?? 2);
const AGENTS = 4;
/** Longer than a busy machine may hold a node up, and short enough to be waited for. */
const LEASE_MS = 4_000;

async function cluster(): Promise<{ engine: Engine; fleet: Fleet }> {
  const engine = await startEngine();
  onTestFinished(() => engine.stop());
  const fleet = await connectFleet({ ingressUrl: engine.ingressUrl, agents: [worker] });
  onTestFinished(() => fleet.close());
  return { engine, fleet };
}

function tell(what: string, report: object): void {
  process.stdout.write(`${what}: ${JSON.stringify(report)}\n`);
}

describe.runIf(hasEngine())('under load', () => {
  test(
    'nodes that are killed at any moment cost no acknowledged work',
    async () => {
      const { engine, fleet } = await cluster();
      let made = 0;
      const node = (): Promise<NodeProcess> => nodeProcess(engine, `n${(made += 1)}`, { leaseMs: LEASE_MS });
      const nodes = [await node(), await node(), await node()];
      const ids = await workers(fleet, AGENTS);
      const load = loadOn(fleet, ids);
      const backMs: number[] = [];
      for (let kill = 0; kill < KILLS; kill++) {
        // At any moment of the work that goes on.
        await load.goesOn();
        await new Promise((resolve) => setTimeout(resolve, Math.random() * 50));
        const victim = nodes.splice(Math.floor(Math.random() * nodes.length), 1)[0]!;
        victim.kill('SIGKILL');
        const killedAt = performance.now();
        await allRunElsewhere(fleet, ids, [victim.name]);
        backMs.push(Math.round(performance.now() - killedAt));
        nodes.push(await node());
      }
      await load.goesOn();
      const report = await load.judged();
      tell(`${KILLS} nodes killed`, { ...report, backMs: backMs.toSorted((a, b) => a - b) });
      expect(report.refusals).toEqual([]);
    },
    60_000 + KILLS * 30_000,
  );

  test('a server that is killed and started again goes on where it was: no error, nothing lost, nothing twice', async () => {
    const { engine, fleet } = await cluster();
    await nodeProcess(engine, 'n1', { leaseMs: LEASE_MS });
    await nodeProcess(engine, 'n2', { leaseMs: LEASE_MS });
    const load = loadOn(fleet, await workers(fleet, AGENTS));
    await load.goesOn();
    await engine.killAndRestart();
    await load.goesOn();
    const report = await load.judged();
    tell('the server killed', report);
    expect(report.refusals).toEqual([]);
  });

  test('a node that is frozen for longer than its lease, and goes on, changes nothing', async () => {
    const { engine, fleet } = await cluster();
    const frozen = await nodeProcess(engine, 'n1', { leaseMs: LEASE_MS });
    const ids = await workers(fleet, AGENTS);
    await nodeProcess(engine, 'n2', { leaseMs: PATIENT_MS });
    const load = loadOn(fleet, ids);
    await load.goesOn();
    frozen.kill('SIGSTOP');
    await allRunElsewhere(fleet, ids, ['n1']);
    await load.goesOn();
    frozen.kill('SIGCONT');
    await eventually(
      () => fleet.nodes(),
      (nodes) => nodes.some(({ name }) => name === 'n1'),
    );
    await load.goesOn();
    const report = await load.judged();
    tell('a node frozen', report);
    expect(report.refusals).toEqual([]);
  });

  test('a deploy of new code, node by node, is not noticed by callers, and states are migrated', async () => {
    const { engine, fleet } = await cluster();
    const old = [await nodeProcess(engine, 'old1'), await nodeProcess(engine, 'old2')];
    const ids = await workers(fleet, AGENTS);
    const load = loadOn(fleet, ids);
    await load.goesOn();
    for (const [index, leaving] of old.entries()) {
      await nodeProcess(engine, `new${index + 1}`, { leaseMs: PATIENT_MS }, 2);
      expect((await planUpgrade(fleet)).map(({ verdict }) => verdict)).toEqual(ids.map(() => 'same'));
      leaving.kill('SIGTERM');
      await leaving.exited;
      await load.goesOn();
    }
    const report = await load.judged();
    tell('a deploy', report);
    expect(report).toMatchObject({ refusals: [], unknown: 0 });
    for (const id of ids) {
      expect(await fleet.agents.execute(id, { type: 'version' })).toBe(2);
      expect(await fleet.agents.savedState(id)).toMatchObject({ migrated: true });
    }
  });
});

describe.runIf(hasEngine())('a fleet', () => {
  test('keeps its events in a store, in the order of its log, each once, from where the store was', async () => {
    const { engine, fleet } = await cluster();
    const folder = await mkdtemp(join(tmpdir(), 'mabeam-archive-'));
    onTestFinished(() => rm(folder, { recursive: true }));
    await nodeProcess(engine, 'n1');
    const path = join(folder, 'events.db');
    const first = await keepEvents(fleet, sqliteStore(path));
    const [id] = await workers(fleet, AGENTS);
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
  });
});
