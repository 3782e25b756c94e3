/** What a mutant is held to: the laws and walks of the tests, the quickest first. Each throws on a fault. */
import assert from 'node:assert/strict';
import type * as ballotBoxModule from '../../../src/runtime/coordination/rounds/ballot-box.ts';
import type * as candidateQueueModule from '../../../src/runtime/coordination/leader/candidate-queue.ts';
import type * as machines from '../../../src/machines/index.ts';
import type * as leaderModule from '../../../src/machines/leader.ts';
import type * as tallyModule from '../../../src/machines/tally.ts';
import { ballotBoxLaws } from '../../models/round/ballot-box-laws.ts';
import { exploreCoordinator, recoveryTimes } from '../../models/coordinator/walk.ts';
import { leaderLaws } from '../../models/leader/laws.ts';
import { fallbacks, quorums, rules, setupOf, ties } from '../../models/round/setups.ts';
import { explore } from '../../models/round/walk.ts';
import { tallyLaws } from '../../models/round/tally-laws.ts';

export interface Parts {
  readonly tally: typeof tallyModule;
  readonly leader: typeof leaderModule;
  readonly ballotBox: typeof ballotBoxModule;
  readonly candidateQueue: typeof candidateQueueModule;
  readonly consensusMachine: typeof machines.consensusMachine;
  readonly coordinatorMachine: typeof machines.coordinatorMachine;
}

export type Killer = (parts: Parts) => void;

export const tallyKillers: readonly Killer[] = tallyLaws.map(
  ([, keep]): Killer =>
    ({ tally }) =>
      keep(tally),
);

export const leaderKillers: readonly Killer[] = leaderLaws.map(
  ([, keep]): Killer =>
    ({ leader, candidateQueue: { CandidateQueue } }) =>
      keep({ leader, CandidateQueue }),
);

const setups = [
  setupOf({ voters: 1, tie: 'leader', fallback: 'leader_decides', term: 1 }),
  ...rules.flatMap((rule) =>
    quorums.flatMap((quorum) => [setupOf({ rule, quorum, voters: 2 }), setupOf({ rule, quorum, voters: 3 })]),
  ),
  { ...setupOf({ voters: 3, rule: 'weighted' }), weights: [1, 2, 3] },
  ...ties.flatMap((tie) => fallbacks.map((fallback) => setupOf({ tie, fallback, voters: 2, term: 1 }))),
];

export const boxKillers: readonly Killer[] = ballotBoxLaws.map(
  ([, keep]): Killer =>
    ({ ballotBox: { BallotBox } }) =>
      keep(BallotBox),
);

export const roundKillers: readonly Killer[] = setups.map(
  (setup): Killer =>
    ({ consensusMachine, ballotBox: { BallotBox } }) =>
      void explore({ consensusMachine, BallotBox }, setup),
);

export const coordinatorKillers: readonly Killer[] = [
  ({ coordinatorMachine }) =>
    assert.deepEqual(recoveryTimes(coordinatorMachine), [75, 150, 225, 225, 75, 150, 225, 225]),
  ({ coordinatorMachine, consensusMachine }) =>
    void exploreCoordinator({ coordinatorMachine, consensusMachine }),
];
