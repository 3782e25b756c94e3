/** A program whose clock is an hour off uses a fleet on a real server: what is due at a time is due by the fleet's clock. */
import { afterAll, beforeAll, describe, expect, onTestFinished, test, vi } from 'vitest';
import { connectFleet } from '../../src/restate.ts';
import { type Engine, hasEngine, startEngine } from './engine.ts';
import { PATIENT_MS } from './fleet-rig.ts';
import { nodeProcess } from './node-process.ts';
import { worker } from './worker.ts';

// Real servers and processes share the machine with whatever else it does.
vi.setConfig({ testTimeout: 90_000, hookTimeout: 90_000 });

const HOUR_MS = 3_600_000;
/** How far the clocks of one machine's processes are taken to be apart, ms. */
const APART_MS = 50;

describe.runIf(hasEngine())('a program', () => {
  let engine: Engine | undefined;
  beforeAll(async () => {
    engine = await startEngine();
  });
  afterAll(() => engine?.stop());

  test.for([
    ['ahead', HOUR_MS],
    ['behind', -HOUR_MS],
  ] as const)(
    'whose clock is an hour %s: a task begins at its time, and after its delay',
    async ([, offMs]) => {
      await nodeProcess(engine!, `n-${offMs}`, { leaseMs: PATIENT_MS });
      const right = Date.now;
      const clock = vi.spyOn(Date, 'now').mockImplementation(() => right() + offMs);
      onTestFinished(() => clock.mockRestore());
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
