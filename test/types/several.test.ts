/**
 * Agents of one of several definitions, as a loop over an array of them registers, and code for a system or a fleet.
 *
 * These laws hold when this file compiles. Running it shows that values are what their types say.
 */
import { expect, expectTypeOf, it } from 'vitest';
import { z } from 'zod';
import { type AgentId, type AgentSystem, defineAgent, type PoolName } from '../../src/index.ts';
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
