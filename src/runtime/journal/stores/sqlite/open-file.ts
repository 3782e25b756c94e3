/**
 * Opens a store's file, for this system alone, or says why not.
 *
 * I1  One system at a time: path and file are locked from here until it is closed, by locks that end with their
 *     process.
 * I2  A file that is no whole store of ours is refused and left as it is. Only where there is nothing, a new one
 *     is made; it gets its name when it is complete, so that a half-made one is never found.
 * I3  Nobody else in the program should open the file: on POSIX systems, closing any descriptor of it would drop the
 *     locks that this program has on it.
 */
import { accessSync, constants, lstatSync, realpathSync, rmSync, type Stats, statSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import type { DatabaseSync } from 'node:sqlite';
import { errorInfoOf } from '../../../values/errors.ts';
import { damaged, storeFailed, storeFailureOf } from './failure.ts';
import { HeldFile, MAX_LOG_BYTES } from './held-file.ts';
import { holderOf } from './lock-holder.ts';
import { judgeLog, LogRecord, recordedIn } from './log-record.ts';
import { Draft } from './new-file.ts';
import { lockNameOf, PathLock, type Place, type SQLite } from './path-lock.ts';
import { migrate, numberOf, schemaSteps } from './schema.ts';
import { loggedPages, type LoggedPages } from './write-ahead-log.ts';

export interface FileOptions {
  readonly path: string;
  readonly maxBytes: number;
  /** Whether an empty store is made where nothing is. */
  readonly create: boolean;
}

export interface OpenFile {
  readonly db: DatabaseSync;
  readonly held: HeldFile;
}

/**
 * The file, with nothing written to it unless it was made. The caller looks at it, and then calls `held.begin` or
 * `held.discard`.
 *
 * @throws AgentSystemError `STORE_FAILED`
 */
export function openFile(options: FileOptions): OpenFile {
  const { path } = options;
  const sqlite = sqliteOf(path);
  const place: Place = { path, file: realPathOf(path) };
  assertDirectory(place);
  const lock = new PathLock(sqlite, place);
  try {
    return openLocked(sqlite, place, options, lock);
  } catch (thrown) {
    lock.abandon();
    throw thrown;
  }
}

/** @throws AgentSystemError `STORE_FAILED` where Node has none */
export function sqliteOf(path: string): SQLite {
  const sqlite = process.getBuiltinModule('node:sqlite') as SQLite | undefined;
  if (sqlite !== undefined) return sqlite;
  throw storeFailed(path, {
    expected: 'a Node with node:sqlite',
    came: process.version,
    wayOut: 'run it with Node 24 or later',
  });
}

function openLocked(
  sqlite: SQLite,
  place: Place,
  { maxBytes, create }: FileOptions,
  lock: PathLock,
): OpenFile {
  const { path, file } = place;
  if (!isThere(sqlite, place)) {
    if (lock.wasLeft) {
      throw storeFailed(path, {
        expected: 'the store that was open here when its program ended',
        came: 'nothing: its file was moved or removed',
        wayOut: `put it back, or delete ${lockNameOf(file)} to begin with an empty store`,
      });
    }
    if (!create) {
      const wayOut = 'see that the path is right, or leave out create: false to begin with an empty store';
      throw storeFailed(path, { expected: 'a store that is there', came: 'nothing', wayOut });
    }
    createFile(sqlite, place);
  }
  let db: DatabaseSync | undefined;
  try {
    db = new sqlite.DatabaseSync(file);
    lockFile(db);
    migrate(db, path);
    prepare(db, path, maxBytes);
    return { db, held: new HeldFile({ sqlite, db, place, lock }) };
  } catch (thrown) {
    if (db?.isOpen) db.close();
    throw storeFailureOf(path, 'opening it', thrown);
  }
}

/** Where links lead: the file's log and lock are beside the file itself. */
function realPathOf(path: string): string {
  try {
    return realpathSync(path);
  } catch {
    // Not there yet, or not to be looked at: that is said of it later.
  }
  try {
    return join(realpathSync(dirname(path)), basename(path));
  } catch {
    return path;
  }
}

function assertDirectory({ path, file }: Place): void {
  const directory = dirname(file);
  if (!statOf(directory)?.isDirectory()) {
    throw storeFailed(path, {
      expected: `the directory ${directory}`,
      came: 'no directory of that name',
      wayOut: 'make it first',
    });
  }
  assertWritable(path, directory, 'a directory that can be written, for the files beside the store');
}

/** Whether there is a file to open; one that can be seen not to be a store of ours is refused unopened. */
function isThere(sqlite: SQLite, { path, file }: Place): boolean {
  const stats = statOf(path);
  if (stats === undefined) {
    if (lstatSync(path, { throwIfNoEntry: false }) !== undefined) {
      throw storeFailed(path, {
        expected: 'a file',
        came: 'a symbolic link that leads to nothing',
        wayOut: 'make what it leads to, or remove it',
      });
    }
    if ((statOf(`${file}-wal`)?.size ?? 0) === 0) return false;
    throw storeFailed(path, {
      expected: 'the database that belongs to the log beside it',
      came: `${file}-wal alone`,
      wayOut: 'put the database back, or delete the log to begin with an empty store',
    });
  }
  if (!stats.isFile()) {
    throw storeFailed(path, {
      expected: 'a file',
      came: stats.isDirectory() ? 'a directory' : 'something that is no file',
      wayOut: 'give the path of a file',
    });
  }
  if (stats.size === 0) {
    throw storeFailed(path, {
      expected: 'a store of mabeam',
      came: 'an empty file: something has truncated it, or made it beforehand',
      wayOut: 'restore it from a backup, or delete it to begin with an empty store',
    });
  }
  assertWritable(path, path, 'a file that can be written');
  // The log first: another program that has it open moves pages from there into the file.
  const log = loggedPages(`${file}-wal`);
  // A program that has it open by another name writes both.
  if (log !== undefined && holderOf(path) === undefined) {
    assertOwnLog(sqlite, { path, file }, log);
    assertWhole(path, log);
  }
  return true;
}

/** A log that lies beside the file and belongs to another one: SQLite would take it for the file's own. */
function assertOwnLog(sqlite: SQLite, place: Place, log: LoggedPages): void {
  let recorded: number | undefined;
  try {
    recorded = recordedIn(sqlite, place.file);
  } catch {
    // No store, or a damaged one: opening it says so.
    return;
  }
  if (judgeLog(place, recorded, log) === 'remove') rmSync(`${place.file}-wal`);
}

/** A file that ends early, where the log does not have the rest. Without a log, SQLite sees that itself. */
function assertWhole(path: string, { total, logged, pageBytes }: LoggedPages): void {
  const there = Math.floor((statOf(path)?.size ?? 0) / pageBytes);
  for (let page = there + 1; page <= total; page++) {
    if (logged.has(page)) continue;
    throw damaged(path, `a whole database of ${total} pages`, `a truncated one that ends after ${there}`);
  }
}

function statOf(path: string): Stats | undefined {
  try {
    return statSync(path, { throwIfNoEntry: false });
  } catch (thrown) {
    throw storeFailed(
      path,
      {
        expected: 'a path that can be looked at',
        came: errorInfoOf(thrown).message,
        wayOut: 'check that each part of its path is a directory which this user may enter',
      },
      thrown,
    );
  }
}

function assertWritable(path: string, what: string, expected: string): void {
  try {
    accessSync(what, constants.W_OK);
  } catch (thrown) {
    throw storeFailed(
      path,
      {
        expected,
        came: errorInfoOf(thrown).message,
        wayOut: 'give this user the right to write it, or mount the disk for writing',
      },
      thrown,
    );
  }
}

function createFile(sqlite: SQLite, { path, file }: Place): void {
  const draft = new Draft(file);
  let db: DatabaseSync | undefined;
  try {
    db = new sqlite.DatabaseSync(draft.path);
    // Until it has its name nobody relies on it: it is synced once, when it is complete.
    db.exec('PRAGMA auto_vacuum = INCREMENTAL; PRAGMA synchronous = OFF; PRAGMA journal_mode = WAL');
    migrate(db, path, schemaSteps, true);
    new LogRecord(db).nothingFollows();
    // Closing it would write the log into the file, too, and not say where there is no room for that.
    db.exec('PRAGMA wal_checkpoint(TRUNCATE)');
    db.close();
    // A store that another program has made meanwhile is then the one.
    draft.publish();
  } catch (thrown) {
    if (db?.isOpen) db.close();
    throw storeFailureOf(path, 'making it', thrown);
  } finally {
    draft.discard();
  }
}

function lockFile(db: DatabaseSync): void {
  // In this mode the lock that the first access takes is the last to go, and no -shm file is needed.
  db.exec('PRAGMA locking_mode = EXCLUSIVE');
  numberOf(db, 'user_version');
}

function prepare(db: DatabaseSync, path: string, maxBytes: number): void {
  const mode: unknown = db.prepare('PRAGMA journal_mode = WAL').get()?.['journal_mode'];
  if (mode !== 'wal') {
    throw storeFailed(path, {
      expected: 'a file system that can hold a -wal file',
      came: `journal mode ${String(mode)}`,
      wayOut: 'put the store on a local disk',
    });
  }
  db.exec(`
    PRAGMA synchronous = FULL;
    PRAGMA wal_autocheckpoint = 0;
    PRAGMA journal_size_limit = ${MAX_LOG_BYTES};
  `);
  // What cannot be written is found now, not by the first event.
  db.exec('BEGIN IMMEDIATE; ROLLBACK');
  if (maxBytes !== Infinity) {
    const pages = Math.max(1, Math.floor(maxBytes / numberOf(db, 'page_size')));
    db.exec(`PRAGMA max_page_count = ${pages}`);
  }
}
