/**
 * An index of the members of a pool that run, by how loaded each is: which one gets the next task, and which ones can
 * be spared.
 *
 * I1  Placing, removing and picking a member takes the same time whatever the size of the pool.
 * I2  The least loaded is picked; of several, the one that has been so for the longest time.
 */
import { LinkedList } from './linked-list.ts';
import type { Member } from './member.ts';

/** The slot of members that take no task now. */
const UNABLE = -1;

export class LeastLoadedIndex {
  /** Able members, by load: the first has none. */
  readonly #able: LinkedList<Member>[] = [];
  readonly #unable = new LinkedList<Member>();
  /** No member has a smaller load. */
  #least = 0;

  /** Members that have nothing to do. */
  get idle(): number {
    return this.#able[0]?.size ?? 0;
  }

  /** @param concurrency tasks that it may have at once, 0 when it takes none now */
  place(member: Member, load: number, concurrency: number): void {
    const slot = load < concurrency ? load : UNABLE;
    member.load = load;
    if (member.link !== undefined && member.slot === slot) return;
    this.remove(member);
    member.slot = slot;
    member.link = this.#listOf(slot).push(member);
    if (slot !== UNABLE && slot < this.#least) this.#least = slot;
  }

  remove(member: Member): void {
    if (member.link === undefined) return;
    this.#listOf(member.slot).remove(member.link);
    member.link = undefined;
  }

  /** The member that gets the next task. */
  pick(): Member | undefined {
    while (this.#least < this.#able.length) {
      const { first } = this.#able[this.#least]!;
      if (first !== undefined) return first;
      this.#least += 1;
    }
    return undefined;
  }

  /** All of them, those that can be spared best first. */
  *bySpare(): Generator<Member, void, undefined> {
    for (const members of this.#able) yield* members;
    yield* this.#unable;
  }

  #listOf(slot: number): LinkedList<Member> {
    if (slot === UNABLE) return this.#unable;
    while (this.#able.length <= slot) this.#able.push(new LinkedList());
    return this.#able[slot]!;
  }
}
