import { describe, expect, it } from 'vitest';
import { scriptedHost, settled } from '../../src/testing/index.ts';
import { awaited, codeOf, fateOf, refusal, rig } from '../kit/rig.ts';
import { worker } from '../agent/worker.ts';
import { failingStore } from '../journal/failing-store.ts';
import { plain } from './plain.ts';

describe('a handle', () => {
  it('works its incarnation', async () => {
    const { agents } = await rig();
    const id = await agents.register({ module: plain });
    const handle = await agents.start(id);
    expect(handle).toMatchObject({ id, incarnation: 1 });
    expect(await handle.execute({ type: 'echo', input: 7 })).toBe(7);
    expect(await handle.health()).toMatchObject({ status: 'healthy' });
    expect(agents.handle(id).incarnation).toBe(1);
    expect(await handle.stop()).toMatchObject({ status: 'stopped' });
  });

  it('cannot be made to work another', async () => {
    const { agents } = await rig();
    const handle = await agents.start(await agents.register({ module: plain }));
    expect(() => Object.assign(handle, { incarnation: 2 })).toThrow(TypeError);
  });

  it.each(['stop', 'kill'] as const)('is refused after a %s, also when the agent runs again', async (end) => {
    const { agents, clock } = await rig();
    const id = await agents.register({ module: plain });
    const handle = await agents.start(id);
    await agents[end](id);
    const expectRefused = async (newest: number) => {
      const methods = [
        () => handle.execute({ type: 'echo' }),
        () => handle.stop(),
        () => handle.kill(),
        () => handle.health(),
      ];
      for (const method of methods) {
        const error = await refusal(method);
        expect(error).toMatchObject({ code: 'AGENT_NOT_RUNNING', agentId: id });
        expect(error.details).toMatchObject({ incarnation: 1, newest });
      }
    };
    await expectRefused(1);
    if (end === 'stop') await agents.start(id);
    else await clock.advance(500);
    await expectRefused(2);
    expect(agents.get(id)).toMatchObject({ status: 'running', incarnation: 2 });
    expect(await agents.handle(id).execute({ type: 'echo', input: 1 })).toBe(1);
  });

  it('is of the incarnation that was started, even when that is over before its start was told', async () => {
    const store = failingStore();
    const { agents, clock } = await rig({ store });
    const id = await agents.register({ module: plain, restart: { policy: 'immediate', delayMs: 0 } });
    store.trouble = 'hangs';
    const start = agents.start(id);
    await settled();
    const kill = agents.kill(id);
    await clock.advance(0);
    expect(agents.get(id)).toMatchObject({ status: 'running', incarnation: 2 });
    store.trouble = undefined;
    await store.answer(true);
    expect((await start).incarnation).toBe(1);
    expect(await kill).toMatchObject({ status: 'crashed', incarnation: 1 });
  });
});

describe('commands to one agent at once', () => {
  it('two starts: one starts it, the other is told that it is', async () => {
    const { agents, eventsOf } = await rig();
    const id = await agents.register({ module: plain });
    const [first, second] = await Promise.allSettled([agents.start(id), agents.start(id)]);
    expect(first.status).toBe('fulfilled');
    expect(second).toMatchObject({ status: 'rejected', reason: { code: 'AGENT_ALREADY_RUNNING' } });
    expect(eventsOf('agent.starting')).toHaveLength(1);
  });

  it('stops and kills: each gets the record of the one end', async () => {
    const { agents, eventsOf } = await rig();
    const { module, begun } = worker();
    const id = await agents.register({ module, restart: { policy: 'immediate' } });
    await agents.start(id);
    void awaited(agents.execute(id, { type: 'held' }));
    await settled();
    expect(begun).toHaveLength(1);
    const records = await Promise.all([agents.stop(id), agents.stop(id, { timeoutMs: 10 }), agents.kill(id)]);
    for (const record of records) expect(record).toEqual(records[0]);
    expect(records[0]).toMatchObject({ status: 'crashed', reason: 'killed', state: 'crashed.leftDown' });
    expect(eventsOf('agent.crashed')).toHaveLength(1);
  });

  it('a stop after a kill keeps the agent down, whatever its policy', async () => {
    const host = scriptedHost();
    const { agents, clock } = await rig({ hosts: { 'in-process': host } });
    const id = await agents.register({ module: plain, restart: { policy: 'immediate' } });
    const start = agents.start(id);
    await settled();
    host.live[0]!.ready();
    await start;
    const kill = agents.kill(id);
    const stop = agents.stop(id);
    host.live[0]!.exit('killed');
    expect(await kill).toMatchObject({ status: 'crashed', reason: 'killed' });
    expect(await stop).toMatchObject({ status: 'crashed', reason: 'killed' });
    await clock.advance(1_000_000);
    expect(agents.get(id)).toMatchObject({ state: 'crashed.leftDown', incarnation: 1 });
  });

  it('a stop during a start: the starter is refused, the stopper gets the record', async () => {
    const host = scriptedHost();
    const { agents } = await rig({ hosts: { 'in-process': host } });
    const id = await agents.register({ module: plain });
    const start = awaited(agents.start(id));
    await settled();
    const stop = agents.stop(id);
    expect(host.live[0]!.takeRequests()).toEqual([{ type: 'terminate' }]);
    host.live[0]!.ready();
    host.live[0]!.exit('shutdown');
    expect(await fateOf(start)).toBe('AGENT_START_FAILED');
    expect(await stop).toMatchObject({ status: 'stopped', reason: 'shutdown' });
  });

  it('a kill during a start that was asked for takes it back, and is no crash', async () => {
    const host = scriptedHost();
    const { agents, eventsOf } = await rig({ hosts: { 'in-process': host } });
    const id = await agents.register({ module: plain });
    const start = awaited(agents.start(id));
    await settled();
    const kill = agents.kill(id);
    host.live[0]!.exit('killed');
    expect(await fateOf(start)).toBe('AGENT_START_FAILED');
    expect(await kill).toMatchObject({ status: 'registered' });
    expect(eventsOf('agent.start_failed')).toMatchObject([{ reason: 'killed' }]);
    expect(eventsOf('agent.crashed')).toEqual([]);
  });

  it('forget and start: whichever came first', async () => {
    const { agents } = await rig();
    const first = await agents.register({ module: plain });
    expect(await Promise.all([fateOf(agents.start(first)), fateOf(agents.forget(first))])).toMatchObject([
      { value: { id: first } },
      'AGENT_ILLEGAL_COMMAND',
    ]);
    const second = await agents.register({ module: plain });
    expect(await Promise.all([fateOf(agents.forget(second)), fateOf(agents.start(second))])).toEqual([
      { value: undefined },
      'AGENT_NOT_FOUND',
    ]);
    const third = await agents.register({ module: plain });
    expect(await Promise.all([fateOf(agents.forget(third)), fateOf(agents.forget(third))])).toEqual([
      { value: undefined },
      'AGENT_NOT_FOUND',
    ]);
  });

  it('forget, and the same id again before that is durable: two lives, in order', async () => {
    const { agents, events } = await rig();
    await agents.register({ id: 'a', module: plain });
    const forget = agents.forget('a');
    const again = agents.register({ id: 'a', module: plain });
    expect([await forget, await again]).toEqual([undefined, 'a']);
    expect(events.map(({ type }) => type)).toEqual([
      'agent.registered',
      'agent.forgotten',
      'agent.registered',
    ]);
    await agents.start('a');
  });

  it('a start by hand while a restart waits takes its place', async () => {
    const { agents, clock, eventsOf } = await rig();
    const id = await agents.register({ module: plain });
    await agents.start(id);
    await agents.kill(id);
    expect(agents.get(id)).toMatchObject({ restartAt: clock.now() + 500 });
    expect((await agents.start(id)).incarnation).toBe(2);
    expect(agents.get(id)).toMatchObject({ status: 'running', restarts: 0 });
    expect(agents.get(id)).not.toHaveProperty('restartAt');
    await clock.advance(100_000);
    expect(eventsOf('agent.starting')).toHaveLength(2);
  });

  it('an agent whose init kills, stops or forgets itself is treated like any other', async () => {
    for (const command of ['kill', 'stop', 'forget', 'start', 'execute'] as const) {
      const made = await rig();
      const { agents } = made;
      const fates: unknown[] = [];
      const { defineAgent } = await import('../../src/index.ts');
      const module = defineAgent({
        type: 'selfish',
        init: ({ agentId }) => {
          const asked: Promise<unknown> =
            command === 'execute'
              ? agents.execute(agentId, { type: 'echo', input: 1 })
              : agents[command](agentId);
          asked.then(
            (value) => fates.push(value),
            (thrown: { code: string }) => fates.push(thrown.code),
          );
          return {};
        },
        tasks: { echo: { run: ({ input }) => input } },
      });
      const id = await agents.register({ module, restart: { policy: 'never' } });
      const start = await fateOf(agents.start(id));
      await made.clock.advance(10_000);
      const { status } = agents.get(id);
      const expected = {
        kill: ['AGENT_START_FAILED', 'registered', [expect.objectContaining({ status: 'registered' })]],
        stop: ['AGENT_START_FAILED', 'stopped', [expect.objectContaining({ reason: 'shutdown' })]],
        forget: [{ value: expect.anything() }, 'running', ['AGENT_ILLEGAL_COMMAND']],
        start: [{ value: expect.anything() }, 'running', ['AGENT_ALREADY_RUNNING']],
        execute: [{ value: expect.anything() }, 'running', [1]],
      }[command];
      expect([start, status, fates], command).toEqual(expected);
      expect(await codeOf(() => agents.get('nobody'))).toBe('AGENT_NOT_FOUND');
    }
  });
});
