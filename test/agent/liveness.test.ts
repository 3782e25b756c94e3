import { describe, expect, it } from 'vitest';
import { defineAgent } from '../../src/index.ts';
import { type ScriptedBody, scriptedHost, settled } from '../../src/testing/index.ts';
import { plain } from '../fleet/plain.ts';
import { awaited, codeOf, fateOf, gate, rig } from '../kit/rig.ts';

const health = { intervalMs: 1_000, timeoutMs: 100, failuresBeforeKill: 3 };

/** A running agent whose body answers when the test says so. */
async function scripted(policy: Partial<typeof health> = {}) {
  const host = scriptedHost();
  const made = await rig({ hosts: { 'in-process': host } });
  const id = await made.agents.register({
    id: 'a',
    module: plain,
    restart: { policy: 'never' },
    health: { ...health, ...policy },
  });
  const start = made.agents.start(id);
  await settled();
  const body = host.live[0]!;
  body.ready();
  await start;
  return { ...made, host, id, body };
}

/** Checks that the body was asked to answer since the last call. */
function checksOf(body: ScriptedBody): number[] {
  return body.takeRequests().flatMap((request) => (request.type === 'health.check' ? [request.checkId] : []));
}

/** A running agent that answers for its health itself. */
async function running(check: () => unknown) {
  const made = await rig();
  const module = defineAgent({
    type: 'own',
    init: () => ({}),
    health: check,
    tasks: { go: { run: () => 1 } },
  });
  const id = await made.agents.register({ module, health, restart: { policy: 'never' } });
  await made.agents.start(id);
  return { ...made, id };
}

describe('health checks', () => {
  it('come at their interval, from readiness on, and not before', async () => {
    const { clock, body } = await scripted();
    await clock.advance(999);
    expect(checksOf(body)).toEqual([]);
    await clock.advance(1);
    expect(checksOf(body)).toEqual([1]);
    body.report({ type: 'health.answered', checkId: 1 });
    await clock.advance(999);
    expect(checksOf(body)).toEqual([]);
    await clock.advance(1);
    expect(checksOf(body)).toEqual([2]);
  });

  it('that are answered make the agent healthy, with latency and detail', async () => {
    const { agents, clock, id, body, events } = await scripted();
    expect(agents.get(id).health).toEqual({ status: 'unknown', misses: 0 });
    await clock.advance(1_030);
    const before = events.length;
    body.report({ type: 'health.answered', checkId: 1, detail: { queue: 3 } });
    expect(agents.get(id).health).toEqual({
      status: 'healthy',
      misses: 0,
      checkedAt: clock.now(),
      latencyMs: 30,
      detail: { queue: 3 },
    });
    expect(events).toHaveLength(before);
  });

  it('missed once: unresponsive, and an answer brings it back, busy or idle', async () => {
    const { agents, clock, id, body, eventsOf } = await scripted();
    await clock.advance(1_099);
    expect(agents.get(id).status).toBe('running');
    await clock.advance(1);
    expect(agents.get(id)).toMatchObject({
      status: 'unresponsive',
      health: { status: 'unresponsive', misses: 1 },
    });
    expect(eventsOf('agent.unresponsive')).toMatchObject([{ misses: 1 }]);
    await clock.advance(1_000);
    body.report({ type: 'health.answered', checkId: 2 });
    await settled();
    expect(agents.get(id)).toMatchObject({
      status: 'running',
      state: expect.stringContaining('idle'),
      health: { status: 'healthy', misses: 0 },
    });
    expect(eventsOf('agent.recovered')).toHaveLength(1);
  });

  it('missed as often as it may: killed, and crashed by its policy', async () => {
    const { agents, clock, id, body, eventsOf } = await scripted();
    await clock.advance(3_299);
    expect(agents.get(id)).toMatchObject({ status: 'unresponsive', health: { misses: 2 } });
    expect(body.takeRequests().some(({ type }) => type === 'kill')).toBe(false);
    await clock.advance(1);
    expect(body.takeRequests().some(({ type }) => type === 'kill')).toBe(true);
    expect(agents.get(id).status).toBe('stopping');
    body.exit('killed');
    await settled();
    expect(agents.get(id)).toMatchObject({ status: 'crashed', reason: 'unresponsive' });
    expect(eventsOf('agent.unresponsive')).toHaveLength(1);
    expect(clock.pending()).toEqual([]);
  });

  it('missed with failuresBeforeKill 1 kill at once, after a word of it', async () => {
    const { clock, body, events } = await scripted({ failuresBeforeKill: 1 });
    await clock.advance(1_100);
    body.exit('killed');
    await settled();
    expect(events.slice(-2).map(({ type }) => type)).toEqual(['agent.unresponsive', 'agent.crashed']);
  });

  it('missed, but not in a row, never kill', async () => {
    const { agents, clock, id, body } = await scripted();
    for (let round = 0; round < 5; round++) {
      await clock.advance(2_200);
      expect(agents.get(id).health.misses).toBe(2);
      await clock.advance(1_000);
      body.report({ type: 'health.answered', checkId: checksOf(body).at(-1)! });
      await settled();
      expect(agents.get(id)).toMatchObject({ status: 'running', health: { misses: 0 } });
    }
  });

  it('answered late prove breath: the agent is not killed while it answers', async () => {
    const { agents, clock, id, body } = await scripted();
    for (let round = 1; round <= 10; round++) {
      await clock.advance(1_100);
      expect(agents.get(id).status).toBe('unresponsive');
      body.report({ type: 'health.answered', checkId: round });
      await settled();
      expect(agents.get(id)).toMatchObject({ status: 'running', health: { status: 'healthy', misses: 0 } });
    }
  });

  it('answered twice, or never asked, change nothing but the time of the last answer', async () => {
    const { agents, clock, id, body, events } = await scripted();
    await clock.advance(1_000);
    body.report({ type: 'health.answered', checkId: 1 });
    const before = events.length;
    body.report({ type: 'health.answered', checkId: 1 });
    body.report({ type: 'health.answered', checkId: 77 });
    body.report({ type: 'health.failed', checkId: 77, error: { name: 'Error', message: 'x' } });
    await settled();
    expect(agents.get(id)).toMatchObject({ status: 'running', health: { status: 'healthy', misses: 0 } });
    expect(events).toHaveLength(before);
    expect(clock.pending()).toHaveLength(1);
  });

  it('of an earlier incarnation are dropped, and counted', async () => {
    const { agents, clock, id, body, host } = await scripted();
    await clock.advance(1_000);
    const kill = agents.kill(id);
    body.exit('killed');
    await kill;
    const start = agents.start(id);
    await settled();
    host.live[0]!.ready();
    await start;
    body.report({ type: 'health.answered', checkId: 1 });
    await settled();
    expect(agents.get(id)).toMatchObject({ health: { status: 'unknown' }, metrics: { dropped: 1 } });
  });

  it('leave no timer when the agent ends, however it ends', async () => {
    const { agents, clock, id, body, host } = await scripted();
    await clock.advance(1_050);
    body.exit({ exitCode: 3 });
    await settled();
    expect(clock.pending()).toEqual([]);
    expect(agents.get(id).health).toEqual({ status: 'not_running', misses: 0 });
    const start = agents.start(id);
    await settled();
    host.live[0]!.ready();
    await start;
    const stop = agents.stop(id, { timeoutMs: 10 });
    host.live[0]!.report({ type: 'state.saved', state: { json: '1', stateVersion: 1 } });
    await settled();
    host.live[0]!.exit('shutdown');
    await stop;
    expect(clock.pending()).toEqual([]);
  });

  it('are off with an interval of Infinity', async () => {
    const { clock } = await scripted({ intervalMs: Infinity });
    expect(clock.pending()).toEqual([]);
  });
});

describe('checkHealth', () => {
  it('asks now, and moves the next check on', async () => {
    const { agents, clock, id, body } = await scripted();
    await clock.advance(600);
    const check = agents.checkHealth(id);
    expect(checksOf(body)).toEqual([1]);
    body.report({ type: 'health.answered', checkId: 1, detail: 'well' });
    expect(await check).toMatchObject({ status: 'healthy', detail: 'well' });
    await clock.advance(999);
    expect(checksOf(body)).toEqual([]);
    await clock.advance(1);
    expect(checksOf(body)).toEqual([2]);
  });

  it('while a check is open joins it', async () => {
    const { agents, clock, id, body } = await scripted();
    await clock.advance(1_000);
    const checks = [agents.checkHealth(id), agents.checkHealth(id)];
    expect(checksOf(body)).toEqual([1]);
    body.report({ type: 'health.answered', checkId: 1 });
    for (const check of checks) expect(await check).toMatchObject({ status: 'healthy' });
  });

  it('that is missed says so', async () => {
    const { agents, clock, id } = await scripted();
    const check = agents.checkHealth(id);
    await clock.advance(100);
    expect(await check).toMatchObject({
      status: 'unresponsive',
      misses: 1,
      detail: { message: 'no answer within 100 ms' },
    });
    expect(agents.get(id).status).toBe('unresponsive');
  });

  it('is answered when the agent ends meanwhile', async () => {
    const { agents, id, body } = await scripted();
    const check = awaited(agents.checkHealth(id));
    body.exit({ exitCode: 1 });
    expect(await fateOf(check)).toEqual({ value: { status: 'not_running', misses: 0 } });
  });

  it('is answered when the system closes meanwhile', async () => {
    const { agents, system, id, clock } = await scripted({ timeoutMs: Infinity });
    const check = awaited(agents.checkHealth(id));
    const closed = system.close({ timeoutMs: 10 });
    await clock.advance(20_000);
    await closed;
    expect(await fateOf(check)).toEqual({ value: { status: 'not_running', misses: 0 } });
  });

  it('of an agent in any state says what there is to say, and harms nothing', async () => {
    const { agents, clock } = await rig();
    const { promise, resolve } = gate<object>();
    const module = defineAgent({ type: 'slow', init: () => promise, tasks: { echo: { run: () => 1 } } });
    const id = await agents.register({ module, restart: { policy: 'manual' } });
    const none = { status: 'not_running', misses: 0 };
    expect(await agents.checkHealth(id)).toEqual(none);
    const start = agents.start(id);
    expect(await agents.checkHealth(id)).toEqual(none);
    resolve({});
    await start;
    expect(await agents.checkHealth(id)).toMatchObject({ status: 'healthy' });
    const stop = agents.stop(id);
    expect(await agents.checkHealth(id)).toEqual(none);
    await stop;
    expect(await agents.checkHealth(id)).toEqual(none);
    await agents.start(id);
    await agents.kill(id);
    expect(await agents.checkHealth(id)).toEqual(none);
    await agents.forget(id);
    expect(await codeOf(agents.checkHealth(id))).toBe('AGENT_NOT_FOUND');
    expect(clock.pending()).toEqual([]);
  });
});

describe("a definition's own health function", () => {
  it('gives the detail', async () => {
    const { agents, id } = await running(() => ({ load: 0.5 }));
    expect(await agents.checkHealth(id)).toMatchObject({ status: 'healthy', detail: { load: 0.5 } });
    expect(await agents.handle(id).health()).toMatchObject({ status: 'healthy' });
  });

  it.each([
    [
      'throws',
      () => {
        throw new RangeError('overloaded');
      },
    ],
    ['rejects', () => Promise.reject(new RangeError('overloaded'))],
  ])('that %s is a missed check, with its error as detail, and kills in the end', async (_, check) => {
    const { agents, clock, id } = await running(check);
    expect(await agents.checkHealth(id)).toMatchObject({
      status: 'unresponsive',
      misses: 1,
      detail: { name: 'RangeError', message: 'overloaded' },
    });
    await clock.advance(2_000);
    expect(agents.get(id)).toMatchObject({ status: 'crashed', reason: 'unresponsive' });
  });

  it('that never ends is a missed check', async () => {
    const { agents, clock, id } = await running(() => new Promise(() => {}));
    await clock.advance(1_100);
    expect(agents.get(id).status).toBe('unresponsive');
    await clock.advance(2_200);
    expect(agents.get(id).status).toBe('crashed');
  });

  it('that recovers in time keeps the agent, which works on all the while', async () => {
    let isWell = false;
    const { agents, clock, id } = await running(() => {
      if (!isWell) throw new Error('not yet');
    });
    await clock.advance(2_000);
    expect(agents.get(id)).toMatchObject({ status: 'unresponsive', health: { misses: 2 } });
    expect(await agents.execute(id, { type: 'go' })).toBe(1);
    isWell = true;
    await clock.advance(1_000);
    expect(agents.get(id)).toMatchObject({ status: 'running', health: { status: 'healthy', misses: 0 } });
  });

  it('is not asked by way of the task queue: a long task is not killed by the check of its health', async () => {
    const { promise, resolve } = gate<number>();
    const { agents, clock } = await rig();
    const module = defineAgent({ type: 'busy', init: () => ({}), tasks: { long: { run: () => promise } } });
    const id = await agents.register({ module, health });
    await agents.start(id);
    const task = agents.execute(id, { type: 'long' });
    await clock.advance(60_000);
    expect(agents.get(id)).toMatchObject({
      status: 'running',
      incarnation: 1,
      health: { status: 'healthy' },
    });
    resolve(7);
    expect(await task).toBe(7);
  });
});
