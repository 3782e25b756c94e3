import { describe, expect, it } from 'vitest';
import { defineAgent, variable } from '../../src/index.ts';
import { settled, type SimulatedClock, simulatedClock } from '../../src/testing/index.ts';
import { codeOf, fateOf, type Rig, rig } from '../kit/rig.ts';

const lr = variable.float({ min: 0, max: 1, default: 0.1 });
const trainer = defineAgent({
  type: 'trainer',
  variables: ['lr'],
  init: ({ variables }) => ({ began: variables['lr'], heard: [] as unknown[] }),
  onVariable: ({ value, state }) => void state.heard.push(value),
  vote: ({ proposal }) => (proposal.value === 0.99 ? new Promise<never>(() => {}) : 'accept'),
  tasks: { rate: { run: ({ variables }) => variables['lr'] }, state: { run: ({ state }) => state } },
});

async function fleet(whole: Rig, ids: readonly string[]) {
  await whole.system.variables.define('lr', lr);
  for (const id of ids) {
    await whole.agents.register({
      id,
      module: trainer,
      coordination: { leadershipEligible: true, communicationPattern: 'sync' },
      restart: { policy: 'immediate', delayMs: 100 },
    });
    await whole.agents.start(id);
  }
  return whole;
}

const stateOf = ({ agents }: Rig, id: string) => agents.get(id).state;

describe('while coordination is away', () => {
  it('agents work on with the last known values in fallback mode; nothing changes and nothing is asked', async () => {
    const whole = await fleet(await rig(), ['a', 'b']);
    const { system, agents, eventsOf } = whole;
    await system.variables.set('lr', 0.3);
    system.coordination.suspend();
    expect(system.coordination.status()).toBe('suspended');
    expect(stateOf(whole, 'a')).toBe('alive.serving.running.fallback.idle');
    expect(await agents.execute('a', { type: 'rate' })).toBe(0.3);
    expect(agents.get('a').status).toBe('running');
    const refused = [
      system.variables.set('lr', 0.4),
      system.variables.rollback('lr', 1),
      system.variables.define('other', lr),
      system.consensus.propose({ variable: 'lr', value: 0.4 }),
    ];
    for (const work of refused) expect(await codeOf(work)).toBe('COORDINATION_UNAVAILABLE');
    expect(system.variables.get('lr')).toMatchObject({ value: 0.3, version: 2 });
    expect(eventsOf('coordination.lost').map(({ why }) => why)).toEqual(['suspended']);
    system.coordination.resume();
    await settled();
    expect(system.coordination.status()).toBe('available');
    expect(stateOf(whole, 'a')).toBe('alive.serving.running.coordinated.idle');
    expect(eventsOf('coordination.restored')).toHaveLength(1);
    expect(await system.consensus.propose({ variable: 'lr', value: 0.4 })).toMatchObject({ version: 3 });
  });

  it('rounds that were open expire, and are not tried again', async () => {
    const { system } = await fleet(await rig(), ['a']);
    const round = system.consensus.propose({ variable: 'lr', value: 0.99, fallback: { retry: 3 } });
    await settled();
    expect(system.consensus.rounds()).toHaveLength(1);
    system.coordination.suspend();
    expect(await round).toMatchObject({ outcome: 'expired', cut: 'coordination_lost', rounds: 1 });
    expect(system.consensus.rounds()).toEqual([]);
  });

  it('a change that waits for acknowledgements gets them all the same', async () => {
    const gates: (() => void)[] = [];
    const slow = defineAgent({
      type: 'slow',
      variables: ['lr'],
      init: () => null,
      onVariable: () => new Promise<void>((resolve) => gates.push(resolve)),
      tasks: {},
    });
    const { system, agents } = await fleet(await rig(), []);
    await agents.register({ id: 's', module: slow, coordination: { communicationPattern: 'sync' } });
    await agents.start('s');
    const set = system.variables.set('lr', 0.2);
    system.coordination.suspend();
    expect(await fateOf(set)).toBe('pending');
    gates[0]!();
    expect(await set).toEqual({ version: 2, acknowledged: ['s'], outOfDate: [] });
  });

  it('agents that start begin in fallback mode, and join when it is back', async () => {
    const whole = await fleet(await rig(), ['a']);
    const { system, agents, clock } = whole;
    system.coordination.suspend();
    await agents.register({ id: 'late', module: trainer });
    await agents.start('late');
    await agents.kill('a');
    await clock.advance(100);
    for (const id of ['late', 'a']) expect(stateOf(whole, id)).toBe('alive.serving.running.fallback.idle');
    expect(await agents.execute('late', { type: 'state' })).toEqual({ began: 0.1, heard: [] });
    system.coordination.resume();
    await settled();
    for (const id of ['late', 'a']) expect(stateOf(whole, id)).toBe('alive.serving.running.coordinated.idle');
    expect(await system.consensus.propose({ variable: 'lr', value: 0.4 })).toMatchObject({
      outcome: 'accepted',
      electorate: ['late', 'a'],
    });
  });

  it('agents that were down when it went and are up when it is back are coordinated', async () => {
    const whole = await fleet(await rig(), ['a']);
    const { system, agents, clock } = whole;
    await agents.kill('a');
    system.coordination.suspend();
    system.coordination.resume();
    await clock.advance(100);
    expect(stateOf(whole, 'a')).toBe('alive.serving.running.coordinated.idle');
    system.coordination.suspend();
    await agents.kill('a');
    system.coordination.resume();
    await clock.advance(100);
    expect(stateOf(whole, 'a')).toBe('alive.serving.running.coordinated.idle');
  });

  it('a leader that dies is missed until it is back, and then followed', async () => {
    const { system, agents } = await fleet(await rig(), ['a', 'b']);
    expect(system.coordination.leader()).toMatchObject({ agentId: 'a', term: 1 });
    system.coordination.suspend();
    await agents.stop('a');
    await settled();
    expect(system.coordination.leader()).toBeUndefined();
    system.coordination.resume();
    await settled();
    expect(system.coordination.leader()).toMatchObject({ agentId: 'b', term: 2 });
  });

  it('it can go in the middle of anything, many times over, and no agent dies of it', async () => {
    const whole = await fleet(await rig(), ['a', 'b', 'c']);
    const { system, agents } = whole;
    const fates: Promise<unknown>[] = [];
    for (let i = 0; i < 50; i++) {
      fates.push(system.consensus.propose({ variable: 'lr', value: i % 3 === 0 ? 0.99 : i / 100 }));
      fates.push(system.variables.set('lr', i / 60));
      fates.push(agents.execute('a', { type: 'rate' }));
      if (i % 2) system.coordination.suspend();
      if (i % 5 === 0) await settled();
      if (i % 4) system.coordination.resume();
    }
    system.coordination.resume();
    await Promise.allSettled(fates);
    expect(agents.list().map(({ status, incarnation }) => `${status} ${incarnation}`)).toEqual(
      Array(3).fill('running 1'),
    );
    await system.variables.set('lr', 0.5);
    expect(system.variables.outOfDate('lr')).toEqual([]);
    const versions = system.variables.history('lr').map(({ version }) => version);
    expect(versions).toEqual([...versions.keys()].map((i) => versions[0]! + i));
    for (const id of ['a', 'b', 'c']) {
      const { heard } = (await agents.execute(id, { type: 'state' })) as { heard: unknown[] };
      expect(heard.at(-1)).toBe(0.5);
    }
  });
});

/** Coordination fails where its clock does: at the next look at it once armed, or at a delay of so long. */
async function failing() {
  const time = simulatedClock();
  let isArmed = false;
  let brokenDelayMs = -1;
  const clock: SimulatedClock = {
    ...time,
    now() {
      if (isArmed) {
        isArmed = false;
        throw new Error('no time');
      }
      return time.now();
    },
    setTimeout(run, delayMs) {
      if (delayMs === brokenDelayMs) throw new Error('no timer');
      return time.setTimeout(run, delayMs);
    },
  };
  const whole = await fleet(await rig({ clock }), []);
  const { agents, system } = whole;
  /** A voter in whose vote coordination fails. */
  const unlucky = defineAgent({
    type: 'unlucky',
    variables: ['lr'],
    init: () => null,
    vote: ({ proposal }) => {
      if (proposal.value === 0.13) isArmed = true;
      return 'accept';
    },
    tasks: { work: { run: () => 'done' } },
  });
  await agents.register({ id: 'u', module: unlucky });
  await agents.start('u');
  const propose = (value: number, deadlineMs = 1_000) =>
    system.consensus.propose({ variable: 'lr', value, deadlineMs });
  return { ...whole, propose, breakDelay: (delayMs: number) => (brokenDelayMs = delayMs) };
}

describe('a failure of its own', () => {
  it('takes it away and brings it back by itself: the round expires, no agent dies', async () => {
    const whole = await failing();
    const { system, agents, clock, propose, eventsOf } = whole;
    expect(await propose(0.13)).toMatchObject({ outcome: 'expired', cut: 'coordination_lost' });
    expect(system.coordination.status()).toBe('recovering');
    expect(eventsOf('coordination.lost').map(({ why }) => why)).toEqual(['it failed: no time']);
    expect(stateOf(whole, 'u')).toBe('alive.serving.running.fallback.idle');
    expect(await agents.execute('u', { type: 'work' })).toBe('done');
    expect(await codeOf(propose(0.2))).toBe('COORDINATION_UNAVAILABLE');
    await clock.advance(49);
    expect(system.coordination.status()).toBe('recovering');
    await clock.advance(1);
    expect(system.coordination.status()).toBe('available');
    expect(stateOf(whole, 'u')).toBe('alive.serving.running.coordinated.idle');
    expect(await propose(0.2)).toMatchObject({ outcome: 'accepted', version: 2 });
    expect(agents.get('u').incarnation).toBe(1);
  });

  it('waits longer each time, and after too many in a row for an operator', async () => {
    const { system, clock, propose, eventsOf } = await failing();
    for (const delayMs of [50, 100, 200, 400, 800]) {
      await propose(0.13);
      await clock.advance(delayMs - 1);
      expect(system.coordination.status()).toBe('recovering');
      await clock.advance(1);
      expect(system.coordination.status()).toBe('available');
    }
    await propose(0.13);
    expect(system.coordination.status()).toBe('gave_up');
    expect(system.alerts.list().map(({ alert }) => alert)).toEqual(['coordination_lost']);
    await clock.advance(100_000);
    expect(system.coordination.status()).toBe('gave_up');
    system.coordination.resume();
    await settled();
    expect(system.alerts.list()).toEqual([]);
    expect(await propose(0.2)).toMatchObject({ outcome: 'accepted' });
    expect(eventsOf('coordination.lost').at(-1)?.why).toBe('it gave up: no time');
    await propose(0.13);
    await clock.advance(50);
    expect(system.coordination.status()).toBe('available');
  });

  it('in one round is the end of that round alone', async () => {
    const { system, propose, breakDelay } = await failing();
    breakDelay(777);
    expect(await propose(0.2, 777)).toMatchObject({ outcome: 'expired', cut: 'failed' });
    expect(system.coordination.status()).toBe('available');
    expect(await propose(0.3)).toMatchObject({ outcome: 'accepted' });
  });

  it('of its very chart leaves it to an operator to begin anew', async () => {
    const { system, agents, propose, breakDelay } = await failing();
    await agents.register({ id: 'chief', module: trainer, coordination: { leadershipEligible: true } });
    await agents.start('chief');
    breakDelay(50);
    expect(await propose(0.13)).toMatchObject({ outcome: 'expired' });
    await settled();
    expect(system.coordination.status()).toBe('gave_up');
    expect(await codeOf(propose(0.2))).toBe('COORDINATION_UNAVAILABLE');
    expect(agents.list().map(({ state }) => state)).toEqual(
      Array(2).fill('alive.serving.running.fallback.idle'),
    );
    system.coordination.resume();
    await settled();
    expect(agents.list().map(({ state }) => state)).toEqual(
      Array(2).fill('alive.serving.running.coordinated.idle'),
    );
    expect(system.coordination.leader()).toMatchObject({ agentId: 'chief', term: 1 });
    expect(await propose(0.2)).toMatchObject({ outcome: 'accepted', version: 2 });
  });
});
