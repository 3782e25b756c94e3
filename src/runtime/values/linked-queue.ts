/** A queue of entries that are linked to each other, first in, first out: adding one and removing any takes constant time. */

export interface Queued<Entry> {
  previous: Entry | undefined;
  next: Entry | undefined;
  isQueued: boolean;
}

export class LinkedQueue<Entry extends Queued<Entry>> {
  first: Entry | undefined = undefined;
  private last: Entry | undefined = undefined;

  append(entry: Entry): void {
    entry.previous = this.last;
    if (this.last === undefined) this.first = entry;
    else this.last.next = entry;
    this.last = entry;
    entry.isQueued = true;
  }

  insertBefore(next: Entry, entry: Entry): void {
    const { previous } = next;
    entry.previous = previous;
    entry.next = next;
    next.previous = entry;
    if (previous === undefined) this.first = entry;
    else previous.next = entry;
    entry.isQueued = true;
  }

  /** Takes an entry out. Returns whether it was there. */
  take(entry: Entry): boolean {
    if (!entry.isQueued) return false;
    const { previous, next } = entry;
    if (previous === undefined) this.first = next;
    else previous.next = next;
    if (next === undefined) this.last = previous;
    else next.previous = previous;
    entry.previous = undefined;
    entry.next = undefined;
    entry.isQueued = false;
    return true;
  }
}
