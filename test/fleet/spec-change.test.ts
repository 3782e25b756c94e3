/** `agents.update`: what can apply at once does, the rest at the next body; whatever the agent does meanwhile. */
import { describe, expect, it } from 'vitest';
import { type AgentSpec, defineAgent, memoryStore, planRecovery, variable } from '../../src/index.ts';
import { scriptedHost, settled } from '../../src/testing/index.ts';
import { failingStore } from '../journal/failing-store.ts';
import { awaited, codeOf, fateOf, gate, refusal, rig } from '../kit/rig.ts';
import { plain } from './plain.ts';
import { disks, diskOf } from './program.ts';

const module = new URL('./module-agent.ts', import.meta.url);

const counter = defineAgent({
  type: 'counter',
  init: ({ initArgs, restored }): { n: number; step: number } => ({
    n: (restored as { n: number } | undefined)?.n ?? 0,
    step: (initArgs as { step?: number }).step ?? 1,
  }),
  tasks: { add: { run: ({ state }) => (state.n += state.step) } },
});

async function running(initArgs: object = { step: 1 }) {
  const world = await rig();
  const id = await world.agents.register({ id: 'ada', module: counter, initArgs });
  await world.agents.start(id);
  return { ...world, id };
}

/** An agent that runs, whose body does what the test says. */
async function scripted(spec: Omit<AgentSpec, 'module'> & { readonly module?: AgentSpec['module'] }) {
  const host = scriptedHost();
  const world = await rig({ hosts: { 'in-process': host } });
  const id = await world.agents.register({ module: plain, ...spec });
  const started = world.agents.start(id);
  await settled();
  const body = host.bodiesOf(id)[0]!;
  body.ready();
  await started;
  body.takeRequests();
  /** What it was asked since the last call. */
  const asked = () => body.takeRequests().map(({ type }) => type);
  return { ...world, id, body, asked };
}

describe('in force at once', () => {
  it('the restart policy: a crash goes by the new one, and a restart that waits keeps its time', async () => {
    const { agents, clock, id } = await running();
    await agents.kill(id);
    const { restartAt } = agents.get(id);
    await agents.update(id, { restart: { policy: 'never', delayMs: 60_000 } });
    expect(agents.get(id)).toMatchObject({ status: 'crashed', restartAt });
    await clock.advance(restartAt! - clock.now());
    expect(agents.get(id).status).toBe('running');
    await agents.kill(id);
    expect(agents.get(id)).toMatchObject({ status: 'crashed', state: 'crashed.leftDown' });
    expect(agents.get(id).spec.restart).toMatchObject({ policy: 'never', delayMs: 60_000, maxRestarts: 5 });
  });

  it('the limits of its queue: what was accepted stays, and what may run more at once does', async () => {
    const open = gate();
    const waiting = defineAgent({
      type: 'waiting',
      init: () => ({}),
      tasks: { wait: { run: () => open.promise } },
    });
    const { agents } = await rig();
    const id = await agents.register({ module: waiting, tasks: { queueLimit: 3 } });
    await agents.start(id);
    const asked = [1, 2, 3, 4].map(() => awaited(agents.execute(id, { type: 'wait' })));
    await settled();
    expect(agents.get(id).metrics).toMatchObject({ running: 1, waiting: 3 });
    await agents.update(id, { tasks: { queueLimit: 0 } });
    expect(await codeOf(agents.execute(id, { type: 'wait' }))).toBe('TASK_QUEUE_FULL');
    await agents.update(id, { tasks: { concurrency: 3, queueLimit: 2 } });
    expect(agents.get(id).metrics).toMatchObject({ running: 3, waiting: 1 });
    await agents.update(id, { tasks: { concurrency: 1 } });
    expect(agents.get(id).metrics).toMatchObject({ running: 3, waiting: 1 });
    const last = [5].map(() => awaited(agents.execute(id, { type: 'wait' })));
    expect(await codeOf(agents.execute(id, { type: 'wait' }))).toBe('TASK_QUEUE_FULL');
    open.resolve();
    await Promise.all([...asked, ...last]);
    expect(agents.get(id).metrics).toMatchObject({ done: 5, running: 0, waiting: 0 });
  });

  it('health: the next check comes after the new interval, and the new number of misses kills', async () => {
    const { agents, clock, id, body, asked } = await scripted({
      health: { intervalMs: 10_000, timeoutMs: 1_000 },
    });
    await clock.advance(9_000);
    await agents.update(id, { health: { intervalMs: 2_000, failuresBeforeKill: 1 } });
    await clock.advance(1_999);
    expect(asked()).toEqual([]);
    await clock.advance(1);
    expect(asked()).toEqual(['health.check']);
    await clock.advance(1_000);
    expect(asked()).toEqual(['kill']);
    body.exit('killed');
    await settled();
    expect(agents.get(id)).toMatchObject({ status: 'crashed', reason: 'unresponsive' });
  });

  it('coordination: the next round uses the new weight and electorate, and an agent that becomes eligible leads', async () => {
    const voter = defineAgent({
      type: 'voter',
      variables: ['rate'],
      init: () => ({}),
      vote: ({ state }) => (state ? 'accept' : 'reject'),
      tasks: {},
    });
    const { agents, system } = await rig();
    await system.variables.define('rate', variable.integer({ min: 0, max: 9, default: 1 }));
    for (const id of ['ada', 'bob']) {
      await agents.register({ id, module: voter });
      await agents.start(id);
    }
    const weigh = async () => (await system.consensus.propose({ variable: 'rate', value: 2 })).tally.weight;
    expect((await weigh()).total).toBe(2);
    await agents.update('ada', { coordination: { voteWeight: 2.5 } });
    expect((await weigh()).total).toBe(3.5);
    await agents.update('bob', { coordination: { participatesInConsensus: false } });
    expect((await weigh()).total).toBe(2.5);
    expect(system.coordination.leader()).toBeUndefined();
    await agents.update('bob', { coordination: { leadershipEligible: true } });
    await agents.update('ada', { coordination: { leadershipEligible: true } });
    expect(system.coordination.leader()).toMatchObject({ agentId: 'bob', term: 1 });
    await agents.update('bob', { coordination: { leadershipEligible: false } });
    expect(system.coordination.leader()).toMatchObject({ agentId: 'ada', term: 2 });
    await agents.stop('ada');
    expect(system.coordination.leader()).toBeUndefined();
  });

  it('a change is waited for, or no longer, by what the pattern is now', async () => {
    const listener = defineAgent({ type: 'listener', variables: ['rate'], init: () => ({}), tasks: {} });
    const { agents, system, id } = await scripted({ module: listener });
    await system.variables.define('rate', variable.integer({ min: 0, max: 9, default: 1 }));
    await agents.update(id, { coordination: { communicationPattern: 'sync' } });
    const set = awaited(system.variables.set('rate', 2));
    expect(await fateOf(set)).toBe('pending');
    await agents.update(id, { coordination: { communicationPattern: 'async' } });
    expect(await set).toMatchObject({ version: 2, outOfDate: [id] });
    expect(await system.variables.set('rate', 3)).toMatchObject({ version: 3 });
  });

  it('shutdownMs: a stop that is under way keeps its time', async () => {
    const { agents, clock, id, body, asked } = await scripted({ shutdownMs: 10_000 });
    const stopped = agents.stop(id);
    await settled();
    await agents.update(id, { shutdownMs: 1_000 });
    await clock.advance(9_999);
    expect(agents.get(id).status).toBe('stopping');
    expect(asked()).not.toContain('kill');
    await clock.advance(1);
    expect(asked()).toContain('kill');
    body.exit('killed');
    expect((await stopped).status).toBe('stopped');
  });
});

describe('in force from the next body on', () => {
  it('initArgs: the record names them until then; state, history and incarnation stay', async () => {
    const { agents, id, eventsOf } = await running();
    expect(await agents.execute(id, { type: 'add' })).toBe(1);
    expect(await agents.update(id, { initArgs: { step: 10 } }, { by: 'ops' })).toEqual({
      id,
      change: 'updated',
    });
    expect(agents.get(id)).toMatchObject({ pending: ['initArgs'], incarnation: 1 });
    expect(agents.get(id).spec.initArgs).toEqual({ step: 10 });
    expect(await agents.execute(id, { type: 'add' })).toBe(2);
    await agents.stop(id);
    expect('pending' in agents.get(id)).toBe(false);
    await agents.start(id);
    expect(await agents.execute(id, { type: 'add' })).toBe(12);
    expect(eventsOf('agent.updated')).toMatchObject([
      {
        agentId: id,
        incarnation: 1,
        by: 'ops',
        changes: [{ field: 'initArgs.step', from: 1, to: 10 }],
        spec: { initArgs: { step: 10 } },
      },
    ]);
  });

  it('maxRuntimeMs: a body ends after the time that it began with', async () => {
    const { agents, clock } = await rig();
    const id = await agents.register({ module: plain, resources: { maxRuntimeMs: 10_000 } });
    await agents.start(id);
    await agents.update(id, { resources: { maxRuntimeMs: undefined } });
    expect(agents.get(id).pending).toEqual(['resources']);
    await clock.advance(9_999);
    expect(agents.get(id).status).toBe('running');
    await clock.advance(1);
    expect(agents.get(id)).toMatchObject({ status: 'stopped', reason: { shutdown: 'max_runtime' } });
    await agents.start(id);
    await clock.advance(1_000_000);
    expect(agents.get(id).status).toBe('running');
  });

  it('a change that is taken back is no longer pending', async () => {
    const { agents, id } = await running({ step: 1 });
    await agents.update(id, { initArgs: { step: 2 } });
    await agents.update(id, { initArgs: { step: 3 } });
    expect(agents.get(id).pending).toEqual(['initArgs']);
    await agents.update(id, { initArgs: { step: 1 } });
    expect('pending' in agents.get(id)).toBe(false);
  });

  it('isolation and module: the next body runs there, with the state of this one', async () => {
    const { agents } = await rig();
    const id = await agents.register({ id: 'm', module, isolation: 'in-process', initArgs: { from: 5 } });
    await agents.start(id);
    expect(await agents.execute(id, { type: 'add', input: 1 })).toBe(6);
    await agents.update(id, { isolation: 'thread' });
    expect(agents.get(id)).toMatchObject({ isolation: 'in-process', pending: ['isolation'] });
    await agents.stop(id);
    expect(agents.get(id).isolation).toBe('thread');
    await agents.start(id);
    expect(await agents.execute(id, { type: 'add', input: 1 })).toBe(7);
  });

  it('memory that a body has reserved is given back as it was reserved', async () => {
    const host = scriptedHost({ onOpen: (body) => queueMicrotask(() => body.ready()) });
    const { agents } = await rig({ limits: { maxMemoryBytes: 100 }, hosts: { 'in-process': host } });
    for (const id of ['ada', 'bob']) {
      const resources = { maxMemoryBytes: 60 };
      await agents.register({ id, module: plain, resources, restart: { policy: 'never' } });
    }
    const end = async (id: string) => {
      const ended = agents.kill(id);
      host.bodiesOf(id).at(-1)!.exit('killed');
      await ended;
    };
    await agents.start('ada');
    await agents.update('ada', { resources: { maxMemoryBytes: 1 } });
    expect(await codeOf(agents.start('bob'))).toBe('RESOURCES_EXHAUSTED');
    await end('ada');
    await agents.start('ada');
    await agents.start('bob');
    await end('bob');
    await agents.start('bob');
    expect(agents.get('bob').status).toBe('running');
  });

  it('restart: true ends the body in order, and the agent runs again with its state', async () => {
    const { agents, id, eventsOf } = await running();
    await agents.execute(id, { type: 'add' });
    await agents.update(id, { initArgs: { step: 10 } }, { restart: true, by: 'ops' });
    expect(agents.get(id)).toMatchObject({ status: 'running', incarnation: 2, restarts: 0 });
    expect(await agents.execute(id, { type: 'add' })).toBe(11);
    expect(eventsOf('agent.stopping')[0]).toMatchObject({ by: 'ops' });
    expect(eventsOf('agent.starting')[1]).toMatchObject({ by: 'ops' });
    await agents.update(id, { shutdownMs: 1 }, { restart: true });
    expect(agents.get(id).incarnation).toBe(2);
    await agents.update(id, { initArgs: { step: 20 } });
    expect(await agents.update(id, {}, { restart: true })).toEqual({ id, change: 'none' });
    expect(agents.get(id).incarnation).toBe(3);
  });

  it('restart: true starts none that does not run', async () => {
    const { agents, id } = await running();
    await agents.stop(id);
    await agents.update(id, { initArgs: { step: 2 } }, { restart: true });
    expect(agents.get(id)).toMatchObject({ status: 'stopped', incarnation: 1 });
  });

  it('a new body that does not start is the caller’s error, and the change stands', async () => {
    const fragile = defineAgent({
      type: 'fragile',
      init: ({ initArgs }) => {
        if ((initArgs as { bad?: boolean }).bad) throw new Error('bad args');
        return {};
      },
      tasks: {},
    });
    const { agents } = await rig();
    const id = await agents.register({ module: fragile });
    await agents.start(id);
    const { code } = await refusal(agents.update(id, { initArgs: { bad: true } }, { restart: true }));
    expect(code).toBe('AGENT_START_FAILED');
    expect(agents.get(id)).toMatchObject({ status: 'stopped', spec: { initArgs: { bad: true } } });
  });
});

describe('refused, and then nothing has changed', () => {
  it.each([
    ['a field that there is not', { colour: 'red' }, /colour/],
    ['a field of a policy that there is not', { restart: { often: true } }, /often/],
    ['a value that is not one', { health: { intervalMs: -1 } }, /health\.intervalMs/],
    ['another id', { id: 'bob' }, /id/],
    ['a pool', { pool: 'clerks' }, /pool/],
    ['code of another type', { module: counter }, /expected an agent of type "plain", got "counter"/],
    ['what its host cannot keep', { resources: { maxMemoryBytes: 1 } }, /maxMemoryBytes/],
    ['no object', 'fast', /expected the fields to change/],
    ['a list', [], /expected the fields to change/],
    [
      'what throws when it is read',
      Object.defineProperty({}, 'restart', {
        enumerable: true,
        get: () => {
          throw new Error('no');
        },
      }),
      /cannot be read/,
    ],
  ])('%s', async (_, change, message) => {
    const { agents, eventsOf } = await rig();
    const id = await agents.register({ id: 'ada', module: plain });
    const before = agents.get(id);
    const refused = await refusal(agents.update(id, change as never));
    expect(refused).toMatchObject({ code: 'AGENT_SPEC_INVALID', agentId: id });
    expect(refused.message).toMatch(message);
    expect(agents.get(id)).toBe(before);
    expect(eventsOf('agent.updated')).toEqual([]);
  });

  it('an agent that there is not, options that are not known, a closed system', async () => {
    const { agents, system } = await rig();
    expect(await codeOf(agents.update('nobody', {}))).toBe('AGENT_NOT_FOUND');
    const id = await agents.register({ module: plain });
    expect(await codeOf(agents.update(id, {}, { soon: true } as never))).toBe('AGENT_SPEC_INVALID');
    expect(await codeOf(agents.update(id, {}, { by: '' }))).toBe('AGENT_SPEC_INVALID');
    await system.close();
    expect(await codeOf(agents.update(id, {}))).toBe('SYSTEM_CLOSED');
  });

  it('a member of a pool is as its pool has it', async () => {
    const { agents, system } = await rig();
    await system.pools.create({ name: 'clerks', spec: { module: plain }, min: 1, max: 1 });
    const id = agents.list()[0]!.id;
    const { code, message } = await refusal(agents.update(id, { shutdownMs: 1 }));
    expect([code, message]).toEqual(['AGENT_SPEC_INVALID', expect.stringContaining('pool')]);
  });

  it('what the store does not take is told as that, and taken back', async () => {
    const store = failingStore();
    const { agents, clock, eventsOf } = await rig({ store });
    const id = await agents.register({ module: plain });
    store.trouble = 'throws';
    expect(await codeOf(agents.update(id, { shutdownMs: 1 }))).toBe('STORE_FAILED');
    expect(agents.get(id).spec.shutdownMs).toBe(5_000);
    store.trouble = undefined;
    await clock.advance(60_000);
    expect(eventsOf('agent.updated').map(({ changes }) => changes)).toEqual([
      [{ field: 'shutdownMs', from: 5_000, to: 1 }],
      [{ field: 'shutdownMs', from: 1, to: 5_000 }],
    ]);
    expect(eventsOf('agent.updated').at(-1)!.spec).toMatchObject({ shutdownMs: 5_000 });
  });
});

describe('races', () => {
  it('two at once for one agent come one after the other, and neither undoes the other', async () => {
    const { agents, eventsOf } = await rig();
    const id = await agents.register({ id: 'm', module, isolation: 'in-process', initArgs: { from: 1 } });
    await Promise.all([
      agents.update(id, { initArgs: { from: 2 }, shutdownMs: 2 }),
      agents.update(id, { startTimeoutMs: 3 }),
      agents.ensure({ id, module, isolation: 'in-process', initArgs: { from: 4 } }),
      agents.update(id, { shutdownMs: 5 }),
    ]);
    expect(agents.get(id).spec).toMatchObject({
      initArgs: { from: 4 },
      shutdownMs: 5,
      startTimeoutMs: 30_000,
    });
    expect(eventsOf('agent.updated')).toHaveLength(4);
  });

  it('while it starts: that start goes on with what it began with', async () => {
    const seen: unknown[] = [];
    const gates = [gate(), gate()];
    const slow = defineAgent({
      type: 'slow',
      init: async ({ initArgs }) => {
        seen.push(initArgs);
        await gates[seen.length - 1]!.promise;
        return {};
      },
      tasks: {},
    });
    const { agents } = await rig();
    const id = await agents.register({ module: slow, initArgs: { from: 1 } });
    const started = agents.start(id);
    await settled();
    await agents.update(id, { initArgs: { from: 2 } });
    expect(agents.get(id)).toMatchObject({ status: 'starting', pending: ['initArgs'] });
    gates[0]!.resolve();
    await started;
    expect(agents.get(id).pending).toEqual(['initArgs']);
    await agents.kill(id);
    gates[1]!.resolve();
    const again = await agents.restart(id);
    expect([again.incarnation, seen]).toEqual([2, [{ from: 1 }, { from: 2 }]]);
    expect('pending' in agents.get(id)).toBe(false);
  });

  it('while it starts, with restart: the start is ended, and the agent starts with what is asked for now', async () => {
    const seen: unknown[] = [];
    const forever = gate();
    const slow = defineAgent({
      type: 'slow',
      init: async ({ initArgs }) => {
        seen.push(initArgs);
        if (seen.length === 1) await forever.promise;
        return {};
      },
      tasks: {},
    });
    const { agents, clock } = await rig();
    const id = await agents.register({ module: slow, initArgs: { from: 1 }, shutdownMs: 10 });
    const started = awaited(agents.start(id));
    await settled();
    const updated = agents.update(id, { initArgs: { from: 2 } }, { restart: true });
    await settled();
    await clock.advance(10);
    await updated;
    expect(await codeOf(started)).toBe('AGENT_START_FAILED');
    expect(seen).toEqual([{ from: 1 }, { from: 2 }]);
    expect(agents.get(id)).toMatchObject({ status: 'running', incarnation: 2 });
    forever.resolve();
  });

  it('while it stops: what somebody ended stays ended', async () => {
    const { agents, id } = await running();
    const stopped = agents.stop(id);
    await agents.update(id, { initArgs: { step: 2 } }, { restart: true });
    expect((await stopped).status).toBe('stopped');
    expect(agents.get(id)).toMatchObject({ status: 'stopped', incarnation: 1 });
  });

  it('while its restart waits: the body that comes is made by the new spec', async () => {
    const { agents, clock, id } = await running();
    await agents.kill(id);
    await agents.update(id, { initArgs: { step: 7 } }, { restart: true });
    expect(agents.get(id).status).toBe('crashed');
    await clock.advance(1_000);
    expect(await agents.execute(id, { type: 'add' })).toBe(7);
  });

  it('while it is forgotten, and another has its id since', async () => {
    const { agents } = await rig();
    const register = () =>
      agents.register({ id: 'm', module, isolation: 'in-process', initArgs: { from: 1 } });
    await register();
    const updated = awaited(agents.update('m', { initArgs: { from: 2 } }));
    await agents.forget('m');
    await register();
    expect(await codeOf(updated)).toBe('AGENT_NOT_FOUND');
    expect(agents.get('m').spec.initArgs).toEqual({ from: 1 });
  });
});

describe.each(disks)('in another program, on a %s', (kind) => {
  it('the newest spec is the one that counts, in the order of registration, in every life', async () => {
    const disk = await diskOf(kind);
    const first = await disk.boot();
    for (const id of ['b', 'a', 'c']) await first.agents.register({ id, module: counter });
    await first.agents.start('b');
    await first.agents.execute('b', { type: 'add' });
    await first.agents.update('b', { initArgs: { step: 10 }, restart: { policy: 'immediate' } });
    for (let life = 2; life <= 4; life++) {
      const { agents, clock, eventsOf } = await disk.boot({ agents: [counter] });
      await clock.advance(0);
      expect(agents.list().map(({ id }) => id)).toEqual(['b', 'a', 'c']);
      expect(agents.get('b')).toMatchObject({
        status: 'running',
        incarnation: life,
        spec: { initArgs: { step: 10 * (life - 1) }, restart: { policy: 'immediate' } },
      });
      expect('pending' in agents.get('b')).toBe(false);
      expect(await agents.execute('b', { type: 'add' })).toBe([11, 31, 61][life - 2]);
      await agents.update('b', { initArgs: { step: 10 * life } });
      expect(eventsOf('agent.updated')).toMatchObject([{ registered: 1 }]);
    }
  });

  it('code that is missing is given by an update, and runs with the state that was kept', async () => {
    const disk = await diskOf(kind);
    const first = await disk.boot();
    await first.agents.register({ id: 'ada', module: counter });
    await first.agents.start('ada');
    await first.agents.execute('ada', { type: 'add' });
    const { agents, system } = await disk.boot();
    expect(system.alerts.list().map(({ alert }) => alert)).toEqual(['definition_missing']);
    const { message } = await refusal(agents.update('ada', { shutdownMs: 1 }));
    expect(message).toContain('the code of the agent, which is missing');
    await agents.update('ada', { module: counter });
    expect(system.alerts.list()).toEqual([]);
    await agents.start('ada');
    expect(await agents.execute('ada', { type: 'add' })).toBe(2);
  });
});

it('a plan of a recovery goes by the newest spec', async () => {
  const store = memoryStore();
  const { agents, system } = await rig({ store });
  const spec = { id: 'm', module, isolation: 'in-process' as const, initArgs: { from: 1 } };
  await agents.register(spec);
  const gone = new URL('./gone.ts', module);
  await agents.update('m', { shutdownMs: 1 });
  await system.close();
  expect(await planRecovery(store)).toMatchObject([{ agentId: 'm', comesBack: true }]);
  expect(await planRecovery(store, { agents: [{ type: 'module-agent', module: gone }] })).toMatchObject([
    { comesBack: false, problem: expect.stringContaining(gone.href) as string },
  ]);
});
