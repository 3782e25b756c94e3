/** What follows the end of a round where something else has gone wrong, too: each proposer is answered, once. */
import { expect, it } from 'vitest';
import { AgentSystemError, type ErrorCode } from '../../src/index.ts';
import { type ConsensusOutput, tallyOf } from '../../src/machines/index.ts';
import { BallotBox } from '../../src/runtime/coordination/rounds/ballot-box.ts';
import {
  type Ending,
  Outcomes,
  type OutcomesOptions,
  tallyForPeople,
} from '../../src/runtime/coordination/rounds/outcomes.ts';
import { settled } from '../../src/testing/index.ts';
import type { Round } from '../../src/runtime/coordination/rounds/round.ts';

type Fallback = Round['change']['terms']['fallback'];

/** One round, and all that came of it, in order. */
function ended(given: { fallback?: Fallback; isClosing?: boolean; refused?: ErrorCode; fails?: Error } = {}) {
  const { fallback = 'keep', isClosing = false, refused, fails } = given;
  const came: unknown[] = [];
  const outcomes = new Outcomes({
    journal: {
      emit: (event: object, committed?: () => void) => {
        if (fails) throw fails;
        came.push(event);
        if (committed) queueMicrotask(committed);
      },
    },
    variables: {
      check: () => {
        if (refused) throw new AgentSystemError(refused, 'it is refused');
      },
      put: () => Promise.reject(new Error('it was put into force')),
    },
    fallbacks: { decide: () => Promise.reject(new Error('its fallback was asked')) },
    isClosing: () => isClosing,
    propose: () => came.push('another round'),
  } as unknown as OutcomesOptions);
  const topic = { name: 'lr', version: 1 };
  const round = {
    id: 'round-1',
    electorate: ['a', 'b'],
    box: new BallotBox([
      { agentId: 'a', incarnation: 1, weight: 1_500 },
      { agentId: 'b', incarnation: 1, weight: 500 },
    ]),
    change: { topic, value: 1, terms: { fallback } },
    version: 1,
    proposer: {
      rounds: 0,
      resolve: (decision: object) => came.push(decision),
      reject: (error: unknown) => came.push(error),
    },
  } as unknown as Round;
  return { outcomes, round, came };
}

const output: ConsensusOutput = {
  roundId: 'round-1',
  outcome: 'rejected',
  tally: tallyOf(2, 2_000),
  isEnacted: false,
  decidedBy: 'voters',
  next: 'nothing',
  cut: undefined,
};
const none = { accept: 0, reject: 0, abstain: 0, failed: 0 };
const tally = { voters: { total: 2, ...none }, weight: { total: 2, ...none } };

it('a round whose chart broke has expired, with nobody’s vote counted', async () => {
  const { outcomes, round, came } = ended();
  outcomes.writeOff(round);
  await settled();
  const result = { outcome: 'expired', tally, decidedBy: 'voters', cut: 'failed' };
  expect(came).toEqual([
    { type: 'round.closed', roundId: 'round-1', variable: 'lr', ...result },
    { roundId: 'round-1', electorate: ['a', 'b'], failed: [], rounds: 1, ...result },
  ]);
});

it('what is thrown at the end of a round is the proposer’s answer, and is not swallowed', () => {
  const fails = new Error('no journal');
  const { outcomes, round, came } = ended({ fails });
  expect(() => outcomes.follow('conclude', round, output)).toThrow(fails);
  expect(came).toMatchObject([
    { code: 'COORDINATION_UNAVAILABLE', message: expect.stringContaining('round-1'), cause: fails },
  ]);
});

it.each<Ending>(['reopen', 'consult'])(
  'while the system closes, nothing follows that would %s',
  async (ending) => {
    const { outcomes, round, came } = ended({ fallback: { retry: 2 }, isClosing: true });
    outcomes.follow(ending, round, output);
    await settled();
    expect(came).toMatchObject([{ type: 'round.closed', outcome: 'rejected' }, { outcome: 'rejected' }]);
  },
);

it.each(
  (['COORDINATION_UNAVAILABLE', 'SYSTEM_CLOSED'] as const).flatMap((refused) =>
    (['keep', 'custom', { retry: 2 }] as const).map((fallback) => ({ refused, fallback })),
  ),
)(
  'a value that is accepted too late ends as the coordination did, whatever its fallback: %j',
  async (given) => {
    const { outcomes, round, came } = ended(given);
    outcomes.follow('enact', round, { ...output, outcome: 'accepted', isEnacted: true });
    await settled();
    const expired = { outcome: 'expired', cut: 'coordination_lost' };
    expect(came).toMatchObject([
      { type: 'round.closed', ...expired },
      { ...expired, problem: 'it is refused' },
    ]);
  },
);

it('a tally is shown with weights as they were given, each of them', () => {
  const weight = { total: 10_000, accept: 1_000, reject: 2_500, abstain: 4_000, failed: 2_500 };
  expect(tallyForPeople({ voters: tally.voters, weight })).toEqual({
    voters: tally.voters,
    weight: { total: 10, accept: 1, reject: 2.5, abstain: 4, failed: 2.5 },
  });
});
