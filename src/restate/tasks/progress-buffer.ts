/**
 * What tasks have told of their progress, at the node that does them, until their callers have fetched it.
 *
 * I1  Values come in their order, each once, to one caller. Who asks for what came after a value has that one.
 * I2  Of progress that nobody fetches the newest is kept: `MAX_VALUES`, and `MAX_BYTES`. No chunk is dropped: a task waits
 *     once it has told some that were not taken (stream-window.ts). All of a call is dropped `KEEP_MS` after the last.
 * I3  A page is as small as the engine takes it at once. In the place of a chunk that no page can take, for it is too large
 *     or JSON cannot write it, stands why; such progress is left out.
 */
import type { SteadyClock } from '../../runtime/time/clock.ts';
import { within } from '../../runtime/time/deadline.ts';
import { errorInfoOf } from '../../runtime/values/errors.ts';
import { wire } from '../engine/wire.ts';

const MAX_VALUES = 1_000;
const MAX_BYTES = 32 * 1_048_576;
const KEEP_MS = 60_000;
/** Of several values. */
const PAGE_BYTES = 4 * 1_048_576;
/** Of one: what the engine takes at once by default, less what is around it. */
const VALUE_BYTES = 31 * 1_048_576;

/** Of an object without fields. */
const EMPTY_BYTES = 2;

/** What a task has told to the caller that follows it. */
export type Told = { readonly progress: unknown } | { readonly chunk: unknown };

/** In the place of a chunk that cannot be sent: why. */
type Unsendable = { readonly unsendable: string };

export interface ProgressPage {
  readonly values: readonly (Told | Unsendable)[];
  /** How many there have been, up to the last of these. */
  readonly count: number;
  /** There are more than these. */
  readonly isMore?: true;
}

interface Kept {
  readonly sent: Told | Unsendable;
  /** How many there have been, up to this one. */
  readonly number: number;
  /** Of a page. */
  readonly bytes: number;
}

interface Followed {
  chunks: Kept[];
  progress: Kept[];
  /** Of progress. */
  bytes: number;
  /** Of both. */
  count: number;
  waiting: (() => void) | undefined;
  timer: unknown;
}

export class ProgressBuffer {
  readonly #clock: SteadyClock;
  readonly #calls = new Map<string, Followed>();

  constructor(clock: SteadyClock) {
    this.#clock = clock;
  }

  tell(callId: string, value: Told): void {
    const followed = this.#followed(callId);
    followed.count += 1;
    const [sent, bytes] = sendable(value);
    const kept = { sent, bytes, number: followed.count };
    if ('chunk' in value) followed.chunks.push(kept);
    else if (!('unsendable' in sent)) keepNewest(followed, kept);
    followed.waiting?.();
  }

  /** What came after the first `seen`; waits up to `waitMs` for something to come. */
  async fetch(callId: string, seen: number, waitMs: number): Promise<ProgressPage> {
    const followed = this.#followed(callId);
    const isNew = ({ number }: Kept): boolean => number > seen;
    followed.chunks = followed.chunks.filter(isNew);
    followed.progress = followed.progress.filter(isNew);
    followed.bytes = followed.progress.reduce((sum, { bytes }) => sum + bytes, 0);
    if (followed.count <= seen && waitMs > 0) {
      const { promise, resolve } = Promise.withResolvers<void>();
      followed.waiting = resolve;
      await within(this.#clock, waitMs, promise, () => undefined);
    }
    return pageOf(followed);
  }

  close(): void {
    for (const { timer, waiting } of this.#calls.values()) {
      this.#clock.clearTimeout(timer);
      waiting?.();
    }
    this.#calls.clear();
  }

  #followed(callId: string): Followed {
    let followed = this.#calls.get(callId);
    if (followed === undefined) {
      followed = { chunks: [], progress: [], bytes: 0, count: 0, waiting: undefined, timer: undefined };
      this.#calls.set(callId, followed);
    }
    this.#clock.clearTimeout(followed.timer);
    followed.timer = this.#clock.setTimeout(() => this.#calls.delete(callId), KEEP_MS);
    return followed;
  }
}

function keepNewest(followed: Followed, newest: Kept): void {
  const { progress } = followed;
  progress.push(newest);
  followed.bytes += newest.bytes;
  while (progress.length > MAX_VALUES || followed.bytes > MAX_BYTES)
    followed.bytes -= progress.shift()!.bytes;
}

function pageOf({ chunks, progress, count }: Followed): ProgressPage {
  const kept = [...chunks, ...progress].toSorted((one, other) => one.number - other.number);
  let bytes = 0;
  const end = kept.findIndex((one, index) => (bytes += one.bytes) > PAGE_BYTES && index > 0);
  if (end === -1) return { values: kept.map(({ sent }) => sent), count };
  const page = kept.slice(0, end);
  return { values: page.map(({ sent }) => sent), count: page.at(-1)!.number, isMore: true };
}

/** What is sent, and how many bytes of a page that takes. */
function sendable(told: Told): readonly [sent: Told | Unsendable, bytes: number] {
  try {
    const bytes = wire.serialize(told).length;
    if (bytes > VALUE_BYTES) return [{ unsendable: 'it takes more bytes than the engine takes at once' }, 0];
    // JSON has left out what it has no word for.
    if (bytes <= EMPTY_BYTES) return ['chunk' in told ? { chunk: null } : { progress: null }, bytes];
    return [told, bytes];
  } catch (thrown) {
    return [{ unsendable: `JSON cannot write it: ${errorInfoOf(thrown).message}` }, 0];
  }
}
