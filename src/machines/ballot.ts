/**
 * Whether one vote counts. Pure: who is in the electorate, and who has voted, is kept by its caller.
 *
 * A round's electorate is fixed when it opens, as ids with incarnations: an agent that died and is running again is
 * another voter.
 */
import type { Answer } from './tally.ts';

/** What is known of one voter of a round. */
export interface VoterEntry {
  readonly incarnation: number;
  readonly answer: Answer | undefined;
  readonly hasLeft: boolean;
}

/**
 * Why a vote does not count: the round takes no more votes; the voter was never in its electorate; the vote is of
 * another incarnation than the one that is; the voter has died; or it has answered before, in whatever way.
 */
export type BallotRefusal = 'late' | 'foreign' | 'other_incarnation' | 'dead' | 'double';

/** Why a vote of `incarnation` is refused, or `undefined` when it counts. */
export function decideBallot(
  isOpen: boolean,
  voter: VoterEntry | undefined,
  incarnation: number,
): BallotRefusal | undefined {
  if (!isOpen) return 'late';
  if (voter === undefined) return 'foreign';
  if (voter.incarnation !== incarnation) return 'other_incarnation';
  if (voter.hasLeft) return 'dead';
  if (voter.answer !== undefined) return 'double';
  return undefined;
}
