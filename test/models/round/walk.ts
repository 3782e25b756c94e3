/**
 * The real chart and the real ballot box as one thing that can be explored: everything that may happen in a round,
 * from every state it can be in, next to what the model says of the same history.
 */
import { initialTransition, transition } from 'xstate';
import type { BallotBox, Voter } from '../../../src/runtime/coordination/rounds/ballot-box.ts';
import type { consensusMachine, ConsensusEvent } from '../../../src/machines/index.ts';
import {
  begin,
  type Happening,
  INCARNATION,
  next,
  type Say,
  type Seen,
  type Setup,
  type Told,
} from './model.ts';

/** What is being tested: the product's own, or a mutant of it. */
export interface RoundParts {
  readonly consensusMachine: typeof consensusMachine;
  readonly BallotBox: typeof BallotBox;
}

type RoundSnapshot = ReturnType<typeof initialTransition<typeof consensusMachine>>[0];
type Effect = { readonly type: string; readonly params?: unknown };

interface VoterState {
  readonly vote?: Say;
  readonly hasLeft?: true;
}

interface Walked {
  readonly round: RoundSnapshot;
  readonly roll: readonly VoterState[];
  readonly refusal?: string;
  readonly asked: readonly number[];
}

/** Where a walk stands. */
interface Place {
  readonly walked: Walked;
  readonly way: Way;
  /** What the model says of that way. */
  readonly told: Told;
}

/** What has happened, the last first: ways that branch share their beginnings. */
type Way = { readonly before: Way; readonly happening: Happening } | undefined;

interface Walk {
  begin(): Place;
  take(place: Place, happening: Happening): Place;
}

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

/**
 * The round of `setup`, to be walked by what happens to its voters.
 *
 * Each step is compared with the model, and throws where the two differ or an invariant is broken.
 */
function walkOf({ consensusMachine, BallotBox }: RoundParts, setup: Setup): Walk {
  const electorate = electorateOf(setup);
  const placeOf = (walked: Walked, told: Told, way: Way): Place => {
    const problem = different(seenIn(walked), told) ?? broken(setup, walked);
    if (problem) throw new Error(`${problem}\n${JSON.stringify(setup)}\n${inLines(way)}`);
    return { walked, way, told };
  };

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
    if (event === undefined) return { round: before.round, roll, asked: [] };
    const [round, effects] = transition(standingAt(consensusMachine, before.round), before.round, event);
    return { round, roll, asked: askedIn(effects) };
  };

  return {
    begin: () => {
      const [round, effects] = initialTransition(consensusMachine, inputOf(setup));
      if (effects.filter(({ type }) => type === 'askVoters').length !== 1) {
        throw new Error('the voters are not asked once');
      }
      return placeOf(
        { round, roll: electorate.map(() => ({})), asked: askedIn(effects) },
        begin(setup),
        undefined,
      );
    },
    take: ({ walked, told, way: before }, happening) => {
      const way = { before, happening };
      const after = afterOne(walked, happening);
      if (walked.round.status === 'done' && after.round !== walked.round) {
        throw new Error(`a closed round changed\n${JSON.stringify(setup)}\n${inLines(way)}`);
      }
      return placeOf(after, next(setup, told, happening), way);
    },
  };

  function afterOne(walked: Walked, happening: Happening): Walked {
    const marked = (voter: string, change: VoterState) =>
      walked.roll.map((entry, i) => (`v${i}` === voter ? { ...entry, ...change } : entry));
    switch (happening.type) {
      case 'vote': {
        const { voter, incarnation, vote } = happening;
        const taken = boxOf(walked).take(voter, incarnation, vote);
        if (typeof taken === 'string') return { ...walked, refusal: taken, asked: [] };
        const none = { accept: 0, reject: 0, abstain: 0, failed: 0 };
        const ballots = { voters: { ...none, [vote]: 1 }, weight: { ...none, [vote]: taken } };
        return step(walked, { type: 'ballots.counted', ballots }, marked(voter, { vote }));
      }
      case 'death': {
        const departure = boxOf(walked).leave(happening.voter, happening.incarnation);
        const roll = departure ? marked(happening.voter, { hasLeft: true }) : walked.roll;
        return step(walked, departure && { type: 'voter.left', ...departure }, roll);
      }
      case 'deadline': {
        const type = DEADLINES[walked.round.value];
        return step(walked, type === undefined ? undefined : ({ type } as never));
      }
      case 'cut':
        return step(walked, { type: 'round.cut', why: happening.why });
      case 'leader':
        return step(walked, { type: 'leader.changed', term: happening.term });
      default:
        return step(walked, { type: 'leader.ruled', term: happening.term, answer: happening.vote });
    }
  }
}

/**
 * The machine for a step from a snapshot. XState gives each pure step an actor, and begins the chart anew for it: that
 * took longer than the step.
 */
function standingAt(machine: typeof consensusMachine, round: RoundSnapshot): typeof consensusMachine {
  return Object.assign(Object.create(machine) as typeof consensusMachine, {
    getInitialSnapshot: () => round,
  });
}

/** Terms of the leaders that a step had asked. */
function askedIn(effects: readonly Effect[]): number[] {
  const asked = effects.filter(({ type }) => type === 'askLeader');
  return asked.map(({ params }) => (params as { term: number }).term);
}

/** What can be seen of a walked round, as the model tells it. */
function seenIn({ round, refusal, asked }: Walked): Seen {
  const { tally } = round.context;
  const output = round.status === 'done' ? round.output : undefined;
  const { total, accept, reject, abstain, failed } = tally.voters;
  return {
    phase: output ? 'over' : (round.value as Seen['phase']),
    outcome: output?.outcome,
    isEnacted: output?.isEnacted ?? false,
    decidedBy: output?.decidedBy ?? round.context.decidedBy,
    next: output?.next,
    cut: output?.cut ?? round.context.cut,
    term: round.context.term,
    counts: { total, accept, reject, abstain, failed },
    refusal,
    asked,
  };
}

const isOfNow = (happening: Happening): boolean =>
  !('incarnation' in happening) || happening.incarnation === INCARNATION;

/** All that may happen, to anybody, at any time. */
function happeningsIn({ weights, term: firstTerm }: Setup, isSymmetric: boolean, isByCounts: boolean) {
  const voters = weights.map((_, i) => `v${i}`);
  const votes = ['accept', 'reject', 'abstain', 'failed'] as const;
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
  return ({ walked }: Place): Happening[] => {
    const term = walked.round.context.term ?? 1;
    // Of voters that are alike, one stands for all.
    const seen = new Set<string>();
    const told = voters.filter((_, i) => {
      const key = JSON.stringify(walked.roll[i]);
      return !isSymmetric || (!seen.has(key) && seen.add(key));
    });
    if (isByCounts) {
      const valid = told.filter((voter) => !walked.roll[Number(voter.slice(1))]!.hasLeft);
      return [...valid.flatMap((voter) => ofVoter(voter).filter(isOfNow)), { type: 'deadline' }];
    }
    if (!hasLeaders) return [...told.flatMap(ofVoter), ...always];
    const ofLeader: Happening[] = [
      { type: 'leader', term: undefined },
      { type: 'leader', term: term === 1 ? 2 : 1 },
      ...votes.map((vote): Happening => ({ type: 'ruling', term, vote })),
      { type: 'ruling', term: term === 1 ? 2 : 1, vote: 'accept' },
    ];
    return [...told.flatMap(ofVoter), ...always, ...ofLeader];
  };
}

interface Explored {
  readonly states: number;
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
 * Walks everything that can happen in the round of `setup`, from every state that it and the model can be in.
 *
 * Voters of the same weight are alike: states that differ by their names alone are one. Leaders come, go and rule
 * where `setup` has a term.
 *
 * @param by `name` keeps voters apart that are alike; `counts` leaves out what is refused or cut off
 * @throws Error at the first step where the two differ, with the way to it
 */
export function explore(parts: RoundParts, setup: Setup, by: 'kind' | 'name' | 'counts' = 'kind'): Explored {
  const walk = walkOf(parts, setup);
  const isSymmetric = by !== 'name' && new Set(setup.weights).size <= 1;
  const happenings = happeningsIn(setup, isSymmetric, by === 'counts');
  const keyOf = ({ walked: { round, roll }, told }: Place): string => {
    const { tally, term, cut, decidedBy } = round.context;
    const isOver = round.status === 'done';
    const entries = isOver ? [] : roll.map(({ vote, hasLeft }) => `${hasLeft ? '!' : ''}${vote ?? '-'}`);
    const known = isSymmetric ? entries.toSorted() : entries;
    const { accept, reject, abstain, failed, total } = isOver ? tally.weight : NOTHING;
    const counted = `${accept},${reject},${abstain},${failed},${total}`;
    return `${round.value} ${known.join()} ${term} ${cut} ${decidedBy} ${counted} ${inShort(told, false)}`;
  };
  const first = walk.begin();
  const found = new Map([[keyOf(first), first]]);
  const edges: Edge[] = [];
  for (const [from, place] of found) {
    if (!ends(walk, place)) throw new Error(`a round does not end by its deadlines\n${inLines(place.way)}`);
    for (const happening of happenings(place)) {
      const after = walk.take(place, happening);
      const to = keyOf(after);
      if (!found.has(to)) found.set(to, after);
      edges.push({ from, to, happening });
    }
    if (edges.length > MAX_EDGES) throw new Error(`a round has more than ${MAX_EDGES} steps`);
  }
  return { states: found.size, first: keyOf(first), edges };
}

const MAX_EDGES = 100_000;

function inLines(way: Way): string {
  const lines: string[] = [];
  for (let at = way; at !== undefined; at = at.before) lines.unshift(JSON.stringify(at.happening));
  return lines.join('\n');
}

/** Where the round and the model differ, in words. */
export function different(seen: Seen, told: Seen): string | undefined {
  const [round, model] = [inShort(seen), inShort(told)];
  return round === model ? undefined : `the round and the model differ\nround: ${round}\nmodel: ${model}`;
}

/** All that is seen of a round in a line; without what only its last step had done, where that is not asked for. */
function inShort({ counts, asked, refusal, ...seen }: Seen, isWithStep = true): string {
  const { phase, outcome, isEnacted, decidedBy, next, cut, term } = seen;
  const { accept, reject, abstain, failed, total } = counts;
  const step = isWithStep ? ` asked ${asked.join()} refused ${refusal}` : '';
  return `${phase} ${outcome} ${isEnacted} ${decidedBy} ${next} ${cut} ${term} ${accept}-${reject}-${abstain}-${failed}/${total}${step}`;
}

const NOTHING = { accept: 0, reject: 0, abstain: 0, failed: 0, total: 0 };

/** The round's invariants; what is broken, in words. */
function broken(setup: Setup, { round, roll }: Walked): string | undefined {
  const { voters, weight } = round.context.tally;
  const alive = roll.map((entry, i) => ({ ...entry, weight: setup.weights[i]! })).filter((v) => !v.hasLeft);
  const sum = (vote: string) =>
    alive.filter((v) => v.vote === vote).reduce((total, v) => total + v.weight, 0);
  if (voters.total !== alive.length) return 'the electorate is not those that are alive';
  for (const vote of ['accept', 'reject', 'abstain', 'failed'] as const) {
    if (voters[vote] !== alive.filter((v) => v.vote === vote).length) {
      return 'a vote counts twice, or the vote of a dead voter, or not at all';
    }
    if (weight[vote] !== sum(vote)) return 'the weights are not those of the votes';
  }
  return undefined;
}

function ends(walk: Walk, from: Place): boolean {
  let place = from;
  for (let i = 0; i < 2; i++) place = walk.take(place, { type: 'deadline' });
  return place.walked.round.status === 'done';
}
