/**
 * What tasks have told of their progress, at the node that does them, until their callers have fetched it.
 *
 * I1  Values come in their order, each once, to one caller.
 * I2  What nobody fetches is dropped: the newest `MAX_VALUES` are kept, for `KEEP_MS` after the last.
 */
import type { SteadyClock } from '../../runtime/time/clock.ts';
import { within } from '../../runtime/time/deadline.ts';

const MAX_VALUES = 1_000;
const KEEP_MS = 60_000;

/** What a task has told to the caller that follows it. */
export type Told = { readonly progress: unknown } | { readonly chunk: unknown };

export interface ProgressPage {
  readonly values: readonly Told[];
  /** How many there have been so far. */
  readonly count: number;
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
    return { values: fresh === 0 ? [] : followed.values.slice(-fresh), count: followed.count };
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
