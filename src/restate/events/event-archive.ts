/**
 * Keeps a fleet's events in a store, beyond what the log of the engine holds: `keepEvents`.
 *
 * The store is the contract of one program: `sqliteStore` on one machine, any other that passes its laws elsewhere.
 *
 * I1  Events are kept in the order of the log, under their sequences, each once: it goes on from the store's last.
 * I2  A store that fails is tried again, from what it has kept: its answer may have got lost. The log goes on meanwhile,
 *     and what that drops before it is kept is counted (`missed`), never passed over in silence.
 * I3  A store goes on with the log that it was begun with, and with no other.
 */
import type { Store } from '../../runtime/journal/store.ts';
import { AgentSystemError, errorInfoOf } from '../../runtime/values/errors.ts';
import type { ErrorInfo } from '../../machines/index.ts';
import type { Fleet } from '../client/fleet.ts';

export interface EventArchive extends AsyncDisposable {
  /** Sequence of the newest event that is kept. */
  readonly last: number;
  /** Events that the log had dropped before they could be kept: it holds the newest 100,000. */
  readonly missed: number;
  /** Why nothing can be kept at present: of the store, or of the log. It is tried again until that is over. */
  readonly failure: ErrorInfo | undefined;
  /** Resolves once all that the log holds now is kept. */
  settled(): Promise<void>;
  /** Stops, and closes the store. */
  close(): Promise<void>;
}

const LOOK_MS = 200;
const BATCH = 500;

/**
 * Follows a fleet's log and keeps it in a store of its own.
 *
 * @throws Error of a store that cannot be opened; AgentSystemError `STORE_FAILED` for one that has events of another log,
 * and while the engine does not answer
 */
export async function keepEvents(fleet: Fleet, store: Store): Promise<EventArchive> {
  const { lastSequence } = await store.recover();
  try {
    await refuseOtherLog(fleet, store, lastSequence);
  } catch (thrown) {
    await store.close();
    throw thrown;
  }
  const archive = new FollowingArchive(fleet, store, lastSequence);
  void archive.follow();
  return archive;
}

/** The last event that is kept is in the log as it is kept, or was dropped there. */
async function refuseOtherLog(fleet: Fleet, store: Store, last: number): Promise<void> {
  if (last === 0) return;
  const [kept] = await store.read({ after: last - 1, limit: 1 });
  for await (const event of fleet.events.read({ after: last - 1, limit: 1 })) {
    if (kept === undefined || event.sequence > last) return;
    if (event.type === kept.type && event.at === kept.at && event.agentId === kept.agentId) return;
  }
  const message = `the store has the events of another log, up to ${last}: expected the log of this fleet, or an empty store`;
  throw new AgentSystemError('STORE_FAILED', message, { details: { last } });
}

class FollowingArchive implements EventArchive {
  readonly #fleet: Fleet;
  readonly #store: Store;
  readonly #over = new AbortController();
  #following: Promise<void> = Promise.resolve();
  last: number;
  missed = 0;
  failure: ErrorInfo | undefined;
  /** An append has failed: it may have been kept all the same. */
  #isUnsure = false;

  constructor(fleet: Fleet, store: Store, last: number) {
    this.#fleet = fleet;
    this.#store = store;
    this.last = last;
  }

  follow(): Promise<void> {
    this.#following = this.#follow();
    return this.#following;
  }

  async settled(): Promise<void> {
    while (await this.#take()) if (this.#over.signal.aborted) return;
  }

  async close(): Promise<void> {
    this.#over.abort();
    await this.#following;
    await this.#store.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  async #follow(): Promise<void> {
    while (!this.#over.signal.aborted) {
      // A failure is retried with the next round.
      const isMore = await this.#take().catch(() => false);
      if (!isMore) await this.#pause();
    }
  }

  #taking: Promise<boolean> | undefined;

  /** Keeps the next batch. @returns whether there was one */
  #take(): Promise<boolean> {
    this.#taking ??= this.#takeNext()
      .then(
        (isMore) => {
          this.failure = undefined;
          return isMore;
        },
        (thrown: unknown) => {
          this.failure = errorInfoOf(thrown);
          throw thrown;
        },
      )
      .finally(() => (this.#taking = undefined));
    return this.#taking;
  }

  async #takeNext(): Promise<boolean> {
    if (this.#isUnsure) await this.#findLast();
    const events = [];
    for await (const event of this.#fleet.events.read({ after: this.last, limit: BATCH })) events.push(event);
    if (events.length === 0) return false;
    this.#isUnsure = true;
    await this.#store.append({ events });
    this.#isUnsure = false;
    this.missed += events[0]!.sequence - this.last - 1;
    this.last = events.at(-1)!.sequence;
    return true;
  }

  async #findLast(): Promise<void> {
    const kept = await this.#store.read({ after: this.last, limit: BATCH });
    this.#isUnsure = false;
    if (kept.length === 0) return;
    this.missed += kept[0]!.sequence - this.last - 1;
    this.last = kept.at(-1)!.sequence;
  }

  #pause(): Promise<void> {
    const { signal } = this.#over;
    return new Promise((resolve) => {
      const done = (): void => {
        clearTimeout(timer);
        signal.removeEventListener('abort', done);
        resolve();
      };
      const timer = setTimeout(done, LOOK_MS);
      signal.addEventListener('abort', done);
    });
  }
}
