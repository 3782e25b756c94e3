/**
 * Decisions that a fleet takes together: `system.consensus`.
 *
 * Owns the open rounds and the promises of those who proposed. The rounds' charts decide their outcomes, the
 * coordinator's chart what follows from one; this does it.
 *
 * I1  Every proposal is answered exactly once.
 * I2  A round is bound to the version it was opened on: when the variable changes, it expires.
 * I3  An agent's vote never reaches a chart but through its round's ballot box.
 */
import { z } from 'zod';
import {
  type ConsensusEvent,
  type ConsensusInput,
  type ConsensusOutput,
  isLeader,
  type Outcome,
  type RoundCut,
  type RoundRefusal,
  roundTerms,
  type Tally,
  tallyOf,
  weightOf,
} from '../../../machines/index.ts';
import type { Clock } from '../../time/clock.ts';
import { AgentSystemError, type ErrorCode, errorInfoOf, inWords } from '../../values/errors.ts';
import type { Journal } from '../../journal/journal.ts';
import { parseInput } from '../../values/malformed.ts';
import type { Recovery } from '../../journal/store.ts';
import type { Office } from '../leader/leader-election.ts';
import { type CastVote, type CustomFallback, type Elector, type Motion, Round } from './round.ts';
import type { Topic } from '../variables/topic.ts';
import type { VariableRegistry } from '../variables/variables.ts';

type TermsInput = z.input<typeof roundTerms>;

export interface ProposalOptions extends Omit<TermsInput, 'fallback'> {
  readonly variable: string;
  readonly value: unknown;
  /** Who proposes it; default `operator`. */
  readonly by?: string;
  readonly why?: string;
  /**
   * What becomes of a proposal that was not accepted: `keep` the current value, `{ retry: n }`, `leader_decides`, or
   * a function that gives another value, or `undefined` to keep the current one. It has `deadlineMs` to answer, and
   * is then dropped. Default `keep`.
   */
  readonly fallback?: 'keep' | 'leader_decides' | { readonly retry: number } | CustomFallback;
}

/** How a proposal ended. */
export interface Decision {
  /** Of the last of its rounds. */
  readonly roundId: string;
  readonly outcome: Outcome;
  readonly tally: Tally;
  /** Ids of those who could vote in that round. */
  readonly electorate: readonly string[];
  /** Ids of those among them whose votes failed, by a throw or by an answer that is no vote: they count for nothing. */
  readonly failed: readonly string[];
  /** The version that the variable got from it: by the vote, or by the fallback. */
  readonly version?: number;
  readonly decidedBy: 'voters' | 'leader' | 'fallback';
  /** Rounds that were held. */
  readonly rounds: number;
  /** Why an expired round was cut off. */
  readonly cut?: RoundCut;
  /**
   * Why nothing came of an accepted value, or of the proposer's own fallback: what that threw, what is wrong with the
   * value it gave, or that it had not answered within `deadlineMs`.
   */
  readonly problem?: string;
}

/** A round that is under way. Times are epoch ms. */
export interface OpenRound {
  readonly roundId: string;
  readonly variable: string;
  readonly value: unknown;
  /** `voting`; or what the leader was asked for: the casting vote in a tie, or a decision after all. */
  readonly phase: 'voting' | 'casting' | 'appealed';
  readonly openedAt: number;
  readonly deadlineAt: number;
  readonly tally: Tally;
  readonly electorate: readonly string[];
  /** Ids of those who are there and have not voted. */
  readonly stillOut: readonly string[];
}

export interface Consensus {
  /**
   * Asks every running agent that declared a variable whether it should take a value.
   *
   * Resolves with how it ended, once that is durable and, where the value changed, `sync` agents have acknowledged
   * it (variables.set). A proposal always ends: at its deadline at the latest, and once more so long where a leader
   * or a function of the proposer is asked, times its retries.
   *
   * @throws AgentSystemError `ROUND_INVALID`, `VARIABLE_UNKNOWN`, `VARIABLE_INVALID`, `COORDINATION_UNAVAILABLE`,
   * `RESOURCES_EXHAUSTED` when too many rounds are open, `STORE_FAILED`, `SYSTEM_CLOSED`
   * Source: seed, "Multi-Agent Consensus Flow"
   */
  propose(proposal: ProposalOptions): Promise<Decision>;
  /** The rounds that are open, oldest first. */
  rounds(): readonly OpenRound[];
}

export interface ConsensusOptions {
  readonly journal: Journal;
  readonly clock: Clock;
  readonly variables: VariableRegistry;
  readonly office: Office;
  /** Throws when no round may be opened now. */
  readonly assertAvailable: () => void;
  /** Whether the system closes: what is over then is over. */
  readonly isClosing: () => boolean;
  /** Asks the coordinator's chart for a round. */
  readonly request: (round: Omit<ConsensusInput, 'term'>) => void;
  /** The chart of an open round. */
  readonly chartOf: (roundId: string) => RoundChart | undefined;
  readonly electorOf: (agentId: string) => Electable | undefined;
  readonly reportFault: (message: string, thrown: unknown) => void;
}

export interface RoundChart {
  send(event: ConsensusEvent): void;
  readonly phase: string;
  readonly tally: Tally;
}

/** An agent as a round sees it. */
export interface Electable {
  readonly id: string;
  readonly incarnation: number;
  readonly participates: boolean;
  readonly voteWeight: number;
  readonly agent: Elector['agent'];
}

/** Somebody waits for the end of a proposal. */
interface Proposer {
  readonly resolve: (decision: Decision) => void;
  readonly reject: (error: unknown) => void;
  rounds: number;
  last: Decision | undefined;
}

interface Session {
  readonly round: Round;
  readonly proposer: Proposer;
}

/** A leader was asked: what it answers counts in its term. */
interface LeaderAsked {
  readonly round: Round;
  readonly term: number;
  readonly agentId: string;
  readonly incarnation: number;
}

const isFunction = z.custom<CustomFallback>((value) => typeof value === 'function');
const proposalSchema = roundTerms.omit({ fallback: true }).extend({
  variable: z.string().min(1),
  value: z.unknown(),
  by: z.string().min(1).default('operator'),
  why: z.string().optional(),
  fallback: z
    .union(
      [z.enum(['keep', 'leader_decides']), z.strictObject({ retry: z.int().min(1).max(1_000) }), isFunction],
      {
        error: 'expected "keep", "leader_decides", { retry: 1 or more } or a function',
      },
    )
    .default('keep'),
});

/** How long a decision waits for `sync` agents to acknowledge its value; ms. */
const CONFIRM_TIMEOUT_MS = 30_000;

const REFUSALS: Readonly<Record<RoundRefusal, readonly [ErrorCode, string]>> = {
  too_many: ['RESOURCES_EXHAUSTED', 'too many rounds are open'],
  away: ['COORDINATION_UNAVAILABLE', 'coordination is away'],
  closed: ['SYSTEM_CLOSED', 'the system is closed, or closing'],
  id_in_use: ['ROUND_INVALID', 'a round of that id is open'],
};

export class Rounds implements Consensus {
  readonly #options: ConsensusOptions;
  readonly #sessions = new Map<string, Session>();
  readonly #byTopic = new Map<Topic, Set<Round>>();
  readonly #asked = new Map<string, LeaderAsked>();
  /** No round of an earlier program on the same store has an id that begins so. */
  readonly #prefix: string;
  #opened = 0;
  /** Ends the wait for each of the proposers' own fallbacks that are at work. */
  readonly #waits = new Set<() => void>();

  constructor(options: ConsensusOptions) {
    this.#options = options;
    this.#prefix = `round-${options.journal.nextSequence}-`;
  }

  /** Rounds that were open when their program died. */
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

  async propose(proposal: ProposalOptions): Promise<Decision> {
    const { variables, assertAvailable } = this.#options;
    assertAvailable();
    const { variable, value, by, why, fallback, ...rest } = parseInput(proposalSchema, proposal, {
      what: 'consensus.propose',
      code: 'ROUND_INVALID',
    });
    const topic = variables.defined(variable);
    const judged = variables.judge(topic, value);
    const fit = judged instanceof Promise ? await judged : judged;
    assertAvailable();
    const custom = typeof fallback === 'function' ? fallback : undefined;
    const terms = { ...rest, fallback: typeof fallback === 'function' ? ('custom' as const) : fallback };
    const { promise, resolve, reject } = Promise.withResolvers<Decision>();
    this.#open(
      { topic, value: fit.value, terms, by, why, custom },
      { resolve, reject, rounds: 0, last: undefined },
    );
    return promise;
  }

  rounds(): readonly OpenRound[] {
    const open: OpenRound[] = [];
    for (const [roundId, { round }] of this.#sessions) {
      const chart = this.#options.chartOf(roundId);
      if (chart === undefined) continue;
      const { motion, openedAt, deadlineAt, electorate, box } = round;
      open.push({
        roundId,
        variable: motion.topic.name,
        value: motion.value,
        phase: chart.phase as OpenRound['phase'],
        openedAt,
        deadlineAt,
        tally: shown(chart.tally),
        electorate,
        stillOut: box.stillOut(),
      });
    }
    return open;
  }

  // What agents do.

  /** A vote has arrived. */
  voted(roundId: string, cast: CastVote): void {
    const session = this.#sessions.get(roundId);
    if (session !== undefined) return session.round.cast(cast);
    const asked = this.#asked.get(roundId);
    if (asked !== undefined) return this.#ruled(roundId, asked, cast);
    const { journal } = this.#options;
    const { agentId, incarnation, answer: vote } = cast;
    const refused = this.#wasOpened(roundId) ? 'late' : 'foreign';
    journal.emit({ type: 'round.voted', roundId, agentId, incarnation, vote, refused });
  }

  /** An agent's incarnation has ended, or is about to. */
  left(topic: Topic, agentId: string, incarnation: number): void {
    for (const round of this.#byTopic.get(topic) ?? []) round.leave(agentId, incarnation);
  }

  /** A variable has a new value: what was asked about the last one is void. */
  variableChanged(topic: Topic): void {
    for (const { id, isAsked } of this.#byTopic.get(topic) ?? []) {
      if (isAsked) this.#options.chartOf(id)?.send({ type: 'round.cut', why: 'superseded' });
    }
  }

  /** Cuts off all rounds that are open. */
  cutAll(why: RoundCut): void {
    for (const roundId of this.#sessions.keys()) {
      this.#options.chartOf(roundId)?.send({ type: 'round.cut', why });
    }
  }

  /** Fallbacks that are at work are not waited for any more. */
  stopWaiting(): void {
    for (const end of this.#waits) end();
  }

  // What the charts ask for.

  ask(roundId: string): void {
    // It may have been cut off before anybody was asked.
    this.#sessions.get(roundId)?.round.open(this.#options.chartOf(roundId) !== undefined);
  }

  askLeader(roundId: string, term: number): void {
    const session = this.#sessions.get(roundId);
    const { leader, term: current } = this.#options.office.leadership;
    if (session === undefined || leader === undefined || term !== current) return;
    const { round } = session;
    const { agentId, incarnation } = leader;
    round.box.close();
    const said = round.box.answerOf(agentId, incarnation);
    if (said === 'accept' || said === 'reject') {
      this.#options.chartOf(roundId)?.send({ type: 'leader.ruled', term, answer: said });
      return;
    }
    const askId = `${roundId}/term-${term}`;
    this.#asked.set(askId, { round, term, agentId, incarnation });
    const deadlineAt = this.#options.clock.now() + round.motion.terms.deadlineMs;
    const proposal = round.proposalTo('leader', askId, deadlineAt);
    this.#options.electorOf(agentId)?.agent.post({ type: 'vote.asked', proposal });
  }

  refuse(roundId: string, why: RoundRefusal): void {
    this.#end(roundId, ({ proposer }) => {
      if (proposer.last !== undefined) return proposer.resolve(proposer.last);
      const [code, message] = REFUSALS[why];
      proposer.reject(new AgentSystemError(code, `consensus.propose: ${message}`));
    });
  }

  enact(output: ConsensusOutput): void {
    this.#end(output.roundId, (session) => {
      const { round, proposer } = session;
      const { topic, value, by, why } = round.motion;
      const obstacle = this.#obstacleTo(round);
      if (obstacle !== undefined) return this.#supersede(session, output, obstacle);
      const decision = this.#closed(session, output);
      const how = output.decidedBy === 'leader' ? 'decided by the leader' : output.outcome;
      const reason = {
        by,
        why: `${how} in ${round.id}${why === undefined ? '' : `: ${why}`}`,
        timeoutMs: CONFIRM_TIMEOUT_MS,
      };
      this.#options.variables
        .put(topic, value, reason)
        .then(({ version }) => proposer.resolve({ ...decision, version }), proposer.reject);
    });
  }

  conclude(output: ConsensusOutput): void {
    this.#end(output.roundId, (session) => this.#answer(session, output));
  }

  reopen(output: ConsensusOutput): void {
    this.#end(output.roundId, (session) => this.#reopen(session, output));
  }

  consult(output: ConsensusOutput): void {
    this.#end(output.roundId, (session) => this.#consult(session, output));
  }

  writeOff(roundId: string, thrown: unknown): void {
    this.#options.reportFault(`round ${roundId} broke`, thrown);
    this.#end(roundId, (session) => {
      const { size, weight } = session.round.box;
      this.#answer(session, {
        roundId,
        outcome: 'expired',
        tally: tallyOf(size, weight),
        isEnacted: false,
        decidedBy: 'voters',
        next: 'nothing',
        cut: 'failed',
      });
    });
  }

  /** The coordinator's chart broke, and its rounds with it. */
  writeOffAll(thrown: unknown): void {
    for (const roundId of this.#sessions.keys()) this.writeOff(roundId, thrown);
  }

  #open(motion: Motion, proposer: Proposer): void {
    const { clock, journal, chartOf, request } = this.#options;
    this.#opened += 1;
    const id = `${this.#prefix}${this.#opened}`;
    const round = new Round({
      id,
      motion,
      electorate: this.#electorateOf(motion.topic),
      openedAt: clock.now(),
      journal,
      tell: (event) => chartOf(id)?.send(event),
    });
    this.#sessions.set(id, { round, proposer });
    const { topic, terms } = motion;
    const rounds = this.#byTopic.get(topic);
    if (rounds) rounds.add(round);
    else this.#byTopic.set(topic, new Set([round]));
    request({ roundId: id, terms, voters: round.box.size, weight: round.box.weight });
  }

  #electorateOf(topic: Topic): Elector[] {
    const electorate: Elector[] = [];
    for (const { isRunning, agent, incarnation } of topic.listeners.values()) {
      const elector = isRunning ? this.#options.electorOf(agent.id) : undefined;
      if (elector?.participates) {
        electorate.push({ agentId: agent.id, incarnation, weight: weightOf(elector.voteWeight), agent });
      }
    }
    return electorate;
  }

  #ruled(askId: string, { round, term, agentId, incarnation }: LeaderAsked, cast: CastVote): void {
    const { office, chartOf } = this.#options;
    if (cast.agentId !== agentId || cast.incarnation !== incarnation) return round.note(cast, 'foreign');
    this.#asked.delete(askId);
    const isOfOffice = office.leadership.term === term && isLeader(office.leadership, agentId, incarnation);
    round.note(cast, isOfOffice ? undefined : 'old_term', term);
    chartOf(round.id)?.send({ type: 'leader.ruled', term, answer: cast.answer });
  }

  /** Why an accepted value cannot be put into force any more; `undefined` when it can. */
  #obstacleTo({ version, motion: { topic, value } }: Round): AgentSystemError | undefined {
    try {
      this.#options.variables.check(topic, value);
    } catch (thrown) {
      return thrown as AgentSystemError;
    }
    if (version === topic.version) return undefined;
    const message = `variable ${topic.name} has version ${topic.version}, and was voted on at ${version}`;
    return new AgentSystemError('ROUND_INVALID', message);
  }

  /** It was accepted, but what it was voted on is no longer so: it expires, and its fallback follows. */
  #supersede(session: Session, output: ConsensusOutput, obstacle: AgentSystemError): void {
    const isAway = obstacle.code === 'COORDINATION_UNAVAILABLE' || obstacle.code === 'SYSTEM_CLOSED';
    const cut = isAway ? 'coordination_lost' : 'superseded';
    const expired: ConsensusOutput = { ...output, outcome: 'expired', isEnacted: false, cut };
    const { fallback } = session.round.motion.terms;
    if (!isAway && typeof fallback === 'object') return this.#reopen(session, expired);
    if (!isAway && fallback === 'custom') return this.#consult(session, expired);
    this.#answer(session, expired, { problem: obstacle.message });
  }

  #reopen(session: Session, output: ConsensusOutput): void {
    if (this.#options.isClosing()) return this.#answer(session, output);
    const { motion } = session.round;
    const { fallback } = motion.terms;
    const left = typeof fallback === 'object' ? fallback.retry - 1 : 0;
    const terms = { ...motion.terms, fallback: left > 0 ? { retry: left } : ('keep' as const) };
    try {
      this.#options.variables.check(motion.topic, motion.value);
    } catch (thrown) {
      return this.#answer(session, output, { problem: errorInfoOf(thrown).message });
    }
    session.proposer.last = this.#closed(session, output);
    this.#open({ ...motion, terms }, session.proposer);
  }

  #consult(session: Session, output: ConsensusOutput): void {
    if (this.#options.isClosing()) return this.#answer(session, output);
    const { promise: committed, resolve, reject } = Promise.withResolvers<void>();
    const decision = this.#closed(session, output, (error) => (error ? reject(error) : resolve()));
    const { proposer } = session;
    Promise.all([this.#fallBack(session, decision), committed]).then(
      ([decided]) => proposer.resolve(decided),
      proposer.reject,
    );
  }

  /** Takes a round that has ended out of the open ones, and does what follows; whatever happens, its proposer hears. */
  #end(roundId: string, act: (session: Session) => void): void {
    const session = this.#take(roundId);
    if (session === undefined) return;
    try {
      act(session);
    } catch (thrown) {
      const message = `consensus.propose: coordination failed at the end of ${roundId}`;
      session.proposer.reject(new AgentSystemError('COORDINATION_UNAVAILABLE', message, { cause: thrown }));
      throw thrown;
    }
  }

  #take(roundId: string): Session | undefined {
    const session = this.#sessions.get(roundId);
    if (session === undefined) return undefined;
    const { round } = session;
    const { topic } = round.motion;
    this.#sessions.delete(roundId);
    const rounds = this.#byTopic.get(topic);
    rounds?.delete(round);
    if (rounds?.size === 0) this.#byTopic.delete(topic);
    for (const [askId, asked] of this.#asked) if (asked.round === round) this.#asked.delete(askId);
    round.box.close();
    return session;
  }

  /** Ends a proposal whose value is not put into force. */
  #answer(session: Session, output: ConsensusOutput, more: { readonly problem?: string } = {}): void {
    const { proposer } = session;
    const decision = this.#closed(session, output, (error) =>
      error ? proposer.reject(error) : proposer.resolve({ ...decision, ...more }),
    );
  }

  #closed(
    { round, proposer }: Session,
    { outcome, tally, decidedBy, cut }: ConsensusOutput,
    committed?: (error?: AgentSystemError) => void,
  ): Decision {
    const { id: roundId, electorate, motion, box } = round;
    const why = cut === undefined ? {} : { cut };
    const result = { outcome, tally: shown(tally), decidedBy, ...why };
    this.#options.journal.emit(
      { type: 'round.closed', roundId, variable: motion.topic.name, ...result },
      committed,
    );
    proposer.rounds += 1;
    return { roundId, electorate, failed: box.failed(), rounds: proposer.rounds, ...result };
  }

  async #fallBack({ round }: Session, decision: Decision): Promise<Decision> {
    const { variables, clock } = this.#options;
    const { motion, id: roundId } = round;
    const { topic, value, terms, custom, by } = motion;
    const { promise: overdue, reject } = Promise.withResolvers<never>();
    const drop = (why: string) => reject(new Error(`the fallback was dropped: ${why}`));
    const timer = clock.setTimeout(() => drop(`no answer within ${terms.deadlineMs} ms`), terms.deadlineMs);
    const end = () => drop('the system is closed, or closing');
    this.#waits.add(end);
    try {
      const failed = {
        roundId,
        variable: topic.name,
        value,
        current: topic.current?.value,
        outcome: decision.outcome,
      };
      const answered = async () => {
        const other: unknown = await custom?.(failed);
        return other === undefined ? undefined : variables.judge(topic, other);
      };
      const fit = await Promise.race([answered(), overdue]);
      if (fit === undefined) return decision;
      const reason = { by, why: `fallback of ${roundId}`, timeoutMs: CONFIRM_TIMEOUT_MS };
      const { version } = await variables.put(topic, fit.value, reason);
      return { ...decision, version, decidedBy: 'fallback' };
    } catch (thrown) {
      if (thrown instanceof AgentSystemError && thrown.code === 'STORE_FAILED') throw thrown;
      this.#options.reportFault(`the fallback of ${roundId} on ${inWords(topic.name)} failed`, thrown);
      return { ...decision, problem: errorInfoOf(thrown).message };
    } finally {
      clock.clearTimeout(timer);
      this.#waits.delete(end);
    }
  }

  #wasOpened(roundId: string): boolean {
    if (!roundId.startsWith(this.#prefix)) return false;
    const number = Number(roundId.slice(this.#prefix.length).split('/')[0]);
    return number >= 1 && number <= this.#opened;
  }
}

/** A tally for people: weights as they were given. */
function shown({ voters, weight }: Tally): Tally {
  const { total, accept, reject, abstain, failed } = weight;
  return {
    voters,
    weight: {
      total: total / 1_000,
      accept: accept / 1_000,
      reject: reject / 1_000,
      abstain: abstain / 1_000,
      failed: failed / 1_000,
    },
  };
}
