/**
 * Rounds that ask the leader: for its casting vote in a tie, or to decide after all.
 *
 * I1  What a leader answers counts in the term in which it was asked, and only while that is the current one.
 * I2  A leader that has accepted or rejected as a voter is not asked again.
 */
import type { SteadyClock } from '../../time/clock.ts';
import type { LeaderElection } from '../leader/leader-election.ts';
import { answerOf, type CastVote, type Round } from './round.ts';

export interface LeaderVotesOptions {
  readonly clock: SteadyClock;
  readonly election: LeaderElection;
}

/** A leader that was asked. */
interface Asked {
  readonly round: Round;
  readonly term: number;
  readonly agentId: string;
  readonly incarnation: number;
}

export class LeaderVotes {
  readonly #options: LeaderVotesOptions;
  /** By the id under which each was asked. */
  readonly #asked = new Map<string, Asked>();

  constructor(options: LeaderVotesOptions) {
    this.#options = options;
  }

  ask(round: Round, term: number): void {
    const { clock, election } = this.#options;
    const { leader } = election;
    if (leader === undefined || leader.term !== term) return;
    const { agentId, incarnation } = leader;
    round.box.close();
    const answer = round.box.answerOf(agentId, incarnation);
    if (answer === 'accept' || answer === 'reject') return round.ruled(term, answer);
    const askId = `${round.id}/term-${term}`;
    this.#asked.set(askId, { round, term, agentId, incarnation });
    const deadlineAt = clock.now() + round.change.terms.deadlineMs;
    election.post({ type: 'vote.asked', proposal: round.proposalTo('leader', askId, deadlineAt) });
  }

  /** Whether an answer to such a question has arrived. */
  voted(askId: string, agentId: string, incarnation: number, cast: CastVote): boolean {
    const asked = this.#asked.get(askId);
    if (asked === undefined) return false;
    const { round, term } = asked;
    if (asked.agentId !== agentId || asked.incarnation !== incarnation) {
      round.note(agentId, incarnation, cast, 'foreign');
      return true;
    }
    this.#asked.delete(askId);
    const { leader } = this.#options.election;
    const isCurrent =
      leader?.term === term && leader.agentId === agentId && leader.incarnation === incarnation;
    round.note(agentId, incarnation, cast, isCurrent ? undefined : 'old_term', term);
    round.ruled(term, answerOf(cast));
    return true;
  }

  /** A round has ended: nothing is asked for it any more. */
  drop(round: Round): void {
    for (const [askId, asked] of this.#asked) if (asked.round === round) this.#asked.delete(askId);
  }
}
