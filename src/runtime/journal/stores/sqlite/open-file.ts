/**
 * Opens a store's file, for this system alone, or says why not.
 *
 * I1  One system at a time: the file is locked from here until it is closed, by a lock that ends with its process.
 * I2  A file that is no whole store of ours is refused and left as it is. Only where there is nothing, a new one
 *     is made; it gets its name when it is complete, so that a half-made one is never found.
 * I3  The file itself is opened by SQLite alone: on POSIX systems, closing any other descriptor of it would drop
 *     the locks that this program has on it. Nobody else in the program should open it either.
 */
import { randomUUID } from 'node:crypto';
import {
  accessSync,
  closeSync,
  constants,
  fsyncSync,
  linkSync,
  openSync,
  renameSync,
  rmSync,
  type Stats,
  statSync,
} from 'node:fs';
import { dirname } from 'node:path';
import type { DatabaseSync } from 'node:sqlite';
import { damaged, storeFailed, storeFailureOf } from './failure.ts';
import { holderOf } from './lock-holder.ts';
import { migrate, numberOf, schemaSteps } from './schema.ts';
import { loggedPages } from './write-ahead-log.ts';

/** A -wal file that has grown past this in one large transaction is cut back. */
const MAX_LOG_BYTES = 16 * 1024 * 1024;
/** Pages after which the -wal file is written back: less at a time blocks for less, more is less work in all. */
const CHECKPOINT_PAGES = 1_000;

interface SQLite {
  readonly DatabaseSync: typeof DatabaseSync;
}

export interface FileOptions {
  readonly path: string;
  readonly maxBytes: number;
  /** Whether an empty store is made where nothing is. */
  readonly create: boolean;
}

/** @throws AgentSystemError `STORE_FAILED` */
export function openFile({ path, maxBytes, create }: FileOptions): DatabaseSync {
  const sqlite = process.getBuiltinModule('node:sqlite') as SQLite | undefined;
  if (sqlite === undefined) {
    throw storeFailed(path, {
      expected: 'a Node with node:sqlite',
      came: process.version,
      wayOut: 'run it with Node 24 or later',
    });
  }
  if (!isThere(path)) {
    if (!create) {
      const wayOut = 'see that the path is right, or leave out create: false to begin with an empty store';
      throw storeFailed(path, { expected: 'a store that is there', came: 'nothing', wayOut });
    }
    createFile(sqlite, path);
  }
  let db: DatabaseSync | undefined;
  try {
    db = new sqlite.DatabaseSync(path);
    lock(db);
    migrate(db, path);
    prepare(db, path, maxBytes);
    return db;
  } catch (thrown) {
    if (db?.isOpen) db.close();
    throw storeFailureOf(path, 'opening it', thrown);
  }
}

/** Whether there is a file to open; one that can be seen not to be a store of ours is refused unopened. */
function isThere(path: string): boolean {
  const file = statOf(path);
  if (file === undefined) {
    if ((statOf(`${path}-wal`)?.size ?? 0) === 0) return false;
    throw storeFailed(path, {
      expected: 'the database that belongs to the log beside it',
      came: `${path}-wal alone`,
      wayOut: 'put the database back, or delete the log to begin with an empty store',
    });
  }
  if (!file.isFile()) {
    throw storeFailed(path, {
      expected: 'a file',
      came: file.isDirectory() ? 'a directory' : 'something that is no file',
      wayOut: 'give the path of a file',
    });
  }
  if (file.size === 0) {
    throw storeFailed(path, {
      expected: 'a store of mabeam',
      came: 'an empty file: something has truncated it, or made it beforehand',
      wayOut: 'restore it from a backup, or delete it to begin with an empty store',
    });
  }
  assertWritable(path, path, 'a file that can be written');
  assertWritable(path, dirname(path), 'a directory that can be written, for the -wal file');
  assertWhole(path);
  return true;
}

/** A file that ends early, where the log does not have the rest. Without a log, SQLite sees that itself. */
function assertWhole(path: string): void {
  // The log first: another program that has it open moves pages from there into the file.
  const pages = loggedPages(`${path}-wal`);
  if (pages === undefined) return;
  const { total, logged, pageBytes } = pages;
  const there = Math.floor((statOf(path)?.size ?? 0) / pageBytes);
  for (let page = there + 1; page <= total; page++) {
    if (logged.has(page)) continue;
    // Whoever has it open may have made it smaller meanwhile.
    if (holderOf(path) !== undefined) return;
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
        came: thrown instanceof Error ? thrown.message : String(thrown),
        wayOut: 'see that its directories are directories, and that this user may enter them',
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
        came: thrown instanceof Error ? thrown.message : String(thrown),
        wayOut: 'give this user the right to write it, or mount the disk for writing',
      },
      thrown,
    );
  }
}

function createFile(sqlite: SQLite, path: string): void {
  const directory = dirname(path);
  if (!statOf(directory)?.isDirectory()) {
    throw storeFailed(path, {
      expected: `the directory ${directory}`,
      came: 'no directory of that name',
      wayOut: 'make it first',
    });
  }
  assertWritable(path, directory, 'a directory that can be written');
  const draft = `${path}.${randomUUID()}.new`;
  let db: DatabaseSync | undefined;
  try {
    db = new sqlite.DatabaseSync(draft);
    // Until it has its name nobody relies on it: it is synced once, when it is complete.
    db.exec('PRAGMA auto_vacuum = INCREMENTAL; PRAGMA synchronous = OFF; PRAGMA journal_mode = WAL');
    migrate(db, path, schemaSteps, true);
    db.close();
    sync(draft);
    giveName(draft, path);
    syncDirectory(directory);
  } catch (thrown) {
    if (db?.isOpen) db.close();
    throw storeFailureOf(path, 'making it', thrown);
  } finally {
    for (const suffix of ['', '-wal', '-shm']) rmSync(`${draft}${suffix}`, { force: true });
  }
}

/** Unless something has that name by now: a store that another program has made meanwhile is then the one. */
function giveName(draft: string, path: string): void {
  try {
    linkSync(draft, path);
  } catch (thrown) {
    const code = thrown instanceof Error && 'code' in thrown ? thrown.code : undefined;
    if (code === 'EEXIST') return;
    // File systems without hard links: nothing better is there than to look first.
    if (statOf(path) === undefined) renameSync(draft, path);
  }
}

/** A file's name is kept when its directory is. Not every system lets one. */
function syncDirectory(directory: string): void {
  try {
    sync(directory);
  } catch (thrown) {
    if (process.platform === 'linux' || process.platform === 'darwin') throw thrown;
  }
}

function sync(path: string): void {
  const descriptor = openSync(path, 'r');
  try {
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}

function lock(db: DatabaseSync): void {
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
    PRAGMA wal_autocheckpoint = ${CHECKPOINT_PAGES};
    PRAGMA journal_size_limit = ${MAX_LOG_BYTES};
  `);
  // What cannot be written is found now, not by the first event.
  db.exec('BEGIN IMMEDIATE; ROLLBACK');
  if (maxBytes !== Infinity) {
    const pages = Math.max(1, Math.floor(maxBytes / numberOf(db, 'page_size')));
    db.exec(`PRAGMA max_page_count = ${pages}`);
  }
}
