/**
 * What is in a store's file, and how files of earlier versions become ones of today's.
 *
 * The log is the truth: `event`, written at its end alone, and `state`, one row an agent. The rest is derived from
 * the log, and may be behind it:
 *
 *   slot          which events a recovery needs (fleet-index.ts), as of the event `slotsUpTo` in `progress`; the
 *                 few later ones are noted again when the file is opened. Kept up to date with every event it would
 *                 cost a random page for each; this way an agent that came and went in between costs nothing.
 *   event_agents  a column of the log: whose each event is, hashed, 1,024 to a row. It is searched faster than a
 *                 fleet's index on (agent, sequence) can be kept.
 *   progress      `keptAfter`: retention has dropped all up to this event, but what slots hold.
 *
 * I1  A file is of one version, whole: a migration is one transaction.
 */
import type { DatabaseSync } from 'node:sqlite';
import { storeFailed } from './failure.ts';
import { inTransaction } from './transaction.ts';

/** "mabe": what SQLite's `application_id` says of our files. */
const APPLICATION_ID = 0x6d616265;

export type SchemaStep = (db: DatabaseSync) => void;

/** Step n makes a file of version n + 1 out of one of version n; 0 is an empty file. */
export const schemaSteps: readonly SchemaStep[] = [
  (db) =>
    db.exec(`
      CREATE TABLE event (sequence INTEGER PRIMARY KEY, body TEXT NOT NULL) STRICT;
      CREATE TABLE event_agents (
        block INTEGER PRIMARY KEY, hashes BLOB NOT NULL, checksum INTEGER NOT NULL
      ) STRICT;
      CREATE TABLE slot (
        kind TEXT NOT NULL, key TEXT NOT NULL, held INTEGER NOT NULL, latest INTEGER,
        PRIMARY KEY (kind, key)
      ) STRICT, WITHOUT ROWID;
      CREATE TABLE state (agent TEXT PRIMARY KEY, json TEXT NOT NULL, state_version REAL NOT NULL) STRICT;
      CREATE TABLE fact (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID;
      CREATE TABLE progress (name TEXT PRIMARY KEY, value INTEGER NOT NULL) STRICT, WITHOUT ROWID;
      INSERT INTO progress VALUES ('slotsUpTo', 0), ('keptAfter', 0);
    `),
];

/**
 * Brings a file to the newest version.
 *
 * @throws AgentSystemError `STORE_FAILED` for a file of another application, or of a version still to come
 */
export function migrate(
  db: DatabaseSync,
  path: string,
  steps: readonly SchemaStep[] = schemaSteps,
  isNew = false,
): void {
  const application = numberOf(db, 'application_id');
  const version = numberOf(db, 'user_version');
  if (!isNew && (application !== APPLICATION_ID || version === 0)) {
    throw storeFailed(path, {
      expected: 'a store of mabeam',
      came: `an SQLite database of another application (application_id ${application})`,
      wayOut: 'give another path; it was left as it is',
    });
  }
  if (version > steps.length) {
    throw storeFailed(path, {
      expected: `a file of version ${steps.length} or earlier`,
      came: `one of version ${version}, written by a later mabeam`,
      wayOut: 'run it with that mabeam, or a later one; it was left as it is',
    });
  }
  if (version === steps.length) return;
  inTransaction(db, () => {
    for (const step of steps.slice(version)) step(db);
    db.exec(`PRAGMA application_id = ${APPLICATION_ID}; PRAGMA user_version = ${steps.length}`);
  });
}

export function numberOf(db: DatabaseSync, pragma: string): number {
  return Number(Object.values(db.prepare(`PRAGMA ${pragma}`).get() ?? {})[0]);
}
