/**
 * Events and states in one SQLite file: the durable store of a single program, on `node:sqlite`.
 *
 * Owns the order in which batches reach the file, and when. What arrives in one turn of the event loop becomes one
 * transaction, synced to the disk; a batch that is too large for one turn is written over several, still as one.
 *
 * I1  An append is answered after its commit; batches are kept in the order in which they were given.
 * I2  When one fails, those behind it fail with it: there is no gap.
 * I3  An append that cannot be kept exactly is refused before anything is written; other appends are not affected.
 * I4  The file is this system's alone from `recover` to `close`. That it is not where it was, or was written by
 *     somebody else, is noticed within some milliseconds of work, and by `check`.
 * I5  Upkeep that fails harms no append.
 */
import { resolve as absolute } from 'node:path';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { z } from 'zod';
import { AgentSystemError, errorInfoOf, inWords } from '../../values/errors.ts';
import type { SavedState } from '../../definition/saved-state.ts';
import { parseInput } from '../../values/malformed.ts';
import type { Batch } from '../batch.ts';
import { appendsInPlace, type InPlaceStore } from '../in-place-append.ts';
import { assertOrder, type EventQuery, type Recovery, type Store, type StoreBatch } from '../store.ts';
import type { SystemEvent } from '../system-event.ts';
import { backUp, type Backup } from './sqlite/backup.ts';
import { encodeEvent } from './sqlite/event-json.ts';
import { storeFailed, storeFailureOf } from './sqlite/failure.ts';
import { type EncodedBatch, LogFile, type LogFileOptions } from './sqlite/log-file.ts';
import type { Retain } from './sqlite/retention.ts';

/** How much the file keeps, and whether it may be made. */
export interface SqliteStoreOptions {
  /**
   * What is kept of the history; default all of it. What a recovery needs stays in any case. Some hundred events
   * more may be there until the next `compact`.
   */
  readonly retain?: Retain;
  /** The file grows no larger, in bytes: an append beyond is refused as on a full disk. Default no limit. */
  readonly maxBytes?: number;
  /** Whether an empty store is made where there is no file; default true. */
  readonly create?: boolean;
}

/** What a compaction has done. */
export interface Compaction {
  /** Bytes that were given back to the file system. */
  readonly freedBytes: number;
}

export type { Backup };

/** A store in one SQLite file: durable, backed up while it works. */
export interface SqliteStore extends Store {
  recover(): Recovery;
  append(batch: StoreBatch): Promise<void>;
  /** @throws AgentSystemError `STORE_FAILED` when the file is not where it was, or not as this store has left it */
  check(): void;
  /** Closes the file; the system that was given the store does so. */
  close(): Promise<void>;
  /**
   * Drops all that `retain` lets go and makes the file as small as it can be, a little at a time while the system
   * works on.
   *
   * @throws AgentSystemError `STORE_FAILED`
   */
  compact(): Promise<Compaction>;
  /**
   * Makes a copy of the store at `path`, where nothing may be yet, with all that was acknowledged before the call,
   * while the system works on. It is a store by itself: one file, to be opened, or restored, without any other.
   *
   * @throws AgentSystemError `STORE_FAILED`
   */
  backup(path: string | URL): Promise<Backup>;
}

const optionsSchema = z.strictObject({
  retain: z
    .strictObject({ events: z.int().min(1).optional(), ageMs: z.number().positive().optional() })
    .default({}),
  maxBytes: z.int().min(65_536).default(Infinity),
  create: z.boolean().default(true),
});

/**
 * The store in the file `path`, which is made when it is not there; its directory has to be.
 *
 * Nothing is touched until a system recovers from it. From then on nobody else may open the file, in this program
 * either, were it to copy it: on POSIX systems that ends the lock that keeps others out.
 *
 * @throws AgentSystemError `STORE_FAILED` for an invalid path or invalid options
 */
export function sqliteStore(path: string | URL, options: SqliteStoreOptions = {}): SqliteStore {
  const parsed = parseInput(optionsSchema, options, { what: 'sqliteStore', code: 'STORE_FAILED' });
  return new QueuedStore({ path: pathOf(path, 'sqliteStore'), ...parsed });
}

/** Events and states of a transaction, unless a single batch has more. */
const ROWS_A_TRANSACTION = 200;

interface Waiting extends EncodedBatch {
  readonly resolve: () => void;
  readonly reject: (error: AgentSystemError) => void;
}

interface Asked<Result> {
  readonly resolve: (result: Result) => void;
  readonly reject: (error: AgentSystemError) => void;
}

interface BackupAsked extends Asked<Backup> {
  readonly path: string;
}

/** Work behind the log that is under way, and who asked for it, if anybody did. */
interface Upkeep {
  readonly steps: Generator<void, void, undefined>;
  readonly asked: readonly Asked<Compaction>[];
  readonly bytesBefore: number;
}

class QueuedStore implements SqliteStore, InPlaceStore {
  readonly isDurable = true;
  readonly #options: LogFileOptions;
  #file: LogFile | undefined;
  #waiting: Waiting[] = [];
  #compactions: Asked<Compaction>[] = [];
  #backups: BackupAsked[] = [];
  /** Backups that are being made. */
  readonly #copying = new Set<Promise<void>>();
  #upkeep: Upkeep | undefined;
  /** Upkeep that failed is tried again when something could be written. */
  #mayTidy = true;
  /** Sequence of the last event that is kept or waits. */
  #last = 0;
  /** The loop that empties the queue, while there is something to do. */
  #work: Promise<void> | undefined;
  /** The end of a transaction that goes on over several turns. */
  #written: Promise<void> | undefined;

  constructor(options: LogFileOptions) {
    this.#options = options;
  }

  recover(): Recovery {
    if (this.#file) {
      throw storeFailed(this.#options.path, {
        expected: 'to be opened once',
        came: 'a second system on the same store',
        wayOut: 'close the first one, or give every system a file of its own',
      });
    }
    try {
      const { file, recovery } = LogFile.open(this.#options);
      this.#last = recovery.lastSequence;
      this.#file = file;
      return recovery;
    } catch (thrown) {
      throw this.#failure('reading what is needed to go on', thrown);
    }
  }

  append({ events, states, facts }: StoreBatch): Promise<void> {
    return this.#append(events, states, facts);
  }

  appendInPlace(batch: Batch): Promise<void> {
    return this.#append(batch.events.slice(0, batch.eventCount), batch.newestStates(), batch.facts);
  }

  #append(
    events: StoreBatch['events'],
    states: StoreBatch['states'],
    facts: StoreBatch['facts'],
  ): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    try {
      const file = this.#opened();
      const encoded = encode({ events, states, facts }, this.#last);
      this.#last = events.at(-1)?.sequence ?? this.#last;
      this.#waiting.push({ ...encoded, resolve, reject });
      this.#start(file);
    } catch (thrown) {
      reject(this.#refusal(thrown));
    }
    return promise;
  }

  read(query: EventQuery): readonly SystemEvent[] | Promise<readonly SystemEvent[]> {
    const file = this.#opened();
    if (this.#written === undefined) return this.#tried('reading events', () => file.read(query));
    const newest = file.lastSequence;
    return this.#written.then(() =>
      this.#tried('reading events', () => file.read(query).filter(({ sequence }) => sequence <= newest)),
    );
  }

  state(agentId: string): SavedState | undefined | Promise<SavedState | undefined> {
    const file = this.#opened();
    const get = () => this.#tried('reading a state', () => file.state(agentId));
    return this.#written === undefined ? get() : this.#written.then(get);
  }

  compact(): Promise<Compaction> {
    const { promise, resolve, reject } = Promise.withResolvers<Compaction>();
    try {
      const file = this.#opened();
      this.#compactions.push({ resolve, reject });
      this.#start(file);
    } catch (thrown) {
      reject(this.#refusal(thrown));
    }
    return promise;
  }

  backup(path: string | URL): Promise<Backup> {
    const { promise, resolve, reject } = Promise.withResolvers<Backup>();
    try {
      const file = this.#opened();
      this.#backups.push({ path: pathOf(path, 'backup'), resolve, reject });
      this.#start(file);
    } catch (thrown) {
      reject(this.#refusal(thrown));
    }
    return promise;
  }

  check(): void {
    const file = this.#opened();
    // In the midst of a transaction it is the next one that looks.
    if (this.#written === undefined) this.#tried('looking for its file', () => file.check());
  }

  async close(): Promise<void> {
    const file = this.#file;
    if (file === undefined) return;
    // From here on nothing is taken; what was, is written.
    this.#file = undefined;
    await this.#work;
    file.end();
    await Promise.all(this.#copying);
    this.#tried('closing it', () => file.close());
  }

  #opened(): LogFile {
    if (this.#file) return this.#file;
    throw storeFailed(this.#options.path, {
      expected: 'an open store',
      came: 'one that is closed, or was not recovered from yet',
      wayOut: 'await recover() first',
    });
  }

  #start(file: LogFile): void {
    this.#work ??= this.#run(file);
  }

  async #run(file: LogFile): Promise<void> {
    do {
      // What else comes in this turn shares the transaction.
      await nextTurn();
      const { group, rows } = this.#nextGroup();
      if (group.length > 0) await this.#write(file, group);
      this.#copy(file);
      this.#checkpoint(file);
      this.#tidy(file);
      // Upkeep keeps the pace of the log: a flood would leave it behind for ever.
      for (let left = rows - ROWS_A_TRANSACTION; left > 0 && this.#upkeep; left -= ROWS_A_TRANSACTION) {
        await nextTurn();
        this.#tidy(file);
      }
    } while (this.#waiting.length + this.#compactions.length + this.#backups.length > 0 || this.#upkeep);
    this.#work = undefined;
  }

  #nextGroup(): { readonly group: readonly Waiting[]; readonly rows: number } {
    let rows = 0;
    let batches = 0;
    for (const { events, states } of this.#waiting) {
      const more = events.length + (states?.size ?? 0);
      if (batches > 0 && rows + more > ROWS_A_TRANSACTION) break;
      rows += more;
      batches += 1;
    }
    return { group: this.#waiting.splice(0, batches), rows };
  }

  async #write(file: LogFile, group: readonly Waiting[]): Promise<void> {
    const steps = file.write(group);
    try {
      if (!steps.next().done) await this.#goOn(steps);
    } catch (thrown) {
      const behind = this.#waiting.splice(0);
      this.#last = file.lastSequence;
      const error = this.#failure('writing events', thrown);
      for (const { reject } of [...group, ...behind]) reject(error);
      return;
    }
    this.#mayTidy = true;
    for (const { resolve } of group) resolve();
  }

  async #goOn(steps: Generator<void, void, undefined>): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#written = promise;
    try {
      do await nextTurn();
      while (!steps.next().done);
    } finally {
      this.#written = undefined;
      resolve();
    }
  }

  /** Begins the backups that were asked for, now that no transaction is open. */
  #copy(file: LogFile): void {
    for (const { path, resolve, reject } of this.#backups.splice(0)) {
      const done = backUp(file, path).then(resolve, (thrown: unknown) => reject(this.#refusal(thrown)));
      this.#copying.add(done);
      void done.then(() => this.#copying.delete(done));
    }
  }

  /** If it does not run now, it runs after some more events: no caller waits for it. */
  #checkpoint(file: LogFile): void {
    try {
      file.checkpointIfDue();
    } catch {
      // What is wrong with the file is said by the next append, or is over by then.
    }
  }

  /** One step of what is to be done behind the log. */
  #tidy(file: LogFile): void {
    const isClosing = this.#file !== file;
    if (isClosing) return this.#stopTidying();
    const asked = this.#upkeep?.asked ?? this.#compactions.splice(0);
    try {
      this.#upkeep ??= this.#nextUpkeep(file, asked);
      if (this.#upkeep === undefined) return;
      const { steps, bytesBefore } = this.#upkeep;
      if (!steps.next().done) return;
      for (const { resolve } of asked) resolve({ freedBytes: Math.max(0, bytesBefore - file.bytes) });
    } catch (thrown) {
      // If no caller waits for it, the next append reports the error.
      this.#mayTidy = false;
      const error = this.#failure('compacting it', thrown);
      for (const { reject } of asked) reject(error);
    }
    this.#upkeep = undefined;
  }

  #nextUpkeep(file: LogFile, asked: Upkeep['asked']): Upkeep | undefined {
    if (asked.length > 0) return { steps: file.compact(), asked, bytesBefore: file.bytes };
    const steps = this.#mayTidy ? file.upkeep() : undefined;
    return steps && { steps, asked, bytesBefore: 0 };
  }

  #stopTidying(): void {
    const asked = [...(this.#upkeep?.asked ?? []), ...this.#compactions.splice(0)];
    this.#upkeep?.steps.return();
    this.#upkeep = undefined;
    const error = this.#refusal(new Error('it was closed before it was compacted'));
    for (const { reject } of asked) reject(error);
  }

  #tried<Result>(doing: string, work: () => Result): Result {
    try {
      return work();
    } catch (thrown) {
      throw this.#failure(doing, thrown);
    }
  }

  #failure(doing: string, thrown: unknown): AgentSystemError {
    return storeFailureOf(this.#options.path, doing, thrown);
  }

  /** Something that was asked for and cannot be had; the file has nothing to do with it. */
  #refusal(thrown: unknown): AgentSystemError {
    if (thrown instanceof AgentSystemError) return thrown;
    const { path } = this.#options;
    const message = `store ${path}: ${errorInfoOf(thrown).message}`;
    return new AgentSystemError('STORE_FAILED', message, { cause: thrown, details: { path } });
  }
}

appendsInPlace(QueuedStore);

/** A batch as it is at this moment: what its owner does with it later is not in the file. */
function encode({ events, states, facts }: StoreBatch, lastSequence: number): EncodedBatch {
  assertOrder(events, lastSequence);
  for (const [agentId, state] of states ?? []) {
    if (state?.json.isWellFormed() === false) {
      throw new TypeError(
        `state of ${inWords(agentId)}: expected well-formed JSON, got a lone surrogate in it`,
      );
    }
  }
  return {
    events: [...events],
    bodies: events.map(encodeEvent),
    states: states && new Map(states),
    facts: facts && new Map(facts),
  };
}

/** @param what it is for */
function pathOf(path: string | URL, what: string): string {
  try {
    const name = path instanceof URL ? fileURLToPath(path) : path;
    if (typeof name === 'string' && name !== '' && name !== ':memory:' && !name.includes('\0')) {
      return absolute(name);
    }
  } catch {
    // Falls through: a URL of something else.
  }
  const message = `${what}: expected the path of a file, or a file: URL, got ${inWords(path instanceof URL ? path.href : path)}`;
  throw new AgentSystemError('STORE_FAILED', message);
}
