/** Laws of a pool’s size, and of its members. */
import { describe, expect, test } from 'vitest';
import { settled } from '../../src/testing/index.ts';
import { codeOf, fateOf, refusal } from '../kit/rig.ts';
import { poolRig } from './pool-rig.ts';

describe('a size', () => {
  test('is reached when the call returns', async () => {
    const { pools, pool, agents } = await poolRig();
    expect(await pools.ensureSize('p', 3)).toMatchObject({ status: 'steady', live: 3, wanted: 3 });
    expect(await pools.ensureSize('p', 3)).toMatchObject({ live: 3 });
    expect(await pools.ensureSize('p', 1)).toMatchObject({ status: 'steady', live: 1 });
    expect(agents.list()).toHaveLength(1);
    expect(pool().members).toHaveLength(1);
  });

  test('shrinks by the idle ones, and by busy ones when they are done, however long that takes', async () => {
    const { pools, pool, work, clock, shop, agents, finishOne } = await poolRig({ target: 3 });
    const tasks = [work(), work()];
    await settled();
    const shrunk = pools.ensureSize('p', 1);
    await clock.advance(3_600_000);
    expect(pool()).toMatchObject({ status: 'shrinking', live: 1, draining: 1 });
    expect(agents.list().map(({ id }) => id)).toEqual(['p-1', 'p-2']);
    expect(shop.jobs.some(({ signal }) => signal.aborted)).toBe(false);
    expect(await fateOf(shrunk)).toBe('pending');
    await finishOne();
    await finishOne();
    expect(await Promise.all(tasks)).toEqual(['done', 'done']);
    expect(await shrunk).toMatchObject({ status: 'steady', live: 1, draining: 0 });
    expect(agents.list()).toHaveLength(1);
  });

  test('a member that drains gets no more tasks, and finishes those of callers that address it by its id', async () => {
    const { pools, pool, work, shop, agents, finishOne } = await poolRig({ target: 2 });
    void work();
    void work();
    await settled();
    void pools.ensureSize('p', 1);
    await settled();
    const [leaving] = pool().members.slice(-1);
    const other = agents.execute(leaving!, { type: 'work' });
    const next = work();
    await settled();
    expect(shop.jobs).toHaveLength(2);
    shop.jobs.find(({ agentId }) => agentId === leaving)!.done();
    await settled();
    expect(pool()).toMatchObject({ draining: 1, waiting: 1 });
    shop.jobs.find(({ agentId }) => agentId === leaving)!.done('other');
    expect(await other).toBe('other');
    await settled();
    expect(pool()).toMatchObject({ status: 'steady', draining: 0, waiting: 1 });
    await finishOne();
    await finishOne();
    expect(await next).toBe('done');
  });

  test('a shrink that is taken back keeps those that have not stopped yet', async () => {
    const { pools, pool, work, shop, agents } = await poolRig({ target: 3 });
    for (let task = 0; task < 3; task++) void work();
    await settled();
    const shrunk = pools.ensureSize('p', 1);
    await settled();
    expect(pool()).toMatchObject({ live: 1, draining: 2 });
    const grown = pools.ensureSize('p', 4);
    expect(await grown).toMatchObject({ status: 'steady', live: 4, draining: 0, idle: 1 });
    expect(await shrunk).toMatchObject({ live: 4 });
    expect(shop.inits).toBe(4);
    for (const job of shop.jobs.slice()) job.done();
    await settled();
    expect(pool()).toMatchObject({ status: 'steady', live: 4, idle: 4 });
    expect(agents.list()).toHaveLength(4);
  });

  test('a shrink and a growth at once stop nobody and start nobody', async () => {
    const { pools, pool, shop, eventsOf } = await poolRig({ target: 3 });
    await Promise.all([pools.ensureSize('p', 1), pools.ensureSize('p', 3)]);
    expect(pool()).toMatchObject({ status: 'steady', live: 3, idle: 3 });
    expect(shop.inits).toBe(3);
    expect(eventsOf('agent.stopping')).toEqual([]);
  });

  test.each([0, 1, 2, 3, 4, 5, 6, 8, 12, 20])(
    'that is taken back and set again, %d turns later each, is there when the calls return',
    async (turns) => {
      const { pools, agents } = await poolRig();
      const wait = async () => {
        for (let turn = 0; turn < turns; turn++) await Promise.resolve();
      };
      const first = pools.ensureSize('p', 4);
      await wait();
      const second = pools.ensureSize('p', 1);
      await wait();
      expect(await pools.ensureSize('p', 4)).toMatchObject({ status: 'steady', wanted: 4, live: 4, idle: 4 });
      expect(agents.list().map(({ status }) => status)).toEqual(Array(4).fill('running'));
      for (const { status, live, wanted } of [await first, await second]) {
        expect({ status, live }).toEqual({ status: 'steady', live: wanted });
      }
    },
  );

  test('that is overtaken while members start is answered with the one that is set last', async () => {
    const { pools } = await poolRig();
    const [overtaken, last] = await Promise.all([pools.ensureSize('p', 4), pools.ensureSize('p', 2)]);
    expect(overtaken).toMatchObject({ status: 'steady', wanted: 2, live: 2 });
    expect(last).toEqual(overtaken);
  });

  test('is told of as it was when it was reached, whatever was asked for since', async () => {
    const { pools } = await poolRig({ target: 3 });
    const [first, second] = await Promise.all([pools.ensureSize('p', 3), pools.ensureSize('p', 1)]);
    expect(first).toMatchObject({ status: 'steady', wanted: 3, live: 3, draining: 0 });
    expect(second).toMatchObject({ status: 'steady', wanted: 1, live: 1, draining: 0 });
  });

  test('that cannot be reached goes back, by as much, and the caller hears why', async () => {
    const { pools, pool, shop, clock, eventsOf } = await poolRig();
    shop.onInit = 'hold';
    const grown = pools.ensureSize('p', 4);
    await settled();
    const [first, second, third] = shop.starts.splice(0);
    first!.resolve();
    second!.reject(new Error('no key'));
    third!.resolve();
    expect(await refusal(grown)).toMatchObject({ code: 'AGENT_START_FAILED', cause: { message: 'no key' } });
    expect(pool()).toMatchObject({ status: 'steady', wanted: 3, live: 3 });
    expect(eventsOf('pool.scaled').map(({ from, to }) => [from, to])).toEqual([
      [0, 1],
      [1, 4],
      [4, 3],
    ]);
    expect(clock.pending()).toEqual([]);
  });

  test('that cannot be reached again says why this time', async () => {
    const { pools, shop } = await poolRig();
    for (const why of ['no key', 'no quota']) {
      shop.onInit = new Error(why);
      expect((await refusal(pools.ensureSize('p', 2))).cause).toMatchObject({ message: why });
    }
  });

  test('that there is no room for registers nobody', async () => {
    const options = { maxConcurrentStarts: 1 };
    const { pools, eventsOf } = await poolRig(options, { limits: { maxAgents: 2 } });
    expect(await codeOf(pools.ensureSize('p', 4))).toBe('RESOURCES_EXHAUSTED');
    expect(eventsOf('agent.registered')).toHaveLength(2);
  });

  test('grows by no more at once than the pool allows', async () => {
    const { pools, pool, shop } = await poolRig({ max: 8, maxConcurrentStarts: 3 });
    shop.onInit = 'hold';
    const grown = pools.ensureSize('p', 8);
    for (let started = 1; started < 8; started++) {
      await settled();
      expect(pool()).toMatchObject({ live: started, starting: Math.min(3, 8 - started) });
      shop.starts.shift()!.resolve();
    }
    expect(await grown).toMatchObject({ status: 'steady', live: 8 });
  });

  test('beyond what the system has room for goes back to what it has', async () => {
    const { pools, pool, system, clock } = await poolRig({}, { limits: { maxAgents: 2 } });
    expect(await codeOf(pools.ensureSize('p', 4))).toBe('RESOURCES_EXHAUSTED');
    expect(pool()).toMatchObject({ status: 'steady', wanted: 2, live: 2 });
    expect(system.alerts.list()).toEqual([]);
    expect(clock.pending()).toEqual([]);
  });
});

describe('a member', () => {
  test('that crashes comes back by its own policy, and is not replaced', async () => {
    const { pool, agents, work, clock, shop } = await poolRig({
      target: 2,
      spec: { restart: { policy: 'immediate', delayMs: 1_000 } },
    });
    void agents.kill('p-1');
    await settled();
    expect(pool()).toMatchObject({ status: 'steady', live: 1, down: 1, wanted: 2 });
    void work();
    const waiting = work();
    await settled();
    expect(pool().waiting).toBe(1);
    await clock.advance(1_000);
    expect(pool()).toMatchObject({ live: 2, down: 0, waiting: 0 });
    expect(pool().members.toSorted()).toEqual(['p-1', 'p-2']);
    for (const job of shop.jobs.slice()) job.done('done');
    expect(await waiting).toBe('done');
  });

  test('that has given up is replaced, and forgotten', async () => {
    const { pool, agents, clock, system } = await poolRig({
      spec: { restart: { policy: 'immediate', delayMs: 100, maxRestarts: 1 } },
    });
    void agents.kill('p-1');
    await clock.advance(100);
    expect(pool()).toMatchObject({ live: 1 });
    void agents.kill('p-1');
    await settled();
    expect(pool()).toMatchObject({ status: 'backing_off', live: 0, down: 0 });
    expect(pool().lastFailure).toContain('p-1');
    expect(pool().retryAt).toBe(clock.now() + 500);
    await clock.advance(500);
    expect(pool()).toMatchObject({ status: 'steady', live: 1, members: ['p-2'] });
    expect(agents.list()).toHaveLength(1);
    expect(system.alerts.list()).toEqual([]);
  });

  test('that has completed its work is replaced at once', async () => {
    const { pools, pool, agents } = await poolRig();
    await pools.execute('p', { type: 'quick' });
    await pools.execute('p', { type: 'finish' });
    await settled();
    expect(pool()).toMatchObject({ status: 'steady', live: 1, members: ['p-2'] });
    expect(agents.list()).toHaveLength(1);
  });

  test('that somebody stops or forgets is replaced at once', async () => {
    const { pool, agents } = await poolRig({ target: 2 });
    await agents.stop('p-1');
    await settled();
    expect(pool()).toMatchObject({ status: 'steady', members: ['p-2', 'p-3'] });
  });

  test('that crashes as soon as it lives is no storm: starts are further and further apart, and then rare', async () => {
    const { pool, agents, clock, system, eventsOf, shop } = await poolRig({ max: 8, target: 8 });
    const starts = () => eventsOf('agent.starting').length;
    expect(starts()).toBe(8);
    shop.onInit = new Error('no more');
    for (const id of pool().members) void agents.kill(id);
    await settled();
    expect(pool()).toMatchObject({ status: 'backing_off', live: 0 });
    const tries: number[] = [];
    for (let second = 0; second < 600; second++) {
      const before = starts();
      await clock.advance(1_000);
      if (starts() > before) tries.push(second);
      expect(starts() - before).toBeLessThanOrEqual(1);
    }
    expect(pool().status).toBe('degraded');
    expect(system.alerts.list()).toMatchObject([{ alert: 'pool_degraded', pool: 'p' }]);
    expect(eventsOf('alert.raised')).toHaveLength(1);
    expect(tries.slice(0, 5)).toEqual([0, 1, 3, 7, 15]);
    expect(tries.length).toBeLessThan(16);
    shop.onInit = 'return';
    await clock.advance(60_000);
    expect(pool()).toMatchObject({ status: 'steady', live: 8 });
    expect(system.alerts.list()).toEqual([]);
  });

  test('of a pool that is degraded serves on, and a caller who sets the size has it tried at once', async () => {
    const { pools, pool, agents, clock, shop, work, finishOne, system } = await poolRig({
      target: 2,
      restart: { maxRestarts: 0 },
    });
    shop.onInit = new Error('no key');
    void agents.kill('p-1');
    await settled();
    expect(pool()).toMatchObject({ status: 'degraded', live: 1 });
    const task = work();
    await settled();
    await finishOne();
    expect(await task).toBe('done');
    expect(await codeOf(pools.ensureSize('p', 2))).toBe('AGENT_START_FAILED');
    expect(pool().status).toBe('degraded');
    shop.onInit = 'return';
    expect(await pools.ensureSize('p', 2)).toMatchObject({ status: 'steady', live: 2 });
    expect(system.alerts.list()).toEqual([]);
    expect(clock.pending()).toEqual([]);
  });

  test('that the system has no room for is tried again until it has', async () => {
    const { pool, agents, clock, system, shop } = await poolRig({}, { limits: { maxAgents: 1 } });
    await agents.register({ id: 'rival', module: shop.definition, health: { intervalMs: Infinity } });
    void agents.kill('p-1');
    await settled();
    await agents.start('rival');
    await clock.advance(500);
    expect(pool()).toMatchObject({ status: 'backing_off', live: 0 });
    expect(system.alerts.list()).toMatchObject([{ alert: 'pool_starved', pool: 'p' }]);
    await clock.advance(3_600_000);
    expect(pool().status).toBe('backing_off');
    await agents.stop('rival');
    await clock.advance(60_000);
    expect(pool()).toMatchObject({ status: 'steady', live: 1 });
    expect(system.alerts.list()).toEqual([]);
  });
});
