/**
 * A child's side of the way to its parent: batches, credit, and what becomes of values that cannot travel.
 *
 * Owns what was said and not yet sent. Knows no body: it is given items, and hands batches to `send`.
 *
 * I1  Items are sent in the order they were put; `urgent` ones are sent at once, past all others.
 * I2  While the window is full nothing but urgent items is sent. Meanwhile the newest progress of a task
 *     replaces the one before, so does the newest state of an agent that changes by itself, and of log lines at
 *     most `maxLogs` are kept; how many were not is said later.
 * I3  A batch is closed before it grows past `maxItems` items or `maxBytes` bytes, by a rough measure; a larger
 *     item travels alone. The window is `window` such batches full: however small the batches are that go out,
 *     what a parent holds of a child is bounded, and a burst of small ones is not held back.
 * I4  An item that cannot be sent hurts no other: what `substitute` gives is sent in its place, or nothing.
 */
import { OnceATurn } from '../../time/once-a-turn.ts';
import {
  BATCH_ITEMS,
  type BodyKey,
  type ParentMessage,
  parentMessage,
  type ToParent,
  WINDOW,
} from './protocol.ts';

export interface SendBufferOptions {
  /** Sends one message; throws when a value in it cannot be cloned. `sent` is called once it has left. */
  send(message: ParentMessage, transfer: readonly ArrayBuffer[], sent?: () => void): void;
  /** What to say instead of an item that cannot be cloned, as something that can. */
  substitute(item: ToParent, thrown: unknown): ToParent | undefined;
  readonly window?: number;
  readonly maxItems?: number;
  readonly maxBytes?: number;
  readonly maxLogs?: number;
}

/** An item on its way: its rough size, and the buffers that are moved with it. */
interface Parcel {
  item: ToParent;
  bytes: number;
  given: readonly ArrayBuffer[] | undefined;
  /** It takes the place of one that could not be sent; for it there is no other. */
  readonly isSubstitute?: boolean;
}

const NOTHING_GIVEN: readonly ArrayBuffer[] = [];

export class SendBuffer {
  readonly #options: SendBufferOptions;
  readonly #maxItems: number;
  readonly #maxBytes: number;
  readonly #maxLogs: number;
  readonly #windowItems: number;
  readonly #windowBytes: number;
  #waiting: Parcel[] = [];
  #waitingBytes = 0;
  #waitingLogs = 0;
  /** Progress that waits and may be replaced, by body and task. */
  readonly #progress = new Map<string, Parcel>();
  /** States that wait and may be replaced, by body: nothing was answered since. */
  readonly #changed = new Map<BodyKey, Parcel>();
  readonly #droppedLogs = new Map<BodyKey, number>();
  /** Batches that were sent and not taken yet, oldest first. */
  readonly #under: { readonly items: number; readonly bytes: number }[] = [];
  #underItems = 0;
  #underBytes = 0;
  #taken = 0;
  readonly #soon = new OnceATurn(() => this.flush());

  constructor(options: SendBufferOptions) {
    const { window = WINDOW, maxItems = BATCH_ITEMS, maxBytes = 65_536, maxLogs = 256 } = options;
    this.#options = options;
    this.#maxItems = maxItems;
    this.#maxBytes = maxBytes;
    this.#maxLogs = maxLogs;
    this.#windowItems = window * maxItems;
    this.#windowBytes = window * maxBytes;
  }

  /** @param given buffers in the item that are moved, where the channel can */
  put(item: ToParent, given?: readonly ArrayBuffer[]): void {
    if (this.#isStalled && this.#isAbsorbed(item)) return;
    const bytes = roughSizeOf(item, this.#maxBytes);
    if (this.#waiting.length > 0 && this.#waitingBytes + bytes > this.#maxBytes) this.flush();
    this.#enqueue({ item, bytes, given });
    if (this.#isStalled) return;
    if (this.#waiting.length >= this.#maxItems || this.#waitingBytes >= this.#maxBytes) this.flush();
    else this.#soon.ask();
  }

  /** Sends one item at once, whatever waits and whatever the window says. */
  urgent(item: ToParent): void {
    this.#send([{ item, bytes: 0, given: undefined }]);
  }

  /** The parent has handled that many batches, over the whole life of the channel. */
  taken(count: number): void {
    if (count <= this.#taken) return;
    for (const { items, bytes } of this.#under.splice(0, count - this.#taken)) {
      this.#taken += 1;
      this.#underItems -= items;
      this.#underBytes -= bytes;
    }
    if (this.#waiting.length > 0) this.flush();
  }

  /** Sends all that waits, past the window: for a final message. */
  drain(sent?: () => void): void {
    this.#sayDropped();
    const parcels = this.#take();
    if (parcels.length > 0 || sent) this.#send(parcels, sent);
  }

  get #isStalled(): boolean {
    return this.#underItems >= this.#windowItems || this.#underBytes >= this.#windowBytes;
  }

  /** Whether a report is merged into what waits, or dropped and counted. */
  #isAbsorbed(item: ToParent): boolean {
    const { report, body } = item;
    if (report.type === 'log') {
      if (this.#waitingLogs < this.#maxLogs) return false;
      this.#droppedLogs.set(body, (this.#droppedLogs.get(body) ?? 0) + 1);
      return true;
    }
    const waiting =
      report.type === 'task.progress'
        ? this.#progress.get(`${body} ${report.taskId}`)
        : report.type === 'state.changed'
          ? this.#changed.get(body)
          : undefined;
    if (waiting === undefined) return false;
    waiting.item = item;
    return true;
  }

  #enqueue(parcel: Parcel): void {
    const { item, bytes } = parcel;
    this.#waiting.push(parcel);
    this.#waitingBytes += bytes;
    const { report, body } = item;
    if (report.type === 'log') this.#waitingLogs += 1;
    else if (report.type === 'task.progress') {
      if (this.#isStalled) this.#progress.set(`${body} ${report.taskId}`, parcel);
    } else if (report.type === 'state.changed' && this.#isStalled) this.#changed.set(body, parcel);
    else this.#changed.delete(body);
  }

  /** Sends what waits, as far as the window goes. */
  flush(): void {
    if (this.#isStalled) return;
    if (this.#droppedLogs.size > 0) this.#sayDropped();
    if (this.#waiting.length <= this.#maxItems && this.#waitingBytes <= this.#maxBytes) {
      if (this.#waiting.length > 0) this.#send(this.#take());
      return;
    }
    const parcels = this.#take();
    let from = 0;
    while (from < parcels.length && !this.#isStalled) {
      const until = this.#batchEnd(parcels, from);
      this.#send(parcels.slice(from, until));
      from = until;
    }
    for (const parcel of parcels.slice(from)) this.#enqueue(parcel);
  }

  #batchEnd(parcels: readonly Parcel[], from: number): number {
    let { bytes } = parcels[from]!;
    let until = from + 1;
    while (until < parcels.length && until - from < this.#maxItems) {
      bytes += parcels[until]!.bytes;
      if (bytes > this.#maxBytes) break;
      until += 1;
    }
    return until;
  }

  #take(): Parcel[] {
    const parcels = this.#waiting;
    this.#waiting = [];
    this.#waitingBytes = 0;
    this.#waitingLogs = 0;
    this.#progress.clear();
    this.#changed.clear();
    return parcels;
  }

  #sayDropped(): void {
    for (const [body, count] of this.#droppedLogs) {
      const message = `${count} log lines were dropped: the agent logs faster than they are taken`;
      const item: ToParent = { body, report: { type: 'log', level: 'warn', message } };
      this.#enqueue({ item, bytes: message.length, given: undefined });
    }
    this.#droppedLogs.clear();
  }

  #send(parcels: readonly Parcel[], sent?: () => void): void {
    let bytes = 0;
    let given = NOTHING_GIVEN;
    for (const parcel of parcels) {
      bytes += parcel.bytes;
      if (parcel.given) given = [...given, ...parcel.given];
    }
    try {
      this.#options.send(parentMessage(parcels.map(({ item }) => item)), given, sent);
    } catch (thrown) {
      return this.#sendApart(parcels, thrown, sent);
    }
    this.#under.push({ items: parcels.length, bytes });
    this.#underItems += parcels.length;
    this.#underBytes += bytes;
  }

  /** One by one, so that the item which cannot be cloned is found. */
  #sendApart(parcels: readonly Parcel[], thrown: unknown, sent?: () => void): void {
    if (parcels.length > 1) {
      const last = parcels.length - 1;
      for (const [index, parcel] of parcels.entries())
        this.#send([parcel], index === last ? sent : undefined);
      return;
    }
    const [parcel] = parcels;
    const item = parcel && !parcel.isSubstitute ? this.#options.substitute(parcel.item, thrown) : undefined;
    if (item) this.#send([{ item, bytes: 64, given: undefined, isSubstitute: true }], sent);
    else sent?.();
  }
}

const MAX_LOOKS = 100;

/** About how many bytes a value takes on its way, at the most `limit`: what is not soon known counts as that. */
function roughSizeOf(item: ToParent, limit: number): number {
  const { report } = item;
  let value: unknown;
  if (report.type === 'task.progress') ({ value } = report);
  else if (report.type === 'task.chunk') value = report.chunk;
  else if (report.type === 'log') value = [report.message, report.fields];
  else if (report.type === 'request.made') value = report.args;
  else if (report.type === 'state.changed') value = report.state.json;
  // As many as were asked for: the parent bounds these itself.
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
