/** A fleet whose parts are at odds: many callers with one key, wrong clocks, other code of a type. */
import { describe, expect, onTestFinished, test } from 'vitest';
import { connectFleet } from '../../src/restate.ts';
import { defineAgent } from '../../src/index.ts';
import { systemClock } from '../../src/runtime/time/clock.ts';
import { eventually } from '../kit/eventually.ts';
import { codeOf } from '../kit/rig.ts';
import { hasEngine } from './engine.ts';
import { fleetRig, fresh, sharedEngine } from './fleet-rig.ts';
import { worker } from './worker.ts';

const HOUR_MS = 3_600_000;

const mixed = (tasks: object) => defineAgent({ type: 'mixed', init: () => ({}), tasks: tasks as never });

describe.runIf(hasEngine())('a fleet whose parts do not agree', () => {
  const engine = sharedEngine();

  test('64 callers of eight programs with one key have one task, and it is done once', async () => {
    const { fleet, node } = await fleetRig(engine(), [worker]);
    await node(fresh('n'));
    const id = await fleet.agents.register({ module: worker });
    await fleet.agents.start(id);
    const programs = await Promise.all(
      Array.from({ length: 8 }, () => connectFleet({ ingressUrl: engine().ingressUrl })),
    );
    onTestFinished(async () => {
      for (const program of programs) await program.close();
    });
    const idempotencyKey = crypto.randomUUID();
    const submitted = await Promise.all(
      Array.from({ length: 64 }, (_, at) =>
        programs[at % programs.length]!.tasks.submit(id, { type: 'count', idempotencyKey }),
      ),
    );
    const ids = new Set(submitted.map((task) => task.id));
    expect(ids.size).toBe(1);
    const [taskId = ''] = ids;
    const results = await Promise.all(programs.map((program) => program.tasks.result(taskId)));
    expect(new Set(results)).toEqual(new Set([1]));
    expect(await fleet.agents.execute(id, { type: 'count' })).toBe(2);
  });

  test('a node whose clock is an hour ahead, and one whose is an hour late, run their agents all the same', async () => {
    const { fleet, node } = await fleetRig(engine(), [worker]);
    const { agents } = fleet;
    for (const aheadMs of [HOUR_MS, -HOUR_MS]) {
      const own = systemClock();
      const clock = { ...own, now: () => Date.now() + aheadMs };
      const name = fresh('clock');
      await node(name, { clock: { ...clock, setTimeout: own.setTimeout, clearTimeout: own.clearTimeout } });
      const restart = { policy: 'immediate', delayMs: 50 } as const;
      const id = await agents.register({ module: worker, placement: { node: name }, restart });
      await agents.start(id);
      expect(await agents.execute(id, { type: 'count' })).toBe(1);
      expect(await codeOf(agents.execute(id, { type: 'work', input: { ms: 60_000 }, timeoutMs: 200 }))).toBe(
        'TASK_TIMED_OUT',
      );
      expect(await agents.checkHealth(id)).toMatchObject({ status: 'healthy' });
      await agents.kill(id);
      await eventually(
        () => agents.get(id),
        ({ status, incarnation }) => status === 'running' && incarnation === 2,
      );
      expect(await agents.execute(id, { type: 'count' })).toBe(2);
      expect(await agents.stop(id)).toMatchObject({ status: 'stopped', reason: 'shutdown' });
    }
  });

  test('an agent whose node has other code of its type does what that code can, and is refused the rest by name', async () => {
    const earlier = mixed({ shared: { run: () => 'earlier' }, dropped: { run: () => 'dropped' } });
    const later = mixed({ shared: { run: () => 'later' }, added: { run: () => 'added' } });
    const { fleet, node } = await fleetRig(engine(), [earlier]);
    const { agents } = fleet;
    const names = [fresh('earlier'), fresh('later')] as const;
    await node(names[0], { agents: [earlier] });
    await node(names[1], { agents: [later] });
    const on = async (name: string) => {
      const id = await agents.register({ module: earlier, placement: { node: name } });
      await agents.start(id);
      return id;
    };
    const [one, other] = [await on(names[0]), await on(names[1])];
    const run = (id: string, type: string) => agents.execute(id, { type });
    expect(await run(one, 'shared')).toBe('earlier');
    expect(await run(other, 'shared')).toBe('later');
    expect(await run(other, 'added')).toBe('added');
    expect(await codeOf(run(one, 'added'))).toBe('TASK_INCOMPATIBLE');
    expect(await codeOf(run(other, 'dropped'))).toBe('TASK_INCOMPATIBLE');
    expect((await agents.get(one)).status).toBe('running');
  });
});
