/**
 * Clocks that are an hour off, on a real server: what is due at a time is due by the fleet's clock.
 *
 * The server's own clock cannot be set here. Where all nodes and programs are off by as much, it is its clock that is.
 */
import { afterAll, beforeAll, describe, expect, onTestFinished, test, vi } from 'vitest';
import { connectFleet, createAgentNode } from '../../src/restate.ts';
import { pino } from 'pino';
import { eventually } from '../kit/eventually.ts';
import { fateOf } from '../kit/rig.ts';
import { type Engine, hasEngine, startEngine } from './engine.ts';
import { PATIENT_MS } from './fleet-rig.ts';
import { nodeProcess } from './node-process.ts';
import { worker } from './worker.ts';

const HOUR_MS = 3_600_000;
/** How far the clocks of one machine's processes are taken to be apart, ms. */
const APART_MS = 50;

let engine: Engine | undefined;
beforeAll(async () => {
  if (hasEngine()) engine = await startEngine();
});
afterAll(() => engine?.stop());

/** Sets the clock of this program until the test is over. */
function setOwnClock(offMs: number): { readonly right: () => number; setRight(): void } {
  const right = Date.now;
  const clock = vi.spyOn(Date, 'now').mockImplementation(() => right() + offMs);
  onTestFinished(() => clock.mockRestore());
  return { right, setRight: () => clock.mockRestore() };
}

/** How many calls of agents the engine makes again and again. */
async function refusedCalls(): Promise<number> {
  const query =
    "SELECT id FROM sys_invocation WHERE target_service_name = 'mabeam_agent' AND status = 'backing-off'";
  const response = await fetch(`${engine!.adminUrl}/query`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', accept: 'application/json' },
    body: JSON.stringify({ query }),
  });
  return ((await response.json()) as { rows: readonly unknown[] }).rows.length;
}

describe.runIf(hasEngine())('a program', () => {
  test.for([
    ['ahead', HOUR_MS],
    ['behind', -HOUR_MS],
  ] as const)(
    'whose clock is an hour %s: a task begins at its time, and after its delay',
    async ([, offMs]) => {
      await nodeProcess(engine!, `n-${offMs}`, { leaseMs: PATIENT_MS });
      const { right } = setOwnClock(offMs);
      await using fleet = await connectFleet({ ingressUrl: engine!.ingressUrl, agents: [worker] });
      const { agents, tasks } = fleet;
      const id = await agents.register({ module: worker });
      await agents.start(id);

      const notBefore = right() + 500;
      const timed = await tasks.submit(id, { type: 'count', notBefore });
      expect(timed).toMatchObject({ status: 'waiting', dueAt: notBefore });
      await tasks.result(timed.id);
      expect((await tasks.get(timed.id)).startedAt).toBeGreaterThanOrEqual(notBefore - APART_MS);
      expect(right()).toBeGreaterThanOrEqual(notBefore - APART_MS);
      expect(Math.abs(timed.acceptedAt - right())).toBeLessThan(HOUR_MS / 2);

      const delayed = await tasks.submit(id, { type: 'count', delayMs: 300 });
      expect(delayed).toMatchObject({ status: 'waiting', dueAt: delayed.acceptedAt + 300 });
      await tasks.result(delayed.id);
      const { acceptedAt, startedAt } = await tasks.get(delayed.id);
      expect(startedAt! - acceptedAt).toBeGreaterThanOrEqual(300);
      await agents.stop(id);
    },
  );
});

describe.runIf(hasEngine())('a node', () => {
  test.for([HOUR_MS, -HOUR_MS])('whose clock is %i ms ahead does not join', async (offMs) => {
    setOwnClock(offMs);
    const { ingressUrl, adminUrl } = engine!;
    const refused = await createAgentNode({
      name: 'wrong',
      listen: 'http://127.0.0.1:0',
      restate: { ingressUrl, adminUrl },
      logger: pino({ level: 'silent' }),
    }).catch((thrown: unknown) => thrown);
    expect(refused).toMatchObject({ code: 'STORE_FAILED', details: { node: 'wrong' } });
    expect((refused as Error).message).toContain('its clock is ');
  });

  test.for([HOUR_MS, -HOUR_MS])(
    'with the seat whose clock is set %i ms ahead loses that, and its agents go on by the time of the fleet',
    async (offMs) => {
      const set = await nodeProcess(engine!, `set${offMs}`, { leaseMs: PATIENT_MS }, 1, 'settable clock');
      await nodeProcess(engine!, `other${offMs}`, { leaseMs: PATIENT_MS });
      await using fleet = await connectFleet({ ingressUrl: engine!.ingressUrl, agents: [worker] });
      const { agents, tasks } = fleet;
      const id = await agents.register({ module: worker, placement: { node: set.name } });
      await agents.start(id);
      const slow = await tasks.submit(id, { type: 'work', input: { ms: 1_500 }, timeoutMs: 60_000 });
      await set.setClock(offMs);
      expect(await tasks.result(slow.id)).toBe(set.pid);

      // By now another answers: the reset is not over before it is known.
      await agents.execute(id, { type: 'count' });
      const until = Date.now() + 5_000;
      const parked = await tasks.submit(id, { type: 'park', input: { until } });
      await eventually(
        () => tasks.get(parked.id),
        ({ parked: limit }) => limit !== undefined,
      );
      expect((await tasks.get(parked.id)).parked).toMatchObject({ until });
      expect(await tasks.result(parked.id)).toBe('done');
      expect(Date.now()).toBeGreaterThanOrEqual(until - APART_MS);
      const { acceptedAt, startedAt } = await tasks.get(parked.id);
      for (const at of [acceptedAt, startedAt!]) expect(Math.abs(at - Date.now())).toBeLessThan(HOUR_MS / 2);
      expect((await agents.get(id)).incarnation).toBe(1);
      expect((await fleet.nodes()).map(({ name }) => name)).toContain(set.name);
      await agents.stop(id);
      // So that the other can leave it the seat.
      await set.setClock(0);
    },
  );

  test.for([
    ['its own', HOUR_MS],
    ['its own', -HOUR_MS],
    ["the engine's", HOUR_MS],
    ["the engine's", -HOUR_MS],
  ] as const)(
    'that is alone takes no call while %s clock is wrong, by %i ms, and each once it is right: nothing is early or late',
    async ([whose, offMs]) => {
      const name = `alone${whose.length}${offMs}`;
      const node = await nodeProcess(engine!, name, { leaseMs: PATIENT_MS }, 1, 'settable clock');
      await using fleet = await connectFleet({ ingressUrl: engine!.ingressUrl, agents: [worker] });
      const { agents, tasks } = fleet;
      const id = await agents.register({ module: worker });
      await agents.start(id);

      await node.setClock(offMs);
      const own = whose === 'its own' ? undefined : setOwnClock(offMs);
      const submitting = tasks.submit(id, { type: 'count', delayMs: 300 });
      await eventually(refusedCalls, (count) => count > 0);
      expect(await fateOf(submitting)).toBe('pending');
      await node.setClock(0);
      own?.setRight();
      const delayed = await submitting;
      const begunAt = Date.now();
      await tasks.result(delayed.id);
      expect((await tasks.get(delayed.id)).startedAt).toBeGreaterThanOrEqual(delayed.dueAt! - APART_MS);
      expect(Date.now() - begunAt).toBeLessThan(HOUR_MS / 2);
      expect((await agents.get(id)).incarnation).toBe(1);
      await agents.stop(id);
    },
  );
});
