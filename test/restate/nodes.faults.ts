/**
 * Several nodes: who runs where, and what becomes of agents whose node dies, freezes or drains.
 *
 * Waits for what happens: how long that takes is measured by bench/cluster.ts.
 */
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { connectFleet } from '../../src/restate.ts';
import { hasEngine, startEngine } from './engine.ts';
import { eventually } from '../kit/eventually.ts';
import { fleetRig, fresh, PATIENT_MS, sharedEngine } from './fleet-rig.ts';
import { nodeProcess } from './node-process.ts';
import { worker } from './worker.ts';

/** Of nodes that are to die: longer than a busy machine may hold one up, and short enough to be waited for. */
const LEASE_MS = 4_000;

async function notes() {
  const folder = await mkdtemp(join(tmpdir(), 'mabeam-nodes-'));
  onTestFinished(() => rm(folder, { recursive: true }));
  const file = join(folder, 'notes');
  return {
    file,
    read: async () =>
      (await readFile(file, 'utf8').catch(() => ''))
        .split('\n')
        .filter((line) => line !== '')
        .map(
          (line) =>
            JSON.parse(line) as { agentId: string; incarnation: number; previousStop?: unknown; pid: number },
        ),
  };
}

describe.runIf(hasEngine())('several nodes', () => {
  const engine = sharedEngine();

  test('an agent runs where there is room, where it wants to, or not at all; what waits for room runs once there is some', async () => {
    const { fleet, node } = await fleetRig(engine(), [worker]);
    const { agents } = fleet;
    const [small, large] = [fresh('a'), fresh('b')];
    await node(small, { limits: { maxMemoryBytes: 200_000_000 }, labels: { disk: 'fast' } });
    await node(large, { limits: { maxMemoryBytes: 900_000_000 } });
    const placed = async (placement?: object) => {
      const id = await agents.register({ module: worker, ...(placement ? { placement } : {}) });
      await agents.start(id);
      return agents.nodeOf(id);
    };
    expect(await placed()).toBe(large);
    expect(await placed({ node: small })).toBe(small);
    expect(await placed({ labels: { disk: 'fast' } })).toBe(small);
    const nowhere = await agents.register({ module: worker, placement: { labels: { disk: 'slow' } } });
    await expect(agents.start(nowhere)).rejects.toMatchObject({ code: 'RESOURCES_EXHAUSTED' });
    expect(await agents.get(nowhere)).toMatchObject({ status: 'registered', incarnation: 0 });
    expect((await fleet.nodes()).map(({ name, agents }) => ({ name, agents }))).toEqual([
      { name: small, agents: 2 },
      { name: large, agents: 1 },
      { name: 'keeper', agents: 0 },
    ]);
  });

  test('agents of a node that is killed run elsewhere, from their last saved state, with host_lost; a handle of before is refused', async () => {
    const { fleet } = await fleetRig(engine(), [worker]);
    const { agents, tasks } = fleet;
    const noted = await notes();
    const [first, second] = [fresh('a'), fresh('b')];
    const doomed = await nodeProcess(engine(), first, { leaseMs: LEASE_MS });
    const id = await agents.register({
      id: fresh('ada'),
      module: worker,
      initArgs: { notes: noted.file },
      tasks: { concurrency: 2 },
    });
    const handle = await agents.start(id);
    for (let count = 1; count <= 3; count++) expect(await agents.execute(id, { type: 'count' })).toBe(count);
    await nodeProcess(engine(), second, { leaseMs: PATIENT_MS });
    const unknown = agents.execute(id, { type: 'work', input: { ms: 60_000 } });
    // It has not ended when its node is killed, on a busy machine either.
    const repeated = agents.execute(id, { type: 'repeat', input: { ms: 3_000 } });
    unknown.catch(() => {});
    const waiting = await tasks.submit(id, { type: 'count' });
    await eventually(
      () => agents.get(id),
      ({ metrics }) => metrics.running === 2,
    );
    doomed.kill('SIGKILL');
    await eventually(
      () => agents.get(id),
      ({ status, incarnation }) => status === 'running' && incarnation === 2,
    );
    await expect(unknown).rejects.toMatchObject({ code: 'TASK_ABANDONED', details: { status: 'unknown' } });
    expect(await repeated).not.toBe(doomed.pid);
    expect(await tasks.result(waiting.id)).toBe(4);
    expect(await agents.nodeOf(id)).toBe(second);
    await expect(handle.execute({ type: 'count' })).rejects.toMatchObject({ code: 'AGENT_NOT_RUNNING' });
    expect(await noted.read()).toMatchObject([
      { incarnation: 1 },
      { incarnation: 2, previousStop: 'host_lost' },
    ]);
    await fleet.stopAgents({ timeoutMs: 0 });
  });

  test('a node that freezes loses its agents, and changes nothing when it wakes up', async () => {
    const { fleet } = await fleetRig(engine(), [worker]);
    const { agents } = fleet;
    const [first, second] = [fresh('a'), fresh('b')];
    const frozen = await nodeProcess(engine(), first, { leaseMs: LEASE_MS });
    const id = await agents.register({ id: fresh('ada'), module: worker });
    await agents.start(id);
    expect(await agents.execute(id, { type: 'count' })).toBe(1);
    const late = agents.execute(id, { type: 'work', input: { ms: 100 } });
    late.catch(() => {});
    await nodeProcess(engine(), second, { leaseMs: PATIENT_MS });
    frozen.kill('SIGSTOP');
    await eventually(
      () => agents.get(id),
      ({ status, incarnation }) => status === 'running' && incarnation === 2,
    );
    expect(await agents.execute(id, { type: 'count' })).toBe(2);
    frozen.kill('SIGCONT');
    await eventually(
      () => fleet.nodes(),
      (nodes) => nodes.some(({ name }) => name === first),
    );
    expect(await agents.execute(id, { type: 'count' })).toBe(3);
    expect(await agents.get(id)).toMatchObject({ status: 'running', incarnation: 2 });
    expect(await agents.nodeOf(id)).toBe(second);
    expect((await fleet.nodes()).find(({ name }) => name === first)).toMatchObject({ agents: 0 });
    await fleet.stopAgents({ timeoutMs: 0 });
  });

  test('a node that drains hands its agents over with their states; callers see no error meanwhile', async () => {
    const { fleet, node } = await fleetRig(engine(), [worker]);
    const { agents } = fleet;
    const [first, second] = [fresh('a'), fresh('b')];
    const leaving = await node(first);
    const ids: string[] = [];
    for (let made = 0; made < 3; made++) {
      const id = await agents.register({ module: worker });
      await agents.start(id);
      await agents.execute(id, { type: 'count' });
      ids.push(id);
    }
    await node(second);
    const over = new AbortController();
    const counting = ids.map(async (id) => {
      let last = 1;
      while (!over.signal.aborted) {
        last = (await agents.execute(id, { type: 'count' })) as number;
      }
      return last;
    });
    expect(await leaving.drain()).toEqual({ left: [] });
    await eventually(
      () => Promise.all(ids.map((id) => agents.nodeOf(id))),
      (nodes) => nodes.every((name) => name === second),
    );
    over.abort();
    const counts = await Promise.all(counting);
    for (const [index, id] of ids.entries()) {
      expect(await agents.savedState(id)).toEqual({ count: counts[index] });
      expect(await agents.get(id)).toMatchObject({ status: 'running', incarnation: 2 });
    }
  });

  test('when the last node goes, its agents wait, and run again on the next one', async () => {
    const { fleet, node } = await fleetRig(engine(), [worker]);
    const { agents } = fleet;
    const only = await nodeProcess(engine(), fresh('a'), { leaseMs: LEASE_MS });
    const id = await agents.register({ id: fresh('ada'), module: worker });
    await agents.start(id);
    expect(await agents.execute(id, { type: 'count' })).toBe(1);
    only.kill('SIGKILL');
    await eventually(
      () => agents.get(id),
      ({ state }) => state === 'crashed.queued',
    );
    await node(fresh('b'));
    await eventually(
      () => agents.get(id),
      ({ status }) => status === 'running',
    );
    expect(await agents.execute(id, { type: 'count' })).toBe(2);
  });
});

describe.runIf(hasEngine())('who answers for the fleet', () => {
  test('may be killed, and frozen: another node does from then on, and nothing is lost', async () => {
    const server = await startEngine();
    onTestFinished(() => server.stop());
    const first = await nodeProcess(server, 'first', { leaseMs: LEASE_MS });
    const fleet = await connectFleet({ ingressUrl: server.ingressUrl, agents: [worker] });
    onTestFinished(() => fleet.close());
    const { agents } = fleet;
    const second = await nodeProcess(server, 'second', { leaseMs: LEASE_MS });
    await nodeProcess(server, 'third', { leaseMs: PATIENT_MS });
    const id = await agents.register({ id: 'ada', module: worker });
    await agents.start(id);
    let count = 0;
    for (const [victim, signal] of [
      [first, 'SIGKILL'],
      [second, 'SIGSTOP'],
    ] as const) {
      expect(await agents.execute(id, { type: 'count' })).toBe((count += 1));
      victim.kill(signal);
      expect(await agents.get(id)).toMatchObject({ id });
      await eventually(
        async () => ({ node: await agents.nodeOf(id), record: await agents.get(id) }),
        ({ node, record }) => node !== undefined && node !== victim.name && record.status === 'running',
      );
    }
    expect(await agents.execute(id, { type: 'count' })).toBe(count + 1);
  });
});
