/** Laws of a pool’s tasks: which member gets one, and what becomes of those that wait. */
import { INVALID_SPAN_CONTEXT, trace, type Tracer } from '@opentelemetry/api';
import { describe, expect, test } from 'vitest';
import { defineAgent } from '../../src/index.ts';
import { settled } from '../../src/testing/index.ts';
import { awaited, codeOf, fateOf, refusal, rig } from '../kit/rig.ts';
import { listenersOf, type PoolRig, poolRig } from './pool-rig.ts';

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
