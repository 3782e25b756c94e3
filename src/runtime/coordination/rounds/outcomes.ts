/**
 * What follows the end of a round: its value is put into force, another round is held, the proposer's own fallback is
 * asked, or nothing.
 *
 * The coordinator's chart decides which; this does it, and answers the proposer.
 *
 * I1  Every proposer is answered exactly once, after the event that says how it ended was committed.
 * I2  A value that was accepted is put into force only while it still may be, and on the version it was voted on.
 */
import { type ConsensusOutput, type RoundRefusal, type Tally, tallyOf } from '../../../machines/index.ts';
import type { Journal } from '../../journal/journal.ts';
import { AgentSystemError, type ErrorCode, errorInfoOf } from '../../values/errors.ts';
import type { VariableRegistry } from '../variables/variables.ts';
import { CONFIRM_TIMEOUT_MS, type Fallbacks } from './fallback.ts';
import type { Decision, ProposedChange, Proposer } from './proposal.ts';
import type { Round } from './round.ts';

export interface OutcomesOptions {
  readonly journal: Journal;
  readonly variables: VariableRegistry;
  readonly fallbacks: Fallbacks;
  /** Whether the system closes: no other round is held then, and no fallback is asked. */
  readonly isClosing: () => boolean;
  /** Asks for another round on the same proposal. */
  readonly propose: (change: ProposedChange, proposer: Proposer) => void;
}

/** An end of which the coordinator's chart says what follows. */
export type Ending = 'enact' | 'reopen' | 'consult' | 'conclude';

type Committed = (error?: AgentSystemError) => void;

const REFUSALS: Readonly<Record<RoundRefusal, readonly [ErrorCode, string]>> = {
  too_many: ['RESOURCES_EXHAUSTED', 'too many rounds are open'],
  away: ['COORDINATION_UNAVAILABLE', 'coordination is away'],
  closed: ['SYSTEM_CLOSED', 'the system is closed, or closing'],
  id_in_use: ['ROUND_INVALID', 'a round of that id is open'],
};

export class Outcomes {
  readonly #options: OutcomesOptions;

  constructor(options: OutcomesOptions) {
    this.#options = options;
  }

  /** No round is held: a proposal that had one before ends as that did. */
  refuse({ last, resolve, reject }: Proposer, why: RoundRefusal): void {
    if (last !== undefined) return resolve(last);
    const [code, message] = REFUSALS[why];
    reject(new AgentSystemError(code, `consensus.propose: ${message}`));
  }

  /** A round has ended. Its proposer is answered, also if something throws. */
  follow(ending: Ending, round: Round, output: ConsensusOutput): void {
    try {
      this.#follow(ending, round, output);
    } catch (thrown) {
      const message = `consensus.propose: coordination failed at the end of ${round.id}`;
      round.proposer.reject(new AgentSystemError('COORDINATION_UNAVAILABLE', message, { cause: thrown }));
      throw thrown;
    }
  }

  /** Its chart broke. */
  writeOff(round: Round): void {
    const { id: roundId, box } = round;
    this.follow('conclude', round, {
      roundId,
      outcome: 'expired',
      tally: tallyOf(box.size, box.weight),
      isEnacted: false,
      decidedBy: 'voters',
      next: 'nothing',
      cut: 'failed',
    });
  }

  #follow(ending: Ending, round: Round, output: ConsensusOutput): void {
    const { isClosing } = this.#options;
    if (ending === 'enact') return this.#enact(round, output);
    if (ending === 'reopen' && !isClosing()) return this.#reopen(round, output);
    if (ending === 'consult' && !isClosing()) return this.#consult(round, output);
    this.#conclude(round, output);
  }

  #enact(round: Round, output: ConsensusOutput): void {
    const { proposer, change, id } = round;
    const { topic, value, by, why } = change;
    const obstacle = this.#obstacleTo(round);
    if (obstacle !== undefined) return this.#supersede(round, output, obstacle);
    const decision = this.#close(round, output);
    const how = output.decidedBy === 'leader' ? 'decided by the leader' : output.outcome;
    const reason = {
      by,
      why: `${how} in ${id}${why === undefined ? '' : `: ${why}`}`,
      timeoutMs: CONFIRM_TIMEOUT_MS,
    };
    this.#options.variables
      .put(topic, value, reason)
      .then(({ version }) => proposer.resolve({ ...decision, version }), proposer.reject);
  }

  /** Why an accepted value cannot be put into force any more; `undefined` when it can. */
  #obstacleTo({ version, change: { topic, value } }: Round): AgentSystemError | undefined {
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
  #supersede(round: Round, output: ConsensusOutput, { code, message }: AgentSystemError): void {
    const isAway = code === 'COORDINATION_UNAVAILABLE' || code === 'SYSTEM_CLOSED';
    const cut = isAway ? 'coordination_lost' : 'superseded';
    const expired: ConsensusOutput = { ...output, outcome: 'expired', isEnacted: false, cut };
    const { fallback } = round.change.terms;
    if (!isAway && typeof fallback === 'object') return this.#follow('reopen', round, expired);
    if (!isAway && fallback === 'custom') return this.#follow('consult', round, expired);
    this.#conclude(round, expired, message);
  }

  #reopen(round: Round, output: ConsensusOutput): void {
    const { change, proposer } = round;
    const { fallback } = change.terms;
    const left = typeof fallback === 'object' ? fallback.retry - 1 : 0;
    const terms = { ...change.terms, fallback: left > 0 ? { retry: left } : ('keep' as const) };
    try {
      this.#options.variables.check(change.topic, change.value);
    } catch (thrown) {
      return this.#conclude(round, output, errorInfoOf(thrown).message);
    }
    proposer.last = this.#close(round, output);
    this.#options.propose({ ...change, terms }, proposer);
  }

  #consult(round: Round, output: ConsensusOutput): void {
    const { proposer } = round;
    const { promise: committed, resolve, reject } = Promise.withResolvers<void>();
    const decision = this.#close(round, output, (error) => (error ? reject(error) : resolve()));
    Promise.all([this.#options.fallbacks.decide(round, decision), committed]).then(
      ([decided]) => proposer.resolve(decided),
      proposer.reject,
    );
  }

  /** Ends a proposal whose value is not put into force. */
  #conclude(round: Round, output: ConsensusOutput, problem?: string): void {
    const { proposer } = round;
    const more = problem === undefined ? {} : { problem };
    const decision = this.#close(round, output, (error) =>
      error ? proposer.reject(error) : proposer.resolve({ ...decision, ...more }),
    );
  }

  #close(round: Round, output: ConsensusOutput, committed?: Committed): Decision {
    const { id: roundId, electorate, change, box, proposer } = round;
    const { outcome, tally, decidedBy, cut } = output;
    const result = {
      outcome,
      tally: tallyForPeople(tally),
      decidedBy,
      ...(cut === undefined ? {} : { cut }),
    };
    this.#options.journal.emit(
      { type: 'round.closed', roundId, variable: change.topic.name, ...result },
      committed,
    );
    proposer.rounds += 1;
    return { roundId, electorate, failed: box.failed(), rounds: proposer.rounds, ...result };
  }
}

/** A tally with weights as they were given. */
export function tallyForPeople({ voters, weight }: Tally): Tally {
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
