/**
 * Ways through a pool that its model does not know: an autoscaler, an earlier program, a body that does not end, and
 * events that fall together.
 */
import { strict as assert } from 'node:assert';
import { pino } from 'pino';
import type { Watching } from '../../kit/drivers.ts';
import {
  type AgentSystem,
  type AgentSystemOptions,
  createAgentSystem,
  defineAgent,
  memoryStore,
  type PoolSpec,
  type ScalingSignalSource,
} from '../../../src/index.ts';
import {
  type ScriptedBody,
  type ScriptedHost,
  scriptedHost,
  settled,
  type SimulatedClock,
  simulatedClock,
} from '../../../src/testing/index.ts';

const worker = defineAgent({ type: 'worker', init: () => ({}), tasks: { work: { run: () => 'done' } } });

interface Scene {
  readonly system: AgentSystem;
  readonly host: ScriptedHost;
  readonly clock: SimulatedClock;
  open(options: Partial<PoolSpec>, restart?: 'never' | 'immediate'): Promise<void>;
  /** The living body of a member. */
  body(id: string): ScriptedBody;
  readonly pool: () => ReturnType<AgentSystem['pools']['get']>;
}

async function scene(watching: Watching, options: AgentSystemOptions = {}): Promise<Scene> {
  const clock = simulatedClock();
  const host = scriptedHost();
  const system = await createAgentSystem({
    clock,
    inspect: watching,
    random: () => 0,
    logger: pino({ level: 'silent' }),
    hosts: { 'in-process': host },
    ...options,
  });
  const body = (id: string) => host.live.find(({ start }) => start.agentId === id)!;
  return {
    system,
    host,
    clock,
    body,
    pool: () => system.pools.get('p'),
    open: async (given, policy = 'never') => {
      const created = system.pools.create({
        name: 'p',
        min: 1,
        max: 3,
        restart: { delayMs: 1_000, maxDelayMs: 2_000, maxRestarts: 1 },
        ...given,
        spec: {
          module: worker,
          restart: { policy, delayMs: 100 },
          health: { intervalMs: Infinity },
          shutdownMs: Infinity,
          startTimeoutMs: Infinity,
        },
      });
      await settled();
      for (const { start } of host.live) body(start.agentId).ready();
      await created;
      await settled();
    },
  };
}

/** Ends a system whatever its bodies do. */
async function end({ system, host, clock }: Scene): Promise<void> {
  const closed = system.close({ timeoutMs: 0 });
  await settled();
  for (const body of host.live) body.exit('killed');
  await clock.advance(100_000);
  await closed;
}

async function obey(body: ScriptedBody): Promise<void> {
  await settled();
  if (body.takeRequests().some(({ type }) => type === 'state.save')) {
    body.report({ type: 'state.saved', state: { json: '{}', stateVersion: 1 } });
    await settled();
  }
  body.exit('shutdown');
  await settled();
}

/** An autoscaler asks for another size. */
async function scaled(watching: Watching): Promise<void> {
  const all = await scene(watching);
  const { clock, body, pool } = all;
  let share = 1;
  const signal: ScalingSignalSource = () => ({ busyShare: share });
  const scale = { intervalMs: 10_000, up: { cooldownMs: 0 }, down: { cooldownMs: 0 }, signal };
  await all.open({ scale });
  await clock.advance(10_000);
  assert.equal(pool().wanted, 2);
  body('p-2').ready();
  share = 0.5;
  await settled();
  assert.equal(pool().status, 'steady');
  await end(all);
}

/** A pool that goes bad while its signal is being read is told to grow all the same, and does not. */
async function scaledTooLate(watching: Watching): Promise<void> {
  for (const losses of [1, 2]) {
    const all = await scene(watching);
    const { clock, body, pool } = all;
    let answer: (() => void) | undefined;
    const signal: ScalingSignalSource = () =>
      new Promise((resolve) => {
        answer = () => resolve({ busyShare: 1 });
      });
    await all.open({ target: 2, scale: { intervalMs: 10_000, signal } });
    await clock.advance(10_000);
    body('p-1').exit({ exitCode: 1 });
    await settled();
    if (losses === 2) {
      await clock.advance(500);
      body('p-3').exit({ exitCode: 1 });
      await settled();
    }
    assert.equal(pool().status, losses === 1 ? 'backing_off' : 'degraded');
    answer!();
    await settled();
    assert.equal(pool().wanted, 2);
    assert.equal(pool().status, losses === 1 ? 'backing_off' : 'degraded');
    await end(all);
  }
}

/** A second program on the same store finds the members. */
async function foundAgain(watching: Watching): Promise<void> {
  const store = memoryStore();
  const before = await scene(watching, { store });
  await before.open({ target: 2 });
  const after = await scene(watching, { store, agents: [worker] });
  await after.open({});
  assert.equal(after.pool().wanted, 2);
  await after.clock.advance(0);
  for (const id of ['p-1', 'p-2']) after.body(id).ready();
  await settled();
  assert.deepEqual(after.pool().members, ['p-1', 'p-2']);
  await end(after);
}

/** A body that does not end when it is killed keeps no close for ever. */
async function neverEnding(watching: Watching): Promise<void> {
  const all = await scene(watching);
  await all.open({});
  const closed = all.system.pools.close('p', { timeoutMs: 1_000 });
  await all.clock.advance(2_000);
  assert.deepEqual(await closed, { stopped: [], abandoned: ['p-1'], tasksAbandoned: 0 });
  assert.equal(all.system.agents.list().length, 1);
  await end(all);
}

/** A member that was told to leave does so while another is lost in the same turn. */
async function leavesInBadTimes(watching: Watching): Promise<void> {
  for (const losses of [1, 2]) {
    const all = await scene(watching);
    const { body, pool, clock, system } = all;
    await all.open({ target: 3 });
    if (losses === 2) {
      body('p-3').exit({ exitCode: 1 });
      await clock.advance(500);
      body('p-4').ready();
      await settled();
    }
    const busy = system.pools.execute('p', { type: 'work' }).catch(() => {});
    await settled();
    const [, leaving, lost] = pool().members;
    body(lost!).exit({ exitCode: 1 });
    const shrunk = system.pools.ensureSize('p', 2).catch(() => {});
    await settled();
    assert.equal(pool().status, losses === 1 ? 'backing_off' : 'degraded');
    await obey(body(leaving!));
    await end(all);
    await Promise.all([busy, shrunk]);
  }
}

/** Members that their own policy brings back while the pool, or the system, closes. */
async function comesBackInTheEnd(watching: Watching): Promise<void> {
  for (const ends of ['pool', 'system']) {
    const all = await scene(watching);
    const { body, clock, system } = all;
    await all.open({}, 'immediate');
    body('p-1').exit({ exitCode: 1 });
    const task = system.pools.execute('p', { type: 'work' });
    await settled();
    const closed =
      ends === 'pool' ? system.pools.close('p', { timeoutMs: 5_000 }) : system.close({ timeoutMs: 5_000 });
    await clock.advance(100);
    body('p-1').ready();
    await settled();
    const run = body('p-1')
      .takeRequests()
      .find(({ type }) => type === 'task.run');
    assert.ok(run && 'taskId' in run);
    body('p-1').report({ type: 'task.completed', taskId: run.taskId, output: 'done' });
    assert.equal(await task, 'done');
    await obey(body('p-1'));
    assert.deepEqual((await closed).stopped, ['p-1']);
    await end(all);
  }
}

export const scenarios: Readonly<Record<string, (watching: Watching) => Promise<void>>> = {
  'an autoscaler asks for another size': scaled,
  'an autoscaler asks too late': scaledTooLate,
  'a second program finds the members': foundAgain,
  'a body that does not end keeps no close for ever': neverEnding,
  'a member leaves while another is lost': leavesInBadTimes,
  'a member comes back while all ends': comesBackInTheEnd,
};
