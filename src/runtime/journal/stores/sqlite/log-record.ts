/**
 * The log that may belong to a database file, as the file itself says.
 *
 * SQLite takes any whole -wal file that lies beside a database for its own. A backup that was restored beside the log
 * of the file it replaces would be undone by it, or mixed with it. Logs have numbers, and each round of a log has the
 * next one: with every checkpoint the number of the next round is written into the file.
 *
 * I1  A file is followed by the round that it names, or by the one before: a program may die in the midst of a
 *     checkpoint, and then the log has everything still.
 * I2  The first round of a new log, whose number cannot be known before, holds nothing but such a record.
 */
import type { DatabaseSync, StatementSync } from 'node:sqlite';
import { pathToFileURL } from 'node:url';
import { storeFailed } from './failure.ts';
import type { Place, SQLite } from './path-lock.ts';
import type { LoggedPages } from './write-ahead-log.ts';

const NAME = 'log';
/** What a backup says: no log follows. */
const NONE = -1;
/** Commits of the first round: one that makes the log, one that names the next round. */
const COMMITS_OF_FIRST_ROUND = 2;

export class LogRecord {
  readonly #set: StatementSync;

  constructor(db: DatabaseSync) {
    this.#set = db.prepare(`INSERT OR REPLACE INTO progress VALUES ('${NAME}', ?)`);
  }

  /** The round of the log with this number is written into the file, and the next one will follow. */
  follows(salt: number): number {
    const next = (salt + 1) % 2 ** 32;
    this.#set.run(next);
    return next;
  }

  /** No log follows: none that lies beside the file belongs to it. */
  nothingFollows(): void {
    this.#set.run(NONE);
  }
}

/**
 * The number that is recorded in the file alone, whatever the log says; `undefined` where there is none.
 *
 * @throws what SQLite throws for a file that it cannot read
 */
export function recordedIn(sqlite: SQLite, path: string): number | undefined {
  // An immutable database is read without its log, and without a lock.
  const db = new sqlite.DatabaseSync(`${pathToFileURL(path).href}?immutable=1`, { readOnly: true });
  try {
    const value = db.prepare(`SELECT value FROM progress WHERE name = '${NAME}'`).get()?.['value'];
    return value === undefined ? undefined : Number(value);
  } finally {
    db.close();
  }
}

/** What is to be done with a log that lies beside a file. */
export type LogVerdict = 'keep' | 'remove';

/** @throws AgentSystemError `STORE_FAILED` for a log with events of another file */
export function judgeLog({ path, file }: Place, recorded: number | undefined, log: LoggedPages): LogVerdict {
  const { salt, round, commits } = log;
  // A file without the record was never opened by a version that writes it.
  if (recorded === undefined || recorded === salt || recorded === (salt + 1) % 2 ** 32) return 'keep';
  if (round === 0 && commits <= COMMITS_OF_FIRST_ROUND) return 'remove';
  throw storeFailed(path, {
    expected: 'the log beside it to be its own',
    came: `the log of another file, as when a backup was restored beside ${file}-wal`,
    wayOut: `delete ${file}-wal to go on with the file as it is, or put back the file that the log belongs to`,
  });
}
