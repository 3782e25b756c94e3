/**
 * Who may vote in one round, and who has: it lets each voter's one vote in, and names why it refuses the rest.
 *
 * Owns the votes by voter, which the round's chart never sees: the chart counts what this lets in. Every call costs
 * the same whatever the size of the electorate, but for the lists of names.
 *
 * I1  Every voter of the electorate is, at any time, one of: still out, answered, left.
 * I2  Of a voter, one answer at the most is ever let in: a vote that failed was its one.
 */
import { type Answer, type BallotRefusal, decideBallot, type VoterEntry } from '../../../machines/index.ts';

export interface Voter {
  readonly agentId: string;
  readonly incarnation: number;
  /** In thousandths. */
  readonly weight: number;
}

interface Entry extends VoterEntry {
  readonly weight: number;
  answer: Answer | undefined;
  hasLeft: boolean;
}

/** What a voter had answered when it left, and what it weighed. */
export interface Departure {
  readonly weight: number;
  readonly answer: Answer | undefined;
}

export class BallotBox {
  readonly #entries = new Map<string, Entry>();
  readonly weight: number;
  #isOpen = true;

  constructor(electorate: readonly Voter[]) {
    let total = 0;
    for (const { agentId, incarnation, weight } of electorate) {
      this.#entries.set(agentId, { incarnation, weight, answer: undefined, hasLeft: false });
      total += weight;
    }
    this.weight = total;
  }

  get size(): number {
    return this.#entries.size;
  }

  /** Lets an answer in, and gives its weight; or says why not. */
  take(agentId: string, incarnation: number, answer: Answer): number | BallotRefusal {
    const entry = this.#entries.get(agentId);
    const refusal = decideBallot(this.#isOpen, entry, incarnation);
    if (refusal !== undefined) return refusal;
    // One that is not there was refused.
    const voter = entry as Entry;
    voter.answer = answer;
    return voter.weight;
  }

  /** Takes a voter and its answer out; `undefined` when it was not in, or the votes are closed. */
  leave(agentId: string, incarnation: number): Departure | undefined {
    const entry = this.#entries.get(agentId);
    if (!this.#isOpen || entry === undefined || entry.incarnation !== incarnation || entry.hasLeft) {
      return undefined;
    }
    entry.hasLeft = true;
    return { weight: entry.weight, answer: entry.answer };
  }

  /** No vote is let in from now on. */
  close(): void {
    this.#isOpen = false;
  }

  /** The answer of one incarnation of an agent, while it is there. */
  answerOf(agentId: string, incarnation: number): Answer | undefined {
    const entry = this.#entries.get(agentId);
    return entry?.incarnation === incarnation && !entry.hasLeft ? entry.answer : undefined;
  }

  /** Ids of the voters that are there and have not answered. */
  stillOut(): string[] {
    return this.#idsOf(undefined);
  }

  /** Ids of the voters that are there and whose votes failed. */
  failed(): string[] {
    return this.#idsOf('failed');
  }

  #idsOf(wanted: Answer | undefined): string[] {
    const ids: string[] = [];
    for (const [agentId, { answer, hasLeft }] of this.#entries) {
      if (answer === wanted && !hasLeft) ids.push(agentId);
    }
    return ids;
  }
}
