/**
 * Decisions that a fleet takes together: proposals, and the rounds that are open on them.
 *
 * Owns the open rounds. Each round's chart decides its outcome (round.ts), the coordinator's chart what follows from
 * one (outcomes.ts).
 *
 * I1  Every proposal is answered exactly once.
 * I2  A round is bound to the version it was opened on: when the variable changes, it expires.
 * I3  A vote reaches a round's chart through its ballot box only.
 */
import type { ConsensusInput, ConsensusOutput, RoundCut, RoundRefusal } from '../../../machines/index.ts';
import type { Child, ChildReport } from '../../engine/chart.ts';
import type { RunQueue } from '../../engine/run-queue.ts';
import type { Journal } from '../../journal/journal.ts';
import { NewIds } from '../../journal/new-ids.ts';
import type { Recovery } from '../../journal/store.ts';
import type { SteadyClock } from '../../time/clock.ts';
import { refused } from '../../time/loop-turn.ts';
import { AgentSystemError } from '../../values/errors.ts';
import type { LeaderElection } from '../leader/leader-election.ts';
import type { Listener, Topic } from '../variables/topic.ts';
import type { VariableRegistry } from '../variables/variables.ts';
import type { Consensus, OpenRound } from './consensus.ts';
import { Fallbacks } from './fallback.ts';
import { LeaderVotes } from './leader-votes.ts';
import { type Ending, Outcomes, tallyForPeople } from './outcomes.ts';
import {
  type Decision,
  parseProposal,
  type ProposalOptions,
  type ProposedChange,
  type Proposer,
} from './proposal.ts';
import { answerOf, type CastVote, Round, type RoundChartOptions } from './round.ts';

export interface RoundsOptions {
  readonly journal: Journal;
  /** Of the newest event that the store had when the program began. */
  readonly lastSequence: number;
  readonly clock: SteadyClock;
  readonly variables: VariableRegistry;
  readonly election: LeaderElection;
  readonly queue: RunQueue;
  /** Of the chart of every round. */
  readonly chart: Omit<RoundChartOptions, 'askLeader'>;
  /** Throws when no round may be opened now. */
  readonly assertAvailable: () => void;
  /** Whether the system closes: what is over then is over. */
  readonly isClosing: () => boolean;
  /** Asks the coordinator's chart for a round. */
  readonly request: (round: Omit<ConsensusInput, 'term'>) => void;
  readonly reportFault: (message: string, thrown: unknown) => void;
}

export class Rounds implements Consensus {
  readonly #options: RoundsOptions;
  readonly #open = new Map<string, Round>();
  readonly #byTopic = new Map<Topic, Set<Round>>();
  readonly #fallbacks: Fallbacks;
  readonly #leaderVotes: LeaderVotes;
  readonly #outcomes: Outcomes;
  readonly #ids: NewIds;

  constructor(options: RoundsOptions) {
    const { journal, lastSequence, variables, isClosing } = options;
    this.#options = options;
    this.#ids = new NewIds('round', lastSequence);
    this.#fallbacks = new Fallbacks(options);
    this.#leaderVotes = new LeaderVotes(options);
    this.#outcomes = new Outcomes({
      journal,
      variables,
      fallbacks: this.#fallbacks,
      isClosing,
      propose: (change, proposer) => this.#propose(change, proposer),
    });
  }

  async propose<Value>(options: ProposalOptions<Value>): Promise<Decision> {
    try {
      return await this.#proposed(options);
    } catch (thrown) {
      return refused(this.#options.clock, thrown);
    }
  }

  async #proposed<Value>(options: ProposalOptions<Value>): Promise<Decision> {
    const { variables, assertAvailable } = this.#options;
    assertAvailable();
    const { variable, value, ...rest } = parseProposal(options);
    const topic = variables.defined(variable);
    const judged = variables.judge(topic, value, rest.terms.deadlineMs);
    const fit = judged instanceof Promise ? await judged : judged;
    assertAvailable();
    const { promise, resolve, reject } = Promise.withResolvers<Decision>();
    this.#propose({ topic, value: fit.value, ...rest }, { resolve, reject, rounds: 0, last: undefined });
    return promise;
  }

  rounds(): readonly OpenRound[] {
    const open: OpenRound[] = [];
    for (const round of this.#open.values()) {
      if (!round.isOpen) continue;
      const { id: roundId, change, phase, openedAt, deadlineAt, tally, electorate, box } = round;
      open.push({
        roundId,
        variable: change.topic.name,
        value: change.value,
        phase: phase as OpenRound['phase'],
        openedAt,
        deadlineAt,
        tally: tallyForPeople(tally),
        electorate,
        stillOut: box.stillOut(),
      });
    }
    return open;
  }

  /** @internal Rounds that were open when their program died. */
  expire(rounds: Recovery['rounds']): void {
    for (const { roundId, variable } of rounds) {
      this.#options.journal.emit({
        type: 'round.closed',
        roundId,
        variable,
        outcome: 'expired',
        tally: null,
        decidedBy: 'voters',
        cut: 'host_lost',
      });
    }
  }

  // What agents and variables tell.

  /** @internal A vote has arrived. @param first of the listeners of the agent that votes */
  voted(
    roundId: string,
    agentId: string,
    incarnation: number,
    cast: CastVote,
    first: Listener | undefined,
  ): void {
    const round = this.#open.get(roundId);
    if (round !== undefined) return round.cast(agentId, incarnation, cast, first);
    if (this.#leaderVotes.voted(roundId, agentId, incarnation, cast)) return;
    const refused = this.#ids.wasGiven(roundId) ? 'late' : 'foreign';
    const vote = answerOf(cast);
    this.#options.journal.emit({ type: 'round.voted', roundId, agentId, incarnation, vote, refused });
  }

  /** @internal An agent's incarnation has ended, or is about to. */
  left(listener: Listener): void {
    const rounds = this.#byTopic.get(listener.topic);
    if (rounds) for (const round of rounds) round.leave(listener);
  }

  /** @internal A variable has a new value: rounds on the last one are void. */
  variableChanged(topic: Topic): void {
    const rounds = this.#byTopic.get(topic);
    if (rounds) for (const round of rounds) if (round.version !== topic.version) round.cut('superseded');
  }

  /** @internal Cuts off all rounds that are open. */
  cutAll(why: RoundCut): void {
    for (const round of this.#open.values()) round.cut(why);
  }

  /** @internal Fallbacks that are at work are not waited for any more. */
  stopWaiting(): void {
    this.#fallbacks.close();
  }

  // What the coordinator's chart asks for.

  /** @internal Brings a round to life, as a child of that chart. */
  begin(input: ConsensusInput, report: ChildReport): Child {
    const round = this.#open.get(input.roundId);
    if (round === undefined) throw new Error(`there is no round ${input.roundId}`);
    return round.begin(input, report, {
      ...this.#options.chart,
      askLeader: (asking, term) => this.#leaderVotes.ask(asking, term),
    });
  }

  /** @internal */
  refuse(roundId: string, why: RoundRefusal): void {
    const round = this.#take(roundId);
    if (round) this.#outcomes.refuse(round.proposer, why);
  }

  /** @internal */
  follow(ending: Ending, output: ConsensusOutput): void {
    const round = this.#take(output.roundId);
    if (round) this.#outcomes.follow(ending, round, output);
  }

  /** @internal */
  writeOff(roundId: string, thrown: unknown): void {
    const round = this.#take(roundId);
    if (round === undefined) return;
    this.#options.reportFault(`round ${roundId} broke`, thrown);
    this.#outcomes.writeOff(round);
  }

  /** @internal The coordinator's chart broke, and its rounds with it. */
  writeOffAll(thrown: unknown): void {
    for (const roundId of this.#open.keys()) this.writeOff(roundId, thrown);
  }

  #propose(change: ProposedChange, proposer: Proposer): void {
    this.#options.queue.run(() => {
      try {
        const { id: roundId, box } = this.#openRound(change, proposer);
        this.#options.request({ roundId, terms: change.terms, voters: box.size, weight: box.weight });
      } catch (thrown) {
        const message = 'consensus.propose: coordination failed as the round was opened';
        proposer.reject(new AgentSystemError('COORDINATION_UNAVAILABLE', message, { cause: thrown }));
        throw thrown;
      }
    });
  }

  #openRound(change: ProposedChange, proposer: Proposer): Round {
    const { clock, journal, queue } = this.#options;
    const { topic } = change;
    const id = this.#ids.next();
    const round = new Round({
      id,
      change,
      proposer,
      voters: votersOf(topic),
      openedAt: clock.now(),
      journal,
      queue,
    });
    this.#open.set(id, round);
    const rounds = this.#byTopic.get(topic);
    if (rounds) rounds.add(round);
    else this.#byTopic.set(topic, new Set([round]));
    return round;
  }

  /** Takes a round that has ended out of the open ones. */
  #take(roundId: string): Round | undefined {
    const round = this.#open.get(roundId);
    if (round === undefined) return undefined;
    const { topic } = round.change;
    this.#open.delete(roundId);
    const rounds = this.#byTopic.get(topic);
    rounds?.delete(round);
    if (rounds?.size === 0) this.#byTopic.delete(topic);
    this.#leaderVotes.drop(round);
    round.close();
    return round;
  }
}

/** The electorate of this moment: running agents that declared the variable and take part in rounds. */
function votersOf(topic: Topic): Listener[] {
  const voters: Listener[] = [];
  for (const listener of topic.listeners) {
    if (listener.isRunning && listener.voteWeight > 0) voters.push(listener);
  }
  return voters;
}
