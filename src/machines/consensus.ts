/**
 * One round: one proposal to one outcome.
 *
 * The chart decides from counts. Who has voted is kept by the ballot box of the runtime, which takes one vote of each
 * voter and refuses the rest (ballot.ts): an event costs the same in a round of three and of a hundred thousand. It
 * knows no clock: its deadlines are named delays.
 *
 * I1  A round always ends: each of its states has a deadline.
 * I2  `accepted` was voted for by the rule, with a quorum, by voters alive at that moment; or it was a tie that the
 *     leader broke by accepting in its own term.
 * I3  Once the votes are weighed they stay as they are: later votes and deaths change nothing.
 */
import { assign, setup } from 'xstate';
import type { EffectParams, EffectsOf } from './effect.ts';
import type { RoundTerms } from './round-terms.ts';
import {
  type Answer,
  type Ballots,
  settledVerdictOf,
  type Tally,
  tallyOf,
  type Verdict,
  verdictOf,
  withBallots,
  withoutVoter,
} from './tally.ts';

export interface ConsensusInput {
  readonly roundId: string;
  readonly terms: RoundTerms;
  /** The electorate: how many, and their weight in thousandths. */
  readonly voters: number;
  readonly weight: number;
  /** Term of the leader; `undefined` when there is none. */
  readonly term: number | undefined;
}

/** Why a round was cut off before its end. */
export type RoundCut =
  /**
   * The variable changed: its voters were asked about a value that is no longer the current one. Or what was accepted
   * may not be in force any more, for another variable rules it out: `problem` of the decision says so.
   */
  'superseded' | 'coordination_lost' | 'system_closed' | 'host_lost' | 'failed';

export interface ConsensusContext {
  readonly roundId: string;
  readonly terms: RoundTerms;
  readonly tally: Tally;
  readonly term: number | undefined;
  readonly decidedBy: 'voters' | 'leader';
  readonly cut: RoundCut | undefined;
}

export type ConsensusEvent =
  /** Answers that the ballot box accepted: one, or several that came together. */
  | { type: 'ballots.counted'; ballots: Ballots }
  /** A voter's incarnation has ended; with its answer, if it had given one. */
  | { type: 'voter.left'; weight: number; answer: Answer | undefined }
  | { type: 'leader.changed'; term: number | undefined }
  | { type: 'leader.ruled'; term: number; answer: Answer }
  | { type: 'round.cut'; why: RoundCut };

export type Outcome = 'accepted' | 'rejected' | 'no_quorum' | 'expired';

export interface ConsensusOutput {
  readonly roundId: string;
  /** `expired`: it was cut off, and nothing was decided. */
  readonly outcome: Outcome;
  readonly tally: Tally;
  /** Whether the variable takes the proposed value: it was accepted, or the leader decided so. */
  readonly isEnacted: boolean;
  readonly decidedBy: 'voters' | 'leader';
  /** What is left to do about a proposal that was not enacted. */
  readonly next: 'nothing' | 'retry' | 'custom';
  readonly cut: RoundCut | undefined;
}

/** All effects of this chart. */
export type ConsensusEffect = EffectsOf<{
  askVoters: undefined;
  /** The leader of this term has the casting vote, or is asked to decide after all. */
  askLeader: { readonly term: number };
}>;

type Here = { context: ConsensusContext };

const verdict = ({ terms, tally }: ConsensusContext): Verdict => verdictOf(terms, tally);
const termOf = (event: ConsensusEvent): number | undefined => ('term' in event ? event.term : undefined);

/** What follows a round with this outcome that did not change the variable. */
function nextOf({ terms, tally, cut }: ConsensusContext): ConsensusOutput['next'] {
  if (cut !== undefined && cut !== 'superseded') return 'nothing';
  if (cut === undefined && terms.tie === 'keep' && verdictOf(terms, tally) === 'tie') return 'nothing';
  if (terms.fallback === 'custom') return 'custom';
  return typeof terms.fallback === 'object' ? 'retry' : 'nothing';
}

const outputOf =
  (outcome: Outcome, isEnacted: boolean) =>
  ({ context }: Here): ConsensusOutput => ({
    roundId: context.roundId,
    outcome,
    tally: context.tally,
    isEnacted,
    decidedBy: context.decidedBy,
    next: isEnacted ? 'nothing' : nextOf(context),
    cut: context.cut,
  });

const isVerdict = (verdict: Verdict) => ({ type: 'isVerdict' as const, params: { verdict } });
const isRuled = (answer: 'accept' | 'reject') => ({ type: 'isRuled' as const, params: { answer } });
const askLeader = {
  type: 'askLeader' as const,
  params: ({ context }: Here) => ({ term: context.term as number }),
};
const cutOff = { target: '#consensus.expired', actions: 'noteCut' as const };

/** What a state that waits for the leader does: a ruling of another term changes nothing. */
const whileLeaderIsAsked = (accepted: string, otherwise: string) => ({
  'leader.ruled': [
    { guard: isRuled('accept'), target: accepted, actions: 'noteLeaderDecided' as const },
    { guard: isRuled('reject'), target: otherwise, actions: 'noteLeaderDecided' as const },
    { guard: 'isOfTerm' as const, target: otherwise },
  ],
  'leader.changed': [
    { guard: 'isLeaderGone' as const, target: otherwise, actions: 'noteLeader' as const },
    { actions: ['noteLeader' as const, askLeader] },
  ],
});

export const consensusMachine = setup({
  types: {} as {
    context: ConsensusContext;
    input: ConsensusInput;
    events: ConsensusEvent;
    output: ConsensusOutput;
  },
  actions: {
    // Effects: what the runtime does when it is asked. In the bare chart they do nothing.
    askVoters: () => {},
    askLeader: (_, _params: EffectParams<ConsensusEffect, 'askLeader'>) => {},

    // Assignments.
    countBallots: assign(({ context, event }) =>
      event.type === 'ballots.counted' ? { tally: withBallots(context.tally, event.ballots) } : {},
    ),
    dropVoter: assign(({ context, event }) =>
      event.type === 'voter.left' ? { tally: withoutVoter(context.tally, event.weight, event.answer) } : {},
    ),
    noteLeader: assign({ term: ({ event }) => termOf(event) }),
    noteLeaderDecided: assign({ decidedBy: 'leader' as const }),
    noteCut: assign({ cut: ({ event }) => (event.type === 'round.cut' ? event.why : undefined) }),
  },
  guards: {
    isSettled: ({ context }) => settledVerdictOf(context.terms, context.tally) !== undefined,
    isVerdict: ({ context }, params: { verdict: Verdict }) => verdict(context) === params.verdict,
    isTieForLeader: ({ context }) =>
      context.terms.tie === 'leader' && context.term !== undefined && verdict(context) === 'tie',
    isForLeader: ({ context }) =>
      context.terms.fallback === 'leader_decides' &&
      context.term !== undefined &&
      !(context.terms.tie === 'keep' && verdict(context) === 'tie'),
    isRuled: ({ context, event }, params: { answer: 'accept' | 'reject' }) =>
      event.type === 'leader.ruled' && event.term === context.term && event.answer === params.answer,
    isOfTerm: ({ context, event }) => termOf(event) === context.term,
    isLeaderGone: ({ event }) => termOf(event) === undefined,
  },
  delays: {
    /** Time to vote. */
    deadline: ({ context }) => context.terms.deadlineMs,
    /** Time for the leader, over all leaders that may follow each other meanwhile. */
    leaderDeadline: ({ context }) => context.terms.deadlineMs,
  },
}).createMachine({
  id: 'consensus',
  context: ({ input }) => ({
    roundId: input.roundId,
    terms: input.terms,
    tally: tallyOf(input.voters, input.weight),
    term: input.term,
    decidedBy: 'voters',
    cut: undefined,
  }),
  initial: 'voting',
  states: {
    voting: {
      description: 'The electorate votes; a voter that leaves takes its vote with it.',
      entry: 'askVoters',
      always: { guard: 'isSettled', target: 'weighed' },
      after: { deadline: 'weighed' },
      on: {
        'ballots.counted': { actions: 'countBallots' },
        'voter.left': { actions: 'dropVoter' },
        'leader.changed': { actions: 'noteLeader' },
        'round.cut': cutOff,
      },
    },

    weighed: {
      description: 'Voting is over: the votes that are in give the verdict.',
      always: [
        { guard: isVerdict('accepted'), target: 'accepted' },
        { guard: 'isTieForLeader', target: 'casting' },
        { guard: 'isForLeader', target: 'appealed' },
        { target: 'unmet' },
      ],
    },

    casting: {
      description: 'A tie: the leader has the casting vote.',
      entry: askLeader,
      after: { leaderDeadline: 'unmet' },
      on: { ...whileLeaderIsAsked('accepted', 'unmet'), 'round.cut': cutOff },
    },

    appealed: {
      description: 'Not accepted. If its fallback says so, the leader may still put the value into force.',
      entry: askLeader,
      after: { leaderDeadline: 'unmet' },
      on: {
        ...whileLeaderIsAsked('overruled', 'unmet'),
        'round.cut': { target: 'unmet', actions: 'noteCut' },
      },
    },

    unmet: {
      always: [{ guard: isVerdict('no_quorum'), target: 'noQuorum' }, { target: 'rejected' }],
    },

    overruled: {
      description: 'The leader put the value into force against the verdict, which stands.',
      always: [{ guard: isVerdict('no_quorum'), target: 'enactedWithoutQuorum' }, { target: 'enactedOver' }],
    },

    accepted: { type: 'final', output: outputOf('accepted', true) },
    rejected: { type: 'final', output: outputOf('rejected', false) },
    noQuorum: { type: 'final', output: outputOf('no_quorum', false) },
    enactedOver: { type: 'final', output: outputOf('rejected', true) },
    enactedWithoutQuorum: { type: 'final', output: outputOf('no_quorum', true) },
    expired: {
      type: 'final',
      description: 'Cut off: the variable changed, coordination went away, or the system closed.',
      output: outputOf('expired', false),
    },
  },
  output: ({ event }) => (event as unknown as { output: ConsensusOutput }).output,
});
