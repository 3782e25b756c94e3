/**
 * Reads of SQLite's -wal file what tells whether the database beside it was truncated, or is another one's.
 *
 * SQLite looks no further than it reads, and once it has opened such a file it writes the log into it on closing.
 * Format: https://sqlite.org/fileformat2.html#the_write_ahead_log
 */
import { closeSync, openSync, readSync } from 'node:fs';

const HEADER_BYTES = 32;
const FRAME_HEADER_BYTES = 24;
const ROUND_AT = 12;
const SALT_AT = 16;

export interface LoggedPages {
  readonly pageBytes: number;
  /** Pages that the database has after the last commit in the log. */
  readonly total: number;
  /** Numbers of those that the log itself has. */
  readonly logged: ReadonlySet<number>;
  /** How often it was begun anew since it was made. */
  readonly round: number;
  /** Its number: any at first, and one more with each round. */
  readonly salt: number;
  readonly commits: number;
}

/** The number of a log, whether or not there is a commit in it. */
export function saltOf(path: string): number | undefined {
  return headerOf(path)?.readUInt32BE(SALT_AT);
}

/** How a log begins: each round of it differently. */
export function headerOf(path: string): Buffer | undefined {
  return withHeader(path, (_, header) => header);
}

/** What the log says of the database's pages; `undefined` where there is no log, or no commit in it. */
export function loggedPages(path: string): LoggedPages | undefined {
  return withHeader(path, readLog);
}

function withHeader<Result>(
  path: string,
  read: (descriptor: number, header: Buffer) => Result,
): Result | undefined {
  let descriptor: number;
  try {
    descriptor = openSync(path, 'r');
  } catch {
    return undefined;
  }
  try {
    const header = Buffer.alloc(HEADER_BYTES);
    if (readSync(descriptor, header, 0, HEADER_BYTES, 0) < HEADER_BYTES) return undefined;
    return read(descriptor, header);
  } finally {
    closeSync(descriptor);
  }
}

function readLog(descriptor: number, header: Buffer): LoggedPages | undefined {
  const pageBytes = header.readUInt32BE(8);
  const salts = header.subarray(SALT_AT, SALT_AT + 8);
  const frame = Buffer.alloc(FRAME_HEADER_BYTES);
  const logged = new Set<number>();
  let total = 0;
  let commits = 0;
  for (let at = HEADER_BYTES; ; at += FRAME_HEADER_BYTES + pageBytes) {
    const isWhole = readSync(descriptor, frame, 0, FRAME_HEADER_BYTES, at) === FRAME_HEADER_BYTES;
    // Frames of an earlier round of the log have other salts, and count no more.
    if (!isWhole || !frame.subarray(8, 16).equals(salts)) break;
    logged.add(frame.readUInt32BE(0));
    // A frame that commits says how many pages there are; the others say 0.
    const committed = frame.readUInt32BE(4);
    if (committed === 0) continue;
    total = committed;
    commits += 1;
  }
  if (total === 0) return undefined;
  const round = header.readUInt32BE(ROUND_AT);
  return { pageBytes, total, logged, round, salt: header.readUInt32BE(SALT_AT), commits };
}
