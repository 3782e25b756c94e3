import { INVALID_SPAN_CONTEXT, trace, type Tracer } from '@opentelemetry/api';
import { describe, expect, expectTypeOf, test } from 'vitest';
import { z } from 'zod';
import { createAgentSystem, defineAgent, type PoolSpec } from '../../src/index.ts';
import { settled } from '../../src/testing/index.ts';
import { failingStore } from '../journal/failing-store.ts';
import { awaited, codeOf, fateOf, refusal, rig, silent } from '../kit/rig.ts';
import { listenersOf, type PoolRig, poolRig, workshop } from './pool-rig.ts';

describe('a pool that is asked for', () => {
  const module = defineAgent({ type: 'worker', init: () => ({}), tasks: {} });
  const broken: readonly [string, object, string][] = [
    ['no name', { name: '' }, 'name'],
    ['a smallest size beyond the largest', { min: 5, max: 4 }, 'min'],
    ['no room at all', { max: 0 }, 'max'],
    ['half a member', { min: 0.5 }, 'min'],
    ['a target below its bounds', { min: 2, target: 1 }, 'target'],
    ['a target beyond its bounds', { max: 2, target: 3 }, 'target'],
    ['an id for its members', { spec: { module, id: 'x' } }, 'spec.id'],
    ['an invalid spec', { spec: 7 }, 'spec'],
    ['a spec without code', { spec: {} }, 'module'],
    ['a spec with unknown keys', { spec: { module, limits: 1 } }, 'limits'],
    ['another pool for its members', { spec: { module, pool: 'q' } }, 'spec.pool'],
    ['a host that cannot run its members', { spec: { module, isolation: 'process' } }, 'isolation'],
    ['a key that there is not', { size: 3 }, 'size'],
    ['a queue of less than nothing', { queueLimit: -1 }, 'queueLimit'],
    ['thresholds the wrong way round', { scale: { up: { busyShare: 0.2 } } }, 'scale.down.busyShare'],
    ['an invalid signal', { scale: { signal: 1 } }, 'scale.signal'],
  ];

  test.each(broken)('with %s is refused by name, and nothing is left', async (_, wrong, field) => {
    const { system, agents, eventsOf } = await rig();
    const right = { name: 'p', min: 1, max: 2, spec: { module } };
    const options = { ...right, ...wrong };
    const { code, message } = await refusal(system.pools.create(options));
    expect(code).toBe('AGENT_SPEC_INVALID');
    expect(message).toContain(field);
    expect(agents.list()).toEqual([]);
    expect(system.pools.list()).toEqual([]);
    expect(eventsOf('agent.registered')).toEqual([]);
  });

  test('runs its first members, as many as its target, when the call has returned', async () => {
    const { pool, agents, eventsOf } = await poolRig({ min: 1, target: 3 });
    expect(pool()).toMatchObject({
      status: 'steady',
      type: 'worker',
      wanted: 3,
      live: 3,
      idle: 3,
      waiting: 0,
    });
    expect(pool().members).toEqual(['p-1', 'p-2', 'p-3']);
    expect(agents.list({ status: 'running' }).map(({ id }) => id)).toEqual(['p-1', 'p-2', 'p-3']);
    expect(eventsOf('pool.scaled')).toMatchObject([{ pool: 'p', from: 0, to: 3, why: 'created' }]);
  });

  test('whose members cannot be made durable does not try one number after the other', async () => {
    const store = failingStore();
    const { system, clock } = await rig({ store });
    const { definition: module } = workshop();
    await system.pools.create({ name: 'p', min: 1, max: 3, spec: { module } });
    await system.agents.ensure({ id: 'p-2', module });
    store.trouble = 'rejects';
    const before = store.appends;
    const growing = awaited(system.pools.ensureSize('p', 2));
    await settled();
    expect(await fateOf(growing)).toBe('STORE_FAILED');
    expect(store.appends - before).toBeLessThan(5);
    store.trouble = undefined;
    await clock.advance(60_000);
    expect(system.pools.get('p').status).toBe('steady');
  });

  test('whose first member cannot start is not there, and neither are the others', async () => {
    const { system, agents, clock } = await rig();
    const shop = workshop();
    shop.onInit = 'hold';
    const created = system.pools.create({
      name: 'p',
      min: 3,
      max: 3,
      spec: { module: shop.definition },
    });
    await settled();
    const [first, second] = shop.starts.splice(0);
    first!.resolve();
    second!.reject(new Error('no key'));
    const { code, cause } = await refusal(created);
    expect(code).toBe('AGENT_START_FAILED');
    expect(cause).toMatchObject({ message: 'no key' });
    await settled();
    expect(agents.list()).toEqual([]);
    expect(await codeOf(() => system.pools.get('p'))).toBe('POOL_UNKNOWN');
    expect(clock.pending()).toEqual([]);
    shop.onInit = 'return';
    expect(await system.pools.create({ name: 'p', min: 1, max: 1, spec: { module: shop.definition } })).toBe(
      'p',
    );
  });

  test('twice is refused, also while the first one opens', async () => {
    const { system } = await rig();
    const shop = workshop();
    shop.onInit = 'hold';
    const spec: PoolSpec = { name: 'p', min: 1, max: 2, spec: { module: shop.definition } };
    const created = system.pools.create(spec);
    await settled();
    expect(await refusal(system.pools.create(spec))).toMatchObject({ code: 'AGENT_SPEC_INVALID' });
    for (const start of shop.starts.splice(0)) start.resolve();
    await created;
    expect((await refusal(system.pools.create(spec))).message).toContain('name');
  });

  test('steps over ids that somebody else has', async () => {
    const { system } = await rig();
    const { definition } = workshop();
    await system.agents.register({ id: 'p-1', module: definition });
    await system.pools.create({ name: 'p', min: 2, max: 2, spec: { module: definition } });
    expect(system.pools.get('p').members).toEqual(['p-2', 'p-3']);
    expect(system.agents.get('p-1').status).toBe('registered');
  });

  test.each([
    ['data', { client: undefined }],
    ['data that holds a client', { client: new Map() }],
  ])('gives each member its own initArgs: %s', async (_, { client }) => {
    const initArgs = { client, seen: [0], deep: { list: [0] } };
    const keeper = defineAgent({
      type: 'keeper',
      init: ({ initArgs: given }) => given as typeof initArgs,
      tasks: {
        add: { run: ({ state }) => [state.seen.push(1), state.deep.list.push(1)] },
        has: { run: ({ state }) => [state.seen.length, state.deep.list.length, state.client === client] },
      },
      save: () => null,
    });
    const { pools, agents } = (await rig()).system;
    await pools.create({ name: 'p', min: 1, max: 3, target: 2, spec: { module: keeper, initArgs } });
    expect(await agents.execute('p-1', { type: 'add' })).toEqual([2, 2]);
    // What the caller does with it later is not what was asked for.
    initArgs.seen.push(7);
    initArgs.deep.list.push(7);
    await pools.ensureSize('p', 3);
    expect(await agents.execute('p-1', { type: 'has' })).toEqual([2, 2, true]);
    for (const id of ['p-2', 'p-3']) expect(await agents.execute(id, { type: 'has' })).toEqual([1, 1, true]);
  });

  test('may be called __proto__', async () => {
    const { system } = await rig();
    const { definition } = workshop();
    const name = await system.pools.create({
      name: '__proto__',
      min: 1,
      max: 1,
      spec: { module: definition },
    });
    expect(await system.pools.execute(name, { type: 'quick' })).toBe(1);
  });

  test('is known to the compiler by the tasks of its members', async () => {
    const { system } = await rig();
    const adder = defineAgent({
      type: 'adder',
      init: () => ({}),
      tasks: { double: { input: z.number(), run: ({ input }) => 2 * input } },
    });
    const name = await system.pools.create({ name: 'p', min: 1, max: 1, spec: { module: adder } });
    const output = await system.pools.execute(name, { type: 'double', input: 21 });
    expectTypeOf(output).toEqualTypeOf<number>();
    expectTypeOf(system.pools.execute<{ double: { input: number; output: number } }, 'double'>)
      .parameter(1)
      .toHaveProperty('input')
      .toEqualTypeOf<number>();
    expect(output).toBe(42);
  });

  test('no agent becomes a member by its own spec', async () => {
    const { agents } = await poolRig();
    const { definition } = workshop();
    const spec = { module: definition, pool: 'p' };
    const { code, message } = await refusal(agents.register(spec));
    expect({ code, message }).toMatchObject({ code: 'AGENT_SPEC_INVALID' });
    expect(message).toContain('pool');
  });
});

describe('what is unknown, or too much, or too little, is refused', () => {
  test('a pool that there is not', async () => {
    const { system } = await rig();
    const { pools } = system;
    expect(await codeOf(() => pools.get('q'))).toBe('POOL_UNKNOWN');
    expect(await codeOf(pools.execute('q', { type: 'work' }))).toBe('POOL_UNKNOWN');
    expect(await codeOf(pools.ensureSize('q', 1))).toBe('POOL_UNKNOWN');
    expect(await codeOf(pools.close('q'))).toBe('POOL_UNKNOWN');
  });

  test.each([0, 5, 1.5, Number.NaN, '2', undefined])('a size of %s', async (size) => {
    const { pools, pool, eventsOf } = await poolRig();
    const { code, message } = await refusal(pools.ensureSize('p', size as number));
    expect({ code, message }).toMatchObject({ code: 'AGENT_SPEC_INVALID' });
    expect(message).toContain('size');
    expect(pool().wanted).toBe(1);
    expect(eventsOf('pool.scaled')).toHaveLength(1);
  });

  test('a task that its members cannot do, before it takes a place in the queue', async () => {
    const { pools, pool, work } = await poolRig({ queueLimit: 0 });
    const { message } = await refusal(pools.execute('p', { type: 'sing' }));
    expect(message).toContain('worker');
    expect(await codeOf(pools.execute('p', { type: 'sing' }))).toBe('TASK_INCOMPATIBLE');
    expect(await codeOf(pools.execute('p', { type: 'fly' }))).toBe('TASK_INCOMPATIBLE');
    expect(await codeOf(pools.execute('p', { type: 'work', timeoutMs: -1 }))).toBe('TASK_INPUT_INVALID');
    expect(await codeOf(pools.execute('p', 7 as never))).toBe('TASK_INPUT_INVALID');
    expect(pool()).toMatchObject({ idle: 1, waiting: 0 });
    void work().catch(() => {});
    expect(pool().idle).toBe(0);
  });

  test('anything, once the system closes', async () => {
    const { system, pools, clock } = await poolRig();
    const { definition } = workshop();
    const closed = system.close();
    expect(await codeOf(pools.create({ name: 'q', min: 1, max: 1, spec: { module: definition } }))).toBe(
      'SYSTEM_CLOSED',
    );
    expect(await codeOf(pools.execute('p', { type: 'work' }))).toBe('SYSTEM_CLOSED');
    expect(await codeOf(pools.ensureSize('p', 2))).toBe('SYSTEM_CLOSED');
    expect(await codeOf(pools.close('p'))).toBe('SYSTEM_CLOSED');
    await clock.advance(10_000);
    await closed;
  });
});

describe('tasks', () => {
  test('go to members that are idle, in turn', async () => {
    const { work, shop, pool, finishOne } = await poolRig({ target: 3 });
    for (let task = 0; task < 3; task++) void work();
    await settled();
    expect(shop.jobs.map(({ agentId }) => agentId)).toEqual(['p-1', 'p-2', 'p-3']);
    expect(pool().idle).toBe(0);
    await finishOne();
    await finishOne();
    void work();
    await settled();
    expect(shop.jobs.at(-1)!.agentId).toBe('p-1');
    void work();
    await settled();
    expect(shop.jobs.at(-1)!.agentId).toBe('p-2');
  });

  test('wait in the order in which they came while nobody is idle', async () => {
    const { pools, work, finishOne, pool, shop } = await poolRig();
    const order: number[] = [];
    const first = work();
    const others = [1, 2, 3].map((number) =>
      pools.execute('p', { type: 'quick' }).then((did) => order.push(number, did as number)),
    );
    await settled();
    expect(pool().waiting).toBe(3);
    expect(shop.jobs).toHaveLength(1);
    await finishOne();
    expect(await first).toBe('done');
    await Promise.all(others);
    expect(order).toEqual([1, 1, 2, 2, 3, 3]);
  });

  test('beyond the limit of the queue are refused, and those in it are not touched', async () => {
    const { work, finishOne, pool } = await poolRig({ queueLimit: 1 });
    const [running, waiting] = [work(), work()];
    expect(await refusal(work())).toMatchObject({ code: 'TASK_QUEUE_FULL', details: { pool: 'p' } });
    await finishOne();
    await finishOne();
    expect(await Promise.all([running, waiting])).toEqual(['done', 'done']);
    expect(pool().idle).toBe(1);
  });

  test('a member does as many at once as its spec says, and the least loaded gets the next', async () => {
    const { work, shop, pool, finishOne } = await poolRig({ target: 2, spec: { tasks: { concurrency: 2 } } });
    for (let task = 0; task < 5; task++) void work();
    await settled();
    expect(shop.jobs.map(({ agentId }) => agentId)).toEqual(['p-1', 'p-2', 'p-1', 'p-2']);
    expect(pool()).toMatchObject({ idle: 0, waiting: 1 });
    await finishOne();
    expect(shop.jobs.map(({ agentId }) => agentId)).toEqual(['p-2', 'p-1', 'p-2', 'p-1']);
    expect(pool().waiting).toBe(0);
    while (shop.jobs.length > 0) await finishOne();
    expect(pool().idle).toBe(2);
  });

  test('a member that somebody else keeps busy is passed over', async () => {
    const { agents, work, shop, pool } = await poolRig({ target: 2 });
    agents.execute('p-1', { type: 'work' }).catch(() => {});
    void work();
    expect(pool()).toMatchObject({ idle: 0 });
    void work();
    await settled();
    expect(shop.jobs.map(({ agentId }) => agentId)).toEqual(['p-1', 'p-2']);
    expect(pool().waiting).toBe(1);
  });

  test('a member that is to leave as it is given a task does that one, and is then no member', async () => {
    let given: (() => void) | undefined;
    const noSpan = trace.wrapSpanContext(INVALID_SPAN_CONTEXT);
    const startSpan = (name: string) => {
      if (name.startsWith('task ')) given?.();
      return noSpan;
    };
    const tracer = { startSpan } as unknown as Tracer;
    const { pools, agents, pool, work, finishOne } = await poolRig({ target: 2 }, { telemetry: { tracer } });
    let shrunk: Promise<unknown> | undefined;
    given = () => {
      shrunk ??= pools.ensureSize('p', 1);
    };
    const task = work();
    await settled();
    expect(pool()).toMatchObject({ status: 'shrinking', live: 1, idle: 1, draining: 1 });
    await finishOne();
    expect(await task).toBe('done');
    expect(await shrunk).toMatchObject({ status: 'steady', live: 1 });
    await pools.ensureSize('p', 2);
    void work();
    void work();
    await settled();
    const again = pools.ensureSize('p', 1);
    await finishOne();
    await finishOne();
    expect(await again).toMatchObject({ status: 'steady', live: 1 });
    expect(pool()).toMatchObject({ live: 1, idle: 1 });
    expect(agents.list()).toHaveLength(1);
  });

  test('a member that no longer answers health checks gets none until it does', async () => {
    const health = { intervalMs: 1_000, timeoutMs: 500, failuresBeforeKill: 100 };
    const gates: PromiseWithResolvers<void>[] = [];
    const moody = defineAgent({
      type: 'moody',
      init: () => ({}),
      health: async () => {
        const gate = Promise.withResolvers<void>();
        gates.push(gate);
        await gate.promise;
      },
      tasks: { quick: { run: () => 'done' } },
    });
    const { system, clock } = await rig();
    await system.pools.create({ name: 'p', min: 1, max: 1, spec: { module: moody, health } });
    await clock.advance(1_500);
    expect(system.agents.get('p-1').status).toBe('unresponsive');
    expect(system.pools.get('p')).toMatchObject({ live: 1, idle: 0 });
    const task = system.pools.execute('p', { type: 'quick' });
    expect(await fateOf(task)).toBe('pending');
    for (const gate of gates) gate.resolve();
    await settled();
    expect(await task).toBe('done');
    for (const gate of gates) gate.resolve();
  });

  test('time out in the queue', async () => {
    const { work, clock, pool, finishOne } = await poolRig();
    void work();
    const late = work({ timeoutMs: 1_000 });
    await clock.advance(999);
    expect(await fateOf(late)).toBe('pending');
    await clock.advance(1);
    const error = await refusal(late);
    expect(error).toMatchObject({ code: 'TASK_TIMED_OUT', details: { pool: 'p', task: 'work' } });
    expect(pool().waiting).toBe(0);
    await finishOne();
    expect(pool().idle).toBe(1);
    expect(clock.pending()).toEqual([]);
  });

  test('the time in the queue counts, and what is told of is the whole of it', async () => {
    const { work, clock, finishOne, shop, eventsOf } = await poolRig();
    void work();
    const late = work({ timeoutMs: 1_000 });
    await clock.advance(600);
    await finishOne();
    expect(shop.jobs).toHaveLength(1);
    await clock.advance(399);
    expect(await fateOf(late)).toBe('pending');
    await clock.advance(1);
    const { code, message } = await refusal(late);
    expect(code).toBe('TASK_TIMED_OUT');
    expect(message).toContain('after 1000 ms');
    expect(eventsOf('task.timed_out')).toMatchObject([{ timeoutMs: 1_000 }]);
  });

  test('a member whose task timed out is busy until its work ends', async () => {
    const { work, clock, shop, pool, finishOne } = await poolRig();
    const late = work({ timeoutMs: 1_000 });
    await clock.advance(1_000);
    expect(await codeOf(late)).toBe('TASK_TIMED_OUT');
    const next = work();
    await settled();
    expect(pool()).toMatchObject({ idle: 0, waiting: 1 });
    expect(shop.jobs).toHaveLength(1);
    await finishOne();
    expect(pool()).toMatchObject({ idle: 0, waiting: 0 });
    await finishOne();
    expect(await next).toBe('done');
  });

  test('are cancelled in the queue by their signal', async () => {
    const { work, pool, finishOne } = await poolRig();
    const controller = new AbortController();
    void work();
    const cancelled = work({ signal: controller.signal });
    const next = work();
    await settled();
    controller.abort(new Error('no more'));
    const error = await refusal(cancelled);
    expect(error.code).toBe('TASK_ABANDONED');
    expect(error.cause).toMatchObject({ message: 'no more' });
    expect(pool().waiting).toBe(1);
    expect(await codeOf(work({ signal: controller.signal }))).toBe('TASK_ABANDONED');
    await finishOne();
    await finishOne();
    expect(await next).toBe('done');
  });

  test('are cancelled in a member by their signal', async () => {
    const { work, shop, finishOne, pool } = await poolRig();
    const controller = new AbortController();
    void work();
    const cancelled = work({ signal: controller.signal });
    await settled();
    await finishOne();
    controller.abort();
    expect(await codeOf(cancelled)).toBe('TASK_ABANDONED');
    expect(shop.jobs[0]!.signal.aborted).toBe(true);
    await finishOne();
    expect(pool().idle).toBe(1);
  });

  describe('that have a timeout and a signal leave neither behind, and nothing happens when that is aborted later', () => {
    type Task = { readonly type: 'work' | 'again'; readonly timeoutMs: number; readonly signal: AbortSignal };
    const ends: Readonly<Record<string, (all: PoolRig, task: () => Promise<unknown>) => Promise<unknown>>> = {
      'done by a member that was free': async ({ finishOne }, task) => {
        const done = task();
        await settled();
        await finishOne();
        return done;
      },
      'done after it waited': async ({ work, finishOne }, task) => {
        void work();
        const done = task();
        await settled();
        await finishOne();
        await finishOne();
        return done;
      },
      'timed out as it waited': async ({ work, clock }, task) => {
        void work();
        const late = task();
        await clock.advance(5_000);
        return late;
      },
      'timed out in a member': async ({ clock }, task) => {
        const late = task();
        await clock.advance(5_000);
        return late;
      },
      'failed in a member': async ({ shop }, task) => {
        const failed = task();
        await settled();
        shop.jobs[0]!.fail(new Error('wrong'));
        return failed;
      },
      'abandoned by its member': async ({ agents }, task) => {
        const abandoned = task();
        await settled();
        await agents.kill('p-1');
        return abandoned;
      },
      'given up as it waited, by a close': async ({ work, pools, clock }, task) => {
        void work();
        const given = task();
        await settled();
        const closed = pools.close('p', { timeoutMs: 100 });
        await clock.advance(100);
        await closed;
        return given;
      },
      'refused as too many wait': async ({ work }, task) => {
        void work();
        void work();
        return task();
      },
    };

    test.each(Object.entries(ends))('%s', async (_, end) => {
      const all = await poolRig({ queueLimit: 1 });
      const controller = new AbortController();
      const { signal } = controller;
      const listeners = listenersOf(signal);
      const task: Task = { type: 'work', timeoutMs: 5_000, signal };
      const dueAt = all.clock.now() + 5_000;
      await end(all, () => awaited(all.pools.execute('p', task))).catch(() => {});
      expect([...listeners]).toEqual([]);
      expect(all.clock.pending().map((timer) => timer.dueAt)).not.toContain(dueAt);
      controller.abort();
      await settled();
    });

    test('repeated by another member', async () => {
      const { pools, agents, clock, shop } = await poolRig({ target: 2, retryAbandoned: 1 });
      const controller = new AbortController();
      const { signal } = controller;
      const listeners = listenersOf(signal);
      const done = pools.execute('p', { type: 'again', timeoutMs: 5_000, signal });
      await settled();
      await agents.kill('p-1');
      await settled();
      expect(listeners.size).toBe(1);
      expect(shop.jobs.map(({ agentId }) => agentId)).toEqual(['p-1', 'p-2']);
      shop.jobs[1]!.done('done');
      expect(await done).toBe('done');
      expect([...listeners]).toEqual([]);
      controller.abort();
      await clock.advance(5_000);
    });
  });

  test('that fail fail for their caller, and the member goes on', async () => {
    const { work, shop, pool } = await poolRig();
    const failed = work();
    await settled();
    shop.jobs[0]!.fail(new Error('wrong'));
    expect(await codeOf(failed)).toBe('TASK_FAILED');
    expect(pool()).toMatchObject({ status: 'steady', idle: 1 });
  });

  test('whose member crashes are abandoned, not repeated', async () => {
    const { work, agents, shop, clock, pool } = await poolRig({ target: 2 });
    const [first] = [work(), work()];
    const waiting = work();
    await settled();
    void agents.kill('p-1');
    expect(await codeOf(first)).toBe('TASK_ABANDONED');
    expect(await fateOf(waiting)).toBe('pending');
    expect(pool()).toMatchObject({ status: 'backing_off', live: 1, waiting: 1 });
    await clock.advance(500);
    expect(pool()).toMatchObject({ status: 'steady', live: 2, waiting: 0 });
    expect(shop.jobs.map(({ agentId }) => agentId)).toEqual(['p-1', 'p-2', 'p-3']);
  });

  test('that may be done twice are given to another member, as often as the pool allows', async () => {
    const { pools, agents, shop, clock } = await poolRig({ target: 3, retryAbandoned: 1 });
    const [again, once] = [
      pools.execute('p', { type: 'again' }),
      pools.execute('p', { type: 'work', signal: new AbortController().signal }),
    ];
    await settled();
    void agents.kill('p-1');
    void agents.kill('p-2');
    expect(await codeOf(once)).toBe('TASK_ABANDONED');
    expect(await fateOf(again)).toBe('pending');
    expect(shop.jobs.at(-1)!.agentId).toBe('p-3');
    void agents.kill('p-3');
    expect(await codeOf(again)).toBe('TASK_ABANDONED');
    await clock.advance(500);
  });

  test('that are repeated keep their turn, their time and their signal', async () => {
    const { pools, agents, shop, clock } = await poolRig({ retryAbandoned: 9, target: 1 });
    const controller = new AbortController();
    const late = codeOf(pools.execute('p', { type: 'again', input: 'late', timeoutMs: 700 }));
    const cancelled = codeOf(pools.execute('p', { type: 'again', signal: controller.signal }));
    await settled();
    void agents.kill('p-1');
    await clock.advance(500);
    expect(shop.jobs.at(-1)).toMatchObject({ agentId: 'p-2', input: 'late' });
    await clock.advance(200);
    expect(await late).toBe('TASK_TIMED_OUT');
    controller.abort();
    expect(await cancelled).toBe('TASK_ABANDONED');
  });
});

describe('a task', () => {
  test('that comes as a member becomes free does not pass by those that wait', async () => {
    const { pools, work, system, shop, finishOne } = await poolRig();
    void work();
    const waits = pools.execute('p', { type: 'work', input: 'waits' });
    await settled();
    const unsubscribe = system.events.subscribe(({ type }) => {
      if (type !== 'task.completed') return;
      unsubscribe();
      void pools.execute('p', { type: 'work', input: 'comes' }).catch(() => {});
    });
    await finishOne();
    expect(shop.jobs.map(({ input }) => input)).toEqual(['waits']);
    await finishOne();
    expect(await waits).toBe('done');
    expect(shop.jobs.map(({ input }) => input)).toEqual(['comes']);
  });

  test('that was cancelled is not repeated', async () => {
    const { pools, shop, pool } = await poolRig({ retryAbandoned: 9 });
    const controller = new AbortController();
    const cancelled = codeOf(pools.execute('p', { type: 'again', signal: controller.signal }));
    await settled();
    controller.abort();
    expect(await cancelled).toBe('TASK_ABANDONED');
    expect(pool()).toMatchObject({ idle: 0, waiting: 0 });
    expect(shop.jobs).toHaveLength(1);
  });
});

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

describe('a close', () => {
  test('does what waits, ends all members in order, and forgets them', async () => {
    const { pools, work, finishOne, agents, eventsOf, clock } = await poolRig({ target: 2 });
    const tasks = [work(), work(), work()];
    await settled();
    const closed = pools.close('p');
    expect(await codeOf(work())).toBe('POOL_UNKNOWN');
    expect(await codeOf(pools.ensureSize('p', 1))).toBe('POOL_UNKNOWN');
    const again = pools.close('p');
    await finishOne();
    await finishOne();
    await finishOne();
    expect(await Promise.all(tasks)).toEqual(['done', 'done', 'done']);
    const report = await closed;
    expect({ ...report, stopped: report.stopped.toSorted() }).toEqual({
      stopped: ['p-1', 'p-2'],
      abandoned: [],
      tasksAbandoned: 0,
    });
    expect(await again).toEqual(report);
    expect(agents.list()).toEqual([]);
    expect(pools.list()).toEqual([]);
    expect(eventsOf('pool.scaled').at(-1)).toMatchObject({ from: 2, to: 0, why: 'closed' });
    expect(clock.pending()).toEqual([]);
  });

  test('past its deadline gives up what waits and what runs, and says so', async () => {
    const { pools, work, agents, clock } = await poolRig({ target: 2 });
    const tasks = [work(), work(), work()];
    const codes = Promise.all(tasks.map(codeOf));
    await settled();
    const closed = pools.close('p', { timeoutMs: 1_000 });
    await clock.advance(799);
    expect(await fateOf(tasks[2]!)).toBe('pending');
    await clock.advance(1);
    expect(await fateOf(tasks[2]!)).toBe('TASK_ABANDONED');
    expect(await fateOf(tasks[0]!)).toBe('pending');
    await clock.advance(200);
    expect(await codes).toEqual(['TASK_ABANDONED', 'TASK_ABANDONED', 'TASK_ABANDONED']);
    expect(await closed).toMatchObject({ stopped: [], abandoned: ['p-1', 'p-2'], tasksAbandoned: 1 });
    expect(agents.list()).toEqual([]);
  });

  test('without any grace kills at once', async () => {
    const { pools, work, agents } = await poolRig({ target: 2 });
    const task = work();
    await settled();
    const closed = pools.close('p', { timeoutMs: 0 });
    expect(await codeOf(task)).toBe('TASK_ABANDONED');
    expect((await closed).abandoned).toEqual(['p-1', 'p-2']);
    expect(agents.list()).toEqual([]);
  });

  test('of a pool that is degraded clears its alert', async () => {
    const { pools, agents, system } = await poolRig({ target: 1, restart: { maxRestarts: 0 } });
    void agents.kill('p-1');
    await settled();
    expect(system.alerts.list()).toHaveLength(1);
    expect(await pools.close('p')).toEqual({ stopped: [], abandoned: [], tasksAbandoned: 0 });
    expect(system.alerts.list()).toEqual([]);
  });

  test('leaves its name free', async () => {
    const { pools, shop } = await poolRig();
    await pools.close('p');
    expect(await pools.create({ name: 'p', min: 2, max: 2, spec: { module: shop.definition } })).toBe('p');
    expect(pools.get('p').live).toBe(2);
  });

  test('with invalid options is refused, and nothing closes', async () => {
    const { pools, pool } = await poolRig();
    expect(await codeOf(pools.close('p', { timeoutMs: -1 }))).toBe('AGENT_SPEC_INVALID');
    expect(pool().status).toBe('steady');
  });

  test('answers callers that wait for a size', async () => {
    const { pools, work, clock } = await poolRig({ target: 2 });
    void codeOf(work());
    void codeOf(work());
    await settled();
    const shrunk = pools.ensureSize('p', 1);
    const code = codeOf(shrunk);
    const closed = pools.close('p', { timeoutMs: 1_000 });
    await clock.advance(1_000);
    await closed;
    expect(await code).toBe('POOL_UNKNOWN');
  });
});

describe('a close of the system', () => {
  test('does what waits in the queue, starts nobody, and reports the members', async () => {
    const { system, pools, work, shop, finishOne, clock } = await poolRig({ target: 2 });
    const tasks = [work(), work(), work()];
    await settled();
    const grown = codeOf(pools.ensureSize('p', 4));
    shop.onInit = 'hold';
    await settled();
    const inits = shop.inits;
    const closed = system.close();
    await settled();
    expect(pools.get('p').status).toBe('closing');
    await finishOne();
    await finishOne();
    await finishOne();
    expect(await Promise.all(tasks)).toEqual(['done', 'done', 'done']);
    await clock.advance(5_000);
    const { stopped } = await closed;
    expect(stopped).toEqual(expect.arrayContaining(['p-1', 'p-2']));
    expect(shop.inits).toBe(inits);
    expect(await grown).toBe('SYSTEM_CLOSED');
  });

  test('has one deadline for what waits and for what runs', async () => {
    const { system, work, clock } = await poolRig();
    const codes = Promise.all([work(), work()].map(codeOf));
    await settled();
    const before = clock.now();
    const closed = system.close({ timeoutMs: 1_000 });
    await clock.advance(1_000);
    expect(await codes).toEqual(['TASK_ABANDONED', 'TASK_ABANDONED']);
    expect(await closed).toEqual({ stopped: [], abandoned: ['p-1'] });
    expect(clock.now() - before).toBe(1_000);
  });

  test('ends the close of a pool that is under way, with a report of it', async () => {
    const { system, pools, work, clock } = await poolRig();
    const code = codeOf(work());
    await settled();
    const poolClosed = pools.close('p', { timeoutMs: 60_000 });
    await settled();
    const closed = system.close({ timeoutMs: 1_000 });
    await clock.advance(1_000);
    expect(await code).toBe('TASK_ABANDONED');
    expect(await closed).toEqual({ stopped: [], abandoned: ['p-1'] });
    expect(await poolClosed).toMatchObject({ stopped: [], abandoned: ['p-1'] });
  });

  test('refuses a pool that is opening', async () => {
    const { system, clock } = await rig();
    const shop = workshop();
    shop.onInit = 'hold';
    const spec = { module: shop.definition };
    const created = codeOf(system.pools.create({ name: 'p', min: 1, max: 1, spec }));
    await settled();
    const closed = system.close({ timeoutMs: 1_000 });
    await clock.advance(1_000);
    await closed;
    expect(await created).toBe('SYSTEM_CLOSED');
  });

  test.each(['agent.start_failed', 'agent.stopping', 'agent.stopped', 'agent.forgotten'] as const)(
    'ends, whenever it begins after %s of a pool that cannot open, and answers whoever asked for the pool',
    async (type) => {
      const opens = defineAgent({
        type: 'opens',
        init: ({ agentId }) => {
          if (agentId === 'p-3') throw new Error('no key');
          return {};
        },
        tasks: {},
      });
      for (let turns = 0; turns < 16; turns++) {
        const { system, clock } = await rig();
        const closed = Promise.withResolvers<unknown>();
        const close = async () => {
          for (let turn = 0; turn < turns; turn++) await Promise.resolve();
          closed.resolve(system.close({ timeoutMs: 1_000 }));
        };
        system.events.subscribe((event) => {
          if (event.type === type) void close();
        });
        const created = refusal(system.pools.create({ name: 'p', min: 3, max: 3, spec: { module: opens } }));
        await settled();
        expect(await fateOf(closed.promise), `${turns} turns later`).toMatchObject({ value: {} });
        expect(['AGENT_START_FAILED', 'SYSTEM_CLOSED']).toContain((await created).code);
        expect(clock.pending()).toEqual([]);
      }
    },
  );

  test('waits for the queues of pools no longer than until its deadline', async () => {
    const { clock } = await poolRig();
    const setTimeout = (run: () => void, ms: number) => (ms === 800 ? undefined : clock.setTimeout(run, ms));
    const system = await createAgentSystem({ clock: { ...clock, setTimeout }, logger: silent });
    const shop = workshop();
    await system.pools.create({ name: 'p', min: 1, max: 1, spec: { module: shop.definition } });
    const codes = Promise.all([1, 2].map(() => codeOf(system.pools.execute('p', { type: 'work' }))));
    await settled();
    const closed = system.close({ timeoutMs: 1_000 });
    await clock.advance(1_000);
    expect(await fateOf(closed)).toEqual({ value: { stopped: [], abandoned: ['p-1'] } });
    expect(await codes).toEqual(['TASK_ABANDONED', 'TASK_ABANDONED']);
  });

  test('without any pool waits for none', async () => {
    const system = await createAgentSystem({ logger: silent });
    expect(await system.close()).toEqual({ stopped: [], abandoned: [] });
  });
});
