/**
 * A copy of a store at another path, made while the store works on.
 *
 * I1  It holds all that was acknowledged when it was begun, and nothing by halves.
 * I2  It gets its name when it is complete, and never replaces another file.
 * I3  It says that no log follows it: one that it is restored beside is refused.
 */
import { existsSync } from 'node:fs';
import { open } from 'node:fs/promises';
import type { DatabaseSync } from 'node:sqlite';
import type { AgentSystemError } from '../../../values/errors.ts';
import { storeFailed, storeFailureOf } from './failure.ts';
import type { LogFile } from './log-file.ts';
import { LogRecord } from './log-record.ts';
import { Draft } from './new-file.ts';
import { sqliteOf } from './open-file.ts';

/** What a backup has. */
export interface Backup {
  /** Sequence of its last event, 0 when there is none. */
  readonly lastSequence: number;
  readonly bytes: number;
}

/**
 * Begins at once, with what is committed at this moment.
 *
 * @throws AgentSystemError `STORE_FAILED`; nothing of it is left then
 */
export async function backUp(file: LogFile, target: string): Promise<Backup> {
  const taken = [target, `${target}-wal`].find((path) => existsSync(path));
  if (taken !== undefined) throw isTaken(target, taken);
  const draft = new Draft(target);
  try {
    const { lastSequence } = file;
    await copied(file, draft.path);
    const bytes = completed(draft.path, target, lastSequence);
    if (!draft.publish()) throw isTaken(target, target);
    return { lastSequence, bytes };
  } catch (thrown) {
    throw storeFailureOf(target, 'making a backup', thrown);
  } finally {
    draft.discard();
  }
}

function isTaken(target: string, by: string): AgentSystemError {
  return storeFailed(target, {
    expected: 'a path with nothing at it',
    came: `a file ${by}`,
    wayOut: 'give another path, or remove that file first',
  });
}

async function copied(file: LogFile, path: string): Promise<void> {
  const copy = file.beginCopy();
  try {
    const handle = await open(path, 'wx');
    try {
      await copy.writeTo(handle);
    } finally {
      await handle.close();
    }
  } finally {
    copy.end();
  }
}

/** Makes a store by itself of the copy; how many bytes it has. */
function completed(path: string, target: string, lastSequence: number): number {
  const { DatabaseSync } = sqliteOf(target);
  const db = new DatabaseSync(path);
  try {
    db.exec('PRAGMA locking_mode = EXCLUSIVE');
    new LogRecord(db).nothingFollows();
    const last = lastOf(db);
    if (last !== lastSequence) throw new Error(`it ends with event ${last}, and not with ${lastSequence}`);
    const size = db.prepare(
      'SELECT page_count * page_size AS bytes FROM pragma_page_count, pragma_page_size',
    );
    return Number(size.get()?.['bytes']);
  } finally {
    db.close();
  }
}

function lastOf(db: DatabaseSync): number {
  return Number(db.prepare('SELECT max(sequence) AS last FROM event').get()?.['last'] ?? 0);
}
