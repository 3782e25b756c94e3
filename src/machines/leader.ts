/**
 * Leader election among the eligible agents that run: deterministic, and pure.
 *
 * A leader leads until its incarnation ends; then the candidate that was registered first is elected. Every election
 * has a term, one higher than the last: a leader's decisions count in its own term only.
 *
 * I1  Terms only grow, also after a time without a leader.
 * I2  The same candidates elect the same leader, in whatever order they are given.
 */
export interface Candidate {
  readonly agentId: string;
  readonly incarnation: number;
  /** Position in the order of registration. */
  readonly order: number;
}

export interface Leadership {
  /** Of the last election; 0 before the first. */
  readonly term: number;
  /** `undefined` while nobody leads. */
  readonly leader: Candidate | undefined;
}

export const noLeader: Leadership = { term: 0, leader: undefined };

/** Whether `candidate` is elected before `other`. */
export function precedes(candidate: Candidate, other: Candidate): boolean {
  return candidate.order < other.order;
}

/** The leadership once `candidate` may be elected: it leads if there is no leader, else nothing changes. */
export function withCandidate(leadership: Leadership, candidate: Candidate): Leadership {
  return leadership.leader === undefined ? { term: leadership.term + 1, leader: candidate } : leadership;
}

/** The leadership once the leader has gone: `successor` is the first of those that are left, if any is. */
export function withoutLeader(leadership: Leadership, successor: Candidate | undefined): Leadership {
  const leaderless = { term: leadership.term, leader: undefined };
  return successor === undefined ? leaderless : withCandidate(leaderless, successor);
}

/** Whether this incarnation of this agent is the leader. */
export function isLeader({ leader }: Leadership, agentId: string, incarnation: number): boolean {
  return leader !== undefined && leader.agentId === agentId && leader.incarnation === incarnation;
}
