/**
 * One open round at work: asks its voters, lets their votes into the box, and hands the chart what counts.
 *
 * Owns the ballot box and the votes that came together and are not counted yet. What they amount to is the chart's
 * to say (consensus.ts).
 *
 * I1  What the chart has been told of are the votes of the voters that are there, each once.
 * I2  Every vote that arrives is in the event stream, with why it does not count where it does not.
 */
import type {
  Answer,
  BallotRefusal,
  ConsensusEvent,
  ErrorInfo,
  Outcome,
  RoundTerms,
} from '../../../machines/index.ts';
import type { Proposal } from '../../definition/define-agent.ts';
import type { BodyRequest } from '../../hosting/host.ts';
import type { Journal } from '../../journal/journal.ts';
import { BallotBox, type Voter } from './ballot-box.ts';
import type { Subscriber, Topic } from '../variables/topic.ts';

/** A voter, and the way to it. */
export interface Elector extends Voter {
  readonly agent: Subscriber;
}

/** What is proposed, by whom, and what to do when it is not accepted. */
export interface Motion {
  readonly topic: Topic;
  readonly value: unknown;
  readonly terms: RoundTerms;
  readonly by: string;
  readonly why: string | undefined;
  readonly custom: CustomFallback | undefined;
}

/** A round that has ended, as a proposer's own fallback is told of it. */
export interface FailedProposal {
  readonly roundId: string;
  readonly variable: string;
  readonly value: unknown;
  readonly current: unknown;
  readonly outcome: Outcome;
}

/** The value to put into force instead, or `undefined` to keep the current one. */
export type CustomFallback = (failed: FailedProposal) => unknown;

/** A vote as it arrives, or why there is none. */
export interface CastVote {
  readonly agentId: string;
  readonly incarnation: number;
  readonly answer: Answer;
  /** What the vote function threw, or gave instead of a vote. */
  readonly error?: ErrorInfo | undefined;
}

type Counts = Record<Answer, number>;

export interface RoundOptions {
  readonly id: string;
  readonly motion: Motion;
  readonly electorate: readonly Elector[];
  readonly openedAt: number;
  readonly journal: Journal;
  /** Tells the round's chart. */
  readonly tell: (event: ConsensusEvent) => void;
}

export class Round {
  readonly id: string;
  readonly motion: Motion;
  readonly openedAt: number;
  readonly deadlineAt: number;
  readonly box: BallotBox;
  readonly electorate: readonly string[];
  readonly #electors: readonly Elector[];
  readonly #journal: Journal;
  readonly #tell: (event: ConsensusEvent) => void;
  /** What its chart is to be told once it is there. */
  #early: ConsensusEvent[] | undefined = [];
  /** The variable's version that its voters were asked about. */
  #version = 0;
  #isAsking = false;
  #uncounted = 0;
  #voters: Counts = noCounts();
  #weight: Counts = noCounts();

  constructor({ id, motion, electorate, openedAt, journal, tell }: RoundOptions) {
    this.id = id;
    this.motion = motion;
    this.openedAt = openedAt;
    this.deadlineAt = openedAt + motion.terms.deadlineMs;
    this.box = new BallotBox(electorate);
    this.electorate = Object.freeze(electorate.map(({ agentId }) => agentId));
    this.#electors = electorate;
    this.#journal = journal;
    this.#tell = (event) => {
      if (this.#early) this.#early.push(event);
      else tell(event);
    };
  }

  get version(): number {
    return this.#version;
  }

  /** Whether voters have been asked: from then on the round is bound to the version of that moment. */
  get isAsked(): boolean {
    return this.#early === undefined;
  }

  /**
   * Opens the round, and asks its voters, unless it is over already. Votes that come while they are asked are
   * counted together.
   */
  open(isGoingOn: boolean): void {
    const { motion, id: roundId, electorate, deadlineAt } = this;
    this.#version = motion.topic.version;
    this.#journal.emit({
      type: 'round.opened',
      roundId,
      variable: motion.topic.name,
      value: motion.value,
      by: motion.by,
      ...(motion.why === undefined ? {} : { why: motion.why }),
      terms: motion.terms,
      electorate,
      deadlineAt,
    });
    if (!isGoingOn) return;
    const early = this.#early ?? [];
    this.#early = undefined;
    for (const event of early) this.#tell(event);
    const request: BodyRequest = {
      type: 'vote.asked',
      proposal: this.proposalTo('voter', roundId, deadlineAt),
    };
    this.#isAsking = true;
    try {
      for (const { agent } of this.#electors) agent.post(request);
    } finally {
      this.#isAsking = false;
    }
    this.#count();
  }

  proposalTo(as: Proposal['as'], roundId: string, deadlineAt: number): Proposal {
    const { topic, value } = this.motion;
    // Agents of this thread are all given the same one.
    return Object.freeze({
      roundId,
      variable: topic.name,
      value,
      current: topic.current?.value,
      deadlineAt,
      as,
    });
  }

  cast(cast: CastVote): void {
    const taken = this.box.take(cast.agentId, cast.incarnation, cast.answer);
    if (typeof taken === 'string') return this.note(cast, taken);
    this.note(cast);
    this.#voters[cast.answer] += 1;
    this.#weight[cast.answer] += taken;
    this.#uncounted += 1;
    if (!this.#isAsking) this.#count();
  }

  /** Puts a vote into the event stream; with the term it counts in, when it is the leader's word. */
  note(
    { agentId, incarnation, answer, error }: CastVote,
    refused?: BallotRefusal | 'old_term',
    term?: number,
  ): void {
    this.#journal.emit({
      type: 'round.voted',
      roundId: this.id,
      agentId,
      incarnation,
      vote: answer,
      ...(refused === undefined ? {} : { refused }),
      ...(term === undefined ? {} : { term }),
      ...(error === undefined ? {} : { error }),
    });
  }

  /** An agent's incarnation has ended. */
  leave(agentId: string, incarnation: number): void {
    const departure = this.box.leave(agentId, incarnation);
    if (departure === undefined) return;
    this.#count();
    this.#tell({ type: 'voter.left', ...departure });
  }

  #count(): void {
    if (this.#uncounted === 0) return;
    const ballots = { voters: this.#voters, weight: this.#weight };
    this.#uncounted = 0;
    this.#voters = noCounts();
    this.#weight = noCounts();
    this.#tell({ type: 'ballots.counted', ballots });
  }
}

function noCounts(): Counts {
  return { accept: 0, reject: 0, abstain: 0, failed: 0 };
}
