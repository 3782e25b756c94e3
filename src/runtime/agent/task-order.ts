/**
 * The order in which waiting tasks are begun: higher priority first, then first come, first served.
 *
 * Tasks of a kind with a limit of its own wait in a group of their own: when the limit is reached they hold up no others.
 * The order is itself the group of all others, which most agents need alone.
 *
 * I1  Adding a task, removing any, and finding the next one take the same time for any number of waiting tasks:
 *     priorities are few, and so are the kinds of an agent.
 * I2  No task starves: after `MAX_PASSED` tasks in a row that overtook an older one, the one that has waited longest
 *     is next.
 */
import { LinkedQueue, type Queued } from '../values/linked-queue.ts';

/** Tasks of a higher priority in a row, while an older one waits. */
export const MAX_PASSED = 7;

export interface Ordered<Entry> extends Queued<Entry> {
  /** One of a few integers. */
  readonly priority: number;
  /** What kind of task it is; counted where the kind has a limit. */
  readonly kind: string;
  /** How many of its kind may be under way at once; `undefined` for no limit of its own. */
  readonly kindLimit: number | undefined;
  /** Place in the order of arrival. */
  order: number;
}

/** Tasks of one group and one priority. */
class PriorityQueue<Entry extends Ordered<Entry>> extends LinkedQueue<Entry> {
  readonly priority: number;
  /** That of the next lower priority. */
  lower: PriorityQueue<Entry> | undefined = undefined;

  constructor(priority: number) {
    super();
    this.priority = priority;
  }
}

/** Tasks that share a limit, or have none: a queue for each priority. It is itself the one of 0, which most need alone. */
class LimitGroup<Entry extends Ordered<Entry>> extends PriorityQueue<Entry> {
  /** That of the highest priority. Empty queues stay: there are few. */
  highest: PriorityQueue<Entry> = this;
  /** `undefined` for none. */
  limit: number | undefined = undefined;
  underWay = 0;

  constructor() {
    super(0);
  }

  get hasRoom(): boolean {
    return this.limit === undefined || this.underWay < this.limit;
  }

  /** Whether all of its tasks have been of priority 0. */
  get hasOneQueue(): boolean {
    return this.highest === this && this.lower === undefined;
  }

  queueOf(priority: number): PriorityQueue<Entry> {
    let higher: PriorityQueue<Entry> | undefined;
    let found: PriorityQueue<Entry> | undefined = this.highest;
    while (found !== undefined && found.priority > priority) {
      higher = found;
      found = found.lower;
    }
    if (found?.priority === priority) return found;
    const queue = new PriorityQueue<Entry>(priority);
    queue.lower = found;
    if (higher === undefined) this.highest = queue;
    else higher.lower = queue;
    return queue;
  }

  /** The task that came first, of those of the highest priority. */
  get foremost(): Entry | undefined {
    let queue: PriorityQueue<Entry> | undefined = this.highest;
    while (queue !== undefined && queue.first === undefined) queue = queue.lower;
    return queue?.first;
  }

  *queues(): Generator<PriorityQueue<Entry>> {
    for (let queue: PriorityQueue<Entry> | undefined = this.highest; queue !== undefined; queue = queue.lower)
      yield queue;
  }
}

export class TaskOrder<Entry extends Ordered<Entry>> extends LimitGroup<Entry> {
  size = 0;
  /** By kind; `undefined` until a kind has a limit. */
  private limited: Map<string, LimitGroup<Entry>> | undefined = undefined;
  private arrived = 0;
  /** How many have overtaken the oldest one, in a row. */
  private passed = 0;

  add(entry: Entry): void {
    entry.order = this.arrived += 1;
    this.groupOf(entry).queueOf(entry.priority).append(entry);
    this.size += 1;
  }

  /** Puts a task back that was taken out and not begun: to its old place, before those that came after it. */
  putBack(entry: Entry): void {
    const queue = this.groupOf(entry).queueOf(entry.priority);
    // Tasks that were begun are older than those that were not: it passes only others that were put back.
    let next = queue.first;
    while (next !== undefined && next.order < entry.order) next = next.next;
    if (next === undefined) queue.append(entry);
    else queue.insertBefore(next, entry);
    this.size += 1;
  }

  /** Removes a task. Returns whether it was there. */
  remove(entry: Entry): boolean {
    if (!entry.isQueued) return false;
    this.groupOf(entry).queueOf(entry.priority).take(entry);
    this.size -= 1;
    return true;
  }

  /** The task to begin next, of those whose kind has room. */
  get next(): Entry | undefined {
    const best = this.best();
    if (best === undefined || this.passed < MAX_PASSED) return best;
    return this.oldest();
  }

  /** Takes a task out to begin it; it counts for its kind until `ended`. */
  begin(entry: Entry): void {
    this.passed = this.passesBy(entry) ? this.passed + 1 : 0;
    this.remove(entry);
    this.groupOf(entry).underWay += 1;
  }

  ended(entry: Entry): void {
    this.groupOf(entry).underWay -= 1;
  }

  /** A copy of the list of waiting tasks. */
  all(): Entry[] {
    const found: Entry[] = [];
    this.find((entry) => {
      found.push(entry);
      return false;
    });
    return found.length < 2 ? found : found.toSorted((one, other) => one.order - other.order);
  }

  /** A waiting task that fits. Looks at one after the other, and copies nothing. */
  find(fits: (entry: Entry) => boolean): Entry | undefined {
    for (const group of this.groups()) {
      for (const queue of group.queues()) {
        for (let entry = queue.first; entry !== undefined; entry = entry.next) if (fits(entry)) return entry;
      }
    }
    return undefined;
  }

  private groupOf({ kind, kindLimit }: Entry): LimitGroup<Entry> {
    if (kindLimit === undefined) return this;
    this.limited ??= new Map();
    let group = this.limited.get(kind);
    if (group === undefined) this.limited.set(kind, (group = new LimitGroup()));
    group.limit = kindLimit;
    return group;
  }

  private *groups(): Generator<LimitGroup<Entry>> {
    yield this;
    if (this.limited) yield* this.limited.values();
  }

  private best(): Entry | undefined {
    if (this.isPlain) return this.first;
    let best: Entry | undefined;
    for (const group of this.groups()) {
      if (!group.hasRoom) continue;
      const first = group.foremost;
      if (first === undefined) continue;
      const isBetter =
        best === undefined ||
        first.priority > best.priority ||
        (first.priority === best.priority && first.order < best.order);
      if (isBetter) best = first;
    }
    return best;
  }

  private oldest(): Entry | undefined {
    let oldest: Entry | undefined;
    for (const group of this.groups()) {
      if (!group.hasRoom) continue;
      for (const { first } of group.queues()) {
        if (first !== undefined && (oldest === undefined || first.order < oldest.order)) oldest = first;
      }
    }
    return oldest;
  }

  private passesBy(entry: Entry): boolean {
    return !this.isPlain && this.oldest() !== entry;
  }

  /** The ordinary case: no kind has a limit, and no task a priority. */
  private get isPlain(): boolean {
    return this.limited === undefined && this.hasOneQueue;
  }
}
