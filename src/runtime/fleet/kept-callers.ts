/**
 * Who waits for a task that was asked for under a key, as the store has it: each of them is a state of its own there.
 *
 * The event of the task's acceptance names its first caller: a task that has no other needs none of these states.
 *
 * I1  That one more waits, or one less, takes two writes at the most, however many there are.
 * I2  Their places are numbered from 0, without a gap: the last one moves to where one has left.
 */
import type { Journal } from '../journal/journal.ts';
import type { Store } from '../journal/store.ts';

export class KeptCallers {
  readonly #taskId: string;
  readonly #journal: Journal;
  readonly #ids: string[];
  /** By id. */
  readonly #places: Map<string, number>;
  /** Whether the store has them; else they are those that the event names. */
  #isStored: boolean;

  constructor(taskId: string, ids: readonly string[], isStored: boolean, journal: Journal) {
    this.#taskId = taskId;
    this.#journal = journal;
    this.#ids = [...ids];
    this.#places = new Map(ids.map((id, place) => [id, place]));
    this.#isStored = isStored;
  }

  /** What an earlier program has kept; `undefined` where that is nothing. */
  static async recall(taskId: string, store: Store, journal: Journal): Promise<KeptCallers | undefined> {
    const ids: string[] = [];
    let kept = await store.state(ownerOf(taskId, 0));
    while (kept !== undefined) {
      ids.push(JSON.parse(kept.json) as string);
      kept = await store.state(ownerOf(taskId, ids.length));
    }
    return ids.length === 0 ? undefined : new KeptCallers(taskId, ids, true, journal);
  }

  get all(): readonly string[] {
    return this.#ids;
  }

  has(id: string): boolean {
    return this.#places.has(id);
  }

  /** With the next commit, as all changes. */
  add(id: string): void {
    if (this.has(id)) return;
    this.#storeAll();
    this.#put(this.#ids.push(id) - 1);
  }

  remove(id: string): void {
    const place = this.#places.get(id);
    if (place === undefined) return;
    this.#storeAll();
    const last = this.#ids.pop()!;
    this.#places.delete(id);
    this.#drop(this.#ids.length);
    if (last === id) return;
    this.#ids[place] = last;
    this.#put(place);
  }

  /** The task has ended. */
  clear(): void {
    if (this.#isStored) for (const place of this.#ids.keys()) this.#drop(place);
  }

  #storeAll(): void {
    if (this.#isStored) return;
    this.#isStored = true;
    for (const place of this.#ids.keys()) this.#put(place);
  }

  #put(place: number): void {
    const id = this.#ids[place]!;
    this.#places.set(id, place);
    this.#journal.keepState(ownerOf(this.#taskId, place), { json: JSON.stringify(id), stateVersion: 1 });
  }

  #drop(place: number): void {
    this.#journal.keepState(ownerOf(this.#taskId, place), null);
  }
}

/** The owner of the state in the store. */
function ownerOf(taskId: string, place: number): string {
  return `caller\u0000${taskId}\u0000${place}`;
}
