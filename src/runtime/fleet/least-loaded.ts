/**
 * The agents of one type, by how soon a task would begin: which of them gets the next one.
 *
 * Owns the order alone: how loaded an agent is, and whether it takes tasks, is read from the agent. It is a heap, made
 * when a task is first sent to any agent of the type: until then, and for all other types, it costs nothing.
 *
 * I1  An agent is never thought to be busier than it is. It tells when it has less to do, or goes on; that it has got
 *     more to do is seen when it comes to the head.
 * I2  A choice looks at the head, and at those whose tasks have come since they were looked at last: each of them is
 *     moved once, in a time that grows with the logarithm of how many there are.
 */
import type { Agent, AgentRank } from '../agent/agent.ts';

/** More tasks than an agent can hold. A rank is a small integer all the same. */
const LOADS = 2 ** 28;

/** A task begins at once; or when its agent goes on, or is back; or that agent takes none. */
const [READY, HELD, AWAY, UNABLE] = [0, LOADS, 2 * LOADS, 3 * LOADS];

export class LeastLoadedAgents {
  private readonly heap: Rank[] = [];

  /** @param agents in the order of their registration, by which they are in order: none has been looked at yet */
  constructor(agents: Iterable<Agent>) {
    for (const agent of agents) this.heap.push(new Rank(this, agent, this.heap.length));
  }

  get isEmpty(): boolean {
    return this.heap.length === 0;
  }

  add(agent: Agent): void {
    const rank = new Rank(this, agent, this.heap.length);
    this.heap.push(rank);
    rank.value = valueOf(agent);
    this.rise(rank);
  }

  remove(rank: Rank): void {
    const last = this.heap.pop()!;
    if (last === rank) return;
    this.put(last, rank.at);
    this.rise(last);
    this.sink(last);
  }

  /** The least loaded, one that takes no tasks after all others; of several the one that was registered first. */
  get first(): Agent | undefined {
    for (;;) {
      const first = this.heap[0];
      if (first === undefined) return undefined;
      const value = valueOf(first.agent);
      if (first.value === value) return first.agent;
      first.value = value;
      this.sink(first);
    }
  }

  rise(rank: Rank): void {
    let { at } = rank;
    while (at > 0) {
      const above = this.heap[(at - 1) >> 1]!;
      if (!isBefore(rank, above)) break;
      this.put(above, at);
      at = (at - 1) >> 1;
    }
    this.put(rank, at);
  }

  private sink(rank: Rank): void {
    let { at } = rank;
    for (;;) {
      let below = this.heap[2 * at + 1];
      const other = this.heap[2 * at + 2];
      if (other !== undefined && isBefore(other, below!)) below = other;
      if (below === undefined || isBefore(rank, below)) break;
      const from = below.at;
      this.put(below, at);
      at = from;
    }
    this.put(rank, at);
  }

  private put(rank: Rank, at: number): void {
    this.heap[at] = rank;
    rank.at = at;
  }
}

/** One agent's place in the order. */
class Rank implements AgentRank {
  private readonly index: LeastLoadedAgents;
  readonly agent: Agent;
  /** Where it is in the heap. */
  at: number;
  /** As it was when it was looked at last. It is never more than it is now. */
  value = READY;

  constructor(index: LeastLoadedAgents, agent: Agent, at: number) {
    this.index = index;
    this.agent = agent;
    this.at = at;
    agent.rank = this;
  }

  look(): void {
    if (this.value === READY) return;
    const value = valueOf(this.agent);
    if (value >= this.value) return;
    this.value = value;
    this.index.rise(this);
  }

  leave(): void {
    this.agent.rank = undefined;
    this.index.remove(this);
  }
}

function isBefore(one: Rank, other: Rank): boolean {
  return one.value === other.value ? one.agent.order < other.agent.order : one.value < other.value;
}

function valueOf(agent: Agent): number {
  if (agent.takesWork) return READY + agent.load;
  const { legal, comesBack } = agent.position;
  if (legal.has('execute')) return HELD + agent.load;
  return comesBack ? AWAY + agent.load : UNABLE;
}
