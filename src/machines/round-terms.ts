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
  /** Share of the electorate that must vote; when left out, more than half. */
  quorum: z.number().gt(0).max(1).optional(),
  /** `reject`: like any rejection. `keep`: rejected, and no fallback. `leader`: the leader has the casting vote. */
  tie: z.enum(['reject', 'keep', 'leader']).default('reject'),
  /** Time to vote, in ms; as much again for the leader, where one is asked. Always finite: a round ends. */
  deadlineMs: z.number().positive().default(30_000),
  fallback: fallback.default('keep'),
});
export type RoundTermsInput = z.input<typeof roundTerms>;
export type RoundTerms = z.output<typeof roundTerms>;
