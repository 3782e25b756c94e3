/**
 * The leader's office: who is in line for it, who holds it, and in which term.
 *
 * Decides nothing: leader.ts says who is elected. While coordination is away nobody is: an office that falls vacant
 * then is filled when it is back.
 *
 * I1  Terms only grow, across programs too.
 */
import {
  type Candidate,
  isLeader,
  type Leadership,
  withCandidate,
  withoutLeader,
} from '../../../machines/index.ts';
import type { Journal } from '../../journal/journal.ts';
import { CandidateQueue } from './candidate-queue.ts';

const FACT = 'leader.term';

export interface OfficeOptions {
  readonly journal: Journal;
  readonly facts: ReadonlyMap<string, string>;
  readonly isAvailable: () => boolean;
  /** The term of the leader in office, or `undefined` when there is none any more. */
  readonly changed: (term: number | undefined) => void;
}

export class Office {
  readonly #options: OfficeOptions;
  readonly #queue = new CandidateQueue();
  #leadership: Leadership;

  constructor(options: OfficeOptions) {
    this.#options = options;
    this.#leadership = { term: Number(options.facts.get(FACT) ?? 0), leader: undefined };
  }

  get leadership(): Leadership {
    return this.#leadership;
  }

  join(candidate: Candidate): void {
    this.#queue.add(candidate);
    this.fill();
  }

  leave(agentId: string, incarnation: number): void {
    this.#queue.remove(agentId, incarnation);
    if (!isLeader(this.#leadership, agentId, incarnation)) return;
    const successor = this.#options.isAvailable() ? this.#queue.first() : undefined;
    this.#become(withoutLeader(this.#leadership, successor));
  }

  /** Elects a leader where there is none, if anybody is in line. */
  fill(): void {
    const first = this.#queue.first();
    if (first === undefined || !this.#options.isAvailable()) return;
    this.#become(withCandidate(this.#leadership, first));
  }

  #become(next: Leadership): void {
    if (next.leader === this.#leadership.leader) return;
    this.#leadership = next;
    const { leader, term } = next;
    if (leader !== undefined) {
      const { agentId, incarnation } = leader;
      this.#options.journal.emit({ type: 'leader.elected', agentId, incarnation, term });
      this.#options.journal.keepFact(FACT, String(term));
    }
    this.#options.changed(leader === undefined ? undefined : term);
  }
}
