/** `agents.ensure`: what is there as it is asked for is left as it is, and what differs is changed. */
import { describe, expect, it } from 'vitest';
import { defineAgent, type Isolation } from '../../src/index.ts';
import type { ParsedAgentSpec } from '../../src/machines/index.ts';
import { specChanges } from '../../src/runtime/fleet/spec-difference.ts';
import { failingStore } from '../journal/failing-store.ts';
import { awaited, codeOf, fateOf, gate, refusal, rig } from '../kit/rig.ts';
import { disks, diskOf } from './program.ts';

const clerk = defineAgent({ type: 'clerk', init: () => ({ n: 0 }), tasks: {} });
const module = new URL('./module-agent.ts', import.meta.url);

function changes(known: object, given: object) {
  return specChanges(
    { module: clerk, isolation: 'in-process', ...known } as ParsedAgentSpec,
    { module: clerk, isolation: 'in-process', ...given } as ParsedAgentSpec,
  );
}
function changesOfArgs(from: unknown, to: unknown) {
  return changes({ initArgs: from }, { initArgs: to });
}

describe('of two specs', () => {
  it.each<[string, unknown, unknown]>([
    ['that has the same fields', { a: [1, { b: 2 }] }, { a: [1, { b: 2 }] }],
    ['that has a field more, without a value', { a: 1 }, { a: 1, none: undefined }],
    ['without a prototype', Object.assign(Object.create(null), { a: 1 }), { a: 1 }],
    ['that is no JSON, twice', new Map([['a', 1]]), new Map([['a', 1]])],
  ])('data %s is no change', (_, from, to) => {
    expect([changesOfArgs(from, to), changesOfArgs(to, from)]).toEqual([[], []]);
  });

  it.each<[string, unknown, unknown]>([
    ['nothing and an object', null, { a: 1 }],
    ['a list and an object', [1], { 0: 1 }],
    ['an object and another kind of object', { a: 1 }, new Map([['a', 1]])],
    ['what JSON would show alike', new Map([['a', 1]]), {}],
    ['two of a kind that JSON shows alike', new Map([['a', 1]]), new Map([['a', 2]])],
  ])('%s are a change of the whole', (_, from, to) => {
    expect(changesOfArgs(from, to)).toEqual([{ field: 'initArgs', from, to }]);
    expect(changesOfArgs(to, from)).toEqual([{ field: 'initArgs', from: to, to: from }]);
  });

  it('objects differ field by field, whatever their prototype is', () => {
    const bare = Object.assign(Object.create(null) as object, { a: 1, b: 2, c: new Map() });
    expect(changesOfArgs(bare, { a: 1, b: 3, c: {} })).toEqual([
      { field: 'initArgs.b', from: 2, to: 3 },
      { field: 'initArgs.c', from: new Map(), to: {} },
    ]);
  });

  it('a quota differs as any other field does', () => {
    expect(changes({ quota: 'a' }, { quota: 'b' })).toEqual([{ field: 'quota', from: 'a', to: 'b' }]);
  });

  it('a module is the same by its address, and a definition by what it says', () => {
    const same = defineAgent({ type: 'clerk', init: () => ({ n: 0 }), tasks: {} });
    const hash = expect.stringMatching(/^clerk [0-9a-f]{32}$/) as string;
    expect(changes({ module }, { module: new URL(module.href) })).toEqual([]);
    expect(changes({ module: clerk }, { module: same })).toEqual([]);
    const elsewhere = new URL('./other.ts', module);
    expect(changes({ module }, { module: elsewhere })).toEqual([
      { field: 'module', from: module.href, to: elsewhere.href },
    ]);
    expect(changes({ module }, { module: clerk })).toEqual([
      { field: 'module', from: module.href, to: hash },
    ]);
    expect(changes({ module: clerk }, { module })).toEqual([
      { field: 'module', from: hash, to: module.href },
    ]);
  });
});

describe.each(disks)('ensure, on a %s', (kind) => {
  it('registers once, in however many programs, and never touches the state', async () => {
    const disk = await diskOf(kind);
    const spec = {
      id: '__proto__',
      module: clerk,
      initArgs: { name: 'Ada', none: undefined },
      resources: { maxRuntimeMs: Infinity },
      restart: { policy: 'immediate' as const },
    };
    const first = await disk.boot();
    expect(await first.agents.ensure(spec)).toEqual({ id: '__proto__', change: 'registered' });
    expect(await first.agents.ensure(spec)).toEqual({ id: '__proto__', change: 'none' });
    for (let life = 2; life <= 3; life++) {
      const later = await disk.boot({ agents: [clerk] });
      const before = later.agents.get('__proto__');
      expect(await later.agents.ensure(spec)).toEqual({ id: '__proto__', change: 'none' });
      expect(later.agents.get('__proto__')).toBe(before);
      expect(later.eventsOf('agent.registered')).toEqual([]);
    }
  });

  it('changes what differs, in the same program and in a later one, and says it field by field', async () => {
    const disk = await diskOf(kind);
    const first = await disk.boot();
    await first.agents.ensure({ id: 'ada', module: clerk, initArgs: { name: 'A', from: 1 } });
    const other = defineAgent({ type: 'clerk', init: () => ({ n: 1 }), tasks: {} });
    const differing = {
      id: 'ada',
      module: other,
      initArgs: { name: 'Ada', from: 1 },
      shutdownMs: 1,
      health: { failuresBeforeKill: 1 },
    };
    expect(await first.agents.ensure(differing)).toEqual({ id: 'ada', change: 'updated' });
    const second = await disk.boot({ agents: [other] });
    expect(await second.agents.ensure(differing)).toEqual({ id: 'ada', change: 'none' });
    expect(await second.agents.ensure({ ...differing, initArgs: {} })).toEqual({
      id: 'ada',
      change: 'updated',
    });
    const hash = expect.stringMatching(/^clerk [0-9a-f]{32}$/) as string;
    expect(first.eventsOf('agent.updated')[0]!.changes).toEqual([
      { field: 'module', from: hash, to: hash },
      { field: 'initArgs.name', from: 'A', to: 'Ada' },
      { field: 'shutdownMs', from: 5_000, to: 1 },
      { field: 'health.failuresBeforeKill', from: 3, to: 1 },
    ]);
    expect(second.eventsOf('agent.updated')[0]!.changes).toEqual([
      { field: 'initArgs.name', from: 'Ada' },
      { field: 'initArgs.from', from: 1 },
    ]);
  });
});

it.each<Isolation>(['in-process', 'process'])(
  'of two at once for a module, %s, one registers, and both are answered',
  async (isolation) => {
    const { agents, eventsOf } = await rig();
    const spec = { id: 'ada', module, isolation, initArgs: { from: 1 } };
    const changes = (await Promise.all([1, 2, 3].map(() => agents.ensure(spec)))).map(({ change }) => change);
    expect(changes).toEqual(['registered', 'none', 'none']);
    expect(eventsOf('agent.registered')).toHaveLength(1);
    const elsewhere = agents.ensure({ ...spec, module: new URL('./other.ts', module) });
    expect(await codeOf(elsewhere)).toBe('AGENT_SPEC_INVALID');
    expect(agents.get('ada').spec.module).toBe(module);
  },
);

it('one that was refused leaves the id to the next', async () => {
  const { agents } = await rig();
  const bad = awaited(agents.ensure({ id: 'ada', module, isolation: 'in-process', initArgs: { from: 'x' } }));
  const good = agents.ensure({ id: 'ada', module, isolation: 'in-process', initArgs: { from: 1 } });
  expect(await codeOf(bad)).toBe('AGENT_SPEC_INVALID');
  expect(await good).toEqual({ id: 'ada', change: 'registered' });
  await agents.forget('ada');
  expect(await agents.ensure({ id: 'ada', module: clerk })).toEqual({ id: 'ada', change: 'registered' });
});

it('needs an id, no pool, and a system that is open', async () => {
  const { agents, system } = await rig();
  const { code, message } = await refusal(agents.ensure({ module: clerk } as never));
  expect([code, message]).toEqual(['AGENT_SPEC_INVALID', expect.stringContaining('id: expected')]);
  const pooled = { id: 'ada', module: clerk, pool: 'clerks' } as never;
  expect(await codeOf(agents.ensure(pooled))).toBe('AGENT_SPEC_INVALID');
  await system.close();
  expect(await codeOf(agents.ensure({ id: 'ada', module: clerk }))).toBe('SYSTEM_CLOSED');
});

it('answers for an agent that is on its way into the store once it is there', async () => {
  const store = failingStore();
  const { agents } = await rig({ store });
  store.trouble = 'hangs';
  const registered = awaited(agents.register({ id: 'ada', module: clerk }));
  const ensured = awaited(agents.ensure({ id: 'ada', module: clerk }));
  expect(await fateOf(ensured)).toBe('pending');
  store.trouble = undefined;
  await store.answer(true);
  expect(await registered).toBe('ada');
  expect(await ensured).toEqual({ id: 'ada', change: 'none' });
});

describe('autoStart', () => {
  it('a durable program: ensure, and work', async () => {
    const disk = await diskOf('memoryStore');
    const spec = { id: 'ada', module: clerk, initArgs: { name: 'A', from: 1 } };
    const statuses: string[] = [];
    for (let life = 0; life < 3; life += 1) {
      const { agents, system } = await disk.boot({ agents: [clerk] });
      const { change } = await agents.ensure(spec, { autoStart: true });
      statuses.push(change, agents.get('ada').status);
      await system.close();
    }
    expect(statuses).toEqual(['registered', 'running', 'none', 'running', 'none', 'running']);
  });

  it('starts none that runs, has completed or has given up, and no member of a pool', async () => {
    const { agents, system, eventsOf } = await rig();
    const spec = { id: 'ada', module: clerk, restart: { policy: 'never' } } as const;
    await agents.ensure(spec);
    expect(agents.get('ada').status).toBe('registered');
    await agents.ensure(spec, { autoStart: true });
    await agents.ensure(spec, { autoStart: true });
    await agents.kill('ada');
    await agents.ensure(spec, { autoStart: true });
    expect([agents.get('ada').status, eventsOf('agent.started').length]).toEqual(['crashed', 1]);
    await system.pools.create({ name: 'p', spec: { module: clerk }, min: 1, max: 1 });
    expect(await agents.startAll()).toEqual({ started: [], failed: [] });
  });

  it('starts one that is stopping once it has stopped, once for two who ask, and not in a program that closes', async () => {
    const held = Promise.withResolvers<number>();
    const slow = defineAgent({
      type: 'slow',
      init: () => ({}),
      tasks: { work: { run: () => held.promise } },
    });
    const { agents, system, eventsOf } = await rig();
    const spec = { id: 'ada', module: slow } as const;
    await agents.ensure(spec, { autoStart: true });
    const work = agents.execute('ada', { type: 'work' });
    const stopped = agents.stop('ada');
    expect(agents.get('ada').status).toBe('stopping');
    const both = [agents.ensure(spec, { autoStart: true }), agents.ensure(spec, { autoStart: true })];
    held.resolve(1);
    expect([await work, (await stopped).status]).toEqual([1, 'stopped']);
    await Promise.all(both);
    expect([agents.get('ada').status, eventsOf('agent.started').length]).toEqual(['running', 2]);
    const closed = system.close();
    expect(await codeOf(agents.ensure(spec, { autoStart: true }))).toBe('SYSTEM_CLOSED');
    await closed;
  });

  it('a restart that fails does not concern who ensures an agent whose next one waits, for its time or for its turn', async () => {
    const starts: PromiseWithResolvers<void>[] = [];
    const slow = defineAgent({
      type: 'slow',
      init: ({ incarnation }) => (incarnation === 1 ? undefined : starts[starts.push(gate()) - 1]!.promise),
      tasks: {},
    });
    const { agents, clock } = await rig({ limits: { maxConcurrentRestarts: 1 } });
    const restart = { policy: 'immediate', delayMs: 10 } as const;
    const ids = ['ada', 'bob'];
    for (const id of ids) await agents.ensure({ id, module: slow, restart }, { autoStart: true });
    await Promise.all(ids.map((id) => agents.kill(id)));
    await clock.advance(10);
    expect(starts).toHaveLength(1);
    const ensured = ids.map((id) => agents.ensure({ id, module: slow, restart }, { autoStart: true }));
    // It waits for its turn, and nobody has to.
    expect(await ensured[1]).toEqual({ id: 'bob', change: 'none' });
    expect(agents.get('bob').status).toBe('crashed');
    starts[0]!.reject(new Error('no'));
    expect(await ensured[0]).toEqual({ id: 'ada', change: 'none' });
    expect(agents.get('ada')).toMatchObject({ status: 'crashed', restartAt: expect.any(Number) });
    starts[1]!.resolve();
  });

  it('says why it could not be started; what was ensured stays', async () => {
    const { agents } = await rig();
    const failing = defineAgent({
      type: 'failing',
      init: () => {
        throw new Error('no');
      },
      tasks: {},
    });
    expect(await codeOf(agents.ensure({ id: 'ada', module: failing }, { autoStart: true }))).toBe(
      'AGENT_START_FAILED',
    );
    await agents.register({ id: 'bob', module: clerk });
    await agents.register({ id: 'eve', module: clerk });
    const { started, failed } = await agents.startAll();
    expect(started).toEqual(['bob', 'eve']);
    expect(failed).toMatchObject([{ agentId: 'ada', error: { code: 'AGENT_START_FAILED' } }]);
    expect(await agents.startAll({ type: 'clerk' })).toEqual({ started: [], failed: [] });
    expect(await codeOf(agents.startAll({ kind: 'clerk' } as never))).toBe('AGENT_SPEC_INVALID');
  });
});
