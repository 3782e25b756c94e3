/**
 * How a proposal is to be decided: the schema of a round's terms, with every default in one place.
 *
 * Unknown keys are refused by name.
 */
import { z } from 'zod';

/**
 * What happens to a proposal that its round did not accept.
 *
 * `keep`: the current value stays. `retry`: so many more rounds, each with the electorate of its moment.
 * `leader_decides`: the leader is asked, and its "accept" changes the value. `custom`: the proposer's own function.
 */
const fallback = z.union([
  z.enum(['keep', 'leader_decides', 'custom']),
  z.strictObject({ retry: z.int().min(1).max(1_000) }),
]);
export type Fallback = z.infer<typeof fallback>;

export const roundTerms = z.strictObject({
  rule: z.enum(['majority', 'supermajority', 'unanimous', 'weighted']).default('majority'),
  quorum: z.number().gt(0).max(1).optional(),
  tie: z.enum(['reject', 'keep', 'leader']).default('reject'),
  deadlineMs: z.number().positive().default(30_000),
  fallback: fallback.default('keep'),
});
/** The terms of a round as they are written; each has a default. */
export interface RoundTermsInput {
  /**
   * What accepts it, of the votes for and against: `majority` (the default), `supermajority` (two thirds), `unanimous`,
   * or `weighted`, a majority of the weights.
   */
  readonly rule?: 'majority' | 'supermajority' | 'unanimous' | 'weighted' | undefined;
  /** Share of the electorate that must vote, above 0 and up to 1; default more than half. */
  readonly quorum?: number | undefined;
  /** `reject` (the default): like any rejection. `keep`: rejected, and no fallback. `leader`: the leader has the casting vote. */
  readonly tie?: 'reject' | 'keep' | 'leader' | undefined;
  /** Time to vote, ms; as much again for the leader, where one is asked. Always finite: a round ends. Default 30,000. */
  readonly deadlineMs?: number | undefined;
  /** What becomes of a proposal that was not accepted; default `keep`. */
  readonly fallback?: Fallback | undefined;
}
/** The terms of a round, with their defaults. */
export type RoundTerms = z.output<typeof roundTerms>;
