/** Laws of supervision: what follows when an agent ends. After OTP's and Elixir's suites of supervisors. */
import { describe, expect, test } from 'vitest';
import { defineAgent, type ExitReason, memoryStore, type SystemEvent, variable } from '../../src/index.ts';
import { scriptedHost, settled, simulatedClock } from '../../src/testing/index.ts';
import { type Diary, mortal } from '../kit/mortal.ts';
import { type Rig, rig } from '../kit/rig.ts';

/** Ways for a body to end, and what each makes of its agent. */
const ends: readonly { readonly reason: ExitReason; readonly status: string }[] = [
  { reason: 'normal', status: 'completed' },
  { reason: 'shutdown', status: 'stopped' },
  { reason: { shutdown: 'moved' }, status: 'stopped' },
  { reason: 'killed', status: 'crashed' },
  { reason: 'out_of_memory', status: 'crashed' },
  { reason: 'disconnected', status: 'crashed' },
  { reason: { exitCode: 1 }, status: 'crashed' },
  { reason: { signal: 'SIGSEGV' }, status: 'crashed' },
  { reason: { error: { name: 'RangeError', message: 'out of range' } }, status: 'crashed' },
];
const LONG_MS = 24 * 60 * 60_000;

describe('an agent that is never to be restarted', () => {
  test.each(ends)('and ends with $reason stays listed as $status, and down', async ({ reason, status }) => {
    const host = scriptedHost({ onOpen: (body) => body.ready() });
    const made = await rig({ hosts: { 'in-process': host } });
    const id = await made.agents.register({ module: mortal(), restart: { policy: 'never' } });
    await made.agents.start(id);
    host.live[0]!.exit(reason);
    await made.clock.advance(LONG_MS);
    expect(made.agents.get(id)).toMatchObject({ status, reason, incarnation: 1 });
    expect(host.live).toEqual([]);
  });

  test.each(ends)('and ended with $reason can be started again under its id', async ({ reason }) => {
    const host = scriptedHost({ onOpen: (body) => body.ready() });
    const made = await rig({ hosts: { 'in-process': host } });
    const id = await made.agents.register({ module: mortal(), restart: { policy: 'never' } });
    await made.agents.start(id);
    host.live[0]!.exit(reason);
    expect(await made.agents.start(id)).toMatchObject({ id, incarnation: 2 });
    expect(host.live).toHaveLength(1);
  });
});

describe('an agent that is to be restarted', () => {
  test.each(ends)('is so after $reason only if that is a crash', async ({ reason, status }) => {
    const host = scriptedHost({ onOpen: (body) => body.ready() });
    const made = await rig({ hosts: { 'in-process': host } });
    const id = await made.agents.register({ module: mortal(), restart: { policy: 'immediate' } });
    await made.agents.start(id);
    host.live[0]!.exit(reason);
    await made.clock.advance(1_000);
    const expected =
      status === 'crashed' ? { status: 'running', incarnation: 2 } : { status, incarnation: 1 };
    expect(made.agents.get(id)).toMatchObject(expected);
  });

  test('is restarted alone: its siblings keep their incarnations and their work', async () => {
    const made = await rig();
    const ids: string[] = [];
    for (let index = 0; index < 5; index++) {
      ids.push(await made.agents.register({ module: mortal(), health: { intervalMs: Infinity } }));
    }
    for (const id of ids) await made.agents.start(id);
    for (const id of ids) await made.agents.execute(id, { type: 'count' });
    await expect(made.agents.execute(ids[2]!, { type: 'crash' })).rejects.toMatchObject({
      code: 'TASK_FAILED',
    });
    await made.clock.advance(1_000);
    const incarnations = made.agents.list().map(({ incarnation }) => incarnation);
    expect(incarnations).toEqual([1, 1, 2, 1, 1]);
    expect(await made.agents.execute(ids[3]!, { type: 'count' })).toBe(2);
    expect(made.agents.list({ status: 'running' })).toHaveLength(5);
  });

  test('comes back with the state it had after its last acknowledged task', async () => {
    const made = await rig();
    const id = await made.agents.register({ module: mortal() });
    await made.agents.start(id);
    await made.agents.execute(id, { type: 'count' });
    await made.agents.execute(id, { type: 'count' });
    await expect(made.agents.execute(id, { type: 'crash' })).rejects.toThrow('the end');
    await made.clock.advance(1_000);
    expect(await made.agents.execute(id, { type: 'count' })).toBe(3);
  });

  test('and fails to start on the way back is tried again, and each try counts', async () => {
    let opened = 0;
    const host = scriptedHost({
      onOpen: (body) => {
        opened += 1;
        if (opened === 2 || opened === 3) body.exit('normal');
        else body.ready();
      },
    });
    const made = await rig({ hosts: { 'in-process': host } });
    const id = await made.agents.register({ module: mortal(), restart: { policy: 'immediate' } });
    await made.agents.start(id);
    host.live[0]!.exit('killed');
    await made.clock.advance(3_000);
    expect(made.agents.get(id)).toMatchObject({ status: 'running', incarnation: 4, restarts: 3 });
  });

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
  test('by its own word alone: the end of another is nothing to it', async () => {
    const made = await rig();
    const one = await made.agents.register({ module: mortal() });
    const other = await made.agents.register({ module: mortal() });
    await made.agents.start(one);
    await made.agents.start(other);
    await made.agents.execute(one, { type: 'complete' });
    await made.clock.advance(0);
    expect(made.agents.get(one)).toMatchObject({ status: 'completed', reason: 'normal' });
    expect(made.agents.get(other)).toMatchObject({ status: 'running', incarnation: 1 });
  });

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
