/** What a fleet decides together, as its users see it: `system.consensus`. */
import type { Tally } from '../../../machines/index.ts';
import type { Decision, ProposalOptions } from './proposal.ts';

/** A round that is under way. Times are epoch ms. */
export interface OpenRound {
  /** Its id. */
  readonly roundId: string;
  /** The name of the variable. */
  readonly variable: string;
  /** The value that is put to the vote. */
  readonly value: unknown;
  /** `voting`; or what the leader was asked for: the casting vote in a tie, or a decision after all. */
  readonly phase: 'voting' | 'casting' | 'appealed';
  /** Epoch ms. */
  readonly openedAt: number;
  /** When it ends at the latest, epoch ms. */
  readonly deadlineAt: number;
  /** The votes so far. */
  readonly tally: Tally;
  /** Ids of those who may vote. */
  readonly electorate: readonly string[];
  /** Ids of those who are there and have not answered. */
  readonly stillOut: readonly string[];
}

/** `system.consensus`: rounds in which agents vote on a change of a variable. */
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
