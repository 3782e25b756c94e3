/**
 * One open round at work: its chart, its voters, and their votes.
 *
 * Owns the ballot box and the votes that are not counted yet. What they amount to, its chart decides.
 *
 * I1  The chart is told of every answer that the box took, and of every voter that left, each once and in that order.
 * I2  Every vote that arrives is in the event stream, with why it does not count where it does not.
 */
import {
  type Answer,
  type BallotRefusal,
  type ConsensusEffect,
  type ConsensusInput,
  consensusMachine,
  type RoundCut,
  type Tally,
  tallyOf,
} from '../../../machines/index.ts';
import type { Proposal } from '../../definition/contexts.ts';
import {
  type Chart,
  type ChartClock,
  type ChartEffect,
  type Child,
  type ChildReport,
  createChart,
} from '../../engine/chart.ts';
import type { ChartWatch } from '../../engine/chart-watch.ts';
import type { RunQueue } from '../../engine/run-queue.ts';
import type { BodyReport, BodyRequest } from '../../hosting/host.ts';
import { eventConstructor } from '../../journal/event-constructor.ts';
import type { Journal } from '../../journal/journal.ts';
import type { DraftOf } from '../../journal/system-event.ts';
import type { Listener } from '../variables/topic.ts';
import { type Ballot, BallotBox, type Voter } from './ballot-box.ts';
import type { ProposedChange, Proposer } from './proposal.ts';

/** A vote as a body tells it. */
export type CastVote = Pick<Extract<BodyReport, { type: 'vote.cast' }>, 'vote' | 'error'>;

/** What came from a voter: one that gave no vote says why. */
export function answerOf({ vote, error }: CastVote): Answer {
  return error === undefined ? vote : 'failed';
}

export interface RoundOptions {
  readonly id: string;
  readonly change: ProposedChange;
  readonly proposer: Proposer;
  /** Those that are asked: of each agent the incarnation that runs. */
  readonly voters: readonly Listener[];
  readonly openedAt: number;
  readonly journal: Journal;
  readonly queue: RunQueue;
}

export interface RoundChartOptions extends ChartWatch {
  readonly clock: ChartClock;
  readonly askLeader: (round: Round, term: number) => void;
  /** What was thrown as an effect was performed. */
  readonly failed: (thrown: unknown) => void;
}

type Counts = Record<Answer, number>;

const Voted = eventConstructor(function (
  this: DraftOf<'round.voted'>,
  agentId: string,
  incarnation: number,
  roundId: string,
  vote: Answer,
) {
  this.sequence = 0;
  this.at = undefined;
  this.type = 'round.voted';
  this.agentId = agentId;
  this.incarnation = incarnation;
  this.roundId = roundId;
  this.vote = vote;
});

export class Round {
  readonly id: string;
  readonly change: ProposedChange;
  readonly proposer: Proposer;
  readonly openedAt: number;
  readonly deadlineAt: number;
  readonly box: BallotBox;
  readonly electorate: readonly string[];
  /** The variable's version that the voters are asked about. */
  readonly version: number;
  readonly #voters: readonly Listener[];
  readonly #journal: Journal;
  readonly #queue: RunQueue;
  #chart: Chart<typeof consensusMachine> | undefined;
  #isCountDue = false;
  #heads: Counts = noCounts();
  #weights: Counts = noCounts();

  constructor({ id, change, proposer, voters, openedAt, journal, queue }: RoundOptions) {
    this.id = id;
    this.change = change;
    this.proposer = proposer;
    this.openedAt = openedAt;
    this.deadlineAt = openedAt + change.terms.deadlineMs;
    const { ballots } = (this.box = new BallotBox(voters.map(voterOf)));
    this.electorate = Object.freeze(ballots.map(({ agentId }) => agentId));
    for (let place = 0; place < voters.length; place++) voters[place]!.ballot = ballots[place];
    this.version = change.topic.version;
    this.#voters = voters;
    this.#journal = journal;
    this.#queue = queue;
  }

  /** Begins, as a child of the coordinator's chart: its voters are asked before this returns. */
  begin(
    input: ConsensusInput,
    report: ChildReport,
    { askLeader, failed, driver, ...options }: RoundChartOptions,
  ): Child {
    const perform = ({ type, params }: ConsensusEffect) => {
      switch (type) {
        case 'askVoters':
          return this.#askVoters();
        case 'askLeader':
          return askLeader(this, params.term);
      }
    };
    const chart = createChart(
      consensusMachine,
      input,
      {
        ...options,
        perform: (effect: ChartEffect) => {
          try {
            perform(effect as ConsensusEffect);
          } catch (thrown) {
            failed(thrown);
          }
        },
        onBug: (error) => report.error(error),
        onDone: (output) => report.done(output),
      },
      driver,
    );
    this.#chart = chart;
    return { stop: () => chart.stop(), send: (event) => chart.send(event as never) };
  }

  /** Whether it has not ended. */
  get isOpen(): boolean {
    return this.#chart === undefined || this.#chart.status === 'active';
  }

  get phase(): string {
    return this.#chart?.path ?? 'voting';
  }

  get tally(): Tally {
    return this.#chart?.context.tally ?? tallyOf(this.box.size, this.box.weight);
  }

  proposalTo(as: Proposal['as'], roundId: string, deadlineAt: number): Proposal {
    const { topic, value } = this.change;
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

  /** @param first of the listeners of the agent that votes */
  cast(agentId: string, incarnation: number, cast: CastVote, first: Listener | undefined): void {
    const answer = answerOf(cast);
    const taken = this.box.take(agentId, incarnation, answer, this.#ballotOf(first));
    if (typeof taken === 'string') return this.note(agentId, incarnation, cast, taken);
    this.note(agentId, incarnation, cast);
    this.#heads[answer] += 1;
    this.#weights[answer] += taken;
    if (this.#isCountDue) return;
    this.#isCountDue = true;
    // Votes that come in one act are counted together after it.
    this.#queue.run(this.#count);
  }

  /** An agent's incarnation has ended. */
  leave({ agentId, incarnation, ballot }: Listener): void {
    const departure = this.box.leave(agentId, incarnation, ballot?.box === this.box ? ballot : undefined);
    if (departure) this.#queue.run(() => this.#chart?.send({ type: 'voter.left', ...departure }));
  }

  /** It is over: nothing is taken any more. */
  close(): void {
    this.box.close();
    for (const voter of this.#voters) if (voter.ballot?.box === this.box) voter.ballot = undefined;
  }

  cut(why: RoundCut): void {
    this.#chart?.send({ type: 'round.cut', why });
  }

  /** The leader of a term has answered. */
  ruled(term: number, answer: Answer): void {
    this.#chart?.send({ type: 'leader.ruled', term, answer });
  }

  /** Puts a vote into the event stream; with the term it counts in, when it is the leader's. */
  note(
    agentId: string,
    incarnation: number,
    cast: CastVote,
    refused?: BallotRefusal | 'old_term',
    term?: number,
  ): void {
    const { error } = cast;
    const vote = answerOf(cast);
    const roundId = this.id;
    if (refused === undefined && term === undefined && error === undefined) {
      this.#journal.emit(new Voted(agentId, incarnation, roundId, vote));
    } else {
      this.#journal.emit({
        type: 'round.voted',
        agentId,
        incarnation,
        roundId,
        vote,
        ...(refused === undefined ? {} : { refused }),
        ...(term === undefined ? {} : { term }),
        ...(error === undefined ? {} : { error }),
      });
    }
  }

  /** The voter's ballot, where its listener has it at hand. */
  #ballotOf(first: Listener | undefined): Ballot | undefined {
    for (let listener = first; listener !== undefined; listener = listener.other) {
      if (listener.ballot?.box === this.box) return listener.ballot;
    }
    return undefined;
  }

  #askVoters(): void {
    const { id: roundId, change, electorate, deadlineAt } = this;
    const { topic, value, by, why, terms } = change;
    this.#journal.emit({
      type: 'round.opened',
      roundId,
      variable: topic.name,
      value,
      by,
      ...(why === undefined ? {} : { why }),
      terms,
      electorate,
      deadlineAt,
    });
    const request: BodyRequest = {
      type: 'vote.asked',
      proposal: this.proposalTo('voter', roundId, deadlineAt),
    };
    for (const { body } of this.#voters) body.post(request);
  }

  readonly #count = (): void => {
    const ballots = { voters: this.#heads, weight: this.#weights };
    this.#isCountDue = false;
    this.#heads = noCounts();
    this.#weights = noCounts();
    this.#chart?.send({ type: 'ballots.counted', ballots });
  };
}

function voterOf({ agentId, incarnation, voteWeight }: Listener): Voter {
  return { agentId, incarnation, weight: voteWeight };
}

function noCounts(): Counts {
  return { accept: 0, reject: 0, abstain: 0, failed: 0 };
}
