/**
 * Leader election at work: who may be elected, who leads, and in which term.
 *
 * Decides nothing: leader.ts of the machines says who is elected. While coordination is away nobody is: a leader that
 * ends then is followed when it is back.
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
import type { BodyRequest } from '../../hosting/host.ts';
import type { Journal } from '../../journal/journal.ts';
import { CandidateQueue } from './candidate-queue.ts';

const FACT = 'leader.term';

export interface Leader {
  readonly agentId: string;
  readonly incarnation: number;
  /** Of its election: 1, 2, 3 … */
  readonly term: number;
}

/** What an election needs of an agent. */
interface CandidateAgent {
  readonly incarnation: number;
  post(request: BodyRequest): void;
}

export interface LeaderElectionOptions {
  readonly journal: Journal;
  readonly facts: ReadonlyMap<string, string>;
  readonly isAvailable: () => boolean;
  /** The term of the new leader, or `undefined` when there is no leader any more. */
  readonly changed: (term: number | undefined) => void;
}

export class LeaderElection {
  readonly #options: LeaderElectionOptions;
  readonly #candidates = new CandidateQueue();
  /** The way to each of them. */
  readonly #agents = new Map<string, CandidateAgent>();
  #leadership: Leadership;

  constructor(options: LeaderElectionOptions) {
    this.#options = options;
    this.#leadership = { term: Number(options.facts.get(FACT) ?? 0), leader: undefined };
  }

  get leader(): Leader | undefined {
    const { leader, term } = this.#leadership;
    return leader && { agentId: leader.agentId, incarnation: leader.incarnation, term };
  }

  /** Asks the leader, if there is one. */
  post(request: BodyRequest): void {
    const { leader } = this.#leadership;
    if (leader) this.#agents.get(leader.agentId)?.post(request);
  }

  join(candidate: Candidate, agent: CandidateAgent): void {
    this.#agents.set(candidate.agentId, agent);
    this.#candidates.add(candidate);
    this.elect();
  }

  leave(agentId: string, incarnation: number): void {
    this.#candidates.remove(agentId, incarnation);
    if (this.#agents.get(agentId)?.incarnation === incarnation) this.#agents.delete(agentId);
    if (!isLeader(this.#leadership, agentId, incarnation)) return;
    const successor = this.#options.isAvailable() ? this.#candidates.first() : undefined;
    this.#become(withoutLeader(this.#leadership, successor));
  }

  /** Elects a leader where there is none, if there is a candidate. */
  elect(): void {
    const first = this.#candidates.first();
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
