/** Laws of supervision: what follows when an agent ends. After OTP's and Elixir's suites of supervisors. */
import { describe, expect, test } from 'vitest';
import { defineAgent, memoryStore, type SystemEvent, variable } from '../../src/index.ts';
import { scriptedHost, settled, simulatedClock } from '../../src/testing/index.ts';
import { type Diary, mortal } from '../kit/mortal.ts';
import { type Rig, rig } from '../kit/rig.ts';

const LONG_MS = 24 * 60 * 60_000;

describe('an agent that is to be restarted', () => {
  test('and crashes more often than its intensity allows is given up: one alert, no further try', async () => {
    const host = scriptedHost({ onOpen: (body) => body.ready() });
    const made = await rig({ hosts: { 'in-process': host } });
    const restart = { policy: 'immediate', maxRestarts: 3, withinMs: 60_000 } as const;
    const id = await made.agents.register({ module: mortal(), restart });
    const sibling = await made.agents.register({ module: mortal(), health: { intervalMs: Infinity } });
    await made.agents.start(sibling);
    await made.agents.start(id);
    for (let crash = 1; crash <= 4; crash++) {
      host.bodiesOf(id).at(-1)!.exit('killed');
      await made.clock.advance(1_000);
    }
    await made.clock.advance(LONG_MS);
    expect(made.agents.get(id)).toMatchObject({
      status: 'crashed',
      state: 'crashed.gaveUp',
      incarnation: 4,
      restarts: 3,
    });
    expect(made.system.alerts.list()).toMatchObject([{ alert: 'gave_up', agentId: id }]);
    expect(made.agents.get(sibling).status).toBe('running');
  });

  test('and crashes as often, but farther apart than the period, is never given up', async () => {
    const host = scriptedHost({ onOpen: (body) => body.ready() });
    const made = await rig({ hosts: { 'in-process': host } });
    const restart = { policy: 'immediate', maxRestarts: 1, withinMs: 10_000 } as const;
    const id = await made.agents.register({ module: mortal(), restart, health: { intervalMs: Infinity } });
    await made.agents.start(id);
    for (let crash = 1; crash <= 20; crash++) {
      host.live[0]!.exit('killed');
      await made.clock.advance(10_000);
    }
    expect(made.agents.get(id)).toMatchObject({ status: 'running', restarts: 20 });
    expect(made.system.alerts.list()).toEqual([]);
  });
});

describe('an agent ends normally', () => {
  test('once: the handle that did it cannot end the next incarnation', async () => {
    const made = await rig();
    const id = await made.agents.register({ module: mortal() });
    const first = await made.agents.start(id);
    await first.execute({ type: 'complete' });
    await made.clock.advance(0);
    await made.agents.start(id);
    for (const late of [first.execute({ type: 'complete' }), first.stop(), first.kill(), first.health()]) {
      await expect(late).rejects.toMatchObject({ code: 'AGENT_NOT_RUNNING' });
    }
    expect(made.agents.get(id)).toMatchObject({ status: 'running', incarnation: 2 });
  });
});

describe('when the whole program has died', () => {
  test('the next one lists its agents as crashed, and brings back those that ran', async () => {
    const store = memoryStore();
    const diary: Diary = { entries: [] };
    const first = await rig({ store });
    const module = mortal();
    for (const id of ['ran', 'stopped', 'never']) await first.agents.register({ id, module });
    await first.agents.start('ran');
    await first.agents.execute('ran', { type: 'count' });
    await first.agents.start('stopped');
    await first.agents.stop('stopped');

    const clock = simulatedClock({ startAt: first.clock.now() + 1_000 });
    const next = await rig({ store, clock, agents: [mortal(diary)] });
    const found = Object.fromEntries(next.agents.list().map(({ id, status }) => [id, status]));
    expect(found).toEqual({ ran: 'crashed', stopped: 'stopped', never: 'registered' });
    expect(next.agents.get('ran').reason).toBe('host_lost');
    await next.clock.advance(0);
    expect(next.agents.get('ran')).toMatchObject({ status: 'running', incarnation: 2 });
    expect(diary.entries).toEqual(['init 2']);
    expect(await next.agents.execute('ran', { type: 'count' })).toBe(2);
  });
});

describe('what follows from an end, for others,', () => {
  const voter = defineAgent({
    type: 'voter',
    variables: ['pace'],
    init: () => ({}),
    vote: () => new Promise<'accept'>(() => {}),
    onTaskError: 'crash',
    tasks: {
      fail: {
        run: () => {
          throw new Error('no luck');
        },
      },
    },
  });

  test.each([
    ['is killed', (agents: Rig['agents']) => agents.kill('a')],
    ['crashes', (agents: Rig['agents']) => agents.execute('a', { type: 'fail' })],
    ['is stopped without time', (agents: Rig['agents']) => agents.stop('a', { timeoutMs: 0 })],
    ['is stopped', (agents: Rig['agents']) => agents.stop('a')],
  ])('comes after it in the event stream, when a leader and voter %s', async (_, end) => {
    const { system, agents, events, clock } = await rig();
    await system.variables.define('pace', variable.integer({ min: 1, max: 9, default: 1 }));
    for (const id of ['a', 'b']) {
      await agents.register({
        id,
        module: voter,
        coordination: { leadershipEligible: true, participatesInConsensus: id === 'a' },
      });
      await agents.start(id);
    }
    const deciding = system.consensus.propose({ variable: 'pace', value: 2, deadlineMs: 60_000 });
    await settled();
    await end(agents).catch(() => undefined);
    await clock.advance(0);
    expect((await deciding).outcome).toBe('no_quorum');
    const place = (isIt: (event: SystemEvent) => boolean) => events.findIndex(isIt);
    const left = place(
      ({ type, agentId }) => agentId === 'a' && /^agent\.(stopping|stopped|crashed)$/.test(type),
    );
    const closed = place(({ type }) => type === 'round.closed');
    const elected = place(({ type, agentId }) => type === 'leader.elected' && agentId === 'b');
    expect(left).toBeGreaterThan(0);
    expect([closed > left, elected > left]).toEqual([true, true]);
  });
});
