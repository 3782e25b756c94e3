import { describe, expect, it } from 'vitest';
import {
  type AgentRecord,
  createAgentSystem,
  defineAgent,
  memoryStore,
  type Store,
  type SystemEvent,
} from '../../src/index.ts';
import { settled, simulatedClock } from '../../src/testing/index.ts';
import { failingStore } from '../journal/failing-store.ts';
import { awaited, codeOf, fateOf, gate, refusal, rig, silent } from '../kit/rig.ts';
import { disks, diskOf, type Program } from './program.ts';
import { eventually } from '../kit/eventually.ts';

/** Counts what its inits were given, and how often each task ran. */
function counter() {
  const inits: object[] = [];
  const runs: unknown[] = [];
  const gates: PromiseWithResolvers<unknown>[] = [];
  const module = defineAgent({
    type: 'counter',
    capabilities: ['count'],
    init: ({ restored, previousStop, incarnation, initArgs }): { n: number } => {
      inits.push({ restored, previousStop, incarnation, initArgs });
      return restored ?? { n: 0 };
    },
    tasks: {
      add: {
        run: ({ state, input }) => {
          runs.push(input);
          return (state.n += Number(input));
        },
      },
      held: {
        run: () => {
          const held = gate<unknown>();
          gates.push(held);
          return held.promise;
        },
      },
      'add surely': {
        retry: 'on_host_loss',
        run: async ({ state, input, taskId }) => {
          runs.push({ taskId, input });
          const held = gate<unknown>();
          gates.push(held);
          await held.promise;
          return (state.n += Number(input));
        },
      },
      finish: { run: ({ complete }) => complete() },
    },
  });
  return { module, inits, runs, gates };
}

/** A first program, in which an agent runs. */
async function startedOn(kind: Parameters<typeof diskOf>[0]) {
  const disk = await diskOf(kind);
  const counted = counter();
  const first = await disk.boot();
  const id = await first.agents.register({ module: counted.module });
  await first.agents.start(id);
  return { disk, first, id, ...counted };
}

const logOf = async ({ system }: Program): Promise<SystemEvent[]> => {
  const events: SystemEvent[] = [];
  for await (const event of system.events.read()) events.push(event);
  return events;
};
const crash = async ({ agents, clock }: Program, id: string) => {
  await agents.kill(id);
  await clock.advance(10);
};
/** A record without what only the living program knows. */
const lasting = (record: AgentRecord) => ({
  ...record,
  metrics: undefined,
  spec: { ...record.spec, module: undefined },
});

describe.each(disks)('a second program on a %s', (kind) => {
  it('lists every agent at rest as it was, in the order of registration, and starts none', async () => {
    const disk = await diskOf(kind);
    const { module } = counter();
    const first = await disk.boot();
    const { agents } = first;
    const rest = { registered: 'delayed', stopped: 'delayed', completed: 'delayed' } as const;
    for (const id of Object.keys(rest)) await agents.register({ id, module, initArgs: { of: id } });
    await agents.register({ id: 'leftDown', module, restart: { policy: 'never' } });
    await agents.register({ id: 'operator', module, restart: { policy: 'manual' } });
    await agents.register({ id: '__proto__', module, restart: { policy: 'immediate', maxRestarts: 0 } });
    await agents.register({ id: 'forgotten', module });
    for (const id of ['stopped', 'completed', 'leftDown', 'operator', '__proto__', 'forgotten'])
      await agents.start(id);
    await agents.stop('stopped');
    await agents.execute('completed', { type: 'finish' });
    await first.clock.advance(10);
    for (const id of ['leftDown', 'operator', '__proto__', 'forgotten']) await agents.kill(id);
    await agents.forget('forgotten');
    const before = agents.list().map(lasting);
    const alerts = first.system.alerts.list();
    expect(before.map(({ state }) => state)).toEqual([
      'registered',
      'stopped',
      'completed',
      'crashed.leftDown',
      'crashed.awaitingOperator',
      'crashed.gaveUp',
    ]);

    const second = await disk.boot({ agents: [module] }, 1_000);
    expect(second.agents.list().map(lasting)).toEqual(before);
    expect(second.agents.get('registered').spec).toEqual({
      ...first.agents.get('registered').spec,
      module,
    });
    expect(second.system.alerts.list()).toEqual(alerts);
    expect(alerts.map(({ alert }) => alert)).toEqual(['restart_required', 'gave_up']);
    await second.clock.advance(1_000_000);
    expect(second.events).toEqual([]);
    expect((await logOf(second)).filter(({ type }) => type === 'alert.raised')).toHaveLength(2);

    // The alerts are as good as new: a start clears them.
    await second.agents.start('operator');
    expect(second.system.alerts.list().map(({ alert }) => alert)).toEqual(['gave_up']);
    expect(second.eventsOf('alert.cleared')).toMatchObject([{ agentId: 'operator' }]);
  });

  it('restarts those that ran, with the state after their last acknowledged task, and tells them why', async () => {
    const disk = await diskOf(kind);
    const { module, inits, gates } = counter();
    const first = await disk.boot();
    for (const id of ['idle', 'busy', 'new']) {
      await first.agents.register({ id, module, initArgs: { of: id }, restart: { policy: 'never' } });
      await first.agents.start(id);
    }
    await first.agents.execute('idle', { type: 'add', input: 5 });
    await first.agents.execute('busy', { type: 'add', input: 7 });
    void awaited(first.agents.execute('busy', { type: 'held' }));
    await settled();
    expect(gates).toHaveLength(1);
    inits.length = 0;

    const second = await disk.boot({ agents: [module] }, 500);
    expect(second.agents.list().map(({ status, reason }) => [status, reason])).toEqual(
      Array.from({ length: 3 }, () => ['crashed', 'host_lost']),
    );
    await second.clock.advance(0);
    const stop = { previousStop: 'host_lost', incarnation: 2 };
    expect(inits).toEqual([
      { ...stop, restored: { n: 5 }, initArgs: { of: 'idle' } },
      { ...stop, restored: { n: 7 }, initArgs: { of: 'busy' } },
      { ...stop, restored: undefined, initArgs: { of: 'new' } },
    ]);
    for (const record of second.agents.list()) {
      expect(record).toMatchObject({ status: 'running', incarnation: 2, restarts: 1 });
    }
    expect(await second.agents.execute('idle', { type: 'add', input: 1 })).toBe(6);
    expect(await second.agents.savedState('idle')).toEqual({ n: 6 });
  });

  it('ids of any characters come back as they were, each with its own state', async () => {
    const disk = await diskOf(kind);
    const { module } = counter();
    const ids = [
      'a',
      'a\u0000b',
      'a\u0000c',
      '\ud800',
      '\ud801',
      '\ufffd',
      "'; drop table agents; --",
      '🤖',
      ' ',
      '%',
    ];
    const first = await disk.boot();
    for (const [index, id] of ids.entries()) {
      await first.agents.register({ id, module });
      await first.agents.start(id);
      await first.agents.execute(id, { type: 'add', input: index + 1 });
    }
    const second = await disk.boot({ agents: [module] });
    await second.clock.advance(0);
    expect(second.agents.list().map(({ id, status }) => [id, status])).toEqual(
      ids.map((id) => [id, 'running']),
    );
    for (const [index, id] of ids.entries()) {
      expect(await second.agents.savedState(id)).toEqual({ n: index + 1 });
      const ofAgent: SystemEvent[] = [];
      for await (const event of second.system.events.read({ agentId: id })) ofAgent.push(event);
      expect(new Set(ofAgent.map(({ agentId }) => agentId))).toEqual(new Set([id]));
    }
  });

  it('goes on counting: sequences, incarnations, restarts, ids', async () => {
    const { disk, first, id, module } = await startedOn(kind);
    let program = first;
    for (const incarnation of [2, 3, 4]) {
      program = await disk.boot({ agents: [module] }, 10);
      await program.clock.advance(0);
      expect(program.agents.get(id)).toMatchObject({
        incarnation,
        restarts: incarnation - 1,
        status: 'running',
      });
    }
    const other = await program.agents.register({ module });
    expect(other).not.toBe(id);
    const log = await logOf(program);
    expect(log.map(({ sequence }) => sequence)).toEqual(log.map((_, index) => index + 1));
    expect(log.map(({ at }) => at)).toEqual(log.map(({ at }) => at).toSorted((a, b) => a - b));
  });

  it.each([
    [200, 300],
    [0, 500],
    [499, 1],
    [500, 0],
    [10_000, 0],
  ])('a waiting restart, away for %i of 500 ms, comes after the %i that are left', async (away, left) => {
    const { disk, first, id, module } = await startedOn(kind);
    await first.agents.kill(id);
    const { restartAt } = first.agents.get(id);
    expect(restartAt).toBe(first.clock.now() + 500);

    const second = await disk.boot({ agents: [module] }, away);
    expect(second.agents.get(id)).toMatchObject({ state: 'crashed.waiting', reason: 'killed', restartAt });
    await settled();
    expect(second.clock.pending().map(({ dueAt }) => dueAt - second.clock.now())).toEqual([left]);
    if (left > 0) await second.clock.advance(left - 1);
    expect(second.agents.get(id).status).toBe('crashed');
    await second.clock.advance(left > 0 ? 1 : 0);
    expect(second.agents.get(id)).toMatchObject({ status: 'running', incarnation: 2 });
  });

  it('a waiting restart can be stopped, started by hand and forgotten', async () => {
    const disk = await diskOf(kind);
    const { module } = counter();
    const first = await disk.boot();
    for (const id of ['a', 'b', 'c']) {
      await first.agents.register({ id, module });
      await first.agents.start(id);
      await first.agents.kill(id);
    }
    const { agents, clock } = await disk.boot({ agents: [module] });
    await agents.stop('a');
    await agents.start('b');
    await agents.forget('c');
    expect(agents.list().map(({ status }) => status)).toEqual(['stopped', 'running']);
    await clock.advance(10_000);
    expect(agents.get('a').status).toBe('stopped');
    expect(agents.get('b').incarnation).toBe(2);
  });

  it('the window of restarts survives: too many before and after a loss are too many', async () => {
    const disk = await diskOf(kind);
    const { module } = counter();
    const restart = { policy: 'immediate', delayMs: 10, maxRestarts: 2, withinMs: 1_000 } as const;
    const first = await disk.boot();
    for (const id of ['often', 'seldom']) {
      await first.agents.register({ id, module, restart });
      await first.agents.start(id);
    }
    for (const id of ['often', 'seldom']) await crash(first, id);
    await crash(first, 'often');
    const second = await disk.boot({ agents: [module] }, 10);
    await second.clock.advance(0);
    for (const id of ['often', 'seldom']) expect(second.agents.get(id).status).toBe('running');
    for (const id of ['often', 'seldom']) await crash(second, id);
    expect(second.agents.get('often').state).toBe('crashed.gaveUp');
    expect(second.agents.get('seldom').status).toBe('running');
    await crash(second, 'seldom');
    expect(second.agents.get('seldom').state).toBe('crashed.gaveUp');
  });

  it('the backoff survives, too', async () => {
    const { disk, first, id, module } = await startedOn(kind);
    for (const delayMs of [500, 1_000]) {
      await first.agents.kill(id);
      await first.clock.advance(delayMs);
      expect(first.agents.get(id).status).toBe('running');
    }
    const second = await disk.boot({ agents: [module] });
    await second.clock.advance(0);
    await second.agents.kill(id);
    expect(second.agents.get(id).restartAt! - second.clock.now()).toBe(2_000);
  });

  it('one that was stopping is stopped', async () => {
    const { disk, first, id, module } = await startedOn(kind);
    void awaited(first.agents.execute(id, { type: 'held' }));
    await settled();
    void awaited(first.agents.stop(id));
    const second = await disk.boot({ agents: [module] });
    expect(second.agents.get(id)).toMatchObject({ status: 'stopped', reason: { shutdown: 'host_lost' } });
    await second.clock.advance(100_000);
    expect(second.agents.get(id)).toMatchObject({ status: 'stopped', incarnation: 1 });
  });

  it('a start that was asked for is taken back; the incarnation it used stays used', async () => {
    const disk = await diskOf(kind);
    const never = new Promise<never>(() => {});
    let isSlow = true;
    const module = defineAgent({ type: 'slow', init: () => (isSlow ? never : {}), tasks: {} });
    const first = await disk.boot();
    const id = await first.agents.register({ module });
    void awaited(first.agents.start(id));
    await settled();
    const second = await disk.boot({ agents: [module] });
    await second.clock.advance(100_000);
    expect(second.agents.get(id)).toMatchObject({ status: 'registered', incarnation: 1 });
    isSlow = false;
    expect((await second.agents.start(id)).incarnation).toBe(2);
  });

  it('a restart that was under way is begun again', async () => {
    const disk = await diskOf(kind);
    const never = new Promise<never>(() => {});
    const module = defineAgent({
      type: 'slow',
      init: ({ incarnation }) => (incarnation === 2 ? never : {}),
      tasks: {},
    });
    const first = await disk.boot();
    const id = await first.agents.register({ module });
    await first.agents.start(id);
    await first.agents.kill(id);
    await first.clock.advance(500);
    expect(first.agents.get(id)).toMatchObject({ status: 'starting', incarnation: 2 });
    const second = await disk.boot({ agents: [module] });
    await second.clock.advance(0);
    expect(second.agents.get(id)).toMatchObject({ status: 'running', incarnation: 3 });
  });

  it('one that did not answer for its health is restarted like any other that ran', async () => {
    const disk = await diskOf(kind);
    let isWell = false;
    const module = defineAgent({
      type: 'ill',
      init: () => ({}),
      health: () => {
        if (!isWell) throw new Error('ill');
      },
      tasks: {},
    });
    const first = await disk.boot();
    const id = await first.agents.register({ module });
    await first.agents.start(id);
    await first.agents.checkHealth(id);
    expect(first.agents.get(id).status).toBe('unresponsive');
    isWell = true;
    const second = await disk.boot({ agents: [module] });
    await second.clock.advance(0);
    expect(second.agents.get(id)).toMatchObject({ status: 'running', health: { misses: 0 } });
  });

  it('hundreds that ran all run again, as many at once as permits allow', async () => {
    const disk = await diskOf(kind);
    const { module } = counter();
    const first = await disk.boot();
    const ids = await Promise.all(Array.from({ length: 300 }, () => first.agents.register({ module })));
    await Promise.all(ids.map((id) => first.agents.start(id)));
    const second = await disk.boot({ agents: [module], limits: { maxConcurrentRestarts: 10 } });
    await second.clock.advance(0);
    await settled();
    expect(second.agents.list({ status: 'running' }).map(({ id }) => id)).toEqual(ids);
    expect(second.system.alerts.list()).toEqual([]);
  });

  it('with less room than the first had, restarts what fits, and tries the others again', async () => {
    const disk = await diskOf(kind);
    const { module } = counter();
    const first = await disk.boot();
    for (const id of ['a', 'b', 'c']) {
      await first.agents.register({ id, module });
      await first.agents.start(id);
    }
    const { agents, clock, eventsOf } = await disk.boot({ agents: [module], limits: { maxAgents: 2 } });
    await clock.advance(0);
    expect(agents.list({ status: 'running' })).toHaveLength(2);
    expect(eventsOf('agent.start_failed')).toMatchObject([
      { agentId: 'c', reason: { error: { code: 'RESOURCES_EXHAUSTED' } } },
    ]);
    await agents.stop('a');
    await clock.advance(10_000);
    expect(agents.get('c').status).toBe('running');
  });

  describe('tasks in flight', () => {
    it('are reported as unknown, once, and are not repeated', async () => {
      const { disk, first, id, module, runs } = await startedOn(kind);
      await first.agents.execute(id, { type: 'add', input: 1 });
      void awaited(first.agents.execute(id, { type: 'held', input: 'running' }));
      void awaited(first.agents.execute(id, { type: 'add', input: 'waiting' }));
      await settled();
      const accepted = first.eventsOf('task.accepted').slice(1);

      const second = await disk.boot({ agents: [module] });
      await second.clock.advance(0);
      const unknown = (await logOf(second)).filter(({ type }) => type === 'task.unknown');
      expect(unknown).toMatchObject(
        accepted.map(({ taskId, task }) => ({ agentId: id, incarnation: 1, taskId, task, retry: false })),
      );
      expect(runs).toEqual([1]);
      expect(second.agents.get(id).metrics).toMatchObject({ waiting: 0, running: 0 });

      const third = await disk.boot({ agents: [module] });
      await third.clock.advance(0);
      expect((await logOf(third)).filter(({ type }) => type === 'task.unknown')).toHaveLength(2);
    });

    it('that may be repeated are, under their own id, before anything else, and once', async () => {
      const { disk, first, id, module, runs, gates } = await startedOn(kind);
      for (const input of [1, 20]) void awaited(first.agents.execute(id, { type: 'add surely', input }));
      await settled();
      expect(runs).toHaveLength(1);
      const ids = first.eventsOf('task.accepted').map(({ taskId }) => taskId);

      const second = await disk.boot({ agents: [module] });
      const unknown = (await logOf(second)).filter(({ type }) => type === 'task.unknown');
      expect(unknown).toMatchObject(ids.map((taskId) => ({ taskId, retry: true })));
      await second.clock.advance(0);
      expect(runs.at(-1)).toEqual({ taskId: ids[0], input: 1 });
      gates.at(-1)!.resolve(undefined);
      await settled();
      expect(runs.at(-1)).toEqual({ taskId: ids[1], input: 20 });
      gates.at(-1)!.resolve(undefined);
      await settled();
      expect(await second.agents.savedState(id)).toEqual({ n: 21 });
      expect(second.eventsOf('task.completed').map(({ taskId }) => taskId)).toEqual(ids);

      const runsSoFar = runs.length;
      const third = await disk.boot({ agents: [module] });
      await third.clock.advance(10_000);
      expect(runs).toHaveLength(runsSoFar);
    });

    it('that may be repeated are not lost when the next program dies before it came to them', async () => {
      const { disk, first, id, module, runs, gates } = await startedOn(kind);
      void awaited(first.agents.execute(id, { type: 'add surely', input: 3 }));
      await settled();
      const { taskId } = first.eventsOf('task.accepted')[0]!;
      await disk.boot({ agents: [module] });
      await disk.boot({ agents: [module] });
      const last = await disk.boot({ agents: [module] });
      await last.clock.advance(0);
      expect(runs).toEqual([
        { taskId, input: 3 },
        { taskId, input: 3 },
      ]);
      gates.at(-1)!.resolve(undefined);
      await settled();
      expect(last.eventsOf('task.completed')).toMatchObject([{ taskId }]);
    });

    it('that may be repeated wait for an agent that does not start by itself', async () => {
      const { disk, first, id, module, runs, gates } = await startedOn(kind);
      void awaited(first.agents.execute(id, { type: 'add surely', input: 3 }));
      await settled();
      void awaited(first.agents.stop(id));
      const second = await disk.boot({ agents: [module] });
      expect(second.agents.get(id).status).toBe('stopped');
      expect(runs).toHaveLength(1);
      await second.agents.start(id);
      await settled();
      expect(runs).toHaveLength(2);
      gates.at(-1)!.resolve(undefined);
      await settled();
      expect(second.eventsOf('task.completed')).toHaveLength(1);
    });

    it('of an agent that is forgotten are forgotten with it', async () => {
      const disk = await diskOf(kind);
      const { module, runs } = counter();
      const first = await disk.boot();
      await first.agents.register({ id: 'a', module });
      await first.agents.start('a');
      void awaited(first.agents.execute('a', { type: 'add surely', input: 3 }));
      await settled();
      const second = await disk.boot({ agents: [module] });
      await second.agents.forget('a');
      await second.agents.register({ id: 'b', module });
      const third = await disk.boot({ agents: [module] });
      await third.agents.register({ id: 'a', module });
      await third.agents.start('a');
      await settled();
      expect(runs).toHaveLength(1);
      const fourth = await disk.boot({ agents: [module] });
      await fourth.clock.advance(0);
      const unknown = (await logOf(fourth)).filter(({ type }) => type === 'task.unknown');
      expect(unknown.map((event) => 'retry' in event && event.retry)).toEqual([true]);
      expect(fourth.system.tasks.list()).toEqual([]);
      expect(runs).toHaveLength(1);
    });

    it('keep their input only when they may be repeated, and it has to be data that can be kept', async () => {
      const disk = await diskOf(kind);
      const { module, gates } = counter();
      const { agents, eventsOf } = await disk.boot();
      const id = await agents.register({ module });
      await agents.start(id);
      for (const input of [() => 1, 1n, new Map(), new Uint8Array(8)]) {
        const error = await refusal(agents.execute(id, { type: 'add surely', input }));
        expect(error.code).toBe('TASK_INPUT_INVALID');
        await settled();
        void awaited(agents.execute(id, { type: 'held', input }));
        await settled();
        gates.at(-1)!.resolve(1);
        await settled();
      }
      expect(eventsOf('store.degraded')).toEqual([]);
      expect(eventsOf('task.completed')).toHaveLength(4);
      expect(eventsOf('task.accepted').some((event) => 'input' in event)).toBe(false);
    });
  });

  describe('an agent whose definition is not given', () => {
    it('stays listed, with an alert, does not start, and says why', async () => {
      const disk = await diskOf(kind);
      const { module, inits } = counter();
      const first = await disk.boot();
      for (const id of ['ran', 'rested', 'waited', 'stopping']) {
        await first.agents.register({ id, module });
        if (id !== 'rested') await first.agents.start(id);
      }
      await first.agents.execute('ran', { type: 'add', input: 1 });
      await first.agents.kill('waited');
      void awaited(first.agents.execute('stopping', { type: 'held' }));
      await settled();
      void awaited(first.agents.stop('stopping'));
      inits.length = 0;

      const second = await disk.boot();
      await second.clock.advance(100_000);
      expect(second.agents.list().map(({ id, type, status }) => [id, type, status])).toEqual([
        ['ran', 'counter', 'crashed'],
        ['rested', 'counter', 'registered'],
        ['waited', 'counter', 'crashed'],
        ['stopping', 'counter', 'stopped'],
      ]);
      const { system, agents } = second;
      expect(system.alerts.list().map(({ alert }) => alert)).toEqual(Array(4).fill('definition_missing'));
      const before = second.events.length;
      for (const id of ['ran', 'rested']) {
        const error = await refusal(agents.start(id));
        expect(error).toMatchObject({ code: 'AGENT_START_FAILED', agentId: id });
        expect(error.message).toContain('"counter"');
        expect(error.message).toContain('createAgentSystem({ agents })');
      }
      expect(await codeOf(agents.execute('ran', { type: 'add' }))).toBe('AGENT_NOT_RUNNING');
      expect(await agents.savedState('ran')).toEqual({ n: 1 });
      await settled();
      expect(second.events).toHaveLength(before);

      // A program that knows it goes on from where the first one was.
      const third = await disk.boot({ agents: [module] }, 10);
      await third.clock.advance(0);
      expect(third.agents.list().map(({ status }) => status)).toEqual([
        'running',
        'registered',
        'running',
        'stopped',
      ]);
      expect(inits).toMatchObject([
        { previousStop: 'host_lost', restored: { n: 1 } },
        { previousStop: 'killed' },
      ]);
      expect(third.system.alerts.list()).toEqual([]);
    });

    it('is started by `ensure` that gives it, if it would have come back by itself, and knows why it ended', async () => {
      const disk = await diskOf(kind);
      const { module, inits } = counter();
      const first = await disk.boot();
      for (const id of ['ran', 'waited', 'down']) {
        const restart = id === 'down' ? ({ policy: 'never' } as const) : {};
        await first.agents.start(await first.agents.register({ id, module, restart }));
      }
      await first.agents.execute('ran', { type: 'add', input: 1 });
      for (const id of ['waited', 'down']) await first.agents.kill(id);
      inits.length = 0;

      // Again after a program that was lost before it gave the definition.
      await disk.boot();
      const { agents, system } = await disk.boot({}, 10);
      expect(agents.list().map(({ reason }) => reason)).toEqual(['host_lost', 'killed', 'killed']);
      await agents.ensure({ id: 'ran', module });
      expect(agents.get('ran').status).toBe('crashed');
      for (const id of ['ran', 'waited']) await agents.ensure({ id, module }, { autoStart: true });
      await agents.ensure({ id: 'down', module, restart: { policy: 'never' } }, { autoStart: true });
      expect(agents.list().map(({ status }) => status)).toEqual(['running', 'running', 'crashed']);
      expect(inits).toMatchObject([
        { previousStop: 'host_lost', restored: { n: 1 } },
        { previousStop: 'killed' },
      ]);
      expect(system.alerts.list()).toEqual([]);
      // From now on its restart policy alone decides.
      await agents.update('ran', { restart: { policy: 'never' } });
      await agents.kill('ran');
      await agents.ensure({ id: 'ran', module, restart: { policy: 'never' } }, { autoStart: true });
      expect(agents.get('ran').status).toBe('crashed');
    });

    it('can be forgotten', async () => {
      const disk = await diskOf(kind);
      const first = await disk.boot();
      await first.agents.register({ id: 'a', module: counter().module });
      await first.agents.start('a');
      const second = await disk.boot();
      await second.agents.forget('a');
      expect(second.agents.list()).toEqual([]);
      expect(second.system.alerts.list()).toEqual([]);
      const third = await disk.boot();
      expect(third.agents.list()).toEqual([]);
    });
  });

  it('an agent of a module is found by its URL alone, and its tasks are those it had', async () => {
    const disk = await diskOf(kind);
    const module = new URL('./module-agent.ts', import.meta.url);
    const first = await disk.boot();
    await first.agents.register({ id: 'a', module, isolation: 'in-process', initArgs: { from: 3 } });
    await first.agents.start('a');
    expect(await first.agents.execute('a', { type: 'add', input: 1 })).toBe(4);
    const second = await disk.boot();
    for (const type of ['constructor', '__proto__', 'toString']) {
      const refused = await fateOf(second.agents.execute('a', { type }));
      expect(refused).toBe('AGENT_NOT_RUNNING');
    }
    await second.clock.advance(0);
    await eventually(
      () => second.agents.get('a').status,
      (now) => now === 'running',
    );
    for (const type of ['constructor', '__proto__', 'toString']) {
      expect(await fateOf(second.agents.execute('a', { type }))).toBe('TASK_INCOMPATIBLE');
    }
    expect(await second.agents.execute('a', { type: 'add', input: 1 })).toBe(5);
  });

  it('specs come back with every limit, Infinity too', async () => {
    const disk = await diskOf(kind);
    const { module } = counter();
    const spec = {
      id: 'a',
      module,
      initArgs: { deep: [{ n: 1 }], none: null },
      resources: { maxRuntimeMs: Infinity },
      restart: { policy: 'immediate' as const, delayMs: 0, maxRestarts: 0, withinMs: Infinity },
      shutdownMs: Infinity,
      startTimeoutMs: 1,
      health: { intervalMs: Infinity, timeoutMs: 3, failuresBeforeKill: 1 },
      tasks: { concurrency: 7, queueLimit: 0 },
      coordination: { participatesInConsensus: false, leadershipEligible: true, voteWeight: 0.5 },
    };
    const first = await disk.boot();
    await first.agents.register(spec);
    const second = await disk.boot({ agents: [module] });
    expect(second.agents.get('a').spec).toEqual(first.agents.get('a').spec);
    expect(second.agents.get('a').spec).toMatchObject({ ...spec, module });
  });
});

describe('a durable store', () => {
  it.each([
    ['a function', { on: () => 1 }, 'on is a function'],
    ['a bigint', { n: 1n }, 'n is the bigint 1'],
    ['a class instance', { at: [new Date(0)] }, 'at[0] is an instance of Date'],
  ])('initArgs with %s are refused at registration, naming the field', async (_, initArgs, named) => {
    const disk = await diskOf('sqliteStore');
    const { agents, events } = await disk.boot();
    const error = await refusal(agents.register({ module: counter().module, initArgs }));
    expect(error.code).toBe('AGENT_SPEC_INVALID');
    expect(error.message).toContain(`initArgs: ${named}`);
    expect(events).toEqual([]);
    await agents.register({ module: counter().module });
  });
});

describe('a fleet that cannot be brought back', () => {
  it('leaves its store closed and as it was, and nothing behind: what is wrong is put right, and it comes', async () => {
    const { module } = counter();
    const kept = memoryStore();
    const first = await rig({ store: kept });
    await first.agents.register({ id: 'a', module, restart: { policy: 'delayed', delayMs: 60_000 } });
    await first.agents.register({ id: 'b', module });
    for (const id of ['a', 'b']) await first.agents.start(id);
    void awaited(first.agents.execute('b', { type: 'held' }));
    await first.agents.kill('a');
    const before = await kept.read({ limit: 1_000 });

    const done: string[] = [];
    const clock = simulatedClock();
    const closed = gate();
    const store: Store = {
      ...failingStore(kept),
      append: () => void done.push('append'),
      close: () => {
        done.push('close');
        return closed.promise;
      },
      recover: async () => {
        const recovery = await kept.recover();
        const [a, b] = recovery.agents;
        const spec = { ...b!.registered.spec, shutdownMs: 'long' as never };
        // With no facts there is something to be kept before it fails: what the charts are.
        const agents = [a!, { ...b!, registered: { ...b!.registered, spec } }];
        return { ...recovery, agents, facts: new Map() };
      },
    };
    const failed = awaited(createAgentSystem({ store, clock, logger: silent, agents: [module] }));
    // Whoever hears of the failure may open the store.
    expect([await fateOf(failed), done]).toEqual(['pending', ['close']]);
    closed.resolve();
    const { code, message } = await refusal(failed);
    expect([code, message]).toEqual(['STORE_FAILED', expect.stringMatching(/agent b: shutdownMs: /)]);
    await settled();
    expect(done).toEqual(['close']);
    expect(clock.pending()).toEqual([]);
    expect(await kept.read({ limit: 1_000 })).toEqual(before);
    const next = await rig({ store: kept, agents: [module] });
    expect(next.agents.list().map(({ id, status }) => [id, status])).toEqual([
      ['a', 'crashed'],
      ['b', 'crashed'],
    ]);
  });
});
