/**
 * An index of the members of a pool that run, by how loaded each is: which one gets the next task, and which ones can
 * be spared.
 *
 * I1  Placing, removing and picking a member takes the same time whatever the size of the pool.
 * I2  The least loaded is picked; of several, the one that has been so for the longest time.
 */
import { LinkedQueue } from '../values/linked-queue.ts';
import type { Member } from './member.ts';

/** The slot of members that take no task now. */
const UNABLE = -1;

export class LeastLoadedMembers {
  /** Able members, by load: the first has none. */
  readonly #able: LinkedQueue<Member>[] = [];
  readonly #unable = new LinkedQueue<Member>();
  #idle = 0;
  /** No member has a smaller load. */
  #least = 0;

  /** Members that have nothing to do. */
  get idle(): number {
    return this.#idle;
  }

  /** @param concurrency tasks that it may have at once, 0 when it takes none now */
  place(member: Member, load: number, concurrency: number): void {
    const slot = load < concurrency ? load : UNABLE;
    member.load = load;
    if (member.isQueued && member.slot === slot) return;
    this.remove(member);
    member.slot = slot;
    this.#queueOf(slot).append(member);
    if (slot === 0) this.#idle += 1;
    if (slot !== UNABLE && slot < this.#least) this.#least = slot;
  }

  remove(member: Member): void {
    if (this.#queueOf(member.slot).take(member) && member.slot === 0) this.#idle -= 1;
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
    for (const { first } of [...this.#able, this.#unable]) {
      for (let member = first; member !== undefined; member = member.next) yield member;
    }
  }

  #queueOf(slot: number): LinkedQueue<Member> {
    if (slot === UNABLE) return this.#unable;
    while (this.#able.length <= slot) this.#able.push(new LinkedQueue());
    return this.#able[slot]!;
  }
}
