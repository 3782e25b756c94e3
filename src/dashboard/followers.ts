/**
 * Clients that follow the events of a fleet: each gets all events in order, from its own position on.
 *
 * I1  Of a follower only its position is kept: the store is read when the follower has read. A slow one is late and
 *     misses nothing; one that reconnects with its `Last-Event-ID` goes on from there.
 * I2  An event after a pause is sent at once; events in quick succession are sent together.
 * I3  Without followers nothing listens.
 */
import type { ServerResponse } from 'node:http';
import { setTimeout as wait } from 'node:timers/promises';
import type { ShownEvent } from './protocol.ts';
import type { WatchedSystem } from './watched-system.ts';

const PIECE = 500;
/** Between two pieces, ms. */
const PAUSE_MS = 50;
/** Until a store that failed is asked again, ms. */
const AGAIN_MS = 1_000;
/** Interval of empty lines that keep a silent connection open; ms. */
const SIGN_OF_LIFE_MS = 10_000;
/** What may wait in a follower's socket before more is read. */
const MAX_WAITING_BYTES = 256_000;

export interface FollowersOptions {
  readonly system: WatchedSystem;
  /** Beyond `after`, oldest first. */
  readonly read: (query: {
    readonly agentId?: string;
    readonly after: number;
    readonly limit: number;
  }) => Promise<readonly ShownEvent[]>;
  readonly onFault: (thrown: unknown) => void;
}

interface Follower {
  readonly response: ServerResponse;
  /** Ends what it waits for. */
  wake: () => void;
  hasNew: boolean;
  isGone: boolean;
}

export class Followers {
  readonly #options: FollowersOptions;
  readonly #followers = new Set<Follower>();
  #unsubscribe: (() => void) | undefined;

  constructor(options: FollowersOptions) {
    this.#options = options;
  }

  get size(): number {
    return this.#followers.size;
  }

  /** Adds a follower, until its connection ends. The head of the answer has been written. */
  join(response: ServerResponse, where: { readonly agentId?: string; readonly after: number }): void {
    const follower: Follower = { response, wake: nothing, hasNew: true, isGone: false };
    this.#followers.add(follower);
    // Only what is committed is there to be read.
    this.#unsubscribe ??= this.#options.system.events.subscribe(() => this.#wakeAll(), {
      committedOnly: true,
    });
    response.on('close', () => this.#leave(follower));
    response.on('error', () => response.destroy());
    response.on('drain', () => follower.wake());
    this.#tell(follower, where).catch((thrown: unknown) => {
      this.#options.onFault(thrown);
      response.destroy();
    });
  }

  /** Ends all connections. */
  close(): void {
    for (const follower of this.#followers) {
      follower.response.end('event: bye\ndata: {}\n\n');
      this.#leave(follower);
    }
  }

  #leave(follower: Follower): void {
    follower.isGone = true;
    follower.wake();
    if (!this.#followers.delete(follower) || this.#followers.size > 0) return;
    this.#unsubscribe?.();
    this.#unsubscribe = undefined;
  }

  #wakeAll(): void {
    for (const follower of this.#followers) {
      follower.hasNew = true;
      follower.wake();
    }
  }

  async #tell(
    follower: Follower,
    { after, ...who }: { readonly agentId?: string; readonly after: number },
  ): Promise<void> {
    let at = after;
    const { response } = follower;
    while (!follower.isGone) {
      follower.hasNew = false;
      const events = await this.#options.read({ ...who, after: at, limit: PIECE }).catch(() => undefined);
      if (follower.isGone) return;
      if (events === undefined) {
        // The store fails: its events are sent when it is back.
        await wait(AGAIN_MS, undefined, { ref: false });
        continue;
      }
      const newest = events.at(-1)?.sequence;
      if (newest !== undefined) {
        at = newest;
        response.write(`event: events\nid: ${at}\ndata: ${JSON.stringify({ events })}\n\n`);
      }
      while (!follower.isGone && response.writableLength > MAX_WAITING_BYTES) await this.#sleep(follower);
      if (events.length === PIECE) continue;
      while (!follower.isGone && !follower.hasNew) {
        if (!(await this.#sleep(follower))) response.write(': nothing new\n\n');
      }
      if (newest !== undefined) await wait(PAUSE_MS, undefined, { ref: false });
    }
  }

  /** Resolves with whether it was woken, and did not just wait for long. */
  async #sleep(follower: Follower): Promise<boolean> {
    const { promise, resolve } = Promise.withResolvers<boolean>();
    const timer = setTimeout(() => resolve(false), SIGN_OF_LIFE_MS);
    timer.unref();
    follower.wake = () => resolve(true);
    try {
      return await promise;
    } finally {
      clearTimeout(timer);
      follower.wake = nothing;
    }
  }
}

function nothing(): void {}
