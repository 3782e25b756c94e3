/**
 * A child's side of the way to its parent: batches, credit, and what becomes of values that cannot travel.
 *
 * Owns what was said and not yet sent. Knows no body: it is given items, and hands batches to `send`.
 *
 * I1  Items are sent in the order they were put; `urgent` ones are sent at once, past all others.
 * I2  While the window is full nothing but urgent items is sent. Meanwhile the newest progress of a task
 *     replaces the one before, and of log lines at most `maxLogs` are kept; how many were not is said later.
 * I3  A batch is closed before it grows past `maxItems` items or `maxBytes` bytes, by a rough measure. A larger
 *     item travels alone. So what a parent holds of a child is bounded, whatever its agents say.
 * I4  An item that cannot be cloned hurts no other: it is put again as `substitute` gives it, or not at all.
 */
import { type ParentBatch, type ToParent, WINDOW } from './protocol.ts';

export interface OutboxOptions {
  /** Sends one message; throws when a value in it cannot be cloned. `sent` is called once it has left. */
  send(batch: ParentBatch, transfer: readonly ArrayBuffer[], sent?: () => void): void;
  /** What to say instead of an item that cannot be cloned, as something that can. */
  substitute(item: ToParent, thrown: unknown): ToParent | undefined;
  readonly window?: number;
  readonly maxItems?: number;
  readonly maxBytes?: number;
  readonly maxLogs?: number;
}

export class Outbox {
  readonly #options: OutboxOptions;
  readonly #window: number;
  readonly #maxItems: number;
  readonly #maxBytes: number;
  readonly #maxLogs: number;
  #waiting: ToParent[] = [];
  /** Buffers that go with an item. */
  readonly #given = new Map<ToParent, readonly ArrayBuffer[]>();
  #bytes = 0;
  #logs = 0;
  /** Places of progress values in `#waiting` that may be replaced, by body and task. */
  readonly #progress = new Map<string, number>();
  readonly #droppedLogs = new Map<number, number>();
  #sent = 0;
  #taken = 0;
  #isScheduled = false;

  constructor(options: OutboxOptions) {
    this.#options = options;
    this.#window = options.window ?? WINDOW;
    this.#maxItems = options.maxItems ?? 64;
    this.#maxBytes = options.maxBytes ?? 65_536;
    this.#maxLogs = options.maxLogs ?? 256;
  }

  /** @param given buffers in the item that are moved, where the channel can */
  put(item: ToParent, given?: readonly ArrayBuffer[]): void {
    if (given) this.#given.set(item, given);
    const isStalled = this.#isStalled;
    const report = item.kind === 'report' ? item.report : undefined;
    if (isStalled && report !== undefined && this.#isAbsorbed(item)) return;
    const bytes = roughSizeOf(item, this.#maxBytes);
    if (!isStalled && this.#waiting.length > 0 && this.#bytes + bytes > this.#maxBytes) this.#flush();
    if (report?.type === 'task.progress' && this.#isStalled) {
      this.#progress.set(progressKey(item), this.#waiting.length);
    }
    if (report?.type === 'log') this.#logs += 1;
    this.#waiting.push(item);
    this.#bytes += bytes;
    if (this.#isStalled) return;
    if (this.#waiting.length >= this.#maxItems || this.#bytes >= this.#maxBytes) this.#flush();
    else this.#schedule();
  }

  /** Sends one item at once, whatever waits and whatever the window says. */
  urgent(item: ToParent): void {
    this.#send([item]);
  }

  /** The parent has handled that many batches, over the whole life of the channel. */
  taken(count: number): void {
    this.#taken = Math.max(this.#taken, Math.min(count, this.#sent));
    if (this.#waiting.length > 0 && !this.#isStalled) this.#flush();
  }

  /** Sends all that waits, past the window: for a last word. */
  drain(sent?: () => void): void {
    this.#sayDropped();
    const items = this.#take();
    if (items.length > 0 || sent) this.#send(items, sent);
  }

  get #isStalled(): boolean {
    return this.#sent - this.#taken >= this.#window;
  }

  /** Whether a report is merged into what waits, or dropped and counted. */
  #isAbsorbed(item: ToParent): boolean {
    if (item.kind !== 'report') return false;
    const { report, body } = item;
    if (report.type === 'log') {
      if (this.#logs < this.#maxLogs) return false;
      this.#droppedLogs.set(body, (this.#droppedLogs.get(body) ?? 0) + 1);
      return true;
    }
    if (report.type !== 'task.progress') return false;
    const place = this.#progress.get(progressKey(item));
    if (place === undefined) return false;
    this.#waiting[place] = item;
    return true;
  }

  #schedule(): void {
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    queueMicrotask(() => {
      this.#isScheduled = false;
      if (!this.#isStalled) this.#flush();
    });
  }

  /** Sends what waits, as far as the window goes. */
  #flush(): void {
    const isOneBatch = this.#waiting.length <= this.#maxItems && this.#bytes <= this.#maxBytes;
    if (isOneBatch && this.#droppedLogs.size === 0) {
      const items = this.#take();
      if (items.length > 0) this.#send(items);
      return;
    }
    this.#sayDropped();
    const items = this.#take();
    let from = 0;
    while (from < items.length && !this.#isStalled) {
      const until = this.#batchEnd(items, from);
      this.#send(items.slice(from, until));
      from = until;
    }
    for (const item of items.slice(from)) this.put(item);
  }

  #batchEnd(items: readonly ToParent[], from: number): number {
    let bytes = 0;
    let until = from;
    while (until < items.length && until - from < this.#maxItems) {
      bytes += roughSizeOf(items[until]!, this.#maxBytes);
      if (bytes > this.#maxBytes && until > from) break;
      until += 1;
    }
    return until;
  }

  #take(): ToParent[] {
    const items = this.#waiting;
    this.#waiting = [];
    this.#bytes = 0;
    this.#logs = 0;
    this.#progress.clear();
    return items;
  }

  #sayDropped(): void {
    for (const [body, count] of this.#droppedLogs) {
      const message = `${count} log lines were dropped: the agent logs faster than they are taken`;
      this.#waiting.push({ kind: 'report', body, report: { type: 'log', level: 'warn', message } });
    }
    this.#droppedLogs.clear();
  }

  #send(items: readonly ToParent[], sent?: () => void): void {
    try {
      this.#options.send({ items }, this.#given.size === 0 ? NOTHING_GIVEN : this.#givenBy(items), sent);
      this.#sent += 1;
      if (this.#given.size > 0) for (const item of items) this.#given.delete(item);
    } catch (thrown) {
      this.#sendApart(items, thrown, sent);
    }
  }

  #givenBy(items: readonly ToParent[]): readonly ArrayBuffer[] {
    return items.flatMap((item) => this.#given.get(item) ?? NOTHING_GIVEN);
  }

  /** One by one, so that the item which cannot be cloned is found. */
  #sendApart(items: readonly ToParent[], thrown: unknown, sent?: () => void): void {
    if (items.length === 1) {
      this.#given.delete(items[0]!);
      const instead = this.#options.substitute(items[0]!, thrown);
      if (instead) {
        this.#options.send({ items: [instead] }, [], sent);
        this.#sent += 1;
      } else sent?.();
      return;
    }
    for (const [index, item] of items.entries()) {
      this.#send([item], index === items.length - 1 ? sent : undefined);
    }
  }
}

function progressKey(item: ToParent): string {
  return item.kind === 'report' && item.report.type === 'task.progress'
    ? `${item.body} ${item.report.taskId}`
    : '';
}

const NOTHING_GIVEN: readonly ArrayBuffer[] = [];

const MAX_LOOKS = 100;

/** About how many bytes a value takes on its way, at the most `limit`: what is not soon known counts as that. */
function roughSizeOf(item: ToParent, limit: number): number {
  if (item.kind !== 'report') return 0;
  const { report } = item;
  let value: unknown;
  if (report.type === 'task.progress') value = report.value;
  else if (report.type === 'task.completed') value = [report.output, report.state?.json];
  else if (report.type === 'log') value = [report.message, report.fields];
  else return 64;
  const walk = { looks: 0, bytes: 0 };
  try {
    measure(value, walk);
  } catch {
    return limit;
  }
  return walk.looks >= MAX_LOOKS ? limit : Math.min(walk.bytes, limit);
}

function measure(value: unknown, walk: { looks: number; bytes: number }): void {
  walk.looks += 1;
  if (walk.looks >= MAX_LOOKS) return;
  if (typeof value === 'string') walk.bytes += value.length;
  else if (typeof value !== 'object' || value === null) walk.bytes += 8;
  else if (ArrayBuffer.isView(value) || value instanceof ArrayBuffer) walk.bytes += value.byteLength;
  else if (value instanceof Map || value instanceof Set) walk.looks = MAX_LOOKS;
  else {
    for (const key in value) {
      walk.bytes += key.length;
      measure((value as Record<string, unknown>)[key], walk);
      if (walk.looks >= MAX_LOOKS) return;
    }
  }
}
