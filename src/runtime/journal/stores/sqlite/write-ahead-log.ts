/**
 * Reads of SQLite's -wal file what tells whether the database beside it was truncated.
 *
 * SQLite looks no further than it reads, and once it has opened such a file it writes the log into it on closing.
 * Format: https://sqlite.org/fileformat2.html#the_write_ahead_log
 */
import { closeSync, openSync, readSync } from 'node:fs';

const HEADER_BYTES = 32;
const FRAME_HEADER_BYTES = 24;

export interface LoggedPages {
  readonly pageBytes: number;
  /** Pages that the database has after the last commit in the log. */
  readonly total: number;
  /** Numbers of those that the log itself has. */
  readonly logged: ReadonlySet<number>;
}

/** What the log says of the database's pages; `undefined` where there is no log, or no commit in it. */
export function loggedPages(path: string): LoggedPages | undefined {
  let descriptor: number;
  try {
    descriptor = openSync(path, 'r');
  } catch {
    return undefined;
  }
  try {
    return readLog(descriptor);
  } finally {
    closeSync(descriptor);
  }
}

function readLog(descriptor: number): LoggedPages | undefined {
  const header = Buffer.alloc(HEADER_BYTES);
  if (readSync(descriptor, header, 0, HEADER_BYTES, 0) < HEADER_BYTES) return undefined;
  const pageBytes = header.readUInt32BE(8);
  const salts = header.subarray(16, 24);
  const frame = Buffer.alloc(FRAME_HEADER_BYTES);
  const logged = new Set<number>();
  let total = 0;
  for (let at = HEADER_BYTES; ; at += FRAME_HEADER_BYTES + pageBytes) {
    const isWhole = readSync(descriptor, frame, 0, FRAME_HEADER_BYTES, at) === FRAME_HEADER_BYTES;
    // Frames of an earlier round of the log have other salts, and count no more.
    if (!isWhole || !frame.subarray(8, 16).equals(salts)) break;
    logged.add(frame.readUInt32BE(0));
    // A frame that commits says how many pages there are; the others say 0.
    total = frame.readUInt32BE(4) || total;
  }
  return total === 0 ? undefined : { pageBytes, total, logged };
}
