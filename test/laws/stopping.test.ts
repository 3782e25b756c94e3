/** Laws of supervision: an agent is stopped, killed, forgotten. After OTP's and Elixir's suites of supervisors. */
import { describe, expect, test } from 'vitest';
import { defineAgent, memoryStore, type Store, type SystemEvent, variable } from '../../src/index.ts';
import { settled } from '../../src/testing/index.ts';
import { mortal } from '../kit/mortal.ts';
import { rig } from '../kit/rig.ts';

describe('a stop', () => {
  test('of an agent whose work never ends does not hang: the work is abandoned, and listed', async () => {
    const made = await rig();
    const id = await made.agents.register({ module: mortal() });
    await made.agents.start(id);
    const work = made.agents.execute(id, { type: 'hang' });
    work.catch(() => {});
    await settled();
    const stopped = made.agents.stop(id);
    await made.clock.advance(5_000);
    await expect(work).rejects.toMatchObject({ code: 'TASK_ABANDONED' });
    const record = await stopped;
    expect(record).toMatchObject({ status: 'stopped' });
    expect(record.abandoned).toHaveLength(1);
  });

  test('is not held up by a task that was cancelled before it was kept', async () => {
    const made = await rig();
    const id = await made.agents.register({ module: mortal() });
    await made.agents.start(id);
    const cancel = new AbortController();
    const work = made.agents.execute(id, { type: 'count', signal: cancel.signal });
    const stopped = made.agents.stop(id);
    cancel.abort();
    await expect(work).rejects.toMatchObject({ code: 'TASK_ABANDONED' });
    expect(await stopped).toMatchObject({ status: 'stopped', abandoned: [] });
  });

  test('of an agent that will not let go does not hang: past its deadline it is killed', async () => {
    const made = await rig();
    const module = defineAgent({
      type: 'clinging',
      init: () => ({}),
      tasks: {},
      terminate: () => new Promise<void>(() => {}),
    });
    const id = await made.agents.register({ module, shutdownMs: 2_000 });
    await made.agents.start(id);
    const stopped = made.agents.stop(id);
    await made.clock.advance(1_999);
    expect(made.agents.get(id).status).toBe('stopping');
    await made.clock.advance(1);
    expect(await stopped).toMatchObject({ status: 'stopped', reason: { shutdown: 'timed_out' } });
  });

  test('of one that is stopped already says that it does not run, and nobody is counted as running', async () => {
    const made = await rig();
    const id = await made.agents.register({ module: mortal() });
    await made.agents.start(id);
    await made.agents.stop(id);
    await expect(made.agents.stop(id)).rejects.toMatchObject({ code: 'AGENT_NOT_RUNNING', agentId: id });
    expect(made.agents.list({ status: 'running' })).toEqual([]);
    expect(made.system.resources().agents).toBe(0);
  });

  test('of one that was never there says so, and the others live on', async () => {
    const made = await rig();
    const id = await made.agents.register({ module: mortal() });
    await made.agents.start(id);
    for (const stranger of ['stranger', '__proto__', 'constructor', '']) {
      await expect(made.agents.stop(stranger)).rejects.toMatchObject({ code: 'AGENT_NOT_FOUND' });
    }
    expect(made.agents.get(id).status).toBe('running');
  });

  test('cancels a restart that is due, and the agent stays down', async () => {
    const made = await rig();
    const id = await made.agents.register({ module: mortal() });
    await made.agents.start(id);
    await made.agents.kill(id);
    expect(await made.agents.stop(id)).toMatchObject({ status: 'stopped' });
    await made.clock.advance(24 * 60 * 60_000);
    expect(made.agents.get(id)).toMatchObject({ status: 'stopped', incarnation: 1 });
  });
});

describe('a close', () => {
  test('ends the agents before what they stand on: their last events and states are kept', async () => {
    const order: string[] = [];
    const kept = memoryStore();
    const store: Store = {
      isDurable: true,
      recover: () => kept.recover(),
      read: (query) => kept.read(query),
      state: (agentId) => kept.state(agentId),
      append: (batch) => {
        order.push(...batch.events.map(({ type }) => type));
        return kept.append(batch);
      },
      close: () => {
        order.push('store closed');
      },
    };
    const made = await rig({ store });
    await made.system.variables.define('found', variable.integer({ default: 0 }));
    const { promise: isFound, resolve: find } = Promise.withResolvers<number>();
    const seeker = defineAgent({
      type: 'seeker',
      variables: ['found'],
      init: () => ({}),
      tasks: { seek: { run: async () => made.system.variables.set('found', await isFound) } },
      terminate: () => void order.push(`coordination is ${made.system.coordination.status()}`),
    });
    const ids = [
      await made.agents.register({ module: mortal() }),
      await made.agents.register({ module: mortal() }),
    ];
    const seeking = await made.agents.register({ module: seeker });
    for (const id of ids) await made.agents.start(id);
    await made.agents.start(seeking);
    const sought = made.agents.execute(seeking, { type: 'seek' });
    await settled();
    const closed = made.system.close();
    await settled();
    find(7);
    expect(await sought).toMatchObject({ version: 2 });
    const { stopped, abandoned } = await closed;
    expect({ stopped, abandoned }).toEqual({ stopped: [...ids, seeking], abandoned: [] });
    expect(order.filter((step) => step === 'agent.stopped' || step === 'agent.state_saved')).toHaveLength(7);
    expect((await kept.recover()).variables).toMatchObject([{ name: 'found', value: 7, version: 2 }]);
    expect(order).toContain('coordination is available');
    expect(made.system.coordination.status()).toBe('closed');
    expect(order.at(-1)).toBe('store closed');
    await expect(made.agents.register({ module: mortal() })).rejects.toMatchObject({
      code: 'SYSTEM_CLOSED',
    });
  });
});

describe('by hand', () => {
  test('a running agent cannot be forgotten; a stopped one can, and is then not found', async () => {
    const made = await rig();
    const id = await made.agents.register({ module: mortal() });
    await made.agents.start(id);
    await expect(made.agents.forget(id)).rejects.toMatchObject({ code: 'AGENT_ILLEGAL_COMMAND' });
    expect(made.agents.get(id).status).toBe('running');
    await made.agents.stop(id);
    await made.agents.forget(id);
    await expect(made.agents.restart(id)).rejects.toMatchObject({ code: 'AGENT_NOT_FOUND' });
  });

  test('an agent that waits for its restart is listed as crashed, with when it is due, and not as running', async () => {
    const made = await rig();
    const id = await made.agents.register({ module: mortal(), restart: { policy: 'immediate' } });
    await made.agents.start(id);
    await made.agents.kill(id);
    expect(made.agents.list({ status: 'running' })).toEqual([]);
    expect(made.agents.list({ status: 'crashed' })).toMatchObject([
      { id, reason: 'killed', restartAt: made.clock.now() + 1_000 },
    ]);
  });

  test('an agent that is forgotten leaves no trace but its events: its id is free', async () => {
    const made = await rig();
    const id = await made.agents.register({ id: 'again', module: mortal(), restart: { policy: 'manual' } });
    await made.agents.start(id);
    await made.agents.execute(id, { type: 'count' });
    await made.agents.kill(id);
    expect(made.system.alerts.list()).toHaveLength(1);
    await made.agents.forget(id);
    expect(made.agents.list()).toEqual([]);
    expect(made.system.alerts.list()).toEqual([]);
    expect(made.system.resources().agents).toBe(0);
    expect(made.clock.pending()).toEqual([]);
    expect(() => made.agents.handle(id)).toThrow(/no agent/u);
    await expect(made.agents.savedState(id)).rejects.toMatchObject({ code: 'AGENT_NOT_FOUND' });

    await made.agents.register({ id: 'again', module: mortal() });
    expect(made.agents.get('again')).toMatchObject({ status: 'registered', incarnation: 0 });
    await made.agents.start('again');
    expect(await made.agents.execute('again', { type: 'count' })).toBe(1);
  });
});

describe('counting', () => {
  test('1,000 and then 2,000 agents are counted as they are listed; when all are killed, none', async () => {
    const made = await rig();
    const module = mortal();
    const spec = { module, restart: { policy: 'never' }, health: { intervalMs: Infinity } } as const;
    for (const total of [1_000, 2_000]) {
      for (let added = 0; added < 1_000; added++) {
        await made.agents.start(await made.agents.register(spec));
      }
      expect(made.agents.list()).toHaveLength(total);
      expect(made.agents.list({ status: 'running' })).toHaveLength(total);
      expect(made.system.resources().agents).toBe(total);
    }
    const ids = made.agents.list().map(({ id }) => id);
    await Promise.all(ids.map((id) => made.agents.kill(id)));
    expect(made.agents.list({ status: 'running' })).toEqual([]);
    expect(made.system.resources().agents).toBe(0);
    await Promise.all(ids.map((id) => made.agents.forget(id)));
    expect(made.agents.list()).toEqual([]);
    const forgotten = (made.events as SystemEvent[]).filter(({ type }) => type === 'agent.forgotten');
    expect(forgotten).toHaveLength(2_000);
  });
});

describe('a call', () => {
  test('to an agent that is dead, or was never there, is refused at once', async () => {
    const made = await rig();
    const id = await made.agents.register({ module: mortal() });
    await expect(made.agents.execute('stranger', { type: 'count' })).rejects.toMatchObject({
      code: 'AGENT_NOT_FOUND',
    });
    await expect(made.agents.execute(id, { type: 'count' })).rejects.toMatchObject({
      code: 'AGENT_NOT_RUNNING',
    });
    await made.agents.start(id);
    await made.agents.stop(id);
    await expect(made.agents.execute(id, { type: 'count' })).rejects.toMatchObject({
      code: 'AGENT_NOT_RUNNING',
    });
    expect(made.events.filter(({ type }) => type === 'task.accepted')).toEqual([]);
  });

  test('that its agent dies over is answered, once, with what became of it', async () => {
    const made = await rig();
    const id = await made.agents.register({ module: mortal() });
    await made.agents.start(id);
    const calls = [made.agents.execute(id, { type: 'hang' }), made.agents.execute(id, { type: 'count' })];
    const answers = Promise.allSettled(calls);
    await settled();
    await made.agents.kill(id);
    expect(await answers).toMatchObject([
      { status: 'rejected', reason: { code: 'TASK_ABANDONED' } },
      { status: 'rejected', reason: { code: 'TASK_ABANDONED' } },
    ]);
    expect(made.events.filter(({ type }) => type === 'task.abandoned')).toHaveLength(2);
  });
});
