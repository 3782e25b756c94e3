/**
 * A node that reaches the engine, and is not reached by it, and one that is reached, and does not reach it: real nodes and a
 * real server, with a gateway between that is shut, or frozen.
 */
import { pino } from 'pino';
import { describe, expect, onTestFinished, test } from 'vitest';
import { createAgentNode } from '../../src/restate.ts';
import { hasEngine, startEngine } from './engine.ts';
import { eventually } from '../kit/eventually.ts';
import { fleetRig, fresh, sharedEngine } from './fleet-rig.ts';
import { gateway } from './gateway.ts';
import { worker } from './worker.ts';

/** Longer than a busy machine may hold a node up, and short enough to be waited for. */
const LEASE_MS = 3_000;

describe.runIf(hasEngine())('a node that says that it is alive, and is not reached', () => {
  const engine = sharedEngine();

  test.each([
    ['refused', 'close'],
    ['held up for ever', 'freeze'],
  ] as const)(
    'where the engine is %s, loses its agents: a stop is answered, tasks go on elsewhere, and it joins again once it is reached',
    async (_, cut) => {
      const gate = await gateway();
      // After the fleet, whose agents end through it.
      onTestFinished(() => gate.close());
      const { fleet, node } = await fleetRig(engine(), [worker]);
      const { agents } = fleet;
      const { ingressUrl, adminUrl } = engine();
      const name = fresh('cutOff');
      const restate = { ingressUrl, adminUrl, advertise: gate.url };
      const cutOff = await node(name, { listen: gate.behind, restate, leaseMs: LEASE_MS });
      const started = async () => {
        const id = await agents.register({ module: worker });
        await agents.start(id);
        expect(await agents.execute(id, { type: 'count' })).toBe(1);
        return id;
      };
      const [stopped, moved] = [await started(), await started()];
      const heir = await node(fresh('heir'));
      await gate[cut]();
      const counting = agents.execute(moved, { type: 'repeat', input: { ms: 1 } });
      const { status, incarnation } = await agents.stop(stopped, { timeoutMs: 100 });
      expect({ status, incarnation }).toEqual({ status: 'stopped', incarnation: 1 });
      expect(await counting).toBe(process.pid);
      expect(await agents.get(moved)).toMatchObject({ status: 'running', incarnation: 2 });
      expect(await agents.nodeOf(moved)).toBe(heir.name);
      expect(await agents.execute(moved, { type: 'count' })).toBe(2);
      await eventually(
        () => cutOff.bodies(),
        (bodies) => bodies.length === 0,
      );
      await gate.open();
      await eventually(
        () => fleet.nodes(),
        (nodes) => nodes.some((known) => known.name === name),
      );
      const back = await agents.register({ module: worker, placement: { node: name } });
      await agents.start(back);
      expect(await agents.execute(back, { type: 'count' })).toBe(1);
      expect(await agents.get(moved)).toMatchObject({ status: 'running', incarnation: 2 });
    },
  );

  test('answers for the fleet no longer: another node does', async () => {
    const server = await startEngine();
    onTestFinished(() => server.stop());
    const gate = await gateway();
    onTestFinished(() => gate.close());
    const { fleet, node } = await fleetRig(server, [worker]);
    const { agents } = fleet;
    const { ingressUrl, adminUrl } = server;
    const restate = { ingressUrl, adminUrl, advertise: gate.url };
    const first = await node('first', { listen: gate.behind, restate, leaseMs: LEASE_MS });
    const id = await agents.register({ module: worker });
    await agents.start(id);
    const heir = await node('second');
    gate.freeze();
    expect(await agents.execute(id, { type: 'repeat', input: { ms: 1 } })).toBe(process.pid);
    expect(await agents.nodeOf(id)).toBe(heir.name);
    await eventually(
      () => first.bodies(),
      (bodies) => bodies.length === 0,
    );
  });

  test('and whose engine is away closes in its time, and leaves nothing', async () => {
    const server = await startEngine();
    onTestFinished(() => server.stop());
    const { ingressUrl, adminUrl } = server;
    const lonely = await createAgentNode({
      name: 'lonely',
      listen: 'http://127.0.0.1:0',
      restate: { ingressUrl, adminUrl },
      logger: pino({ level: 'silent' }),
    });
    await server.stop();
    await lonely.close({ timeoutMs: 1 });
    await expect(fetch(lonely.url)).rejects.toThrow('fetch failed');
  });
});

describe.runIf(hasEngine())('a node that the engine reaches', () => {
  const engine = sharedEngine();

  test.each([
    ['is refused', 'close'],
    ['gets no answer', 'freeze'],
  ] as const)(
    'and that %s there loses its agents: tasks go on elsewhere, its bodies are ended, and it joins again once it reaches the engine',
    async (_, cut) => {
      const { ingressUrl, adminUrl } = engine();
      const gate = await gateway(Number(new URL(ingressUrl).port));
      onTestFinished(() => gate.close());
      const { fleet, node } = await fleetRig(engine(), [worker]);
      const { agents } = fleet;
      const name = fresh('mute');
      const mute = await node(name, { restate: { ingressUrl: gate.url, adminUrl }, leaseMs: LEASE_MS });
      const id = await agents.register({ module: worker });
      await agents.start(id);
      expect(await agents.execute(id, { type: 'count' })).toBe(1);
      const heir = await node(fresh('heir'));
      await gate[cut]();
      expect(await agents.execute(id, { type: 'repeat', input: { ms: 1 } })).toBe(process.pid);
      expect(await agents.nodeOf(id)).toBe(heir.name);
      expect(await agents.execute(id, { type: 'count' })).toBe(2);
      await eventually(
        () => mute.bodies(),
        (bodies) => bodies.length === 0,
      );
      await gate.open();
      await eventually(
        () => fleet.nodes(),
        (nodes) => nodes.some((known) => known.name === name),
      );
      expect(await agents.get(id)).toMatchObject({ status: 'running', incarnation: 2 });
    },
  );
});
