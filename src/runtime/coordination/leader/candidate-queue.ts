/**
 * The candidates of the leader election, in the order of their registration: a heap.
 *
 * I1  Adding, removing and asking for the first cost the logarithm of the queue: those that left are dropped when they
 *     come first, or when they are more than those that are there.
 */
import { type Candidate, precedes } from '../../../machines/index.ts';

/** So many that left are not worth a new heap. */
const FEW = 16;

export class CandidateQueue {
  /** A binary heap; what is in it and not in `#present` has gone. */
  #heap: Candidate[] = [];
  readonly #present = new Map<string, Candidate>();

  /** Adds one; its id is not in the queue. */
  add(candidate: Candidate): void {
    this.#present.set(candidate.agentId, candidate);
    const heap = this.#heap;
    let at = heap.push(candidate) - 1;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (!precedes(candidate, heap[parent]!)) break;
      heap[at] = heap[parent]!;
      at = parent;
    }
    heap[at] = candidate;
  }

  /** Takes one incarnation out, if it is in. */
  remove(agentId: string, incarnation: number): void {
    if (this.#present.get(agentId)?.incarnation === incarnation) this.#present.delete(agentId);
    if (this.#heap.length > 2 * this.#present.size + FEW) this.#forgetGone();
  }

  /** The first of them, which stays in the queue. */
  first(): Candidate | undefined {
    for (;;) {
      const first = this.#heap[0];
      if (first === undefined || this.#present.get(first.agentId) === first) return first;
      this.#dropFirst();
    }
  }

  /** A sorted list is a heap. */
  #forgetGone(): void {
    this.#heap = [...this.#present.values()].toSorted((one, other) => (precedes(one, other) ? -1 : 1));
  }

  #dropFirst(): void {
    const heap = this.#heap;
    const last = heap.pop()!;
    if (heap.length === 0) return;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && precedes(heap[child + 1]!, heap[child]!)) child += 1;
      if (!precedes(heap[child]!, last)) break;
      heap[at] = heap[child]!;
      at = child;
    }
    heap[at] = last;
  }
}
