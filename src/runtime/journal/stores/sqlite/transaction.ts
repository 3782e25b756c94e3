/** All of it or nothing. */
import type { DatabaseSync } from 'node:sqlite';

/** Runs `work` in one transaction; when it throws, nothing of it is kept. */
export function inTransaction(db: DatabaseSync, work: () => void): void {
  db.exec('BEGIN IMMEDIATE');
  try {
    work();
    db.exec('COMMIT');
  } catch (thrown) {
    rollBack(db);
    throw thrown;
  }
}

/** After some failures SQLite has rolled back by itself. */
export function rollBack(db: DatabaseSync): void {
  if (db.isTransaction) db.exec('ROLLBACK');
}
