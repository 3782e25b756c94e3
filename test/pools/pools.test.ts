/** Laws of creating and closing pools, and of refusals. */
import { describe, expect, expectTypeOf, test } from 'vitest';
import { z } from 'zod';
import { createAgentSystem, defineAgent, type PoolSpec } from '../../src/index.ts';
import { settled } from '../../src/testing/index.ts';
import { failingStore } from '../journal/failing-store.ts';
import { awaited, codeOf, fateOf, refusal, rig, silent } from '../kit/rig.ts';
import { poolRig, workshop } from './pool-rig.ts';

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
    ['the name of a signal alone', { scale: { signal: 'backlog' } }, 'scale.signal'],
    ['a signal without a function', { scale: { signal: { name: 'backlog' } } }, 'scale.signal'],
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
