/** Laws of a round: its electorate, its votes, and its end in any case. */
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { defineAgent, type Decision, variable, type Vote } from '../../src/index.ts';
import { scriptedHost, settled } from '../../src/testing/index.ts';
import { awaited, codeOf, fateOf, gate, refusal, rig } from '../kit/rig.ts';
import { mortalStore } from '../kit/mortal-store.ts';
import { lr, NEVER, yes, no, mute, hung, broken, late, odd, fleet, counts } from './voters.ts';

describe('the flow of a round', () => {
  it('asks all that declared the variable, tallies, puts the value into force and tells everybody', async () => {
    const { system, agents, propose, ids, eventsOf, events } = await fleet([yes, yes, no]);
    await agents.register({ id: 'aside', module: yes, coordination: { participatesInConsensus: false } });
    await agents.start('aside');
    await agents.register({ id: 'resting', module: yes });
    const decision = await propose({ by: 'trainer-1', why: 'less loss' });
    expect(decision).toEqual({
      roundId: decision.roundId,
      outcome: 'accepted',
      tally: {
        voters: { total: 3, accept: 2, reject: 1, abstain: 0, failed: 0 },
        weight: { total: 3, accept: 2, reject: 1, abstain: 0, failed: 0 },
      },
      electorate: ids,
      failed: [],
      version: 2,
      decidedBy: 'voters',
      rounds: 1,
    });
    expect(system.variables.get('lr')).toMatchObject({ value: 0.5, version: 2 });
    expect(system.variables.history('lr').at(-1)).toMatchObject({
      by: 'trainer-1',
      why: `accepted in ${decision.roundId}: less loss`,
    });
    expect(await agents.execute('aside', { type: 'rate' })).toBe(0.5);
    const types = events.map(({ type }) => type).filter((type) => /^(round|variable)/.test(type));
    expect(types).toEqual([
      'variable.changed',
      'round.opened',
      ...Array<string>(3).fill('round.voted'),
      'round.closed',
      'variable.changed',
      ...Array<string>(4).fill('variable.acknowledged'),
    ]);
    expect(eventsOf('round.opened')[0]).toMatchObject({ by: 'trainer-1', value: 0.5, electorate: ids });
  });

  it('keeps the current value when the vote is against it', async () => {
    const { system, propose } = await fleet([yes, no, no]);
    expect(await propose()).toMatchObject({ outcome: 'rejected', rounds: 1 });
    expect(system.variables.get('lr')).toMatchObject({ value: 0.1, version: 1 });
  });

  it('of nobody is no quorum', async () => {
    const { propose } = await fleet([]);
    expect(await propose()).toMatchObject({ outcome: 'no_quorum', electorate: [] });
  });

  it('counts weights where the rule does', async () => {
    const whole = await fleet([yes], { voteWeight: 2.5 });
    const { propose } = await fleet([no, no], { rig: whole });
    expect(await propose({ rule: 'majority' })).toMatchObject({ outcome: 'rejected' });
    expect(await propose({ rule: 'weighted' })).toMatchObject({
      outcome: 'accepted',
      tally: { weight: { accept: 2.5, reject: 2, total: 4.5 } },
    });
  });

  it('a proposal that is malformed, unknown or out of bounds is refused, and opens nothing', async () => {
    const { system, propose, events } = await fleet([yes]);
    const before = events.length;
    const unreadable = {
      get rule() {
        throw new Error('a getter threw');
      },
    };
    const bad: readonly (readonly [object, string, RegExp])[] = [
      [{ quorum: 0 }, 'ROUND_INVALID', /: quorum: .*got 0$/],
      [{ quorum: 1.01 }, 'ROUND_INVALID', /: quorum: .*got 1\.01$/],
      [{ rule: 'dictator' }, 'ROUND_INVALID', /: rule: .*got "dictator"$/],
      [{ deadlineMs: 0 }, 'ROUND_INVALID', /: deadlineMs: .*got 0$/],
      [{ deadlineMs: Infinity }, 'ROUND_INVALID', /: deadlineMs: .*got Infinity$/],
      [{ tie: 'coin' }, 'ROUND_INVALID', /: tie: .*got "coin"$/],
      [{ fallback: { retry: 0 } }, 'ROUND_INVALID', /: fallback\.retry: .*got 0$/],
      [{ fallback: 'custom' }, 'ROUND_INVALID', /: fallback: .*got "custom"$/],
      [{ variable: '' }, 'ROUND_INVALID', /: variable: .*got ""$/],
      [{ extra: 1 }, 'ROUND_INVALID', /: extra: unknown option \(.*\), got 1$/],
      [{ variable: 'rl' }, 'VARIABLE_UNKNOWN', /"rl"/],
      [{ value: 2 }, 'VARIABLE_INVALID', /got 2$/],
    ];
    for (const [options, code, message] of bad) {
      const refused = await refusal(propose(options));
      expect([options, refused.code]).toEqual([options, code]);
      expect(refused.message).toMatch(message);
    }
    for (const none of [undefined, null, 7, unreadable]) {
      expect(await refusal(system.consensus.propose(none as never))).toMatchObject({
        code: 'ROUND_INVALID',
        message: expect.stringMatching(/^consensus\.propose: .*(got (undefined|null|7)|a getter threw)$/),
      });
    }
    await settled();
    expect([events.length, system.consensus.rounds()]).toEqual([before, []]);
  });
});

describe('voters', () => {
  it('that have no vote function abstain; that throw or answer nonsense have failed, and their agents live on', async () => {
    const { propose, eventsOf, agents, ids } = await fleet([yes, broken, late, odd, mute]);
    const decision = await propose({ quorum: 0.4 });
    expect([decision.outcome, counts(decision)]).toEqual(['accepted', [1, 0, 1, 3, 5]]);
    expect(decision.failed).toEqual(['broken1', 'late2', 'odd3']);
    const votes = eventsOf('round.voted').map(({ agentId, vote, refused, error }) => [
      agentId,
      [vote, refused, error?.message],
    ]);
    expect(Object.fromEntries(votes)).toEqual({
      yes0: ['accept', undefined, undefined],
      broken1: ['failed', undefined, 'no idea'],
      late2: ['failed', undefined, 'tried'],
      odd3: ['failed', undefined, expect.stringMatching(/perhaps/)],
      mute4: ['abstain', undefined, undefined],
    });
    expect(eventsOf('round.closed').at(-1)?.tally).toEqual(decision.tally);
    expect(ids.map((id) => agents.get(id).status)).toEqual(ids.map(() => 'running'));
  });

  it.each(['majority', 'supermajority', 'unanimous', 'weighted'] as const)(
    'whose votes failed make no quorum and decide nothing, under a rule of %s',
    async (rule) => {
      const { propose, system } = await fleet([yes, broken, late, odd]);
      const one = await propose({ rule });
      expect([one.outcome, counts(one)]).toEqual(['no_quorum', [1, 0, 0, 3, 4]]);
      expect(one.tally.weight).toEqual({ total: 4, accept: 1, reject: 0, abstain: 0, failed: 3 });
      expect(system.variables.get('lr').version).toBe(1);
      expect(await propose({ rule, quorum: 0.25 })).toMatchObject({ outcome: 'accepted', version: 2 });
      const again = await propose({ rule, quorum: 0.26, value: 0.6 });
      expect([again.outcome, again.failed]).toEqual(['no_quorum', ['broken1', 'late2', 'odd3']]);
    },
  );

  it('whose votes failed are not waited for, and those that are out are', async () => {
    const { propose, clock } = await fleet([broken, odd, hung, late]);
    const round = propose({ deadlineMs: 1_000 });
    expect(await fateOf(round)).toBe('pending');
    await clock.advance(1_000);
    const decision = await round;
    expect([decision.outcome, counts(decision)]).toEqual(['no_quorum', [0, 0, 0, 3, 4]]);
  });

  it('whose votes failed count in the electorate until they die, and take their failure with them', async () => {
    const { propose, agents } = await fleet([broken, hung, yes, yes]);
    const round = propose({ quorum: 0.75 });
    await settled();
    await agents.kill('broken0');
    expect(await fateOf(round)).toBe('pending');
    await agents.kill('hung1');
    const decision = await round;
    expect([decision.outcome, counts(decision), decision.failed]).toEqual(['accepted', [2, 0, 0, 0, 2], []]);
  });

  it('that hang are waited for 30 s where nothing else is said', async () => {
    const { propose, clock } = await fleet([yes, hung]);
    const round = propose();
    await clock.advance(29_999);
    expect(await fateOf(round)).toBe('pending');
    await clock.advance(1);
    expect(await round).toMatchObject({ outcome: 'no_quorum' });
  });

  it('that hang are waited for until the deadline, and the votes that are in then decide', async () => {
    const { propose, clock, system } = await fleet([yes, yes, hung, hung, hung]);
    const one = propose({ deadlineMs: 1_000 });
    await clock.advance(999);
    expect(await fateOf(one)).toBe('pending');
    expect(system.consensus.rounds()).toMatchObject([
      { variable: 'lr', value: 0.5, phase: 'voting', stillOut: ['hung2', 'hung3', 'hung4'] },
    ]);
    await clock.advance(1);
    expect(await one).toMatchObject({ outcome: 'no_quorum' });
    const other = propose({ deadlineMs: 1_000, quorum: 0.4 });
    await clock.advance(1_000);
    expect(await other).toMatchObject({ outcome: 'accepted', version: 2 });
    expect(system.consensus.rounds()).toEqual([]);
  });

  it('that die leave the electorate, and their vote with them', async () => {
    const { propose, agents } = await fleet([yes, yes, hung, no, hung]);
    const round = propose();
    await agents.kill('yes0');
    await agents.kill('hung2');
    expect(await fateOf(round)).toBe('pending');
    await agents.kill('hung4');
    const decision = await round;
    expect([decision.outcome, counts(decision)]).toEqual(['rejected', [1, 1, 0, 0, 2]]);
  });

  it('that are stopping are asked no more, and waited for no more', async () => {
    const { propose, agents } = await fleet([yes, hung]);
    const round = propose({ quorum: 1 });
    void agents.stop('hung1').catch(() => {});
    expect(await round).toMatchObject({ outcome: 'accepted', tally: { voters: { total: 1 } } });
  });

  it('that die all leave no quorum', async () => {
    const { propose, agents } = await fleet([hung, hung]);
    const round = propose();
    await agents.kill('hung0');
    await agents.kill('hung1');
    expect(await round).toMatchObject({ outcome: 'no_quorum', tally: { voters: { total: 0 } } });
  });

  it('may propose while they are asked: that round is held when the first is over, on its value', async () => {
    const whole = await fleet([yes, yes]);
    const asked: Promise<Decision>[] = [];
    let isFirst = true;
    const seen: unknown[] = [];
    const eager = defineAgent({
      type: 'eager',
      variables: ['lr'],
      init: () => null,
      vote: ({ proposal }) => {
        seen.push([proposal.value, proposal.current]);
        if (isFirst) asked.push(whole.propose({ value: 0.7, by: 'eager' }));
        isFirst = false;
        return 'accept';
      },
      tasks: {},
    });
    await fleet([eager], { rig: whole });
    const outcomes = [await whole.propose(), await asked[0]!];
    expect(outcomes.map(({ outcome, version }) => [outcome, version])).toEqual([
      ['accepted', 2],
      ['accepted', 3],
    ]);
    expect(seen).toEqual([
      [0.5, 0.1],
      [0.7, 0.5],
    ]);
  });
});

describe('rounds at once', () => {
  it('on one variable: the first that is accepted stands, the others expire', async () => {
    const { propose, agents, system } = await fleet([yes, hung]);
    const first = propose({ value: 0.2, quorum: 1 });
    const second = propose({ value: 0.3, quorum: 1 });
    await settled();
    expect(system.consensus.rounds().map(({ value }) => value)).toEqual([0.2, 0.3]);
    await agents.kill('hung1');
    expect(await first).toMatchObject({ outcome: 'accepted', version: 2 });
    expect(await second).toMatchObject({ outcome: 'expired', cut: 'superseded' });
    expect(system.variables.get('lr')).toMatchObject({ value: 0.2, version: 2 });
  });

  it('a superseded one is held again where its fallback says so, on the new value', async () => {
    const seen: unknown[] = [];
    const looking = defineAgent({
      type: 'looking',
      variables: ['lr'],
      init: () => null,
      vote: ({ proposal }) => {
        seen.push(proposal.current);
        return seen.length === 1 ? NEVER : 'accept';
      },
      tasks: {},
    });
    const { propose, system } = await fleet([looking]);
    const round = propose({ fallback: { retry: 1 } });
    await settled();
    await system.variables.set('lr', 0.9);
    expect(await round).toMatchObject({ outcome: 'accepted', rounds: 2, version: 3 });
    expect(seen).toEqual([0.1, 0.9]);
  });

  it('on different variables do not disturb each other', async () => {
    const whole = await fleet([hung]);
    const { system, propose, clock } = whole;
    await system.variables.define('depth', variable.integer({ default: 1 }));
    const deep = defineAgent({
      type: 'deep',
      variables: ['depth'],
      init: () => null,
      vote: () => 'accept',
      tasks: {},
    });
    await fleet([deep], { rig: whole });
    const slow = propose({ deadlineMs: 100 });
    expect(await propose({ variable: 'depth', value: 2 })).toMatchObject({ outcome: 'accepted' });
    expect(await fateOf(slow)).toBe('pending');
    await clock.advance(100);
    expect(await slow).toMatchObject({ outcome: 'no_quorum' });
  });

  it('are so many at the most; one more is refused', async () => {
    const whole = await rig({ limits: { maxOpenRounds: 2 } });
    await whole.system.variables.define('lr', lr);
    const { propose, agents } = await fleet([hung], { rig: whole });
    const open = [propose(), propose()];
    expect(await codeOf(propose())).toBe('RESOURCES_EXHAUSTED');
    await agents.kill('hung0');
    expect((await Promise.all(open)).map(({ outcome }) => outcome)).toEqual(['no_quorum', 'no_quorum']);
    expect(await propose()).toMatchObject({ outcome: 'no_quorum' });
  });
});

it('a value that other variables rule out meanwhile is not put into force, though it was accepted', async () => {
  const { system, propose, agents, ids } = await fleet([yes, hung]);
  await system.variables.define('cap', variable.float({ default: 1 }));
  system.variables.constrain(['lr', 'cap'], ({ lr, cap }) => (lr as number) <= (cap as number));
  const { code, message } = await refusal(system.consensus.propose({ variable: 'cap', value: 0 }));
  expect([code, message]).toEqual(['VARIABLE_INVALID', expect.stringMatching(/lr = 0.1, cap = 0/)]);
  const round = propose({ quorum: 1 });
  await settled();
  await system.variables.set('cap', 0.3);
  await agents.kill(ids[1]!);
  const decision = await round;
  expect([decision.outcome, decision.cut, decision.version]).toEqual(['expired', 'superseded', undefined]);
  expect(decision.problem).toMatch(/constraint on lr, cap/);
  expect(system.variables.get('lr').value).toBe(0.1);
});

describe('the end of a program', () => {
  it('a close ends the rounds that are open, and those who proposed hear of it', async () => {
    const { propose, system } = await fleet([hung]);
    const round = propose({ fallback: { retry: 5 } });
    await settled();
    await system.close({ timeoutMs: 10 });
    expect(await round).toMatchObject({ outcome: 'expired', cut: 'system_closed', rounds: 1 });
    expect(await codeOf(propose())).toBe('SYSTEM_CLOSED');
    expect(await codeOf(system.variables.set('lr', 0.2))).toBe('SYSTEM_CLOSED');
    expect(await codeOf(() => system.coordination.suspend())).toBe('SYSTEM_CLOSED');
  });

  it('a close does not wait for a fallback that hangs', async () => {
    const { propose, system, clock } = await fleet([no]);
    const round = propose({ fallback: () => NEVER });
    await settled();
    await system.close({ timeoutMs: 10 });
    expect(await round).toMatchObject({
      outcome: 'rejected',
      problem: 'the fallback was dropped: the system is closed, or closing',
    });
    expect(clock.pending()).toEqual([]);
    expect(system.coordination.status()).toBe('closed');
  });

  it('a task that drains can still change variables; no round opens for it, and no leader is elected', async () => {
    const said: unknown[] = [];
    const held = gate();
    const { system, agents, clock, eventsOf } = await rig();
    await system.variables.define('lr', lr);
    const module = defineAgent({
      type: 'draining',
      variables: ['lr'],
      init: () => null,
      vote: () => NEVER,
      tasks: {
        work: {
          run: async () => {
            await held.promise;
            said.push(system.coordination.status());
            said.push((await system.variables.set('lr', 0.9)).version);
            said.push(await codeOf(system.consensus.propose({ variable: 'lr', value: 0.5 })));
            said.push(await codeOf(() => system.coordination.suspend()));
            return 'done';
          },
        },
      },
    });
    for (const id of ['a', 'b']) {
      await agents.register({
        id,
        module,
        coordination: { communicationPattern: 'sync', leadershipEligible: true },
      });
      await agents.start(id);
    }
    const open = system.consensus.propose({ variable: 'lr', value: 0.2, fallback: { retry: 3 } });
    const work = agents.execute('b', { type: 'work' });
    await settled();
    const closed = system.close({ timeoutMs: 1_000 });
    expect(await open).toMatchObject({ outcome: 'expired', cut: 'system_closed', rounds: 1 });
    await clock.advance(10);
    expect(agents.list().map(({ status }) => status)).toEqual(['stopped', 'stopping']);
    held.resolve();
    expect(await work).toBe('done');
    expect(await closed).toEqual({ stopped: ['a', 'b'], abandoned: [] });
    expect(said).toEqual(['available', 2, 'SYSTEM_CLOSED', 'SYSTEM_CLOSED']);
    expect(system.variables.get('lr').value).toBe(0.9);
    expect(system.coordination.status()).toBe('closed');
    expect(await codeOf(system.variables.set('lr', 0.1))).toBe('SYSTEM_CLOSED');
    expect(eventsOf('leader.elected')).toHaveLength(1);
  });

  it('a change that waits for somebody who does not answer holds up no close', async () => {
    const host = scriptedHost({ onOpen: (body) => queueMicrotask(() => body.ready()) });
    const { system, agents, clock } = await rig({ hosts: { 'in-process': host } });
    await system.variables.define('lr', lr);
    await agents.register({ id: 'mum', module: mute, coordination: { communicationPattern: 'sync' } });
    await agents.start('mum');
    const set = awaited(system.variables.set('lr', 0.9, { timeoutMs: 60_000 }));
    expect(await fateOf(set)).toBe('pending');
    const closed = system.close({ timeoutMs: 100 });
    await clock.advance(1_100);
    expect(await closed).toEqual({ stopped: [], abandoned: ['mum'] });
    expect(await fateOf(set)).toEqual({ value: { version: 2, acknowledged: [], outOfDate: [] } });
    expect(clock.pending()).toEqual([]);
  });

  it('a value that is judged while the system closes opens no round', async () => {
    const judged = gate<boolean>();
    const { system } = await rig();
    const schema = z.number().refine((n) => n < 5 || judged.promise);
    await system.variables.define('v', variable.json({ schema, default: 1 }));
    const round = awaited(system.consensus.propose({ variable: 'v', value: 7 }));
    const closed = system.close();
    judged.resolve(true);
    expect(await codeOf(round)).toBe('SYSTEM_CLOSED');
    await closed;
  });

  it('a round that was open when its program died is expired by the next one', async () => {
    const store = mortalStore(undefined, { isDurable: true });
    const first = await rig({ store });
    await first.system.variables.define('lr', lr);
    const { propose } = await fleet([hung], { rig: first });
    void propose();
    await settled();
    const [open] = first.system.consensus.rounds();
    const { system, clock } = await rig({ store: store.die(), agents: [hung] });
    await clock.advance(1);
    expect(system.consensus.rounds()).toEqual([]);
    const closed = [];
    for await (const event of system.events.read()) if (event.type === 'round.closed') closed.push(event);
    expect(closed).toMatchObject([{ roundId: open!.roundId, outcome: 'expired', cut: 'host_lost' }]);
    expect(await codeOf(system.consensus.propose({ variable: 'lr', value: 0.3 }))).toBe('VARIABLE_UNKNOWN');
    await system.variables.define('lr', lr);
    void system.consensus.propose({ variable: 'lr', value: 0.3 });
    await settled();
    expect(system.consensus.rounds()[0]?.roundId).not.toBe(open!.roundId);
  });
});

describe('votes that do not count', () => {
  it('are refused and logged: foreign, double, late', async () => {
    const host = scriptedHost({ onOpen: (body) => queueMicrotask(() => body.ready()) });
    const { system, agents, eventsOf } = await rig({ hosts: { 'in-process': host } });
    await system.variables.define('lr', lr);
    for (const id of ['a', 'b', 'other']) {
      await agents.register({ id, module: yes, coordination: { participatesInConsensus: id !== 'other' } });
      await agents.start(id);
    }
    const say = (id: string, roundId: string, vote: Vote = 'accept') =>
      host.bodiesOf(id)[0]!.report({ type: 'vote.cast', roundId, vote });
    const round = system.consensus.propose({ variable: 'lr', value: 0.5 });
    await settled();
    const [{ roundId } = { roundId: '' }] = system.consensus.rounds();
    say('a', roundId, 'reject');
    say('a', roundId, 'accept');
    say('other', roundId);
    say('b', 'no such round');
    say('b', roundId);
    expect(await round).toMatchObject({
      outcome: 'rejected',
      tally: { voters: { accept: 1, reject: 1, total: 2 } },
    });
    say('b', roundId);
    await settled();
    expect(eventsOf('round.voted').map(({ agentId, refused }) => [agentId, refused])).toEqual([
      ['a', undefined],
      ['a', 'double'],
      ['other', 'foreign'],
      ['b', 'foreign'],
      ['b', undefined],
      ['b', 'late'],
    ]);
  });

  it('are heard a hundred times beyond those that were asked for; more are counted, and are no events', async () => {
    const host = scriptedHost({ onOpen: (body) => queueMicrotask(() => body.ready()) });
    const { system, agents, eventsOf } = await rig({ hosts: { 'in-process': host } });
    await system.variables.define('lr', lr);
    await agents.register({ id: 'a', module: yes });
    await agents.start('a');
    const say = (roundId: string) =>
      host.bodiesOf('a')[0]!.report({ type: 'vote.cast', roundId, vote: 'accept' });
    const dropped = () => agents.get('a').metrics.dropped;
    for (let count = 0; count < 500; count++) say('no such round');
    await settled();
    expect([eventsOf('round.voted').length, dropped()]).toEqual([100, 400]);
    for (let round = 1; round <= 20; round++) {
      const outcome = system.consensus.propose({ variable: 'lr', value: round / 100 });
      await settled();
      say(system.consensus.rounds()[0]!.roundId);
      expect(await outcome).toMatchObject({ outcome: 'accepted' });
    }
    expect([eventsOf('round.voted').length, dropped()]).toEqual([120, 400]);
  });
});
