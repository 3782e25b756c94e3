/**
 * What tasks have told of their progress, at the node that does them, until their callers have fetched it.
 *
 * I1  Values come in their order, each once, to one caller.
 * I2  What nobody fetches is dropped: the newest `MAX_VALUES` are kept, for `KEEP_MS` after the last.
 */
import type { SteadyClock } from '../../runtime/time/clock.ts';

const MAX_VALUES = 1_000;
const KEEP_MS = 60_000;

/** What a task has told to the caller that follows it. */
export type Told = { readonly progress: unknown } | { readonly chunk: unknown };

export interface ProgressPage {
  readonly values: readonly Told[];
  /** How many there have been so far. */
  readonly count: number;
}

interface Desk {
  values: Told[];
  count: number;
  waiting: (() => void) | undefined;
  timer: unknown;
}

export class ProgressDesk {
  readonly #clock: SteadyClock;
  readonly #desks = new Map<string, Desk>();

  constructor(clock: SteadyClock) {
    this.#clock = clock;
  }

  tell(callId: string, value: Told): void {
    const desk = this.#deskOf(callId);
    desk.values.push(value);
    desk.count += 1;
    if (desk.values.length > MAX_VALUES) desk.values.shift();
    desk.waiting?.();
  }

  /** What came after the first `seen`; waits up to `waitMs` for something to come. */
  async fetch(callId: string, seen: number, waitMs: number): Promise<ProgressPage> {
    const desk = this.#deskOf(callId);
    if (desk.count <= seen && waitMs > 0) {
      const { promise, resolve } = Promise.withResolvers<void>();
      desk.waiting = resolve;
      const timer = this.#clock.setTimeout(resolve, waitMs);
      await promise;
      this.#clock.clearTimeout(timer);
    }
    const fresh = Math.max(0, desk.count - seen);
    return { values: fresh === 0 ? [] : desk.values.slice(-fresh), count: desk.count };
  }

  close(): void {
    for (const { timer, waiting } of this.#desks.values()) {
      this.#clock.clearTimeout(timer);
      waiting?.();
    }
    this.#desks.clear();
  }

  #deskOf(callId: string): Desk {
    let desk = this.#desks.get(callId);
    if (desk === undefined) {
      desk = { values: [], count: 0, waiting: undefined, timer: undefined };
      this.#desks.set(callId, desk);
    }
    this.#clock.clearTimeout(desk.timer);
    desk.timer = this.#clock.setTimeout(() => this.#desks.delete(callId), KEEP_MS);
    return desk;
  }
}
