/** Laws of what concerns many agents at once: who is asked, what is told, kept and answered, by nodes that are played. */
import { TerminalError } from '@restatedev/restate-sdk';
import { describe, expect, it } from 'vitest';
import { roundTerms } from '../../src/machines/index.ts';
import { coordinationService, type Decided } from '../../src/restate/coordination/coordination-service.ts';
import { objectContext } from './object-context.ts';

const service = { object: (coordinationService as unknown as { service: object }).service };
/** The node holds the question. */
const never = () => new Promise(() => undefined);
const silent = new TerminalError('it does not answer');
const refusal = (code: string) => ({ refusal: { code, message: `it is ${code}` } });
const record = { name: 'rate', value: 1, version: 3 };
const seated = (agentId: string, node: string, coordination: object = {}) => ({
  agentId,
  incarnation: 1,
  node,
  coordination: { participatesInConsensus: true, voteWeight: 1, ...coordination },
});
type Vote = 'accept' | 'reject' | 'abstain' | 'failed';
const ballots = (votes: Record<string, Vote>, left: readonly string[] = []) => ({
  ballots: Object.entries(votes).map(([agentId, answer]) => ({ agentId, incarnation: 1, answer })),
  left: left.map((agentId) => ({ agentId, incarnation: 1 })),
});

/** What is asked gets the next of its answers, and the last one again and again. */
function rig(answers: Record<string, readonly unknown[]>, awaited?: Promise<unknown>) {
  const times = new Map<string, number>();
  const answer = (to: string): unknown => {
    const time = times.get(to) ?? 0;
    times.set(to, time + 1);
    const given = answers[to];
    const one = given?.[Math.min(time, given.length - 1)];
    if (one instanceof Error) throw one;
    if (typeof one === 'function') return (one as () => unknown)();
    return one ?? null;
  };
  const object = objectContext(service, { key: '', answer, awaited: awaited ?? never() });
  object.at(100);
  return object;
}

/** What a node answers of a new value. */
const spread = (acknowledged: readonly string[], outOfDate: readonly string[] = []) => ({
  acknowledged: acknowledged.map((agentId) => ({ agentId })),
  outOfDate: outOfDate.map((agentId) => ({ agentId })),
});

describe('another value', () => {
  const change = { name: 'rate', value: 2, by: 'ann', timeoutMs: 50 };
  const nodes = { 'nodes fleet list': [[{ name: 'a' }, { name: 'b' }]] };

  it('that is refused is told to nobody', async () => {
    const { does, called } = rig({ 'variables fleet change': [refusal('VARIABLE_INVALID')] });
    expect(await does('set', change)).toEqual(refusal('VARIABLE_INVALID'));
    expect(called()).toEqual([
      { to: 'variables fleet change', given: { name: 'rate', value: 2, by: 'ann' } },
    ]);
  });

  it('goes to every node once, and its caller hears who has it', async () => {
    const { does, called, sent } = rig({
      'variables fleet change': [{ value: { ...record, value: 2, version: 4 } }],
      ...nodes,
      'node_a serve': [spread(['zoe', 'ben'], ['eve'])],
      'node_b serve': [spread(['amy'], ['dan'])],
    });
    const confirmation = { version: 4, acknowledged: ['amy', 'ben', 'zoe'], outOfDate: ['dan', 'eve'] };
    expect(await does('set', change)).toEqual({ value: confirmation });
    const parameter = { variable: { name: 'rate', value: 2, version: 4 }, timeoutMs: 50 };
    const given = { what: 'variable', parameter };
    expect(called().slice(1)).toEqual([
      { to: 'nodes fleet list', given: null },
      { to: 'node_a serve', given },
      { to: 'node_b serve', given },
    ]);
    expect(sent()).toEqual([]);
  });

  it('of which a node does not hear leaves its agents out of date, and the fleet is told which node that is', async () => {
    const { does, sent } = rig({
      'variables fleet change': [{ value: { ...record, version: 4 } }],
      ...nodes,
      'node_a serve': [spread(['amy'])],
      'node_b serve': [silent],
      'nodes fleet voters': [[seated('zoe', 'b'), seated('amy', 'a'), seated('ben', 'b')]],
    });
    expect(await does('set', change)).toEqual({
      value: { version: 4, acknowledged: ['amy'], outOfDate: ['ben', 'zoe'] },
    });
    expect(sent()).toEqual([{ to: 'nodes fleet missed', given: { names: ['b'] } }]);
  });

  it.each([true, false])(
    'that is defined goes to the nodes where it is new (%s), and waits for no agent',
    async (isNew) => {
      const { does, called } = rig({
        'variables fleet define': [{ value: { record, isNew } }],
        ...nodes,
        'node_a serve': [spread([])],
        'node_b serve': [spread([])],
      });
      expect(await does('define', { name: 'rate' })).toEqual({ value: record });
      const asked = called().filter(({ to }) => to.startsWith('node_'));
      expect(asked).toHaveLength(isNew ? 2 : 0);
      for (const { given } of asked)
        expect(given).toEqual({ what: 'variable', parameter: { variable: record, timeoutMs: 0 } });
    },
  );

  it('that may not be defined is refused, and told to nobody', async () => {
    const { does, called } = rig({ 'variables fleet define': [refusal('VARIABLE_INVALID')] });
    expect(await does('define', {})).toEqual(refusal('VARIABLE_INVALID'));
    expect(called()).toHaveLength(1);
  });
});

it('coordination goes, and all who have a place hear it before its caller', async () => {
  const { does, called } = rig({ 'variables fleet turn': [{ turns: 3, at: 9 }] });
  expect(await does('turn', { isThere: false })).toEqual({ turns: 3, at: 9 });
  expect(called()).toEqual([
    { to: 'variables fleet turn', given: { isThere: false } },
    { to: 'nodes fleet coordinate', given: { turns: 3, at: 9 } },
  ]);
});

const proposal = (terms: object = {}) => ({
  variable: 'rate',
  value: 2,
  by: 'ann',
  why: 'slow',
  terms: roundTerms.parse({ deadlineMs: 500, ...terms }),
});

const types = (events: readonly unknown[]) => events.map((event) => (event as { type: string }).type);

/** A leader, and its node. */
const lead = (agentId: string, term = 5, node = 'c') => ({ agentId, incarnation: 1, term, node });

const decided = async (object: ReturnType<typeof rig>, terms: object = {}) => {
  const { value } = (await object.does('propose', proposal(terms))) as { value: Decided };
  return { ...value.decision, isConsulted: value.isConsulted };
};

describe('a proposal', () => {
  const changed = { ...record, value: 2, version: 4 };
  const voters = [seated('amy', 'a'), seated('ben', 'a'), seated('zoe', 'b')];
  const given = (more: Record<string, readonly unknown[]> = {}) => ({
    'variables fleet openRound': [{ value: record }],
    'variables fleet enact': [{ value: changed }],
    'nodes fleet voters': [voters],
    'nodes fleet list': [[]],
    ...more,
  });
  const allAccept = {
    'node_a serve': [ballots({ amy: 'accept', ben: 'accept' })],
    'node_b serve': [ballots({ zoe: 'accept' })],
  };

  it('that all accept is enacted, told of in order, and its value goes out', async () => {
    const object = rig(
      given({
        ...allAccept,
        'nodes fleet list': [[{ name: 'c' }]],
        'node_c serve': [{ acknowledged: [], outOfDate: [] }],
      }),
    );
    const { roundId, ...decision } = await decided(object, { rule: 'unanimous' });
    expect(decision).toMatchObject({
      outcome: 'accepted',
      version: 4,
      decidedBy: 'voters',
      rounds: 1,
      electorate: ['amy', 'ben', 'zoe'],
      failed: [],
      tally: { voters: { total: 3, accept: 3 }, weight: { total: 3, accept: 3 } },
      isConsulted: false,
    });
    expect(decision).not.toHaveProperty('cut');
    expect(object.events()).toMatchObject([
      {
        type: 'round.opened',
        at: 100,
        roundId,
        variable: 'rate',
        value: 2,
        by: 'ann',
        why: 'slow',
        electorate: ['amy', 'ben', 'zoe'],
        deadlineAt: 600,
      },
      { type: 'round.voted', agentId: 'amy', vote: 'accept', roundId },
      { type: 'round.voted', agentId: 'ben' },
      { type: 'round.voted', agentId: 'zoe' },
      { type: 'round.closed', roundId, outcome: 'accepted', decidedBy: 'voters' },
    ]);
    const calls = object.called();
    const why = `accepted in ${roundId}: slow`;
    const enacted = { name: 'rate', value: 2, by: 'ann', why, roundId, after: 3 };
    expect(calls.find(({ to }) => to === 'variables fleet enact')!.given).toEqual(enacted);
    expect(calls.at(-1)).toEqual({
      to: 'node_c serve',
      given: {
        what: 'variable',
        parameter: { variable: { name: 'rate', value: 2, version: 4 }, timeoutMs: 500 },
      },
    });
    const asked = calls.find(({ to }) => to === 'node_a serve')!.given as { parameter: object };
    expect(asked).toMatchObject({
      what: 'round',
      parameter: {
        proposal: { roundId, variable: 'rate', value: 2, current: 1, deadlineAt: 600, as: 'voter' },
        electorate: [
          { agentId: 'amy', incarnation: 1 },
          { agentId: 'ben', incarnation: 1 },
        ],
        timeoutMs: 500,
      },
    });
  });

  it('that is accepted goes to the nodes of its voters at once, then to others; one that is gone is not waited for', async () => {
    const object = rig(
      given({
        'variables fleet enact': [{ value: { ...changed, updatedAt: 77 } }],
        'nodes fleet list': [[{ name: 'a' }, { name: 'c' }]],
        'node_a serve': [...allAccept['node_a serve'], spread(['amy', 'ben'])],
        'node_b serve': [...allAccept['node_b serve'], never],
        'node_c serve': [spread([])],
      }),
    );
    expect(await decided(object, { rule: 'unanimous' })).toMatchObject({ outcome: 'accepted', version: 4 });
    const calls = object.called().map(({ to }) => to);
    expect(calls.slice(calls.indexOf('variables fleet enact') + 1)).toEqual([
      'node_a serve',
      'node_b serve',
      'nodes fleet list',
      'node_c serve',
    ]);
    // When its value came into force.
    expect(object.events().at(-1)).toMatchObject({ type: 'round.closed', at: 77 });
  });

  it('is shown while it is open: who has not voted yet, and how it stands', async () => {
    const object = rig(given(allAccept));
    await decided(object, { rule: 'unanimous' });
    const stands = object.sent().filter(({ to }) => to === 'variables fleet roundStands');
    expect(stands.map((one) => one.given)).toMatchObject([
      {
        phase: 'voting',
        openedAt: 100,
        deadlineAt: 600,
        electorate: ['amy', 'ben', 'zoe'],
        stillOut: ['amy', 'ben', 'zoe'],
      },
      { stillOut: ['zoe'], tally: { voters: { accept: 2 } } },
    ]);
  });

  it('is decided as soon as no vote can change it: the others are not waited for, and are not told of', async () => {
    const object = rig(given({ 'node_a serve': allAccept['node_a serve'], 'node_b serve': [never] }));
    expect(await decided(object)).toMatchObject({ outcome: 'accepted', tally: { voters: { accept: 2 } } });
    expect(types(object.events())).toEqual(['round.opened', 'round.voted', 'round.voted', 'round.closed']);
  });

  it('asks those alone that take part, each with its weight', async () => {
    const object = rig(
      given({
        'nodes fleet voters': [
          [
            seated('amy', 'a', { voteWeight: 2.5 }),
            seated('ben', 'a', { participatesInConsensus: false }),
            seated('zoe', 'b'),
          ],
        ],
        'node_a serve': [ballots({ amy: 'reject', ben: 'accept' })],
        'node_b serve': [ballots({ zoe: 'accept' })],
      }),
    );
    expect(await decided(object, { rule: 'weighted' })).toMatchObject({
      outcome: 'rejected',
      electorate: ['amy', 'zoe'],
      tally: { voters: { total: 2, reject: 1, accept: 1 }, weight: { total: 3.5, reject: 2.5, accept: 1 } },
    });
  });

  it('that is rejected is closed, changes nothing, and goes out to nobody', async () => {
    const object = rig(given({ ...allAccept, 'node_a serve': [ballots({ amy: 'reject', ben: 'reject' })] }));
    const decision = await decided(object);
    expect(decision).toMatchObject({ outcome: 'rejected', rounds: 1 });
    expect(decision).not.toHaveProperty('version');
    expect(object.sent()).toContainEqual({
      to: 'variables fleet closeRound',
      given: { roundId: decision.roundId },
    });
    const calls = object.called().map(({ to }) => to);
    expect(calls).not.toContain('variables fleet enact');
    expect(calls).not.toContain('nodes fleet list');
  });

  it('whose nodes do not answer in time has no quorum; votes that failed, and voters that left, are told', async () => {
    const object = rig(given({ 'node_a serve': [silent], 'node_b serve': [silent] }));
    expect(await decided(object)).toMatchObject({
      outcome: 'no_quorum',
      failed: [],
      tally: { voters: { total: 3, accept: 0 } },
    });
    const other = rig(
      given({ 'node_a serve': [ballots({ amy: 'failed' }, ['ben'])], 'node_b serve': [silent] }),
    );
    expect(await decided(other)).toMatchObject({
      outcome: 'no_quorum',
      failed: ['amy'],
      tally: { voters: { total: 2, failed: 1 }, weight: { total: 2, failed: 1 } },
    });
  });

  it('that nobody may vote on has no quorum at once', async () => {
    const object = rig(given({ 'nodes fleet voters': [[]] }));
    expect(await decided(object)).toMatchObject({ outcome: 'no_quorum', electorate: [] });
  });

  it.each(['coordination_lost', 'superseded'] as const)(
    'that is cut off (%s) has expired, whatever votes come',
    async (why) => {
      const object = rig(given({ 'node_a serve': [never], 'node_b serve': [never] }), Promise.resolve(why));
      expect(await decided(object)).toMatchObject({ outcome: 'expired', cut: why });
      expect(object.events().at(-1)).toMatchObject({ type: 'round.closed', outcome: 'expired', cut: why });
    },
  );

  describe('that is refused', () => {
    it('before its first round is refused so', async () => {
      const { does } = rig({ 'variables fleet openRound': [refusal('VARIABLE_UNKNOWN')] });
      expect(await does('propose', proposal())).toEqual(refusal('VARIABLE_UNKNOWN'));
    });

    it.each([
      ['VARIABLE_INVALID', 'it is VARIABLE_INVALID'],
      ['COORDINATION_UNAVAILABLE', undefined],
    ])('before a later one (%s) ends as its last round did', async (code, problem) => {
      const rejected = {
        'node_a serve': [ballots({ amy: 'reject', ben: 'reject' })],
        'node_b serve': [silent],
      };
      const object = rig(
        given({ ...rejected, 'variables fleet openRound': [{ value: record }, refusal(code)] }),
      );
      const decision = await decided(object, { fallback: { retry: 3 } });
      expect(decision).toMatchObject({ outcome: 'rejected', rounds: 1, isConsulted: false });
      expect(decision.problem).toBe(problem);
    });
  });

  it('that is rejected is put to the vote as often again as its terms say', async () => {
    const rejected = ballots({ amy: 'reject', ben: 'reject' });
    const object = rig(given({ 'node_a serve': [rejected], 'node_b serve': [silent] }));
    expect(await decided(object, { fallback: { retry: 2 } })).toMatchObject({
      outcome: 'rejected',
      rounds: 3,
    });
    expect(types(object.events()).filter((type) => type === 'round.closed')).toHaveLength(3);
    const later = rig(
      given({
        'node_a serve': [rejected, ballots({ amy: 'accept', ben: 'accept' })],
        'node_b serve': [silent],
      }),
    );
    expect(await decided(later, { fallback: { retry: 2 } })).toMatchObject({
      outcome: 'accepted',
      rounds: 2,
      version: 4,
    });
  });

  it.each([
    ['keep', false],
    ['custom', true],
  ] as const)(
    'that is rejected asks its proposer where its terms say so: %s',
    async (fallback, isConsulted) => {
      const object = rig(
        given({ 'node_a serve': [ballots({ amy: 'reject', ben: 'reject' })], 'node_b serve': [silent] }),
      );
      expect(await decided(object, { fallback })).toMatchObject({ outcome: 'rejected', isConsulted });
    },
  );

  describe('that is accepted too late', () => {
    it.each([
      [{ value: null }, 'superseded', undefined],
      [refusal('VARIABLE_INVALID'), 'superseded', 'it is VARIABLE_INVALID'],
      [refusal('COORDINATION_UNAVAILABLE'), 'coordination_lost', 'it is COORDINATION_UNAVAILABLE'],
    ] as const)('has expired: %j', async (answer, cut, problem) => {
      const object = rig(given({ ...allAccept, 'variables fleet enact': [answer] }));
      const decision = await decided(object);
      expect(decision).toMatchObject({ outcome: 'expired', cut, isConsulted: false });
      expect(decision.problem).toBe(problem);
      expect(decision).not.toHaveProperty('version');
      expect(object.called().map(({ to }) => to)).not.toContain('nodes fleet list');
    });

    it.each([
      ['custom', 'VARIABLE_INVALID', { isConsulted: true, rounds: 1 }],
      ['custom', 'COORDINATION_UNAVAILABLE', { isConsulted: false, rounds: 1 }],
      [{ retry: 1 }, 'VARIABLE_INVALID', { isConsulted: false, rounds: 2 }],
      [{ retry: 1 }, 'COORDINATION_UNAVAILABLE', { isConsulted: false, rounds: 1 }],
    ])(
      'goes on as its terms say (%j), but not where coordination is gone: %s',
      async (fallback, code, then) => {
        const object = rig(given({ ...allAccept, 'variables fleet enact': [refusal(code)] }));
        expect(await decided(object, { fallback })).toMatchObject({ outcome: 'expired', ...then });
      },
    );
  });

  describe('on which the votes are even', () => {
    const even = {
      'nodes fleet voters': [[seated('amy', 'a'), seated('zoe', 'b')]],
      'node_a serve': [ballots({ amy: 'accept' })],
      'node_b serve': [ballots({ zoe: 'reject' })],
    };
    const tie = { tie: 'leader' as const };

    it('is decided by the leader where its terms say so', async () => {
      const object = rig(
        given({ ...even, 'leader fleet lead': [lead('lea')], 'node_c serve': [ballots({ lea: 'accept' })] }),
      );
      const decision = await decided(object, tie);
      const { roundId } = decision;
      expect(decision).toMatchObject({ outcome: 'accepted', decidedBy: 'leader', version: 4 });
      const calls = object.called();
      expect(calls.find(({ to }) => to === 'node_c serve')!.given).toMatchObject({
        what: 'round',
        parameter: {
          proposal: { roundId: `${roundId}/term-5`, as: 'leader', deadlineAt: 600, current: 1 },
          electorate: [{ agentId: 'lea', incarnation: 1 }],
          timeoutMs: 500,
        },
      });
      expect(calls.find(({ to }) => to.endsWith('enact'))!.given).toMatchObject({
        why: `decided by the leader in ${roundId}: slow`,
      });
      expect(object.events()).toContainEqual({
        type: 'round.voted',
        at: 100,
        roundId,
        agentId: 'lea',
        incarnation: 1,
        vote: 'accept',
        term: 5,
      });
      const shown = object.sent().filter(({ to }) => to.endsWith('roundStands'));
      expect(shown.at(-1)!.given).toMatchObject({ phase: 'casting', stillOut: [] });
    });

    it.each(['amy', 'zoe'])('asks a leader that has voted no second time: %s', async (agentId) => {
      const object = rig(given({ ...even, 'leader fleet lead': [lead(agentId)] }));
      const outcome = agentId === 'amy' ? 'accepted' : 'rejected';
      expect(await decided(object, tie)).toMatchObject({ outcome, decidedBy: 'leader' });
      expect(object.called().map(({ to }) => to)).not.toContain('node_c serve');
    });

    it('asks who follows the leader where that goes before it has answered', async () => {
      const object = rig(
        given({
          ...even,
          'leader fleet lead': [lead('lea'), lead('max', 6, 'd')],
          'node_c serve': [ballots({}, ['lea'])],
          'node_d serve': [ballots({ max: 'reject' })],
        }),
      );
      expect(await decided(object, tie)).toMatchObject({ outcome: 'rejected', decidedBy: 'leader' });
    });

    it.each([
      ['does not answer in time', [lead('lea')]],
      ['goes, and nobody follows', [lead('lea'), null]],
      ['is none', [null]],
    ])('is rejected by its votes where the leader %s', async (_, leads) => {
      const object = rig(given({ ...even, 'leader fleet lead': leads, 'node_c serve': [silent] }));
      expect(await decided(object, tie)).toMatchObject({ outcome: 'rejected', decidedBy: 'voters' });
    });

    it('needs no leader by other terms', async () => {
      const object = rig(given(even));
      expect(await decided(object)).toMatchObject({ outcome: 'rejected', decidedBy: 'voters' });
      expect(object.called().map(({ to }) => to)).not.toContain('leader fleet lead');
    });

    it('is cut off while the leader is asked', async () => {
      const cut = Promise.withResolvers<unknown>();
      const object = rig(
        given({
          ...even,
          'leader fleet lead': [lead('lea')],
          'node_c serve': [() => new Promise(() => cut.resolve('superseded'))],
        }),
        cut.promise,
      );
      // The node holds the question until the round is over.
      expect(await decided(object, tie)).toMatchObject({ outcome: 'expired', cut: 'superseded' });
    });

    it('is enacted by the leader against its votes where the fallback leaves it to them', async () => {
      const object = rig(
        given({
          ...even,
          'node_a serve': [ballots({ amy: 'reject' })],
          'leader fleet lead': [lead('lea')],
          'node_c serve': [ballots({ lea: 'accept' })],
        }),
      );
      const decision = await decided(object, { fallback: 'leader_decides' });
      expect(decision).toMatchObject({ outcome: 'rejected', decidedBy: 'leader', version: 4 });
    });
  });
});
