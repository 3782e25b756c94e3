/**
 * Who may vote in one round, and who has: it takes one answer of each voter, and names why it refuses the rest.
 *
 * Owns the answers by voter, which the round's chart never sees: the chart counts what this took. Every call costs the
 * same whatever the size of the electorate, but for the lists of names; a caller that has the voter's ballot at hand
 * saves the search for it.
 *
 * I1  Every voter of the electorate is, at any time, one of: still out, answered, left.
 * I2  Of a voter, one answer at the most is ever taken: a vote that failed was its one.
 */
import { type Answer, type BallotRefusal, decideBallot, type VoterEntry } from '../../../machines/index.ts';

export interface Voter {
  readonly agentId: string;
  readonly incarnation: number;
  /** In thousandths. */
  readonly weight: number;
}

/** One voter of one box. */
export class Ballot implements Voter, VoterEntry {
  readonly box: BallotBox;
  readonly agentId: string;
  readonly incarnation: number;
  readonly weight: number;
  answer: Answer | undefined = undefined;
  hasLeft = false;

  constructor(box: BallotBox, { agentId, incarnation, weight }: Voter) {
    this.box = box;
    this.agentId = agentId;
    this.incarnation = incarnation;
    this.weight = weight;
  }
}

/** What a voter had answered when it left, and what it weighed. */
export interface Departure {
  readonly weight: number;
  readonly answer: Answer | undefined;
}

export class BallotBox {
  /** In the order of the electorate. */
  readonly ballots: readonly Ballot[];
  readonly weight: number;
  /** Made when one is first searched for. */
  #byAgent: ReadonlyMap<string, Ballot> | undefined;
  #isOpen = true;

  constructor(electorate: readonly Voter[]) {
    let total = 0;
    this.ballots = electorate.map((voter) => {
      total += voter.weight;
      return new Ballot(this, voter);
    });
    this.weight = total;
  }

  get size(): number {
    return this.ballots.length;
  }

  /** Takes an answer, and gives its weight; or says why not. @param ballot the voter's, when it is at hand */
  take(
    agentId: string,
    incarnation: number,
    answer: Answer,
    ballot: Ballot | undefined = this.#find(agentId),
  ): number | BallotRefusal {
    const refusal = decideBallot(this.#isOpen, ballot, incarnation);
    if (refusal !== undefined) return refusal;
    // One that is not there was refused.
    const taken = ballot as Ballot;
    taken.answer = answer;
    return taken.weight;
  }

  /** Takes a voter and its answer out; `undefined` when it was not in, or the votes are closed. */
  leave(
    agentId: string,
    incarnation: number,
    ballot: Ballot | undefined = this.#find(agentId),
  ): Departure | undefined {
    if (!this.#isOpen || ballot === undefined || ballot.incarnation !== incarnation || ballot.hasLeft) {
      return undefined;
    }
    ballot.hasLeft = true;
    return { weight: ballot.weight, answer: ballot.answer };
  }

  /** No answer is taken from now on. */
  close(): void {
    this.#isOpen = false;
  }

  /** The answer of one incarnation of an agent, while it is there. */
  answerOf(agentId: string, incarnation: number): Answer | undefined {
    const ballot = this.#find(agentId);
    return ballot?.incarnation === incarnation && !ballot.hasLeft ? ballot.answer : undefined;
  }

  /** Ids of the voters that are there and have not answered. */
  stillOut(): string[] {
    return this.#idsOf(undefined);
  }

  /** Ids of the voters that are there and whose votes failed. */
  failed(): string[] {
    return this.#idsOf('failed');
  }

  #find(agentId: string): Ballot | undefined {
    this.#byAgent ??= new Map(this.ballots.map((ballot) => [ballot.agentId, ballot]));
    return this.#byAgent.get(agentId);
  }

  #idsOf(wanted: Answer | undefined): string[] {
    const ids: string[] = [];
    for (const { agentId, answer, hasLeft } of this.ballots) {
      if (answer === wanted && !hasLeft) ids.push(agentId);
    }
    return ids;
  }
}
