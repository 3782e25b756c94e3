/** Pools that size themselves by their own load, as their users see them. */
import { describe, expect, test } from 'vitest';
import { defineAgent, type ScalingSignalSource } from '../../src/index.ts';
import type { ScalingSignal } from '../../src/machines/index.ts';
import { scriptedHost, settled } from '../../src/testing/index.ts';
import { fateOf, gate } from '../kit/rig.ts';
import { poolRig } from './pool-rig.ts';
import { eventually } from '../kit/eventually.ts';

const allBusy: ScalingSignalSource = () => ({ busyShare: 1 });

const INTERVAL_MS = 10_000;
const ownLoad: ScalingSignalSource = () => ({});
const failing: ScalingSignalSource = () => Promise.reject(new Error('no figures today'));
const scale = {
  intervalMs: INTERVAL_MS,
  up: { cooldownMs: 0 },
  down: { cooldownMs: 0 },
  signal: ownLoad,
};

test('grows while its members are busy, and shrinks when they are not', async () => {
  const { pool, work, clock, shop, eventsOf } = await poolRig({ max: 3, scale });
  for (let task = 0; task < 3; task++) void work();
  await clock.advance(INTERVAL_MS);
  expect(pool()).toMatchObject({ wanted: 2, live: 2, waiting: 1 });
  await clock.advance(INTERVAL_MS);
  expect(pool()).toMatchObject({ wanted: 3, live: 3, waiting: 0 });
  await clock.advance(INTERVAL_MS);
  expect(pool().wanted).toBe(3);
  for (const job of shop.jobs.slice()) job.done();
  await clock.advance(INTERVAL_MS);
  expect(pool().wanted).toBe(2);
  await clock.advance(INTERVAL_MS);
  expect(pool()).toMatchObject({ status: 'steady', wanted: 1, live: 1 });
  await clock.advance(INTERVAL_MS);
  expect(pool().wanted).toBe(1);
  expect(eventsOf('pool.scaled').map(({ to, why }) => [to, why])).toEqual([
    [1, 'created'],
    [2, '100 % busy, 2 waiting'],
    [3, '100 % busy, 1 waiting'],
    [2, '0 % busy, 0 waiting'],
    [1, '0 % busy, 0 waiting'],
  ]);
});

test('shrinks by its step, to where it would not grow again, and to its min, with a cooldown between', async () => {
  const down = { step: 4, cooldownMs: 2 * INTERVAL_MS };
  const signal = { busyShare: 0.3 };
  const { clock, eventsOf } = await poolRig({
    min: 2,
    max: 10,
    target: 10,
    scale: { ...scale, down, signal: () => signal },
  });
  const toAfter = () => {
    const [first, ...rest] = eventsOf('pool.scaled');
    return rest.map(({ to, at }) => [to, (at - first!.at) / INTERVAL_MS]);
  };
  await clock.advance(INTERVAL_MS);
  expect(toAfter()).toEqual([[6, 1]]);
  await clock.advance(2 * INTERVAL_MS - 1);
  expect(toAfter()).toEqual([[6, 1]]);
  // 1.8 of 6 are busy: that is less than 0.8 of 3, and not of 2.
  await clock.advance(1);
  expect(toAfter().slice(1)).toEqual([[3, 3]]);
  signal.busyShare = 0;
  await clock.advance(10 * INTERVAL_MS);
  expect(toAfter().slice(2)).toEqual([[2, 5]]);
});

test('goes by the whole time since it looked last, not by the moment', async () => {
  const { pool, work, clock, shop } = await poolRig({ max: 3, target: 2, scale });
  void work();
  void work();
  await clock.advance(INTERVAL_MS - 1);
  for (const job of shop.jobs.slice()) job.done();
  await clock.advance(1);
  expect(pool()).toMatchObject({ wanted: 3 });
  expect(pool().scaling).toMatchObject({
    decision: { action: 'scale', to: 3 },
    metrics: { size: 2, waiting: 0 },
  });
  expect(pool().scaling!.metrics!.busyShare).toBeCloseTo(0.9999);
});

test('a busy member that has to go is waited for, and stays when it is needed again', async () => {
  const busyShare = { value: 0 };
  const signal: ScalingSignalSource = () => ({ busyShare: busyShare.value });
  const { pool, work, clock, shop } = await poolRig({ max: 2, target: 2, scale: { ...scale, signal } });
  void work();
  void work();
  await clock.advance(INTERVAL_MS);
  expect(pool()).toMatchObject({ status: 'shrinking', wanted: 1, live: 1, draining: 1 });
  await clock.advance(INTERVAL_MS);
  busyShare.value = 1;
  await clock.advance(INTERVAL_MS);
  expect(pool()).toMatchObject({ status: 'steady', wanted: 2, live: 2, draining: 0 });
  expect(shop.inits).toBe(2);
  expect(shop.jobs.some(({ signal }) => signal.aborted)).toBe(false);
});

test('of no member gets one as soon as a task waits', async () => {
  const { pool, work, clock, finishOne } = await poolRig({ min: 0, scale });
  const task = work();
  await settled();
  expect(pool()).toMatchObject({ status: 'steady', wanted: 1, live: 1, waiting: 0 });
  await finishOne();
  expect(await task).toBe('done');
  await clock.advance(2 * INTERVAL_MS);
  expect(pool()).toMatchObject({ status: 'steady', wanted: 0, live: 0 });
});

describe('of no member gets one as soon as a task waits, whatever cooldown runs', () => {
  const slow = { intervalMs: INTERVAL_MS, up: {}, down: { cooldownMs: 0 }, signal: ownLoad };

  test('that of a growth of its own, again and again', async () => {
    const { pool, work, clock, finishOne, eventsOf } = await poolRig({ min: 0, scale: slow });
    for (let time = 0; time < 3; time++) {
      const task = work();
      await settled();
      expect(pool()).toMatchObject({ status: 'steady', wanted: 1, live: 1, waiting: 0 });
      await finishOne();
      await task;
      while (pool().wanted > 0) await clock.advance(INTERVAL_MS);
    }
    // Twice within the 30 s that a growth keeps the next one waiting.
    const grownAt = eventsOf('pool.scaled').flatMap(({ at, to }) => (to === 1 ? [at] : []));
    expect(grownAt.map((at) => at - grownAt[0]!)).toEqual([0, INTERVAL_MS, 2 * INTERVAL_MS]);
  });

  test('that of a size that somebody set, also when tasks wait as it is set', async () => {
    const { pool, pools, work, shop } = await poolRig({ min: 0, target: 1, scale: slow });
    await pools.ensureSize('p', 2);
    await pools.ensureSize('p', 0);
    void work();
    await settled();
    expect(pool()).toMatchObject({ wanted: 1, live: 1, waiting: 0 });
    void work();
    void work();
    await settled();
    expect(pool()).toMatchObject({ wanted: 1, waiting: 2 });
    void pools.ensureSize('p', 0);
    await settled();
    expect(pool()).toMatchObject({ wanted: 1, live: 1, draining: 0, waiting: 2 });
    expect(shop.jobs).toHaveLength(1);
  });

  test('and where there is no room, asks for it once an interval', async () => {
    const limits = { maxAgents: 1 };
    const { pool, work, clock, agents, shop, eventsOf } = await poolRig({ min: 0, scale: slow }, { limits });
    await agents.start(await agents.register({ id: 'rival', module: shop.definition }));
    void work();
    await clock.advance(INTERVAL_MS);
    expect(pool()).toMatchObject({ wanted: 0, waiting: 1, scaling: { decision: { action: 'blocked' } } });
    expect(eventsOf('alert.raised').map(({ alert }) => alert)).toEqual(['scaling_blocked']);
    await agents.stop('rival');
    await clock.advance(INTERVAL_MS);
    expect(pool()).toMatchObject({ wanted: 1, live: 1, waiting: 0 });
  });
});

describe('of no member gets one as soon as a task waits, also when that comes', () => {
  test('while the signal is read, whatever that says of the time before', async () => {
    let answer = gate<ScalingSignal>();
    const { pool, work, clock } = await poolRig({
      min: 0,
      scale: { ...scale, signal: () => answer.promise },
    });
    await clock.advance(INTERVAL_MS);
    void work();
    expect(pool()).toMatchObject({ wanted: 0, waiting: 1, scaling: { status: 'reading' } });
    const outdated = answer;
    answer = gate();
    outdated.resolve({ waiting: 0, busyShare: 0 });
    answer.resolve({});
    await settled();
    expect(pool()).toMatchObject({ status: 'steady', wanted: 1, live: 1, waiting: 0 });
  });

  test('while the signal is read in vain', async () => {
    const answers: PromiseWithResolvers<ScalingSignal>[] = [];
    const signal = () => {
      answers.push(gate());
      return answers.at(-1)!.promise;
    };
    const { pool, work, clock } = await poolRig({ min: 0, scale: { ...scale, signal } });
    await clock.advance(INTERVAL_MS);
    void work();
    answers[0]!.reject(new Error('no figures today'));
    await settled();
    expect(answers).toHaveLength(1);
    expect(pool()).toMatchObject({ status: 'steady', wanted: 1, live: 1, waiting: 0 });
  });

  test.each([
    ['throws', 0, failing],
    ['never answers', INTERVAL_MS, () => new Promise<never>(() => {})],
  ])('while the signal %s', async (_, afterMs, signal) => {
    const up = { cooldownMs: 0, step: 3 };
    const { pool, work, clock, finishOne, system } = await poolRig({
      min: 0,
      max: 5,
      scale: { ...scale, up, signal },
    });
    const tasks = [work(), work(), work(), work()];
    if (afterMs > 0) {
      await clock.advance(afterMs - 1);
      expect(pool()).toMatchObject({ wanted: 0, waiting: 4 });
      await clock.advance(1);
    }
    await settled();
    expect(pool()).toMatchObject({ status: 'steady', wanted: 1, live: 1, waiting: 3 });
    expect(system.alerts.list().map(({ alert }) => alert)).toEqual(['scaling_signal_failed']);
    await clock.advance(5 * INTERVAL_MS);
    expect(pool()).toMatchObject({ wanted: 1, waiting: 3 });
    for (let n = 0; n < tasks.length; n++) await finishOne();
    await Promise.all(tasks);
  });

  test('while the signal throws and there is no room: it starts when there is', async () => {
    const limits = { maxAgents: 1 };
    const { pool, work, clock, agents, shop, system } = await poolRig(
      { min: 0, scale: { ...scale, signal: failing } },
      { limits },
    );
    await agents.start(await agents.register({ id: 'rival', module: shop.definition }));
    void work();
    await clock.advance(2 * INTERVAL_MS);
    expect(pool()).toMatchObject({ wanted: 0, waiting: 1 });
    expect(system.alerts.list().map(({ alert }) => alert)).toEqual(['scaling_signal_failed']);
    await agents.stop('rival');
    await clock.advance(INTERVAL_MS);
    expect(pool()).toMatchObject({ wanted: 1, live: 1, waiting: 0 });
  });

  test('while the last member ends', async () => {
    const ends = gate();
    const slow = defineAgent({
      type: 'slow',
      init: () => ({}),
      tasks: { work: { run: () => 'done' } },
      terminate: () => ends.promise,
    });
    const { pool, pools, clock } = await poolRig({ min: 0, target: 1, scale, spec: { module: slow } });
    await clock.advance(INTERVAL_MS);
    expect(pool()).toMatchObject({ status: 'shrinking', wanted: 0, draining: 1 });
    expect(await fateOf(pools.execute('p', { type: 'work' }))).toEqual({ value: 'done' });
    expect(pool()).toMatchObject({ wanted: 1, live: 1, draining: 1 });
    ends.resolve();
    await settled();
    expect(pool()).toMatchObject({ status: 'steady', wanted: 1, live: 1, draining: 0 });
  });

  test('before a look that did not see it sends the last member away', async () => {
    let answer = gate<ScalingSignal>();
    const signal = () => answer.promise;
    const { pool, work, clock, shop } = await poolRig({
      min: 0,
      target: 1,
      scale: { ...scale, signal },
    });
    await clock.advance(INTERVAL_MS);
    void work();
    void work();
    await settled();
    const outdated = answer;
    answer = gate();
    outdated.resolve({});
    await settled();
    expect(pool()).toMatchObject({ wanted: 0, draining: 1, waiting: 1, scaling: { status: 'reading' } });
    answer.resolve({});
    await settled();
    expect(pool()).toMatchObject({ status: 'steady', wanted: 1, live: 1, draining: 0 });
    expect(shop.jobs.some((job) => job.signal.aborted)).toBe(false);
  });

  test('again, as the member that did it was lost', async () => {
    const { pool, pools, clock, agents, shop } = await poolRig({
      min: 0,
      target: 1,
      retryAbandoned: 1,
      scale: { ...scale, signal: ({ size }) => (size === 1 ? { busyShare: 0 } : {}) },
    });
    void pools.execute('p', { type: 'again' }).catch(() => {});
    await clock.advance(INTERVAL_MS);
    expect(pool()).toMatchObject({ wanted: 0, draining: 1, waiting: 0 });
    await clock.advance(INTERVAL_MS);
    void agents.kill('p-1');
    await settled();
    expect(pool()).toMatchObject({ wanted: 1, live: 1, waiting: 0 });
    expect(shop.jobs.at(-1)!.agentId).toBe('p-2');
  });
});

test('without an autoscaler no member comes by itself', async () => {
  const { pools, pool, work } = await poolRig({ min: 0 });
  const task = work();
  expect(await fateOf(task)).toBe('pending');
  expect(pool()).toMatchObject({ wanted: 0, waiting: 1 });
  await pools.ensureSize('p', 1);
  expect(pool().waiting).toBe(0);
});

test('a size that somebody sets stands for a cooldown', async () => {
  const { pools, pool, clock } = await poolRig({
    scale: { ...scale, down: { cooldownMs: 3 * INTERVAL_MS } },
  });
  await pools.ensureSize('p', 3);
  await clock.advance(2 * INTERVAL_MS);
  expect(pool()).toMatchObject({ wanted: 3, scaling: { status: 'cooling_down' } });
  await clock.advance(INTERVAL_MS);
  expect(pool().wanted).toBe(2);
});

describe('does not grow', () => {
  test('while memory is short, and says so once, until it can', async () => {
    const strain = { memoryPressure: 0.5 };
    const { pool, work, clock, system, eventsOf } = await poolRig({
      scale: { ...scale, signal: () => strain },
    });
    void work();
    await clock.advance(3 * INTERVAL_MS);
    expect(pool().wanted).toBe(1);
    expect(system.alerts.list()).toMatchObject([{ alert: 'scaling_blocked', pool: 'p' }]);
    expect(system.alerts.list()[0]!.message).toContain('memory');
    strain.memoryPressure = 0;
    await clock.advance(INTERVAL_MS);
    expect(pool().wanted).toBe(2);
    expect(system.alerts.list()).toEqual([]);
    expect(eventsOf('alert.raised')).toHaveLength(1);
  });

  test('beyond what the system has room for, in agents or in bytes', async () => {
    const { pool, work, clock, system } = await poolRig({ scale }, { limits: { maxAgents: 1 } });
    void work();
    await clock.advance(INTERVAL_MS);
    expect(pool().wanted).toBe(1);
    expect(pool().scaling!.metrics!.admissible).toBe(0);
    expect(system.alerts.list()[0]!.message).toContain('limits');
  });

  test('when the room is taken while it grows: it goes back, and says why', async () => {
    const signal: ScalingSignalSource = ({ admissible }) => {
      if (admissible === 1) void system.agents.start('rival').catch(() => {});
      return { busyShare: 1 };
    };
    const { pool, clock, system, agents, shop, eventsOf } = await poolRig(
      { scale: { ...scale, signal } },
      { limits: { maxAgents: 2 } },
    );
    await agents.register({ id: 'rival', module: shop.definition, health: { intervalMs: Infinity } });
    await clock.advance(INTERVAL_MS);
    expect(pool()).toMatchObject({ status: 'steady', wanted: 1, live: 1 });
    expect(eventsOf('pool.scaled').slice(1)).toMatchObject([
      { from: 1, to: 2 },
      { from: 2, to: 1, why: expect.stringContaining('maxAgents') as string },
    ]);
  });

  test('while a start is under way or has failed', async () => {
    const { pool, clock, shop } = await poolRig({ scale: { ...scale, signal: allBusy } });
    shop.onInit = 'hold';
    await clock.advance(INTERVAL_MS);
    expect(pool()).toMatchObject({ status: 'growing', wanted: 2, starting: 1 });
    await clock.advance(2 * INTERVAL_MS);
    expect(pool()).toMatchObject({ wanted: 2, starting: 1 });
    shop.starts[0]!.reject(new Error('no key'));
    shop.onInit = new Error('no key');
    await settled();
    expect(pool()).toMatchObject({ status: 'backing_off', wanted: 2 });
    await clock.advance(10 * INTERVAL_MS);
    expect(pool()).toMatchObject({ status: 'degraded', wanted: 2 });
  });
});

describe('a signal', () => {
  const broken: readonly (readonly [string, () => unknown, string])[] = [
    [
      'that throws',
      () => {
        throw new Error('no figures today');
      },
      'no figures today',
    ],
    ['that rejects', () => Promise.reject(new Error('no figures today')), 'no figures today'],
    ['that is no object', () => 7, 'scale.signal'],
    ['that is nothing', () => undefined, 'scale.signal'],
    ['with a figure that is no number', () => ({ busyShare: Number.NaN }), 'busyShare'],
    ['with a negative figure', () => ({ waiting: -1 }), 'waiting'],
    ['with a figure that there is not', () => ({ gpu: 1 }), 'gpu'],
    ['that never answers', () => new Promise(() => {}), 'no answer'],
  ];

  test.each(broken)(
    '%s changes nothing, and is an alert until it is well again',
    async (_, answer, words) => {
      let signal = answer as ScalingSignalSource;
      const { pool, clock, system } = await poolRig({
        scale: { ...scale, signal: (load) => signal(load) },
      });
      await clock.advance(2 * INTERVAL_MS);
      const [alert, ...others] = system.alerts.list();
      expect(alert).toMatchObject({ alert: 'scaling_signal_failed', pool: 'p' });
      expect(alert!.message).toContain(words);
      expect(others).toEqual([]);
      expect(pool()).toMatchObject({ status: 'steady', wanted: 1 });
      signal = () => ({ busyShare: 1 });
      await clock.advance(2 * INTERVAL_MS);
      expect(system.alerts.list()).toEqual([]);
      expect(pool().wanted).toBeGreaterThan(1);
    },
  );

  test('that answers too late is not heard, not even in place of the next answer', async () => {
    const answers: PromiseWithResolvers<{ busyShare: number }>[] = [];
    const signal: ScalingSignalSource = () => {
      const answer = Promise.withResolvers<{ busyShare: number }>();
      answers.push(answer);
      return answer.promise;
    };
    const { pool, clock } = await poolRig({ scale: { ...scale, signal } });
    await clock.advance(3 * INTERVAL_MS);
    expect(answers).toHaveLength(2);
    answers[0]!.resolve({ busyShare: 1 });
    await settled();
    expect(pool()).toMatchObject({ wanted: 1, scaling: { status: 'reading' } });
    answers[1]!.resolve({ busyShare: 0.5 });
    await settled();
    expect(pool()).toMatchObject({ wanted: 1, scaling: { status: 'watching' } });
  });

  test('is given what the pool knows of its own load', async () => {
    const seen: unknown[] = [];
    const { work, clock } = await poolRig({
      scale: {
        ...scale,
        signal: (load) => {
          seen.push(load);
          return { busyShare: 0.5 };
        },
      },
    });
    void work();
    void work();
    await clock.advance(INTERVAL_MS);
    expect(seen).toEqual([{ size: 1, waiting: 1, busyShare: 1, admissible: Infinity, isSettled: true }]);
  });

  test("is the machine's own by default", async () => {
    const { signal: _, ...bare } = scale;
    const { pool, clock } = await poolRig({ scale: bare });
    await clock.advance(INTERVAL_MS);
    const metrics = (await eventually(
      () => pool().scaling!.metrics,
      (now) => now !== undefined,
    ))!;
    expect(metrics).toMatchObject({ size: 1, waiting: 0, busyShare: 0 });
    expect(metrics.memoryUsed).toBeGreaterThan(0);
  });
});

test('memory that members reserve is room that is taken', async () => {
  const seen: number[] = [];
  const { clock } = await poolRig(
    {
      scale: {
        ...scale,
        signal: ({ admissible }) => {
          seen.push(admissible);
          return {};
        },
      },
      spec: { resources: { maxMemoryBytes: 100 } },
    },
    {
      limits: { maxMemoryBytes: 350 },
      hosts: { 'in-process': scriptedHost({ onOpen: (body) => queueMicrotask(() => body.ready()) }) },
    },
  );
  await clock.advance(INTERVAL_MS);
  expect(seen).toEqual([2]);
});

test('a close ends its looks', async () => {
  const { pools, pool, work, finishOne, clock } = await poolRig({ scale });
  expect(clock.pending().length).toBeGreaterThan(0);
  void work();
  await settled();
  const closed = pools.close('p');
  expect(pool().scaling!.status).toBe('closed');
  await finishOne();
  await closed;
  expect(clock.pending()).toEqual([]);
});
