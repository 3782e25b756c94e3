/**
 * Real nodes that are killed, drained and given new code, under load: the lean part of what `npm run check:nodes` does.
 *
 * Waits for what happens: how long that takes is measured by bench/cluster.ts, on a machine that does nothing else.
 */
import { isDeepStrictEqual } from 'node:util';
import { pino } from 'pino';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type AgentNode, connectFleet, createAgentNode, type Fleet, planUpgrade } from '../../src/restate.ts';
import { eventually } from '../kit/eventually.ts';
import { type Engine, hasEngine, startEngine } from './engine.ts';
import { PATIENT_MS } from './fleet-rig.ts';
import { allRunElsewhere, loadOn, workers } from './load.ts';
import { nodeProcess } from './node-process.ts';
import { worker } from './worker.ts';

const WORKER = new URL('worker.ts', import.meta.url);

describe.runIf(hasEngine())('nodes', () => {
  let engine: Engine | undefined;
  let fleet: Fleet | undefined;
  let keeper: AgentNode | undefined;
  beforeAll(async () => {
    engine = await startEngine();
    const { ingressUrl, adminUrl } = engine;
    // It answers for the fleet, and has room for what wants to be here by name.
    keeper = await createAgentNode({
      name: 'keeper',
      listen: 'http://127.0.0.1:0',
      restate: { ingressUrl, adminUrl },
      agents: [{ type: 'worker', module: WORKER }],
      labels: { disk: 'fast' },
      leaseMs: PATIENT_MS,
      logger: pino({ level: 'silent' }),
    });
    fleet = await connectFleet({ ingressUrl, agents: [worker] });
  });
  afterAll(async () => {
    await fleet?.stopAgents({ timeoutMs: 0 });
    await fleet?.close();
    await keeper?.close({ timeoutMs: 2_000 });
    await engine?.stop();
  });

  test.each(['thread', 'process'] as const)(
    'an agent runs in a %s of its node, and where its labels are',
    async (isolation) => {
      const { agents } = fleet!;
      const spec = { module: WORKER, isolation, placement: { labels: { disk: 'fast' } } };
      const id = await agents.register(spec);
      await agents.start(id);
      expect(await agents.nodeOf(id)).toBe('keeper');
      expect(await agents.execute(id, { type: 'count' })).toBe(1);
      const isElsewhere = (await agents.execute(id, { type: 'where' })) !== process.pid;
      expect(isElsewhere).toBe(isolation === 'process');
      await agents.stop(id);
      await agents.start(id);
      expect(await agents.execute(id, { type: 'count' })).toBe(2);
      await agents.stop(id);
      await agents.forget(id);
      // Its node has told the version of its states since.
      await eventually(
        () => fleet!.nodes(),
        (nodes) =>
          isDeepStrictEqual(nodes.find(({ name }) => name === 'keeper')?.moduleVersions, [['worker', 1]]),
      );
      const nowhere = await agents.register({ module: worker, placement: { labels: { disk: 'slow' } } });
      await expect(agents.start(nowhere)).rejects.toMatchObject({ code: 'RESOURCES_EXHAUSTED' });
      await agents.forget(nowhere);
    },
  );

  test('a node that is killed, and a deploy of new code, cost no acknowledged work, and callers see no error', async () => {
    const doomed = await nodeProcess(engine!, 'doomed', { leaseMs: 6_000 });
    const ids = await workers(fleet!, 2);
    await allRunElsewhere(fleet!, ids);
    const heir = await nodeProcess(engine!, 'heir', { leaseMs: PATIENT_MS });
    const load = loadOn(fleet!, ids);
    await load.goesOn();
    doomed.kill('SIGKILL');
    await allRunElsewhere(fleet!, ids, ['doomed']);
    await load.goesOn();
    await nodeProcess(engine!, 'next', { leaseMs: PATIENT_MS }, 2);
    expect((await planUpgrade(fleet!)).map(({ verdict }) => verdict)).toEqual(ids.map(() => 'same'));
    await keeper!.drain();
    heir.kill('SIGTERM');
    await heir.exited;
    await allRunElsewhere(fleet!, ids, ['doomed', 'heir', 'keeper']);
    await load.goesOn();
    const { refusals } = await load.judged();
    expect(refusals).toEqual([]);
    for (const id of ids) {
      expect(await fleet!.agents.execute(id, { type: 'version' })).toBe(2);
      expect(await fleet!.agents.savedState(id)).toMatchObject({ migrated: true });
    }
    await fleet!.stopAgents({ timeoutMs: 0 });
    for (const id of ids) await fleet!.agents.forget(id);
  });

  test('a server that is killed under load, and started again, loses nothing, does nothing twice, and takes nobody for dead', async () => {
    const { agents } = fleet!;
    const home = await nodeProcess(engine!, 'home', { leaseMs: PATIENT_MS });
    const ids = await workers(fleet!, 2, 'survivor');
    await allRunElsewhere(fleet!, ids);
    const load = loadOn(fleet!, ids);
    await load.goesOn();
    await engine!.killAndRestart();
    await load.goesOn();
    expect(await load.judged()).toMatchObject({ refusals: [], unknown: 0 });
    for (const id of ids) {
      expect(await agents.get(id)).toMatchObject({ status: 'running', incarnation: 1 });
      expect(await agents.nodeOf(id)).toBe(home.name);
    }
    await fleet!.stopAgents({ timeoutMs: 0 });
  });
});
