/**
 * Agents of one of several definitions, as a loop over an array of them registers, and code for a system or a fleet.
 *
 * These laws hold when this file compiles. Running it shows that values are what their types say.
 */
import { expect, expectTypeOf, it } from 'vitest';
import { z } from 'zod';
import {
  type AgentId,
  type AgentSpec,
  type AgentSystem,
  defineAgent,
  defineFleet,
  type PoolName,
  type PoolSpec,
} from '../../src/index.ts';
import type { Fleet } from '../../src/restate.ts';
import { rig } from '../kit/rig.ts';

const counter = defineAgent({
  type: 'counter',
  initArgs: z.object({ from: z.number() }),
  init: ({ initArgs }) => ({ n: initArgs.from }),
  tasks: { add: { input: z.number(), run: ({ input, state }) => (state.n += input) } },
});
const greeter = defineAgent({
  type: 'greeter',
  initArgs: z.object({ name: z.string().default('Ada') }),
  init: ({ initArgs }) => initArgs,
  tasks: { greet: { run: ({ state }) => `Hello, ${state.name}` } },
});
const clerk = defineAgent({
  type: 'clerk',
  init: () => ({ files: 0 }),
  tasks: { file: { input: z.string(), run: ({ state }) => (state.files += 1) } },
});

const counters = ['a', 'b'].map((id, from) => ({ id, module: counter, initArgs: { from } }));
const module = new URL('../fixtures/agents/voter.ts', import.meta.url);

/** What TypeScript makes of literals in one array: each has the fields of all, as `undefined` where it has none. */
export const specs = async ({ agents, pools }: AgentSystem | Fleet) => {
  const several = [
    { id: 'a', module: counter, initArgs: { from: 1 } },
    { id: 'b', module: greeter, initArgs: { name: 'Ada' }, shutdownMs: 5 },
    { id: 'c', module: clerk },
    { id: 'd', module, initArgs: { any: 'thing' } },
  ];
  for (const spec of several) {
    expectTypeOf(await agents.register(spec)).toEqualTypeOf<string>();
    await agents.register({ ...spec, restart: { policy: 'never' } });
    await agents.ensure(spec, { autoStart: true });
  }
  await Promise.all(several.map((spec) => agents.register(spec)));
  for (const { id: name, ...spec } of several) await pools.create({ name, min: 0, max: 1, spec });
  for (const spec of counters) {
    expectTypeOf(await agents.register(spec)).toEqualTypeOf<AgentId<typeof counter>>();
  }
  const pooled = [
    { name: 'a', min: 0, max: 1, spec: { module: counter, initArgs: { from: 1 } } },
    { name: 'b', min: 0, max: 1, spec: { module: clerk } },
  ];
  for (const pool of pooled) await pools.create(pool);
};

export const refusedSpecs = async ({ agents, pools }: AgentSystem) => {
  for (const spec of [{ module: counter, initArgs: { from: '1' } }, { module: clerk }]) {
    // @ts-expect-error -- not the initArgs of its own definition
    await agents.register(spec);
    // @ts-expect-error -- not the initArgs of its own definition
    await pools.create({ name: 'p', min: 1, max: 1, spec });
  }
  for (const spec of [{ module: counter }, { module: clerk }]) {
    // @ts-expect-error -- its own definition demands initArgs
    await agents.register(spec);
  }
  for (const spec of [{ module: greeter, rstart: { policy: 'never' } }, { module: clerk }]) {
    // @ts-expect-error -- no such field
    await agents.register(spec);
  }
};

/** A spec, and a pool, whose type says what its definition is given. */
export const annotated = async ({ agents, pools }: AgentSystem) => {
  const spec: AgentSpec<{ from: number }> = { module: counter, initArgs: { from: 1 } };
  await agents.register(spec);
  await agents.ensure({ ...spec, id: 'a' });
  await agents.update('a', { initArgs: { from: 2 } });
  const pool: PoolSpec<{ from: number }> = { name: 'p', min: 0, max: 1, spec };
  await pools.create(pool);
  const ofAny: AgentSpec = spec;
  await agents.register(ofAny);
  const checked = { module: counter, initArgs: { from: 1 } } satisfies AgentSpec<{ from: number }>;
  await agents.register(checked);
  // @ts-expect-error -- its definition demands initArgs
  const without: AgentSpec<{ from: number }> = { module: counter };
  // @ts-expect-error -- its definition demands initArgs
  const poolWithout: PoolSpec<{ from: number }> = { name: 'p', min: 0, max: 1, spec: { module: counter } };
  return [without, poolWithout];
};

export const refusedFleets = (isLarge: boolean) => [
  // @ts-expect-error -- other initArgs
  defineFleet({ specs: isLarge ? [{ id: 'a', module: counter, initArgs: { from: '1' } }] : [] }),
  // @ts-expect-error -- its definition demands initArgs
  defineFleet({ specs: isLarge ? [{ id: 'a', module: counter }] : [] }),
  // @ts-expect-error -- no such field
  defineFleet({ specs: isLarge ? [{ id: 'a', module: clerk, rstart: { policy: 'never' } }] : [] }),
];

export const refusedFleet = () =>
  // @ts-expect-error -- other initArgs
  defineFleet({ specs: ['a'].map((id) => ({ id, module: counter, initArgs: { from: id } })) });

it('a fleet takes an array that is mapped, of one definition or of several', () => {
  const fleet = defineFleet({
    specs: [
      ...counters,
      ...['c', 'd'].map((id) =>
        id === 'c' ? { id, module: greeter, initArgs: { name: id } } : { id, module: clerk },
      ),
      { id: 'e', module },
    ],
    pools: ['p', 'q'].map((name) => ({ name, min: 0, max: 1, spec: { module: greeter } })),
  });
  expect(fleet.specs.map(({ id }) => id)).toEqual(['a', 'b', 'c', 'd', 'e']);
});

it.each([true, false])('a fleet may have agents and pools, or none: %s', (isLarge) => {
  const { specs, pools } = defineFleet({
    specs: isLarge ? [{ id: 'a', module: counter, initArgs: { from: 1 }, restart: { policy: 'never' } }] : [],
    pools: isLarge ? [{ name: 'p', min: 0, max: 1, spec: { module: clerk } }] : [],
  });
  expect([specs.length, pools.length]).toEqual(isLarge ? [1, 1] : [0, 0]);
});

it('a spec of one definition that may be given by its URL too knows its tasks', async () => {
  const { agents } = await rig();
  const either = clerk as typeof clerk | URL;
  const id = await agents.register({ module: either });
  expectTypeOf(id).toEqualTypeOf<AgentId<typeof clerk>>();
  await agents.start(id);
  expect(await agents.execute(id, { type: 'file', input: 'a' })).toBe(1);
});

it('a loop over definitions registers each, and makes a pool of each', async () => {
  const { agents, system } = await rig();
  for (const module of [greeter, clerk]) {
    const { id, change } = await agents.ensure({ id: module.type, module }, { autoStart: true });
    expectTypeOf(id).toEqualTypeOf<string>();
    expect(change).toBe('registered');
  }
  const ids = await Promise.all([greeter, clerk].map((module) => agents.register({ module })));
  expectTypeOf(ids).toEqualTypeOf<string[]>();
  for (const id of ids) await agents.start(id);
  expect(await agents.execute(ids[0]!, { type: 'greet' })).toBe('Hello, Ada');
  for (const module of [greeter, clerk]) {
    await system.pools.create({ name: module.type, min: 1, max: 1, spec: { module } });
  }
  expect(await system.pools.execute('greeter', { type: 'greet' })).toBe('Hello, Ada');
});

export const refused = async ({ agents, pools }: AgentSystem) => {
  for (const module of [counter, greeter]) {
    // @ts-expect-error -- one of them demands initArgs
    await agents.register({ module });
    // @ts-expect-error -- one of them demands other initArgs
    await agents.ensure({ id: 'a', module, initArgs: { from: '1' } });
    // @ts-expect-error -- one of them demands other initArgs
    await pools.create({ name: 'p', min: 1, max: 1, spec: { module, initArgs: { name: 'Ada' } } });
    await agents.register({ module, initArgs: { from: 1, name: 'Ada' } });
  }
  for (const module of [greeter, clerk]) {
    // @ts-expect-error -- no id
    await agents.ensure({ module });
    // @ts-expect-error -- no such field
    await agents.register({ module, rstart: { policy: 'never' } });
    // @ts-expect-error -- no such policy
    await agents.register({ module, restart: { policy: 'seldom' } });
    // @ts-expect-error -- no such field
    await pools.create({ name: 'p', min: 1, max: 1, size: 1, spec: { module } });
    // @ts-expect-error -- members get their ids from the pool
    await pools.create({ name: 'p', min: 1, max: 1, spec: { id: 'a', module } });
  }
};

export const onMachines = async ({ agents, pools: ofFleet }: Fleet) => {
  for (const module of [greeter, clerk]) {
    expectTypeOf(await agents.register({ module, placement: { node: 'n' } })).toEqualTypeOf<string>();
    await agents.ensure({ id: module.type, module }, { autoStart: true });
    // @ts-expect-error -- no such field
    await agents.register({ module, plcement: { node: 'n' } });
    await ofFleet.create({ name: module.type, min: 1, max: 1, spec: { module } });
  }
  // @ts-expect-error -- its definition demands initArgs
  await ofFleet.create({ name: 'p', min: 1, max: 1, spec: { module: counter } });
  expectTypeOf(await agents.register({ module: greeter })).toEqualTypeOf<AgentId<typeof greeter>>();
};

export const onEither = async ({ agents, pools }: AgentSystem | Fleet) => {
  const id = await agents.register({ id: 'a', module: clerk });
  expectTypeOf(id).toEqualTypeOf<AgentId<typeof clerk>>();
  const ensured = await agents.ensure({ id: 'a', module: clerk }, { autoStart: true });
  await agents.execute(ensured.id, { type: 'file', input: 'a' });
  const name = await pools.create({ name: 'p', min: 1, max: 1, spec: { module: clerk } });
  expectTypeOf(name).toEqualTypeOf<PoolName<typeof clerk>>();
  await pools.execute(name, { type: 'file', input: 'a' });
  // @ts-expect-error -- its definition demands initArgs
  await agents.register({ module: counter });
};
