/**
 * A fleet whose nodes get another agent chart, one after the other, under load: real nodes of two versions, and a real server.
 */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { connectFleet, type Fleet, planUpgrade } from '../../src/restate.ts';
import { EngineAdmin } from '../../src/restate/engine/engine-admin.ts';
import { hostOf } from '../../src/restate/engine/names.ts';
import { eventually } from '../kit/eventually.ts';
import { type Engine, hasEngine, startEngine } from './engine.ts';
import { PATIENT_MS } from './fleet-rig.ts';
import { allRunElsewhere, loadOn, workers } from './load.ts';
import { nodeProcess } from './node-process.ts';
import { worker } from './worker.ts';

describe.runIf(hasEngine())(
  'a roll to a chart in which the places of running agents have other names',
  () => {
    let engine: Engine | undefined;
    let fleet: Fleet | undefined;
    beforeAll(async () => {
      engine = await startEngine();
      fleet = await connectFleet({ ingressUrl: engine.ingressUrl, agents: [worker] });
    });
    afterAll(async () => {
      await fleet?.close();
      await engine?.stop();
    });

    /** On all but the members of the pool. */
    const verdicts = async () =>
      (await planUpgrade(fleet!)).flatMap(({ type, name, verdict }) =>
        type === 'worker' && !name.startsWith('crew') ? [verdict] : [],
      );
    const verdictOnPool = async () => (await planUpgrade(fleet!)).find(({ of }) => of === 'pool')?.verdict;

    /** What the engine knows of the version of a node's code. */
    const markOf = async (name: string) => {
      const deployments = await new EngineAdmin(engine!.adminUrl).deployments();
      return deployments.find(({ services }) => services.includes(hostOf(name)))!.metadata;
    };

    test('costs no acknowledged work and callers see no error, with an old node killed meanwhile, and back again', async () => {
      const doomed = await nodeProcess(engine!, 'doomed', { leaseMs: 8_000 });
      const old = await nodeProcess(engine!, 'old', { leaseMs: PATIENT_MS });
      const ids = await workers(fleet!, 3);
      await allRunElsewhere(fleet!, ids);
      const load = loadOn(fleet!, ids);
      await load.goesOn();
      expect(await verdicts()).toEqual(['same', 'same', 'same']);
      const { pools } = fleet!;
      await pools.create({ name: 'crew', spec: { module: worker }, min: 1, max: 2 });
      expect(await verdictOnPool()).toBe('same');

      const next = await nodeProcess(engine!, 'next', { leaseMs: PATIENT_MS }, 1, 'other chart');
      const records = await eventually(
        () => Promise.all(ids.map((id) => fleet!.agents.get(id))),
        (all) => all.every(({ state }) => state.startsWith('alive.serving.running.attuned')),
      );
      expect(records.map(({ incarnation }) => incarnation)).toEqual([1, 1, 1]);
      await eventually(verdicts, (all) => all.every((verdict) => verdict === 'kept'));
      expect(await markOf('old')).toEqual(await markOf('doomed'));
      expect(await markOf('next')).not.toEqual(await markOf('old'));
      expect(await pools.ensureSize('crew', 2)).toMatchObject({ live: 2 });
      expect(await verdictOnPool()).toBe('resumed');
      await load.goesOn();
      doomed.kill('SIGKILL');
      await allRunElsewhere(fleet!, ids, ['doomed']);
      await load.goesOn();
      old.kill('SIGTERM');
      await old.exited;
      await allRunElsewhere(fleet!, ids, ['doomed', 'old']);
      await load.goesOn();

      await nodeProcess(engine!, 'back', { leaseMs: PATIENT_MS });
      await load.goesOn();
      next.kill('SIGTERM');
      await next.exited;
      await allRunElsewhere(fleet!, ids, ['next']);
      await eventually(verdicts, (all) => all.every((verdict) => verdict === 'same'));
      expect(await pools.ensureSize('crew', 1)).toMatchObject({ live: 1 });
      expect(await verdictOnPool()).toBe('same');
      expect(await pools.execute('crew', { type: 'count' })).toEqual(expect.any(Number));
      await pools.close('crew');
      expect((await load.judged()).refusals).toEqual([]);
      await fleet!.stopAgents({ timeoutMs: 0 });
      for (const id of ids) await fleet!.agents.forget(id);
    });
  },
);
