import { describe, expect, it } from 'vitest';
import { type AgentCommand, defineAgent } from '../../src/index.ts';
import { settled } from '../../src/testing/index.ts';
import { codeOf, refusal, rig } from '../kit/rig.ts';
import { plain, withInit } from './plain.ts';

describe('register', () => {
  it('gives back the id that was asked for, or a new one made of the type', async () => {
    const { agents } = await rig();
    expect(await agents.register({ id: 'mine', module: plain })).toBe('mine');
    const made = await Promise.all(Array.from({ length: 50 }, () => agents.register({ module: plain })));
    expect(new Set(made).size).toBe(50);
    for (const id of made) expect(id).toMatch(/^plain-/);
  });

  it('makes ids around those that are taken', async () => {
    const { agents } = await rig();
    await agents.register({ id: 'plain-3', module: plain });
    const made = [await agents.register({ module: plain }), await agents.register({ module: plain })];
    expect(new Set(['plain-3', ...made]).size).toBe(3);
    expect(agents.list()).toHaveLength(3);
  });

  it.each(['__proto__', 'constructor', 'a b', '🤖', 'x'.repeat(1_000), '../../etc', 'null'])(
    'takes the plain string %j as an id, all through a life',
    async (id) => {
      const { agents, eventsOf } = await rig();
      expect(await agents.register({ id, module: plain })).toBe(id);
      await agents.start(id);
      expect(await agents.execute(id, { type: 'echo', input: 1 })).toBe(1);
      expect(agents.get(id)).toMatchObject({ id, status: 'running' });
      await agents.stop(id);
      expect(await agents.savedState(id)).toEqual({ n: 0 });
      await agents.forget(id);
      expect(agents.list()).toEqual([]);
      expect(eventsOf('agent.forgotten')).toMatchObject([{ agentId: id }]);
    },
  );

  it('refuses an id that is taken, and changes nothing', async () => {
    const { agents, events } = await rig();
    await agents.register({ id: 'a', module: plain });
    const before = [agents.get('a'), events.length];
    const error = await refusal(agents.register({ id: 'a', module: withInit(() => 1) }));
    expect(error).toMatchObject({ code: 'AGENT_EXISTS', agentId: 'a' });
    expect([agents.get('a'), events.length]).toEqual(before);
  });

  it('of one id twice at once: one of them', async () => {
    const { agents, eventsOf } = await rig();
    const fates = await Promise.allSettled([
      agents.register({ id: 'a', module: plain }),
      agents.register({ id: 'a', module: plain }),
      agents.register({ id: 'a', module: withInit(() => 1) }),
    ]);
    expect(fates.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'rejected']);
    for (const fate of fates.slice(1)) {
      expect((fate as PromiseRejectedResult).reason).toMatchObject({ code: 'AGENT_EXISTS' });
    }
    expect(eventsOf('agent.registered')).toHaveLength(1);
    expect(agents.list()).toHaveLength(1);
  });

  it('reads every default back', async () => {
    const { agents } = await rig();
    const id = await agents.register({ module: plain });
    expect(agents.get(id)).toEqual({
      id,
      type: 'plain',
      status: 'registered',
      state: 'registered',
      incarnation: 0,
      isolation: 'in-process',
      capabilities: ['echo'],
      stateVersion: 1,
      restarts: 0,
      health: { status: 'not_running', misses: 0 },
      abandoned: [],
      metrics: {
        done: 0,
        failed: 0,
        timedOut: 0,
        abandoned: 0,
        waiting: 0,
        running: 0,
        latencyMs: { last: 0, mean: 0, max: 0 },
        dropped: 0,
      },
      spec: {
        id,
        module: plain,
        initArgs: {},
        isolation: 'in-process',
        resources: { cpuPriority: 'normal', maxRuntimeMs: Infinity },
        coordination: {
          participatesInConsensus: true,
          leadershipEligible: false,
          communicationPattern: 'async',
          voteWeight: 1,
        },
        restart: {
          policy: 'delayed',
          delayMs: 1_000,
          maxDelayMs: 60_000,
          maxRestarts: 5,
          withinMs: 60_000,
        },
        shutdownMs: 5_000,
        startTimeoutMs: 30_000,
        health: { intervalMs: 30_000, timeoutMs: 5_000, failuresBeforeKill: 3 },
        tasks: { concurrency: 1, queueLimit: 1_000 },
      },
    });
  });

  it('keeps the spec as it was: neither its owner nor a reader can change it later', async () => {
    const { agents } = await rig();
    const restart = { policy: 'immediate' as const, maxRestarts: 1 };
    const initArgs = { layers: [1] };
    const id = await agents.register({ module: plain, restart, initArgs });
    restart.maxRestarts = 100;
    initArgs.layers.push(2);
    expect(agents.get(id).spec.initArgs).toEqual({ layers: [1] });
    expect(agents.get(id).spec.restart.maxRestarts).toBe(1);
    const record = agents.get(id);
    for (const change of [
      () => Object.assign(record.spec, { shutdownMs: 0 }),
      () => Object.assign(record.spec.restart, { maxRestarts: 100 }),
      () => Object.assign(record.spec.health, { failuresBeforeKill: 1 }),
      () => (record.capabilities as string[]).push('everything'),
    ]) {
      expect(change).toThrow(TypeError);
    }
    expect(agents.get(id).spec.restart.maxRestarts).toBe(1);
    expect(agents.get(id).capabilities).toEqual(['echo']);
  });

  it('initArgs are judged by the definition, and reach init as it made them, each time anew', async () => {
    const { agents } = await rig();
    const seen: unknown[] = [];
    const { z } = await import('zod');
    const module = defineAgent({
      type: 'args',
      initArgs: z.object({ from: z.int().default(3), list: z.array(z.int()).default([]) }),
      init: ({ initArgs }) => {
        seen.push(structuredClone(initArgs));
        initArgs.list.push(1);
      },
      tasks: {},
    });
    const error = await refusal(agents.register({ module, initArgs: { from: 'x' as never } }));
    expect(error.code).toBe('AGENT_SPEC_INVALID');
    expect(error.message).toMatch(/initArgs: from: .*got "x"/);
    const id = await agents.register({ module, initArgs: { list: [0] } });
    await agents.start(id);
    await agents.stop(id);
    await agents.start(id);
    expect(seen).toEqual([
      { from: 3, list: [0] },
      { from: 3, list: [0] },
    ]);
  });
});

describe('list', () => {
  it('gives all in the order of registration, and those that fit a filter', async () => {
    const { agents } = await rig();
    const other = defineAgent({ type: 'other', capabilities: ['see', 'echo'], init: () => 1, tasks: {} });
    for (const id of ['b', 'a']) await agents.register({ id, module: plain });
    for (const id of ['d', 'c']) await agents.register({ id, module: other });
    for (const id of ['a', 'd']) await agents.start(id);
    const idsOf = (filter?: Parameters<typeof agents.list>[0]) => agents.list(filter).map(({ id }) => id);
    expect(idsOf()).toEqual(['b', 'a', 'd', 'c']);
    expect(idsOf({})).toEqual(['b', 'a', 'd', 'c']);
    expect(idsOf({ type: 'plain' })).toEqual(['b', 'a']);
    expect(idsOf({ status: 'running' })).toEqual(['a', 'd']);
    expect(idsOf({ capability: 'see' })).toEqual(['d', 'c']);
    expect(idsOf({ capability: 'echo', status: 'registered' })).toEqual(['b', 'c']);
    expect(idsOf({ type: 'other', status: 'running', capability: 'see' })).toEqual(['d']);
    expect(idsOf({ type: 'nobody' })).toEqual([]);
    expect(idsOf({ type: '__proto__' })).toEqual([]);
    expect(agents.list({ type: 'plain' })[1]).toEqual(agents.get('a'));
    expect(agents.ids()).toEqual(idsOf());
    expect(agents.counts()).toEqual([
      { type: 'plain', status: 'registered', count: 1 },
      { type: 'plain', status: 'running', count: 1 },
      { type: 'other', status: 'running', count: 1 },
      { type: 'other', status: 'registered', count: 1 },
    ]);
  });

  it('counts and lists agree through growth, mass death and forgetting', async () => {
    const { agents } = await rig();
    const ids = await Promise.all(Array.from({ length: 500 }, () => agents.register({ module: plain })));
    await Promise.all(ids.map((id) => agents.start(id)));
    expect(agents.list({ status: 'running' })).toHaveLength(500);
    await Promise.all(ids.map((id) => agents.stop(id)));
    expect(agents.list({ status: 'running' })).toEqual([]);
    expect(agents.list({ status: 'stopped' })).toHaveLength(500);
    expect(agents.counts()).toEqual([{ type: 'plain', status: 'stopped', count: 500 }]);
    await Promise.all(ids.map((id) => agents.forget(id)));
    expect(agents.list()).toEqual([]);
    expect([agents.ids(), agents.counts()]).toEqual([[], []]);
  });
});

describe('forget', () => {
  it('removes record and saved state; the id is free, and a new agent of it knows nothing of the old', async () => {
    const { agents } = await rig();
    await agents.register({ id: 'a', module: plain });
    await agents.start('a');
    await agents.execute('a', { type: 'echo' });
    await agents.stop('a');
    expect(await agents.savedState('a')).toEqual({ n: 0 });
    expect(await agents.forget('a')).toBeUndefined();
    expect(await codeOf(() => agents.get('a'))).toBe('AGENT_NOT_FOUND');
    const seen: unknown[] = [];
    const module = defineAgent({
      type: 'new',
      init: ({ restored, previousStop, incarnation }) => {
        seen.push({ restored, previousStop, incarnation });
      },
      tasks: {},
    });
    await agents.register({ id: 'a', module });
    expect(await agents.savedState('a')).toBeUndefined();
    await agents.start('a');
    expect(seen).toEqual([{ restored: undefined, previousStop: undefined, incarnation: 1 }]);
  });

  it('refuses one that is alive, whatever it does', async () => {
    const { agents, clock } = await rig();
    const module = withInit(() => new Promise(() => {}));
    const id = await agents.register({ module });
    const start = agents.start(id).catch((thrown: unknown) => thrown);
    await settled();
    expect(await refusal(agents.forget(id))).toMatchObject({
      code: 'AGENT_ILLEGAL_COMMAND',
      details: { status: 'starting', command: 'forget' },
    });
    await clock.advance(30_000);
    expect(await start).toMatchObject({ code: 'AGENT_START_TIMED_OUT' });
    await agents.forget(id);
  });

  it('cancels a waiting restart, and clears the alerts', async () => {
    const { agents, system, clock, eventsOf } = await rig();
    await agents.register({ id: 'waiting', module: plain });
    await agents.register({ id: 'manual', module: plain, restart: { policy: 'manual' } });
    for (const id of ['waiting', 'manual']) {
      await agents.start(id);
      await agents.kill(id);
    }
    expect(system.alerts.list()).toMatchObject([{ alert: 'restart_required', agentId: 'manual' }]);
    await Promise.all([agents.forget('waiting'), agents.forget('manual')]);
    expect(system.alerts.list()).toEqual([]);
    expect(eventsOf('alert.cleared')).toHaveLength(1);
    expect(clock.pending()).toEqual([]);
  });
});

describe('can and legal', () => {
  it('say what the state allows, and a refusal names the same', async () => {
    const { agents } = await rig();
    const id = await agents.register({ module: plain, restart: { policy: 'manual' } });
    const commands: Record<AgentCommand, () => Promise<unknown>> = {
      start: () => agents.start(id),
      restart: () => agents.restart(id),
      stop: () => agents.stop(id),
      pause: () => agents.pause(id),
      resume: () => agents.resume(id),
      kill: () => agents.kill(id),
      forget: () => agents.forget(id),
      execute: () => agents.execute(id, { type: 'echo' }),
    };
    const expectLegal = async (legal: AgentCommand[]) => {
      expect(agents.legal(id).toSorted()).toEqual(legal.toSorted());
      for (const [command, ask] of Object.entries(commands) as [AgentCommand, () => Promise<unknown>][]) {
        expect(agents.can(id, command)).toBe(legal.includes(command));
        if (legal.includes(command)) continue;
        const error = await refusal(ask);
        expect(error.details).toMatchObject({ status: agents.get(id).status, command });
        expect(new Set(error.details?.['legal'] as string[])).toEqual(new Set(legal));
        for (const allowed of legal) expect(error.message).toContain(allowed);
      }
    };
    await expectLegal(['start', 'forget', 'pause']);
    await agents.start(id);
    await expectLegal(['stop', 'kill', 'execute', 'pause']);
    await agents.pause(id);
    await expectLegal(['stop', 'kill', 'execute', 'resume']);
    await agents.stop(id);
    await expectLegal(['start', 'restart', 'forget', 'resume']);
    await agents.resume(id);
    await agents.restart(id);
    await agents.kill(id);
    await expectLegal(['start', 'restart', 'forget', 'pause']);
    expect(agents.can(id, 'explode' as never)).toBe(false);
    expect(agents.can(id, '__proto__' as never)).toBe(false);
  });

  it('the codes of refusals', async () => {
    const { agents } = await rig();
    const id = await agents.register({ module: plain });
    expect(await codeOf(agents.stop(id))).toBe('AGENT_NOT_RUNNING');
    expect(await codeOf(agents.kill(id))).toBe('AGENT_NOT_RUNNING');
    expect(await codeOf(agents.restart(id))).toBe('AGENT_ILLEGAL_COMMAND');
    expect(await codeOf(() => agents.handle(id))).toBe('AGENT_NOT_RUNNING');
    await agents.start(id);
    expect(await codeOf(agents.start(id))).toBe('AGENT_ALREADY_RUNNING');
    expect(await codeOf(agents.restart(id))).toBe('AGENT_ALREADY_RUNNING');
    expect(await codeOf(agents.forget(id))).toBe('AGENT_ILLEGAL_COMMAND');
    const stop = agents.stop(id);
    expect(await codeOf(agents.start(id))).toBe('AGENT_ILLEGAL_COMMAND');
    await stop;
    expect(await codeOf(agents.stop(id))).toBe('AGENT_NOT_RUNNING');
  });

  it('savedState is JSON data of the reader alone', async () => {
    const { agents } = await rig();
    const id = await agents.register({ module: plain });
    expect(await agents.savedState(id)).toBeUndefined();
    await agents.start(id);
    await agents.execute(id, { type: 'echo' });
    const state = (await agents.savedState(id)) as { n: number };
    state.n = 99;
    expect(await agents.savedState(id)).toEqual({ n: 0 });
  });
});
