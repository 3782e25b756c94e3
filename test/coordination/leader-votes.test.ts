/** Laws of the leader in rounds: the casting vote, and the terms. */
import { describe, expect, it } from 'vitest';
import { defineAgent, type Vote } from '../../src/index.ts';
import { scriptedHost, settled } from '../../src/testing/index.ts';
import { fateOf, rig } from '../kit/rig.ts';
import { mortalStore } from '../kit/mortal-store.ts';
import { lr, yes, no, mute, hung, fleet } from './voters.ts';

describe('the leader', () => {
  it('is the first eligible agent that runs, and when it goes the one that was registered first', async () => {
    const whole = await fleet([mute]);
    const { system, agents, eventsOf } = whole;
    expect(system.coordination.leader()).toBeUndefined();
    for (const id of ['x', 'y', 'z']) {
      await agents.register({ id, module: mute, coordination: { leadershipEligible: true } });
    }
    for (const id of ['z', 'y', 'x']) await agents.start(id);
    expect(system.coordination.leader()).toEqual({ agentId: 'z', incarnation: 1, term: 1 });
    await agents.kill('z');
    expect(system.coordination.leader()).toEqual({ agentId: 'x', incarnation: 1, term: 2 });
    await agents.stop('x');
    expect(system.coordination.leader()).toEqual({ agentId: 'y', incarnation: 1, term: 3 });
    await agents.stop('y');
    expect(system.coordination.leader()).toBeUndefined();
    await agents.start('y');
    expect(system.coordination.leader()).toEqual({ agentId: 'y', incarnation: 2, term: 4 });
    expect(eventsOf('leader.elected').map(({ agentId, term }) => [agentId, term])).toEqual([
      ['z', 1],
      ['x', 2],
      ['y', 3],
      ['y', 4],
    ]);
  });

  it('has the casting vote in a tie: the one it cast, or else the one it is asked for then', async () => {
    const whole = await fleet([yes], { leadershipEligible: true });
    await fleet([no], { rig: whole });
    expect(await whole.propose({ tie: 'leader' })).toMatchObject({
      outcome: 'accepted',
      decidedBy: 'leader',
    });
    expect(await whole.propose({ tie: 'reject' })).toMatchObject({
      outcome: 'rejected',
      decidedBy: 'voters',
    });
    expect(whole.eventsOf('round.voted')).toHaveLength(4);
  });

  it('is asked as such when it has not voted, and what it says then decides', async () => {
    const asked: unknown[] = [];
    const chief = defineAgent({
      type: 'chief',
      variables: ['lr'],
      init: () => null,
      vote: ({ proposal }) => {
        asked.push([proposal.as, proposal.value, proposal.current]);
        return proposal.as === 'leader' ? 'accept' : 'abstain';
      },
      tasks: {},
    });
    const whole = await fleet([chief], { leadershipEligible: true });
    await fleet([no, no], { rig: whole });
    const decision = await whole.propose({ fallback: 'leader_decides' });
    expect(decision).toMatchObject({ outcome: 'rejected', decidedBy: 'leader', version: 2 });
    expect(asked).toEqual([
      ['voter', 0.5, 0.1],
      ['leader', 0.5, 0.1],
    ]);
    expect(whole.eventsOf('round.voted').at(-1)).toMatchObject({
      agentId: 'chief0',
      vote: 'accept',
      term: 1,
    });
    expect(whole.system.variables.history('lr').at(-1)?.why).toBe(
      `decided by the leader in ${decision.roundId}`,
    );
  });

  it('that hangs does not hold a round for longer than its deadline; without one, nobody is asked', async () => {
    const whole = await fleet([hung], { leadershipEligible: true });
    await fleet([no, no], { rig: whole });
    const round = whole.propose({ fallback: 'leader_decides', deadlineMs: 100 });
    await settled();
    expect(whole.system.consensus.rounds()).toMatchObject([{ phase: 'appealed' }]);
    await whole.clock.advance(99);
    expect(await fateOf(round)).toBe('pending');
    await whole.clock.advance(1);
    expect(await round).toMatchObject({ outcome: 'rejected', decidedBy: 'voters' });
    await whole.agents.kill('hung0');
    expect(await whole.propose({ fallback: 'leader_decides' })).toMatchObject({ outcome: 'rejected' });
  });

  it('of an earlier term is refused: its successor decides', async () => {
    const host = scriptedHost();
    const whole = await rig({ hosts: { 'in-process': host } });
    const { system, agents, eventsOf } = whole;
    await system.variables.define('lr', lr);
    for (const id of ['old', 'new', 'v1', 'v2']) {
      await agents.register({
        id,
        module: yes,
        coordination: {
          leadershipEligible: id === 'old' || id === 'new',
          participatesInConsensus: id.startsWith('v'),
        },
        health: { intervalMs: Infinity },
        restart: { policy: 'never' },
      });
      const started = agents.start(id);
      await settled();
      host.bodiesOf(id)[0]!.ready();
      await started;
    }
    const body = (id: string) => host.bodiesOf(id)[0]!;
    const say = (id: string, roundId: string, vote: Vote) =>
      body(id).report({ type: 'vote.cast', roundId, vote });
    const round = system.consensus.propose({ variable: 'lr', value: 0.5, tie: 'leader' });
    await settled();
    const [{ roundId } = { roundId: '' }] = system.consensus.rounds();
    say('v1', roundId, 'accept');
    say('v2', roundId, 'reject');
    await settled();
    expect(system.consensus.rounds()).toMatchObject([{ phase: 'casting' }]);
    const stopping = agents.stop('old', { timeoutMs: 60_000 });
    await settled();
    expect(system.coordination.leader()).toMatchObject({ agentId: 'new', term: 2 });
    say('old', `${roundId}/term-1`, 'accept');
    say('new', `${roundId}/term-1`, 'accept');
    say('v1', `${roundId}/term-2`, 'accept');
    expect(await fateOf(round)).toBe('pending');
    say('new', `${roundId}/term-2`, 'reject');
    expect(await round).toMatchObject({ outcome: 'rejected', decidedBy: 'leader' });
    say('new', `${roundId}/term-2`, 'accept');
    await settled();
    expect(eventsOf('round.voted').map(({ agentId, refused, term }) => [agentId, refused, term])).toEqual([
      ['v1', undefined, undefined],
      ['v2', undefined, undefined],
      ['old', 'old_term', 1],
      ['new', 'late', undefined],
      ['v1', 'foreign', undefined],
      ['new', undefined, 2],
      ['new', 'late', undefined],
    ]);
    body('old').exit('shutdown');
    await stopping;
  });

  it('has a term that is higher than any before, also in the next program', async () => {
    const store = mortalStore(undefined, { isDurable: true });
    const first = await fleet([mute], { rig: await rig({ store }), leadershipEligible: true });
    await first.agents.kill('mute0');
    await first.agents.start('mute0');
    expect(first.system.coordination.leader()?.term).toBe(2);
    const { system, clock } = await rig({ store: store.die(), agents: [mute] });
    await clock.advance(1);
    expect(system.coordination.leader()).toMatchObject({ agentId: 'mute0', term: 3 });
  });
});
