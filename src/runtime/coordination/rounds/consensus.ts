/** What a fleet decides together, as its users see it: `system.consensus`. */
import type { Outcome, RoundCut, Tally } from '../../../machines/index.ts';
import type { ProposalOptions } from './proposal.ts';

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
  /** Ids of those who are there and have not answered. */
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
   */
  propose<Value = unknown>(proposal: ProposalOptions<Value>): Promise<Decision>;
  /** The rounds that are open, oldest first. */
  rounds(): readonly OpenRound[];
}
