/** What becomes of a pool when its whole program is gone: its members come back, and are found again by its name. */
import { afterEach, expect, test } from 'vitest';
import {
  type AnyAgentDefinition,
  defineAgent,
  memoryStore,
  type PoolSpec,
  type Store,
} from '../../src/index.ts';
import { settled } from '../../src/testing/index.ts';
import { mortalStore } from '../kit/mortal-store.ts';
import { type Rig, refusal, rig } from '../kit/rig.ts';

const counter = defineAgent({
  type: 'counter',
  init: async ({ restored }): Promise<{ n: number }> => {
    await onInit?.();
    return restored ?? { n: 0 };
  },
  tasks: {
    add: {
      run: ({ state }) => {
        state.n += 1;
        return state.n;
      },
    },
    finish: { run: ({ complete }) => complete() },
    hold: {
      run: async () => {
        await held;
        return 'held';
      },
    },
  },
});
let held: Promise<void> | undefined;
let onInit: (() => void | Promise<void>) | undefined;
afterEach(() => {
  onInit = undefined;
});

interface Program extends Rig {
  /** It dies: nothing that it still does reaches the store. */
  die(): unknown;
}

async function program(kept: Store, agents: readonly AnyAgentDefinition[] = [counter]): Promise<Program> {
  const store = mortalStore(kept, { isDurable: true });
  return { ...(await rig({ store, agents })), die: () => store.die() };
}

/** A program on this store had a pool, and is dead. */
async function deadPool(store: Store, options: Partial<PoolSpec> = {}): Promise<void> {
  const dead = await program(store);
  await createPool(dead, options);
  dead.die();
}

function createPool({ system }: Rig, options: Partial<PoolSpec> = {}): Promise<string> {
  return system.pools.create({
    name: 'p',
    min: 1,
    max: 5,
    ...options,
    spec: {
      module: counter,
      restart: { policy: 'immediate', delayMs: 1_000 },
      health: { intervalMs: Infinity },
      ...options.spec,
    },
  });
}

test('members that ran run again, with all they knew, as many as there were', async () => {
  const store = memoryStore();
  const before = await program(store);
  await createPool(before, { target: 3 });
  for (let task = 0; task < 6; task++) await before.system.pools.execute('p', { type: 'add' });
  before.die();

  const after = await program(store);
  await createPool(after);
  await after.clock.advance(0);
  const pool = after.system.pools.get('p');
  expect(pool).toMatchObject({ status: 'steady', wanted: 3, live: 3 });
  expect(pool.members.toSorted()).toEqual(['p-1', 'p-2', 'p-3']);
  expect(after.eventsOf('pool.scaled')).toMatchObject([{ from: 0, to: 3, why: 'found again' }]);
  expect(after.eventsOf('agent.registered')).toEqual([]);
  for (let task = 0; task < 3; task++) {
    expect(await after.system.pools.execute('p', { type: 'add' })).toBe(3);
  }
  expect((await after.system.pools.ensureSize('p', 4)).members).toContain('p-4');
});

test('a pool that is found again waits for nobody, and its tasks wait for the members', async () => {
  const store = memoryStore();
  await deadPool(store);
  const after = await program(store);
  await createPool(after);
  expect(after.system.pools.get('p')).toMatchObject({ live: 0, down: 1 });
  const task = after.system.pools.execute('p', { type: 'add' });
  expect(after.system.pools.get('p').waiting).toBe(1);
  await after.clock.advance(0);
  expect(await task).toBe(1);
});

test('a target, or narrower bounds, make it smaller, and those that leave are forgotten', async () => {
  for (const options of [{ target: 1 }, { max: 1 }]) {
    const store = memoryStore();
    await deadPool(store, { target: 3 });
    const after = await program(store);
    await createPool(after, options);
    await after.clock.advance(0);
    expect(after.system.pools.get('p')).toMatchObject({ status: 'steady', live: 1 });
    expect(after.agents.list()).toHaveLength(1);
  }
});

test('wider bounds make it larger', async () => {
  const store = memoryStore();
  await deadPool(store);
  const after = await program(store);
  await createPool(after, { min: 3 });
  await after.clock.advance(0);
  expect(after.system.pools.get('p')).toMatchObject({ status: 'steady', wanted: 3, live: 3 });
});

test('members that were stopped in order go on where they stopped', async () => {
  const store = memoryStore();
  const before = await program(store);
  await createPool(before, { target: 2 });
  await before.system.pools.execute('p', { type: 'add' });
  await before.system.close();

  const after = await program(store);
  expect(after.agents.list({ status: 'stopped' })).toHaveLength(2);
  await createPool(after);
  await settled();
  expect(after.system.pools.get('p')).toMatchObject({ status: 'steady', live: 2 });
  const counts: unknown[] = [
    await after.system.pools.execute('p', { type: 'add' }),
    await after.system.pools.execute('p', { type: 'add' }),
  ];
  expect(counts.map(Number).toSorted((a, b) => a - b)).toEqual([1, 2]);
});

test('members that completed, or gave up, while there was no pool make room for new ones', async () => {
  const store = memoryStore();
  await deadPool(store, { target: 3 });
  const between = await program(store);
  await between.clock.advance(0);
  await between.agents.execute('p-1', { type: 'finish' });
  expect(between.agents.get('p-1').status).toBe('completed');
  for (let crash = 0; crash < 6; crash++) {
    await between.agents.kill('p-2');
    await between.clock.advance(1_000);
  }
  expect(between.agents.get('p-2').state).toBe('crashed.gaveUp');
  between.die();

  const after = await program(store);
  await createPool(after, { target: 3 });
  await after.clock.advance(0);
  expect(after.system.pools.get('p')).toMatchObject({ status: 'steady', live: 3 });
  expect(after.agents.list().map(({ id }) => id)).toEqual(['p-3', 'p-4', 'p-5']);
  expect(after.system.alerts.list()).toEqual([]);
});

test('a member that rests is started again before a new one is made, and is not kept beyond the size', async () => {
  const store = memoryStore();
  await deadPool(store, { target: 3 });
  const between = await program(store);
  await between.clock.advance(0);
  for (const id of ['p-1', 'p-2']) await between.agents.stop(id);
  between.die();

  const after = await program(store);
  await createPool(after, { target: 2 });
  await after.clock.advance(0);
  expect(after.system.pools.get('p')).toMatchObject({ status: 'steady', live: 2 });
  expect(after.agents.list().map(({ id }) => id)).toEqual(['p-1', 'p-3']);
});

test('a member that rests and cannot start now is kept, and tried again', async () => {
  const store = memoryStore();
  await deadPool(store, { target: 2 });
  const between = await program(store);
  await between.clock.advance(0);
  await between.agents.execute('p-1', { type: 'add' });
  await between.system.close();
  between.die();

  onInit = () => {
    throw new Error('no key yet');
  };
  const after = await program(store);
  await createPool(after);
  await settled();
  expect(after.system.pools.get('p')).toMatchObject({ status: 'backing_off', wanted: 2, live: 0 });
  expect(after.agents.list().map(({ id }) => id)).toEqual(['p-1', 'p-2']);
  onInit = undefined;
  await after.clock.advance(500);
  expect(after.system.pools.get('p')).toMatchObject({ status: 'steady', live: 2 });
  expect(after.agents.list().map(({ id }) => id)).toEqual(['p-1', 'p-2']);
  const counts: unknown[] = [
    await after.system.pools.execute('p', { type: 'add' }),
    await after.system.pools.execute('p', { type: 'add' }),
  ];
  expect(counts.map(Number).toSorted((a, b) => a - b)).toEqual([1, 2]);
});

test('members that rest and are not needed any more are forgotten, also by a close', async () => {
  for (const end of ['size', 'close']) {
    const store = memoryStore();
    await deadPool(store, { target: 2 });
    const between = await program(store);
    await between.clock.advance(0);
    await between.system.close();
    between.die();

    onInit = () => {
      throw new Error('no key yet');
    };
    const after = await program(store);
    await createPool(after);
    await settled();
    onInit = undefined;
    if (end === 'size') await after.system.pools.ensureSize('p', 1);
    else await after.system.pools.close('p');
    await settled();
    expect(after.agents.list()).toHaveLength(end === 'size' ? 1 : 0);
  }
});

test('no more of those that rest start at once than the pool allows', async () => {
  const store = memoryStore();
  await deadPool(store, { target: 5 });
  const between = await program(store);
  await between.clock.advance(0);
  await between.system.close();
  between.die();

  const inits: PromiseWithResolvers<void>[] = [];
  onInit = async () => {
    const init = Promise.withResolvers<void>();
    inits.push(init);
    await init.promise;
  };
  const after = await program(store);
  await createPool(after, { maxConcurrentStarts: 2 });
  for (let started = 0; started < 5; started++) {
    await settled();
    expect(after.system.pools.get('p')).toMatchObject({ live: started, starting: Math.min(2, 5 - started) });
    inits.shift()!.resolve();
  }
  await settled();
  onInit = undefined;
  expect(after.system.pools.get('p')).toMatchObject({ status: 'steady', live: 5 });
});

test('members of another type leave, when they have done what they began', async () => {
  const store = memoryStore();
  await deadPool(store, { target: 2 });
  const adder = defineAgent({ type: 'adder', init: () => ({}), tasks: { add: { run: () => 'new' } } });
  const after = await program(store, [counter, adder]);
  await after.clock.advance(0);
  const { promise: release, resolve } = Promise.withResolvers<void>();
  held = release;
  const busy = after.agents.execute('p-1', { type: 'hold' });
  await createPool(after, { spec: { module: adder } });
  await settled();
  expect(after.system.pools.get('p')).toMatchObject({ status: 'shrinking', live: 1, draining: 1 });
  resolve();
  expect(await busy).toBe('held');
  await settled();
  expect(after.system.pools.get('p')).toMatchObject({ status: 'steady', live: 1, type: 'adder' });
  expect(after.agents.list().map(({ type }) => type)).toEqual(['adder']);
  expect(await after.system.pools.execute('p', { type: 'add' })).toBe('new');
});

test('members without code are not thrown away: the pool says what is missing', async () => {
  const store = memoryStore();
  await deadPool(store, { target: 2 });
  const after = await program(store, []);
  const { code, message } = await refusal(createPool(after));
  expect(code).toBe('AGENT_SPEC_INVALID');
  expect(message).toContain('p-1');
  expect(after.agents.list()).toHaveLength(2);
  expect(after.system.pools.list()).toEqual([]);
});

test('agents that only look like members are left alone', async () => {
  const store = memoryStore();
  const before = await program(store);
  await before.agents.register({ id: 'p-1', module: counter });
  before.die();
  const after = await program(store);
  await createPool(after);
  expect(after.system.pools.get('p').members).toEqual(['p-2']);
  expect(after.agents.get('p-1')).toMatchObject({ status: 'registered' });
});

test('members of a pool that nobody creates again run on as agents', async () => {
  const store = memoryStore();
  await deadPool(store, { target: 2 });
  const after = await program(store);
  await after.clock.advance(0);
  expect(after.agents.list({ status: 'running' })).toHaveLength(2);
  expect(await after.agents.execute('p-1', { type: 'add' })).toBe(1);
});

test('a pool that was closed has no members to find', async () => {
  const store = memoryStore();
  const before = await program(store);
  await createPool(before, { target: 2 });
  await before.system.pools.close('p');
  const after = await program(store);
  expect(after.agents.list()).toEqual([]);
  await createPool(after);
  expect(after.eventsOf('pool.scaled')).toMatchObject([{ from: 0, to: 1, why: 'created' }]);
});
