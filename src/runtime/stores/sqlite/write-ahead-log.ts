/** Reads of SQLite's -wal file what tells whether a shorter database is a truncated one. */
import { closeSync, openSync, readSync } from 'node:fs';

/** Format: https://sqlite.org/fileformat2.html#the_write_ahead_log */
const HEADER_BYTES = 32;
const FRAME_HEADER_BYTES = 24;

/** The numbers of all pages that the log has, of the transactions since it was begun; none when there is no log. */
export function pagesOfLog(path: string): ReadonlySet<number> {
  const pages = new Set<number>();
  let descriptor: number;
  try {
    descriptor = openSync(path, 'r');
  } catch {
    return pages;
  }
  try {
    const header = Buffer.alloc(HEADER_BYTES);
    if (readSync(descriptor, header, 0, HEADER_BYTES, 0) < HEADER_BYTES) return pages;
    const pageBytes = header.readUInt32BE(8);
    const salts = header.subarray(16, 24);
    const frame = Buffer.alloc(FRAME_HEADER_BYTES);
    for (let at = HEADER_BYTES; ; at += FRAME_HEADER_BYTES + pageBytes) {
      if (readSync(descriptor, frame, 0, FRAME_HEADER_BYTES, at) < FRAME_HEADER_BYTES) return pages;
      // Frames of an earlier round of the log have other salts, and count no more.
      if (!frame.subarray(8, 16).equals(salts)) return pages;
      pages.add(frame.readUInt32BE(0));
    }
  } finally {
    closeSync(descriptor);
  }
}
