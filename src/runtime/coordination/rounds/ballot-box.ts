/**
 * Who may vote in one round, and who has: it lets each voter's one vote in, and names why it refuses the rest.
 *
 * Owns the votes by voter, which the round's chart never sees: the chart counts what this lets in. Every call costs
 * the same whatever the size of the electorate, but for the lists of names.
 *
 * I1  Every voter of the electorate is, at any time, one of: still out, voted, left.
 * I2  Of a voter, one vote at the most is ever let in.
 */
import { type BallotRefusal, decideBallot, type Vote, type VoterEntry } from '../../../machines/index.ts';

export interface Voter {
  readonly agentId: string;
  readonly incarnation: number;
  /** In thousandths. */
  readonly weight: number;
}

interface Entry extends VoterEntry {
  readonly weight: number;
  vote: Vote | undefined;
  hasLeft: boolean;
}

/** What a voter had cast when it left, and what it weighed. */
export interface Departure {
  readonly weight: number;
  readonly vote: Vote | undefined;
}

export class BallotBox {
  readonly #entries = new Map<string, Entry>();
  readonly weight: number;
  #isOpen = true;

  constructor(electorate: readonly Voter[]) {
    let total = 0;
    for (const { agentId, incarnation, weight } of electorate) {
      this.#entries.set(agentId, { incarnation, weight, vote: undefined, hasLeft: false });
      total += weight;
    }
    this.weight = total;
  }

  get size(): number {
    return this.#entries.size;
  }

  /** Lets a vote in, and gives its weight; or says why not. */
  take(agentId: string, incarnation: number, vote: Vote): number | BallotRefusal {
    const entry = this.#entries.get(agentId);
    const refusal = decideBallot(this.#isOpen, entry, incarnation);
    if (refusal !== undefined) return refusal;
    // One that is not there was refused.
    const voter = entry as Entry;
    voter.vote = vote;
    return voter.weight;
  }

  /** Takes a voter and its vote out; `undefined` when it was not in, or the votes are closed. */
  leave(agentId: string, incarnation: number): Departure | undefined {
    const entry = this.#entries.get(agentId);
    if (!this.#isOpen || entry === undefined || entry.incarnation !== incarnation || entry.hasLeft) {
      return undefined;
    }
    entry.hasLeft = true;
    return { weight: entry.weight, vote: entry.vote };
  }

  /** No vote is let in from now on. */
  close(): void {
    this.#isOpen = false;
  }

  /** The vote of one incarnation of an agent, while it is there. */
  voteOf(agentId: string, incarnation: number): Vote | undefined {
    const entry = this.#entries.get(agentId);
    return entry?.incarnation === incarnation && !entry.hasLeft ? entry.vote : undefined;
  }

  /** Ids of the voters that are there and have not voted. */
  stillOut(): string[] {
    const ids: string[] = [];
    for (const [agentId, { vote, hasLeft }] of this.#entries) {
      if (vote === undefined && !hasLeft) ids.push(agentId);
    }
    return ids;
  }
}
