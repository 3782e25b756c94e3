/**
 * What tasks have told of their progress, at the node that does them, until their callers have fetched it.
 *
 * I1  Values come in their order, each once, to one caller.
 * I2  What nobody fetches is dropped: the newest `MAX_VALUES` are kept, for `KEEP_MS` after the last.
 * I3  A page is as small as the engine takes it at once. In the place of a chunk that no page can take, for it is too large
 *     or JSON cannot write it, stands why; such progress is left out.
 */
import type { SteadyClock } from '../../runtime/time/clock.ts';
import { within } from '../../runtime/time/deadline.ts';
import { errorInfoOf } from '../../runtime/values/errors.ts';
import { wire } from '../engine/wire.ts';

const MAX_VALUES = 1_000;
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

interface Followed {
  values: Told[];
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
    followed.values.push(value);
    followed.count += 1;
    if (followed.values.length > MAX_VALUES) followed.values.shift();
    followed.waiting?.();
  }

  /** What came after the first `seen`; waits up to `waitMs` for something to come. */
  async fetch(callId: string, seen: number, waitMs: number): Promise<ProgressPage> {
    const followed = this.#followed(callId);
    if (followed.count <= seen && waitMs > 0) {
      const { promise, resolve } = Promise.withResolvers<void>();
      followed.waiting = resolve;
      await within(this.#clock, waitMs, promise, () => undefined);
    }
    const fresh = Math.max(0, followed.count - seen);
    return pageOf(fresh === 0 ? [] : followed.values.slice(-fresh), followed.count);
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
      followed = { values: [], count: 0, waiting: undefined, timer: undefined };
      this.#calls.set(callId, followed);
    }
    this.#clock.clearTimeout(followed.timer);
    followed.timer = this.#clock.setTimeout(() => this.#calls.delete(callId), KEEP_MS);
    return followed;
  }
}

/** @param count how many there have been, up to the last of these */
function pageOf(fresh: readonly Told[], count: number): ProgressPage {
  const values: (Told | Unsendable)[] = [];
  let bytes = 0;
  for (const [index, told] of fresh.entries()) {
    const [sent, own] = sendable(told);
    bytes += own;
    if (bytes > PAGE_BYTES && bytes > own)
      return { values, count: count - fresh.length + index, isMore: true };
    if (!('unsendable' in sent) || 'chunk' in told) values.push(sent);
  }
  return { values, count };
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
