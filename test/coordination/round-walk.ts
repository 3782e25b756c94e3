/**
 * The real chart and the real ballot box as one thing that can be explored: everything that may happen in a round,
 * from every state it can be in, next to what the model says of the same history.
 */
import { getAdjacencyMap } from '@xstate/graph';
import { type ActorLogic, type EventObject, initialTransition, type Snapshot, transition } from 'xstate';
import type { BallotBox, Voter } from '../../src/runtime/coordination/ballot-box.ts';
import type { consensusMachine, ConsensusEvent } from '../../src/machines/index.ts';
import { type Happening, INCARNATION, type Seen, type Setup, tell } from './round-model.ts';

/** What is being tested: the product's own, or a mutant of it. */
export interface RoundParts {
  readonly consensusMachine: typeof consensusMachine;
  readonly BallotBox: typeof BallotBox;
}

type RoundSnapshot = ReturnType<typeof initialTransition<typeof consensusMachine>>[0];
type Effect = { readonly type: string; readonly params?: unknown };

interface VoterState {
  readonly vote?: 'accept' | 'reject' | 'abstain';
  readonly hasLeft?: true;
}

interface Walked {
  readonly round: RoundSnapshot;
  readonly roll: readonly VoterState[];
  readonly refusal: string | undefined;
  readonly asked: readonly number[];
}

type WalkSnapshot = Snapshot<unknown> & { readonly walked: Walked };

type Walk = ActorLogic<WalkSnapshot, Happening & EventObject>;

const DEADLINES: Readonly<Record<string, string>> = {
  voting: 'xstate.after.deadline.consensus.voting',
  casting: 'xstate.after.leaderDeadline.consensus.casting',
  appealed: 'xstate.after.leaderDeadline.consensus.appealed',
};

export const DEADLINE_MS = 1_000;

export function electorateOf({ weights }: Setup): Voter[] {
  return weights.map((weight, i) => ({ agentId: `v${i}`, incarnation: INCARNATION, weight }));
}

export function inputOf(setup: Setup) {
  const { rule, tie, fallback, quorum, weights, term } = setup;
  const weight = weights.reduce((sum, weight) => sum + weight, 0);
  return {
    roundId: 'r1',
    voters: weights.length,
    weight,
    term,
    terms: {
      rule,
      tie,
      fallback,
      deadlineMs: DEADLINE_MS,
      ...(quorum === undefined ? {} : { quorum: quorum[0] / quorum[1] }),
    },
  };
}

/** The round of `setup` as logic whose events are what happens to its voters. */
export function walkOf({ consensusMachine, BallotBox }: RoundParts, setup: Setup): Walk {
  const electorate = electorateOf(setup);
  const snapshotOf = (walked: Walked): WalkSnapshot =>
    walked.round.status === 'done'
      ? { status: 'done', output: walked.round.output, error: undefined, walked }
      : { status: 'active', output: undefined, error: undefined, walked };

  /** A box holds its votes by itself: for a walk that branches, one is filled to where the branch is. */
  const boxOf = ({ round, roll }: Walked) => {
    const box = new BallotBox(electorate);
    roll.forEach(({ vote, hasLeft }, i) => {
      if (vote) box.take(`v${i}`, INCARNATION, vote);
      if (hasLeft) box.leave(`v${i}`, INCARNATION);
    });
    if (round.value !== 'voting') box.close();
    return box;
  };

  const step = (before: Walked, event: ConsensusEvent | undefined, roll = before.roll): Walked => {
    if (event === undefined) return { ...before, roll, refusal: undefined, asked: [] };
    const [round, effects] = transition(consensusMachine, before.round, event);
    return { round, roll, ...heard(effects) };
  };

  return {
    getInitialSnapshot: () => {
      const [round, effects] = initialTransition(consensusMachine, inputOf(setup));
      return snapshotOf({ round, roll: electorate.map(() => ({})), ...heard(effects) });
    },
    getPersistedSnapshot: (snapshot) => snapshot,
    transition: ({ walked }, happening) => {
      const marked = (voter: string, change: VoterState) =>
        walked.roll.map((entry, i) => (`v${i}` === voter ? { ...entry, ...change } : entry));
      switch (happening.type) {
        case 'vote': {
          const { voter, incarnation, vote } = happening;
          const taken = boxOf(walked).take(voter, incarnation, vote);
          if (typeof taken === 'string') return snapshotOf({ ...walked, refusal: taken, asked: [] });
          const none = { accept: 0, reject: 0, abstain: 0 };
          const ballots = { voters: { ...none, [vote]: 1 }, weight: { ...none, [vote]: taken } };
          return snapshotOf(step(walked, { type: 'ballots.counted', ballots }, marked(voter, { vote })));
        }
        case 'death': {
          const departure = boxOf(walked).leave(happening.voter, happening.incarnation);
          const roll = departure ? marked(happening.voter, { hasLeft: true }) : walked.roll;
          return snapshotOf(step(walked, departure && { type: 'voter.left', ...departure }, roll));
        }
        case 'deadline': {
          const type = DEADLINES[walked.round.value];
          return snapshotOf(step(walked, type === undefined ? undefined : ({ type } as never)));
        }
        case 'cut':
          return snapshotOf(step(walked, { type: 'round.cut', why: happening.why }));
        case 'office':
          return snapshotOf(step(walked, { type: 'leader.changed', term: happening.term }));
        default:
          return snapshotOf(
            step(walked, { type: 'leader.ruled', term: happening.term, vote: happening.vote }),
          );
      }
    },
  };

  function heard(effects: readonly Effect[]): Pick<Walked, 'refusal' | 'asked'> {
    const termsOf = (type: string) =>
      effects.filter((effect) => effect.type === type).map(({ params }) => (params as { term: number }).term);
    const [refused] = termsOf('refuseLeader');
    return { asked: termsOf('askLeader'), refusal: refused === undefined ? undefined : `term ${refused}` };
  }
}

/** What can be seen of a walked round, as the model tells it. */
export function seenIn({ walked: { round, refusal, asked } }: WalkSnapshot): Seen {
  const { tally } = round.context;
  const output = round.status === 'done' ? round.output : undefined;
  const { total, accept, reject, abstain } = tally.voters;
  return {
    phase: output ? 'over' : (round.value as Seen['phase']),
    outcome: output?.outcome,
    isEnacted: output?.isEnacted ?? false,
    next: output?.next,
    counts: { total, accept, reject, abstain },
    refusal,
    asked,
  };
}

/** All that may happen, to anybody, at any time. */
function happeningsIn({ weights, term: firstTerm }: Setup, isSymmetric: boolean) {
  const voters = weights.map((_, i) => `v${i}`);
  const votes = ['accept', 'reject', 'abstain'] as const;
  const hasLeaders = firstTerm !== undefined;
  const ofVoter = (voter: string): Happening[] => [
    ...votes.map((vote): Happening => ({ type: 'vote', voter, incarnation: INCARNATION, vote })),
    { type: 'vote', voter, incarnation: INCARNATION - 1, vote: 'accept' },
    { type: 'death', voter, incarnation: INCARNATION },
    { type: 'death', voter, incarnation: INCARNATION - 1 },
  ];
  const always: Happening[] = [
    { type: 'vote', voter: 'stranger', incarnation: INCARNATION, vote: 'accept' },
    { type: 'death', voter: 'stranger', incarnation: INCARNATION },
    { type: 'deadline' },
    { type: 'cut', why: 'superseded' },
    { type: 'cut', why: 'coordination_lost' },
  ];
  return ({ walked }: WalkSnapshot): Happening[] => {
    const term = walked.round.context.term ?? 1;
    // Of voters that are alike, one stands for all.
    const seen = new Set<string>();
    const told = voters.filter((_, i) => {
      const key = JSON.stringify(walked.roll[i]);
      return !isSymmetric || (!seen.has(key) && seen.add(key));
    });
    if (!hasLeaders) return [...told.flatMap(ofVoter), ...always];
    const ofLeader: Happening[] = [
      { type: 'office', term: undefined },
      { type: 'office', term: term === 1 ? 2 : 1 },
      ...votes.map((vote): Happening => ({ type: 'ruling', term, vote })),
      { type: 'ruling', term: term === 1 ? 2 : 1, vote: 'accept' },
    ];
    return [...told.flatMap(ofVoter), ...always, ...ofLeader];
  };
}

interface Explored {
  readonly states: number;
  readonly steps: number;
  /** The state a round opens in, and every step from one state to another. */
  readonly first: string;
  readonly edges: readonly Edge[];
}

interface Edge {
  readonly from: string;
  readonly to: string;
  readonly happening: Happening;
}

/**
 * Walks everything that can happen in the round of `setup` and compares each step with the model.
 *
 * Voters of the same weight are alike: states that differ by their names alone are one. Leaders come, go and rule
 * where `setup` has a term.
 *
 * @param isByName keeps voters apart that are alike
 * @throws Error at the first step where the two differ, with the way to it
 */
export function explore(parts: RoundParts, setup: Setup, isByName = false): Explored {
  const walk = walkOf(parts, setup);
  const isSymmetric = !isByName && new Set(setup.weights).size <= 1;
  const happenings = happeningsIn(setup, isSymmetric);
  const serializeState = ({ walked: { round, roll } }: WalkSnapshot): string => {
    const { tally, term, cut, decidedBy } = round.context;
    if (round.status === 'done') return JSON.stringify([round.value, tally, cut, decidedBy]);
    const entries = roll.map((entry) => `${entry.vote ?? '-'}${entry.hasLeft ? '!' : ''}`);
    return JSON.stringify([round.value, isSymmetric ? entries.toSorted() : entries, term ?? null]);
  };
  const map = getAdjacencyMap(walk as never, {
    events: ((snapshot: WalkSnapshot) => happenings(snapshot)) as never,
    serializeState: serializeState as never,
    limit: 100_000,
  }) as unknown as AdjacencyMap;

  const ways = new Map<string, readonly Happening[]>();
  const edges: Edge[] = [];
  const first = Object.keys(map)[0]!;
  ways.set(first, []);
  let steps = 0;
  for (const [key, history] of ways) {
    const { state, transitions } = map[key]!;
    for (const { event, state: after } of Object.values(transitions)) {
      const way = [...history, event];
      const to = serializeState(after);
      if (!ways.has(to)) ways.set(to, way);
      edges.push({ from: key, to, happening: event });
      const problem = different(seenIn(after), tell(setup, way)) ?? broken(setup, state, after);
      if (problem) throw new Error(`${problem}\n${JSON.stringify(setup)}\n${inLines(way)}`);
      steps++;
    }
    if (!ends(walk, state)) throw new Error(`a round does not end by its deadlines\n${inLines(history)}`);
  }
  return { states: ways.size, steps, first, edges };
}

type AdjacencyMap = Readonly<
  Record<
    string,
    {
      readonly state: WalkSnapshot;
      readonly transitions: Readonly<
        Record<string, { readonly event: Happening; readonly state: WalkSnapshot }>
      >;
    }
  >
>;

function inLines(way: readonly Happening[]): string {
  return way.map((happening) => JSON.stringify(happening)).join('\n');
}

/** Where the round and the model differ, in words. */
export function different(seen: Seen, told: Seen): string | undefined {
  const [round, model] = [JSON.stringify(seen), JSON.stringify(told)];
  return round === model ? undefined : `the round and the model differ\nround: ${round}\nmodel: ${model}`;
}

/** The round's invariants, on one step; what is broken, in words. */
function broken(setup: Setup, before: WalkSnapshot, after: WalkSnapshot): string | undefined {
  const { round, roll } = after.walked;
  const { voters, weight } = round.context.tally;
  const alive = roll.map((entry, i) => ({ ...entry, weight: setup.weights[i]! })).filter((v) => !v.hasLeft);
  const sum = (vote: string) =>
    alive.filter((v) => v.vote === vote).reduce((total, v) => total + v.weight, 0);
  if (voters.total !== alive.length) return 'the electorate is not those that are alive';
  for (const vote of ['accept', 'reject', 'abstain'] as const) {
    if (voters[vote] !== alive.filter((v) => v.vote === vote).length) {
      return 'a vote counts twice, or the vote of a dead voter, or not at all';
    }
    if (weight[vote] !== sum(vote)) return 'the weights are not those of the votes';
  }
  if (before.status === 'done' && JSON.stringify(before.walked.round) !== JSON.stringify(round)) {
    return 'a closed round changed';
  }
  return undefined;
}

function ends(walk: Walk, from: WalkSnapshot): boolean {
  let snapshot: WalkSnapshot = from;
  for (let i = 0; i < 2; i++) {
    snapshot = walk.transition(snapshot as never, { type: 'deadline' }, undefined as never);
  }
  return snapshot.status === 'done';
}
