/** A node that drains is empty when it says so: a real server, and an agent that does not go before its work is done. */
import { describe, expect, onTestFinished, test } from 'vitest';
import { defineAgent } from '../../src/index.ts';
import { eventually } from '../kit/eventually.ts';
import { fateOf, gate } from '../kit/rig.ts';
import { hasEngine } from './engine.ts';
import { fleetRig, fresh, sharedEngine } from './fleet-rig.ts';
import { worker, workerOfNext } from './worker.ts';

describe.runIf(hasEngine())('a node that drains', () => {
  const engine = sharedEngine();

  test('waits for an agent that still works, and has nobody left then', async () => {
    const [begun, released] = [gate(), gate<string>()];
    const busy = defineAgent({
      type: 'busy',
      init: () => ({}),
      tasks: {
        work: {
          run: () => {
            begun.resolve();
            return released.promise;
          },
        },
      },
    });
    const { fleet, node } = await fleetRig(engine(), [busy]);
    const { agents } = fleet;
    const drained = await node(fresh('drained'));
    const id = await agents.register({ module: busy, shutdownMs: 60_000 });
    await agents.start(id);
    const working = agents.execute(id, { type: 'work' });
    await begun.promise;
    const heir = await node(fresh('heir'));
    const drain = drained.drain();
    await eventually(
      () => agents.get(id),
      ({ status }) => status !== 'running',
    );
    expect(await fateOf(drain)).toBe('pending');
    released.resolve('done');
    expect(await working).toBe('done');
    expect(await drain).toEqual({ left: [] });
    expect(drained.bodies()).toEqual([]);
    await eventually(
      () => agents.nodeOf(id),
      (name) => name === heir.name,
    );
  });

  test('waits for one that still starts, and hands it over once it runs; nobody is listed there any more', async () => {
    const [begun, released] = [gate(), gate()];
    const slow = defineAgent({
      type: 'slow',
      init: async ({ incarnation }) => {
        begun.resolve();
        if (incarnation === 1) await released.promise;
        return {};
      },
      tasks: {},
    });
    const { fleet, node } = await fleetRig(engine(), [slow]);
    const { agents } = fleet;
    const drained = await node(fresh('drained'));
    const id = await agents.register({ module: slow });
    const starting = agents.start(id);
    await begun.promise;
    await node(fresh('heir'));
    const drain = drained.drain();
    await eventually(
      () => fleet.nodes(),
      (nodes) => nodes.some(({ isDraining }) => isDraining),
    );
    released.resolve();
    await starting;
    expect(await drain).toEqual({ left: [] });
    expect(await agents.nodeOf(id)).not.toBe(drained.name);
  });

  test('hands over one whose start fails on the next node: it starts again by its restart policy, and its tasks wait for that', async () => {
    const unlucky = defineAgent({
      type: fresh('unlucky'),
      init: ({ incarnation }) => {
        if (incarnation === 2) throw new Error('the port is taken');
        return { incarnation };
      },
      tasks: { life: { run: ({ state }) => state.incarnation } },
    });
    const { fleet, node } = await fleetRig(engine(), [unlucky]);
    const { agents, events } = fleet;
    const drained = await node(fresh('drained'));
    const id = await agents.register({ module: unlucky, restart: { policy: 'immediate', delayMs: 500 } });
    await agents.start(id);
    const heir = await node(fresh('heir'));
    await drained.drain();
    expect(await agents.execute(id, { type: 'life', whenDown: 'wait' })).toBe(3);
    expect(await agents.nodeOf(id)).toBe(heir.name);
    const told: string[] = [];
    for await (const { type } of events.read({ agentId: id }))
      if (type.startsWith('agent.') && type !== 'agent.state_saved') told.push(type);
    expect(told.slice(told.indexOf('agent.stopped'))).toEqual([
      'agent.stopped',
      'agent.starting',
      'agent.start_failed',
      'agent.crashed',
      'agent.restart_scheduled',
      'agent.starting',
      'agent.started',
    ]);
    expect((await agents.get(id)).restarts).toBe(1);
  });

  test('hands over what newer code has saved to a node that reads it, in the middle of an upgrade', async () => {
    const { fleet, node } = await fleetRig(engine(), [worker]);
    const { agents } = fleet;
    const newer = { agents: [workerOfNext] };
    const drained = await node(fresh('drained'), newer);
    const id = await agents.register({ module: worker, restart: { policy: 'never' } });
    await agents.start(id);
    await agents.execute(id, { type: 'count' });
    const heir = await node(fresh('heir'), newer);
    const other = await agents.register({ module: worker, placement: { node: heir.name } });
    await agents.start(other);
    // It has fewer agents, and older code.
    await node(fresh('older'));
    await drained.drain();
    expect(await agents.execute(id, { type: 'count', whenDown: 'wait' })).toBe(2);
    expect(await agents.nodeOf(id)).toBe(heir.name);
  });

  test('and is taken for gone joins again as one that drains', async () => {
    const { fleet, node } = await fleetRig(engine(), [worker]);
    const name = fresh('drained');
    const drained = await node(name);
    await drained.drain();
    const newer = await node(name);
    await newer.close();
    const nodes = await eventually(
      () => fleet.nodes(),
      (all) => all.some((known) => known.name === name),
    );
    expect(nodes.find((known) => known.name === name)).toMatchObject({ isDraining: true });
  });

  test('keeps the members of pools, with the tasks that they have accepted', async () => {
    const [begun, released] = [gate(), gate<string>()];
    const busy = defineAgent({
      type: fresh('busy'),
      init: () => ({}),
      tasks: {
        work: {
          run: () => {
            begun.resolve();
            return released.promise;
          },
        },
        next: { run: () => 'next' },
      },
    });
    const { fleet, node } = await fleetRig(engine(), [busy]);
    const { pools, tasks } = fleet;
    const drained = await node(fresh('drained'));
    const name = fresh('crew');
    await pools.create({ name, spec: { module: busy, shutdownMs: 60_000 }, min: 1, max: 1 });
    onTestFinished(() => pools.close(name).then(() => undefined));
    const { members } = await pools.get(name);
    const working = await tasks.submit(members[0]!, { type: 'work' });
    const waiting = await tasks.submit(members[0]!, { type: 'next' });
    await begun.promise;
    const heir = await node(fresh('heir'));
    const drain = drained.drain();
    await eventually(
      () => fleet.agents.get(members[0]!),
      ({ status }) => status !== 'running',
    );
    released.resolve('done');
    expect([await tasks.result(working.id), await tasks.result(waiting.id)]).toEqual(['done', 'next']);
    expect(await drain).toEqual({ left: [] });
    expect((await pools.get(name)).members).toEqual(members);
    expect(await fleet.agents.nodeOf(members[0]!)).toBe(heir.name);
  });
});
