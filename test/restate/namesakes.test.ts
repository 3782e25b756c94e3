/** Nodes of one name: one that begins anew within the lease of the last, and two that live at once. */
import { describe, expect, test } from 'vitest';
import { hasEngine } from './engine.ts';
import { eventually } from '../kit/eventually.ts';
import { fleetRig, fresh, PATIENT_MS, sharedEngine } from './fleet-rig.ts';
import { nodeProcess } from './node-process.ts';
import { worker } from './worker.ts';

describe.runIf(hasEngine())('a node that begins under the name of another', () => {
  const engine = sharedEngine();

  test('that was killed, within its lease, has its agents, from their last states', async () => {
    const { fleet } = await fleetRig(engine(), [worker]);
    const { agents } = fleet;
    const name = fresh('again');
    const first = await nodeProcess(engine(), name, { leaseMs: PATIENT_MS });
    const id = await agents.register({ module: worker });
    await agents.start(id);
    expect(await agents.execute(id, { type: 'count' })).toBe(1);
    first.kill('SIGKILL');
    await first.exited;
    const second = await nodeProcess(engine(), name, { leaseMs: PATIENT_MS });
    expect(await agents.execute(id, { type: 'repeat', input: { ms: 1 }, whenDown: 'wait' })).toBe(second.pid);
    expect(await agents.execute(id, { type: 'count' })).toBe(2);
    expect(await agents.get(id)).toMatchObject({ incarnation: 2 });
    await fleet.stopAgents({ timeoutMs: 0 });
  });

  test('that lives has its name: the other ends its bodies, stays out, and joins again once the name is free', async () => {
    const { fleet, node } = await fleetRig(engine(), [worker]);
    const { agents } = fleet;
    const name = fresh('twice');
    const first = await node(name);
    const id = await agents.register({ module: worker });
    await agents.start(id);
    expect(await agents.execute(id, { type: 'count' })).toBe(1);
    const second = await node(name);
    await eventually(
      () => [first.bodies(), second.bodies()],
      ([one, other]) => one!.length === 0 && other!.length === 1,
    );
    for (let count = 2; count <= 20; count++) expect(await agents.execute(id, { type: 'count' })).toBe(count);
    expect(await agents.get(id)).toMatchObject({ incarnation: 2 });
    expect((await fleet.nodes()).filter((known) => known.name === name)).toHaveLength(1);
    await second.close();
    await eventually(
      () => first.bodies(),
      (bodies) => bodies.length === 1,
    );
    expect(await agents.execute(id, { type: 'count' })).toBe(21);
  });
});
