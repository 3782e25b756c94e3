/**
 * The records of tasks that have ended, oldest first.
 *
 * There are as many as there are tasks, and hardly any is ever looked for: ids are indexed when one is looked for, each
 * once. The oldest record was not touched for a thousand tasks, so that to read a field of it takes longer than all else
 * that is done here: it is let go without, unless there is more to do for it.
 *
 * I1  A record is in it from `add` until `remove` or `dropOldest`; its `endedAs` is its number here.
 * I2  `bytes` are about those of the inputs, outputs and errors that its records hold, from above.
 * I3  No more slots are empty than hold a record, but for a few.
 */
import { heldBytes, isClosed, type KnownTask } from './task-record.ts';

/** Fewer empty slots are not worth a new list. */
const MIN_EMPTY = 64;

export class EndedTasks {
  size = 0;
  bytes = 0;
  /** How many are not closed. */
  private unclosed = 0;
  /** One that was removed leaves an empty slot. */
  private slots: (KnownTask | undefined)[] = [];
  /** Number of the first slot. */
  private base = 1;
  /** Slots before this one are empty. */
  private head = 0;
  private readonly byId = new Map<string, KnownTask>();
  /** Those up to this number are indexed. */
  private indexed = 0;

  add(known: KnownTask): void {
    known.endedAs = this.base + this.slots.length;
    this.slots.push(known);
    this.size += 1;
    if (isClosed(known)) return;
    this.unclosed += 1;
    known.bytes = heldBytes(known);
    this.bytes += known.bytes;
  }

  has(known: KnownTask): boolean {
    return known.endedAs > 0 && this.slots[known.endedAs - this.base] === known;
  }

  /** Removes a record. Returns whether it was there. */
  remove(known: KnownTask): boolean {
    if (!this.has(known)) return false;
    this.empty(known.endedAs - this.base);
    if (!isClosed(known)) this.leave(known);
    known.endedAs = 0;
    if (this.slots.length - this.size > Math.max(MIN_EMPTY, this.size)) this.closeRanks();
    return true;
  }

  /** Removes the oldest, and gives it if it is not closed. */
  dropOldest(): KnownTask | undefined {
    if (this.size === 0) return undefined;
    while (this.slots[this.head] === undefined) this.head += 1;
    const oldest = this.slots[this.head]!;
    const unclosed = this.unclosed > 0 && !isClosed(oldest) ? oldest : undefined;
    if (unclosed !== undefined) this.leave(unclosed);
    this.empty(this.head);
    this.head += 1;
    if (this.head >= MIN_EMPTY && this.head * 2 >= this.slots.length) {
      this.slots = this.slots.slice(this.head);
      this.base += this.head;
      this.head = 0;
    }
    return unclosed;
  }

  find(taskId: string): KnownTask | undefined {
    for (let at = Math.max(this.head, this.indexed + 1 - this.base); at < this.slots.length; at++) {
      const known = this.slots[at];
      if (known !== undefined) this.byId.set(known.id, known);
    }
    this.indexed = this.base + this.slots.length - 1;
    return this.byId.get(taskId);
  }

  all(): KnownTask[] {
    return this.slots.filter((known) => known !== undefined);
  }

  /** Leaves no slot empty, and gives each record its new number: all are indexed anew when one is looked for. */
  private closeRanks(): void {
    this.slots = this.all();
    this.head = 0;
    this.byId.clear();
    this.indexed = 0;
    for (const [at, known] of this.slots.entries()) known!.endedAs = this.base + at;
  }

  private leave({ bytes }: KnownTask): void {
    this.unclosed -= 1;
    this.bytes -= bytes;
  }

  private empty(at: number): void {
    if (this.base + at <= this.indexed) this.byId.delete(this.slots[at]!.id);
    this.slots[at] = undefined;
    this.size -= 1;
  }
}
