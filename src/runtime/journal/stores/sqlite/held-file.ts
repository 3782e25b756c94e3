/**
 * The file and its log on disk while a store is open: whether they are still there, and still as it has left them.
 *
 * Owns the lock on the path, and when the log is written back into the file. Nobody else may move, remove or write the
 * file meanwhile; that somebody has done so is noticed here, before much more is acknowledged.
 *
 * I1  The file is written by a checkpoint and by closing, and by nothing else: any other change is somebody else's.
 * I2  While the file is not where it was, or not as it was, no event is written, neither into it nor into the log.
 * I3  A file that was moved is made whole, once, with all that the log has. One that somebody has written is not
 *     touched again, also not by closing it.
 * I4  What a checkpoint cannot do now it does later: the log has everything.
 * I5  Its descriptor is opened when SQLite has its lock, and closed after SQLite has let it go: on POSIX systems the
 *     locks of a program on a file end with any descriptor of it.
 */
import { randomUUID } from 'node:crypto';
import {
  type BigIntStats,
  closeSync,
  fstatSync,
  openSync,
  read,
  renameSync,
  rmSync,
  type Stats,
  statSync,
} from 'node:fs';
import type { FileHandle } from 'node:fs/promises';
import type { DatabaseSync } from 'node:sqlite';
import { promisify } from 'node:util';
import type { AgentSystemError } from '../../../values/errors.ts';
import { type Failure, storeFailed } from './failure.ts';
import { LogRecord, recordedIn } from './log-record.ts';
import type { PathLock, Place, SQLite } from './path-lock.ts';
import { headerOf, saltOf } from './write-ahead-log.ts';

/** So long what was seen is taken to be so; ms. A look costs as much as some hundredths of a commit. */
const LOOK_EVERY_MS = 10;
/** Pages after which the log is written back: less at a time blocks for less, more is less work in all. */
const CHECKPOINT_PAGES = 1_000;
/** A -wal file that has grown past this in one large transaction is cut back. */
export const MAX_LOG_BYTES = 16 * 1024 * 1024;
const PAGE_BYTES = 4_096;
const CHUNK_BYTES = 1024 * 1024;

export interface HeldFileParts {
  readonly sqlite: SQLite;
  /** Open, with the lock on it. */
  readonly db: DatabaseSync;
  readonly place: Place;
  readonly lock: PathLock;
}

/** A copy that is being made. */
export interface FileCopy {
  /** @throws Error when the file has changed meanwhile, or is closed */
  writeTo(target: FileHandle): Promise<void>;
  end(): void;
}

const readAt = promisify(read);

export class HeldFile {
  readonly #parts: HeldFileParts;
  readonly #db: DatabaseSync;
  readonly #place: Place;
  readonly #log: string;
  readonly #record: LogRecord;
  readonly #descriptor: number;
  /** The file as it was left. */
  #stamp: BigIntStats;
  /** The log that is in use. */
  #logInode: number | undefined;
  /** How long it was: it is used again from its beginning, and grows shorter by this store alone. */
  #logBytes = 0;
  /** How it begins; unknown until something is committed after a checkpoint, for a new round may begin with that. */
  #logHeader: Buffer | undefined;
  /** What the file says of the log that follows. */
  #recorded: number | undefined;
  /** About how many pages the log has that the file has not. */
  #pages = 0;
  #lookAt = 0;
  /** Copies that are being made: the file stays as it is. */
  #copies = 0;
  #isMoved = false;
  /** Somebody has written the file. */
  #spoiled: AgentSystemError | undefined;
  #isClosed = false;

  constructor(parts: HeldFileParts) {
    const { db, place } = parts;
    this.#parts = parts;
    this.#db = db;
    this.#place = place;
    this.#log = `${place.file}-wal`;
    this.#record = new LogRecord(db);
    this.#descriptor = openSync(place.file, 'r');
    this.#stamp = this.#ownStamp();
  }

  /**
   * From now on it is this store's. The file names the round of the log that follows, before anything is in that.
   *
   * @throws what SQLite throws
   */
  begin(): void {
    if (saltOf(this.#log) === undefined) this.#record.nothingFollows();
    this.#checkpoint('keep');
    const log = statOf(this.#log);
    this.#logInode = log?.ino;
    this.#logBytes = log?.size ?? 0;
    this.#parts.lock.mark();
  }

  /** It was not this store's: nothing was written. */
  discard(): void {
    this.#isClosed = true;
    this.#db.close();
    closeSync(this.#descriptor);
    this.#parts.lock.abandon();
  }

  /** To be called before each write. @throws AgentSystemError `STORE_FAILED` when it is not as it was left */
  look(): void {
    // A log that is cut short is as long again as soon as more is written into it.
    if (performance.now() >= this.#lookAt || this.#isCutShort(statOf(this.#log))) this.lookNow();
  }

  /** @throws AgentSystemError `STORE_FAILED` when the file is not as it was left */
  lookNow(): void {
    this.assertReadable();
    this.#lookAt = 0;
    this.#assertInPlace();
    this.#assertOwn();
    this.#assertLog();
    this.#isMoved = false;
    this.#lookAt = performance.now() + LOOK_EVERY_MS;
  }

  /** @throws AgentSystemError `STORE_FAILED` when somebody has written the file: nothing of it can be relied on */
  assertReadable(): void {
    if (this.#spoiled) throw this.#spoiled;
  }

  /** So many pages, more or less, came into the log. */
  wrote({ bytes, rows }: { readonly bytes: number; readonly rows: number }): void {
    this.#pages += 2 + rows + Math.ceil(bytes / PAGE_BYTES);
    this.#logBytes = statOf(this.#log)?.size ?? 0;
    this.#logHeader ??= headerOf(this.#log);
  }

  get isCheckpointDue(): boolean {
    return this.#pages >= CHECKPOINT_PAGES && this.#copies === 0;
  }

  /**
   * Writes the log back into the file, unless a copy is being made of that.
   *
   * @param how `empty` leaves no log behind
   * @throws AgentSystemError `STORE_FAILED`, or what SQLite throws; it is tried again after as many pages
   */
  checkpoint(how: 'keep' | 'empty' = 'keep'): void {
    if (this.#copies > 0) return;
    this.lookNow();
    this.#checkpoint(how);
  }

  /**
   * The file as it is at this moment, with all that was committed, to be copied while the store works on: until the
   * copy has ended, what is committed stays in the log.
   *
   * @throws AgentSystemError `STORE_FAILED`, and what SQLite throws
   */
  beginCopy(): FileCopy {
    this.assertReadable();
    if (this.#copies === 0 && !this.#isMoved) {
      this.lookNow();
      this.#checkpoint('keep');
    }
    this.#copies += 1;
    const before = this.#ownStamp();
    return {
      writeTo: async (target) => {
        await this.#copyTo(target);
        const { mtimeNs, size } = this.#ownStamp();
        if (this.#spoiled || mtimeNs !== before.mtimeNs || size !== before.size) {
          throw storeFailed(this.#place.path, CHANGED);
        }
      },
      end: () => {
        this.#copies -= 1;
      },
    };
  }

  /** Copies that are being made end early, with an error. */
  end(): void {
    this.#isClosed = true;
  }

  /** Ends all work on the file, once no copy is being made; others may open it then. */
  close(): void {
    try {
      if (!this.#spoiled) this.lookNow();
    } catch {
      // Who has appended was told, or there was nothing to append.
    }
    this.#isClosed = true;
    const isGone = this.#isMoved;
    if (!this.#spoiled) this.#db.close();
    closeSync(this.#descriptor);
    if (isGone) this.#removeEmptyLog();
    this.#parts.lock.release({ isLost: statOf(this.#place.path) === undefined });
  }

  async #copyTo(target: FileHandle): Promise<void> {
    const chunk = Buffer.allocUnsafe(CHUNK_BYTES);
    for (let at = 0; ; ) {
      if (this.#isClosed) throw storeFailed(this.#place.path, CLOSED);
      const { bytesRead } = await readAt(this.#descriptor, chunk, 0, CHUNK_BYTES, at);
      if (bytesRead === 0) return;
      // A disk that is all but full takes a part, and refuses the next.
      const { bytesWritten } = await target.write(chunk, 0, bytesRead, at);
      at += bytesWritten;
    }
  }

  #checkpoint(how: 'keep' | 'empty'): void {
    // Should it fail, it is tried again after as many pages.
    this.#pages = 0;
    this.#logHeader = undefined;
    const salt = saltOf(this.#log);
    if (salt === undefined) return;
    try {
      const next = this.#record.follows(salt);
      const mode = how === 'keep' ? 'PASSIVE' : 'TRUNCATE';
      if (how === 'empty') this.#logBytes = 0;
      this.#db.prepare(`PRAGMA wal_checkpoint(${mode})`).get();
      this.#recorded = next;
    } finally {
      this.#stamp = this.#ownStamp();
    }
  }

  /** To be done before SQLite gives up a log: it would also give up one for which the disk has no room. */
  #empty(): void {
    try {
      this.#db.prepare('PRAGMA wal_checkpoint(TRUNCATE)').get();
    } finally {
      this.#stamp = this.#ownStamp();
    }
  }

  #assertInPlace(): void {
    const there = statOf(this.#place.path);
    if (
      there !== undefined &&
      BigInt(there.ino) === this.#stamp.ino &&
      BigInt(there.dev) === this.#stamp.dev
    ) {
      return;
    }
    this.#settle();
    throw storeFailed(this.#place.path, there === undefined ? MISSING : REPLACED);
  }

  #assertOwn(): void {
    const { size, mtimeNs } = this.#ownStamp();
    if (size === this.#stamp.size && mtimeNs === this.#stamp.mtimeNs) return;
    // Its time alone says little: copying or listing a file may change it.
    if (size === this.#stamp.size && this.#isOwnRecord()) {
      this.#stamp = this.#ownStamp();
      return;
    }
    this.#spoil(size < this.#stamp.size ? TRUNCATED : WRITTEN);
  }

  /** Nothing of it can be relied on, from now on. */
  #spoil(failure: Failure): never {
    this.#spoiled = storeFailed(this.#place.path, failure);
    this.#letGo();
    throw this.#spoiled;
  }

  #isOwnRecord(): boolean {
    try {
      return recordedIn(this.#parts.sqlite, this.#place.file) === this.#recorded;
    } catch {
      return false;
    }
  }

  #assertLog(): void {
    const there = statOf(this.#log);
    if (there?.ino === this.#logInode) {
      if (this.#isCutShort(there)) this.#spoil(TRUNCATED_LOG);
      if (this.#logHeader && headerOf(this.#log)?.equals(this.#logHeader) === false) this.#spoil(WRITTEN_LOG);
      this.#logBytes = there?.size ?? 0;
      return;
    }
    if (there !== undefined || this.#copies > 0) throw storeFailed(this.#place.path, OTHER_LOG);
    // What is in a log without a name would be lost with this program: the file takes it, and a new log is begun.
    this.#empty();
    this.#db.exec('PRAGMA journal_mode = DELETE; PRAGMA journal_mode = WAL');
    this.begin();
  }

  #isCutShort(log: Stats | undefined): boolean {
    return (log?.size ?? 0) < Math.min(this.#logBytes, MAX_LOG_BYTES);
  }

  /** Once the file is elsewhere it is to have all that was acknowledged, and the next program to know that it was here. */
  #settle(): void {
    if (this.#isMoved) return;
    this.#isMoved = true;
    try {
      if (this.#copies === 0) this.#checkpoint('empty');
      this.#parts.lock.renew();
    } catch {
      // As much as could be done.
    }
  }

  /**
   * Closes the database without a checkpoint, which would write into a file that is somebody else's by now. SQLite
   * leaves file and log alone when the file is not at its path at that moment.
   */
  #letGo(): void {
    const { file } = this.#place;
    const aside = `${file}.${randomUUID()}.held`;
    try {
      renameSync(file, aside);
    } catch {
      // Then it stays open, for as long as the program does.
      return;
    }
    try {
      this.#db.close();
    } finally {
      renameSync(aside, file);
    }
  }

  #removeEmptyLog(): void {
    const log = statOf(this.#log);
    if (log?.size === 0 && log.ino === this.#logInode) rmSync(this.#log, { force: true });
  }

  #ownStamp(): BigIntStats {
    return fstatSync(this.#descriptor, { bigint: true });
  }
}

const MISSING: Failure = {
  expected: 'the file that was opened',
  came: 'nothing in its place: it was moved or removed',
  wayOut: 'put it back: what waits is then written; a backup of it can still be made',
};

const REPLACED: Failure = {
  expected: 'the file that was opened',
  came: 'another one in its place',
  wayOut: 'put the first one back, or close this system and start one on the file that is there now',
};

const FROM_BACKUP = 'close this system, and restore the file from a backup, without the -wal file beside it';

const TRUNCATED: Failure = {
  expected: 'the file as this system has left it',
  came: 'a truncated one',
  wayOut: FROM_BACKUP,
};

const TRUNCATED_LOG: Failure = {
  expected: 'the -wal file as this system has left it',
  came: 'a truncated one',
  wayOut: FROM_BACKUP,
};

const WRITTEN: Failure = {
  expected: 'the file as this system has left it',
  came: 'one that somebody else has written',
  wayOut: FROM_BACKUP,
};

const WRITTEN_LOG: Failure = { ...TRUNCATED_LOG, came: WRITTEN.came };

const OTHER_LOG: Failure = {
  expected: 'the log that belongs to the file beside it',
  came: 'another -wal file, or none while a backup is made',
  wayOut: 'remove it, and a new one is made',
};

const CHANGED: Failure = {
  expected: 'the file to stay as it is while it is copied',
  came: 'one that was changed',
  wayOut: 'make the backup again',
};

const CLOSED: Failure = {
  expected: 'a store that is open until the copy is complete',
  came: 'one that was closed before',
  wayOut: 'await the backup, then close it',
};

function statOf(path: string): Stats | undefined {
  try {
    return statSync(path, { throwIfNoEntry: false });
  } catch {
    // A folder above it is gone, or may not be entered.
    return undefined;
  }
}
