/**
 * Keeps a path to one system: a lock on a file beside the store, which outlasts whatever happens to the store's own.
 *
 * The lock on the database goes with the file: once that was moved, removed or replaced, it would let a second program
 * begin at the path while the first still works on what was there.
 *
 * I1  The lock ends with its program, however that ends. Its file may stay, and is then taken over.
 * I2  The file is opened by SQLite alone: closing any other descriptor of it would drop the lock.
 * I3  A file that stays, and is marked, says that a store was open at the path when its program ended, or that it was
 *     lost: where there is none now, it was moved or removed.
 */
import { rmSync, type Stats, statSync } from 'node:fs';
import type { DatabaseSync } from 'node:sqlite';
import { heldElsewhere, heldHere, isBusy, storeFailureOf } from './failure.ts';

/** Where a store is: by the name that it was given, and by that of the file to which this leads. */
export interface Place {
  readonly path: string;
  readonly file: string;
}

/** The module of Node, where it is there. */
export interface SQLite {
  readonly DatabaseSync: typeof DatabaseSync;
}

/** Others may take the file away at the very moment, each time once. */
const ATTEMPTS = 10;
const MARK = 1;

/** Paths that this program has: they stay its own also where every file of theirs was removed. */
const taken = new Set<string>();

export class PathLock {
  readonly #sqlite: SQLite;
  readonly #file: string;
  readonly #name: string;
  #db: DatabaseSync;
  /** Whether the file was there, and marked. */
  readonly wasLeft: boolean;
  #isMarked: boolean;

  /** @throws AgentSystemError `STORE_FAILED` when somebody else has it */
  constructor(sqlite: SQLite, { path, file }: Place) {
    this.#sqlite = sqlite;
    this.#file = file;
    this.#name = lockNameOf(file);
    if (taken.has(file)) throw heldHere(path);
    try {
      this.#db = this.#take();
    } catch (thrown) {
      if (isBusy(thrown)) throw heldElsewhere(path, this.#name, thrown);
      throw storeFailureOf(path, `making ${this.#name}`, thrown);
    }
    taken.add(file);
    this.wasLeft = markOf(this.#db) === MARK;
    this.#isMarked = this.wasLeft;
  }

  /** From now on there is a store at the path. */
  mark(): void {
    if (!this.#isMarked) this.#db.exec(`PRAGMA user_version = ${MARK}`);
    this.#isMarked = true;
  }

  /** Makes the file again where somebody has removed it. */
  renew(): void {
    if (statOf(this.#name) !== undefined) return;
    const gone = this.#db;
    this.#db = this.#take();
    this.#isMarked = false;
    this.mark();
    gone.close();
  }

  /** Lets others have the path. The file goes, unless it is to say that the store at the path was lost. */
  release({ isLost = false }: { readonly isLost?: boolean } = {}): void {
    if (!isLost) removed(this.#name);
    this.#db.close();
    taken.delete(this.#file);
  }

  /** Gives up what could not be opened: the file is as it was. */
  abandon(): void {
    this.release({ isLost: this.wasLeft });
  }

  #take(): DatabaseSync {
    for (let attempt = 1; ; attempt++) {
      const before = statOf(this.#name);
      const db = new this.#sqlite.DatabaseSync(this.#name);
      try {
        // No journal beside it: nothing in it is worth one.
        db.exec('PRAGMA journal_mode = MEMORY; PRAGMA synchronous = OFF; PRAGMA locking_mode = EXCLUSIVE');
        db.exec('BEGIN EXCLUSIVE; COMMIT');
        // Its last holder may have removed the file since: then the lock protects nothing.
        if (isSame(before, statOf(this.#name))) return db;
      } catch (thrown) {
        db.close();
        throw thrown;
      }
      db.close();
      if (attempt === ATTEMPTS) throw new Error(`${this.#name} is made and removed again and again`);
    }
  }
}

/** The file beside a store that keeps its path. */
export function lockNameOf(file: string): string {
  return `${file}-lock`;
}

function markOf(db: DatabaseSync): number {
  return Number(db.prepare('PRAGMA user_version').get()?.['user_version']);
}

function statOf(name: string): Stats | undefined {
  return statSync(name, { throwIfNoEntry: false });
}

function isSame(before: Stats | undefined, after: Stats | undefined): boolean {
  return before !== undefined && before.dev === after?.dev && before.ino === after.ino;
}

/** Some systems let nobody remove a file that is open: it then stays, which does no harm. */
function removed(name: string): void {
  try {
    rmSync(name, { force: true });
  } catch {
    // As said.
  }
}
