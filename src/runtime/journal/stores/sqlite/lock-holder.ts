/**
 * Who has a file locked, where the operating system tells: on Linux.
 *
 * The file is never opened for this: closing it again would drop every lock that this very program has on it.
 */
import { readFileSync, statSync } from 'node:fs';

/** The pid of the process that holds a lock on the file, as far as it can be known. Never throws. */
export function holderOf(path: string): number | undefined {
  try {
    const { dev, ino } = statSync(path, { bigint: true });
    return holderIn(readFileSync('/proc/locks', 'utf8'), deviceOf(dev), ino);
  } catch {
    return undefined;
  }
}

/** `1: POSIX  ADVISORY  WRITE 16080 fe:00:2171323 1073741824 1073742335` */
function holderIn(locks: string, device: string, inode: bigint): number | undefined {
  for (const line of locks.split('\n')) {
    const [, , , , pid, file] = line.split(/\s+/);
    // A process that cannot be seen from here, in another container say, is 0 or -1.
    if (file === `${device}:${inode}` && Number(pid) > 0) return Number(pid);
  }
  return undefined;
}

/** Major and minor number as Linux packs them into `st_dev`, written as in /proc/locks. */
function deviceOf(dev: bigint): string {
  const major = ((dev >> 8n) & 0xfffn) | ((dev >> 32n) & 0xfffff000n);
  const minor = (dev & 0xffn) | ((dev >> 12n) & 0xffffff00n);
  return `${hex(major)}:${hex(minor)}`;
}

function hex(number: bigint): string {
  return number.toString(16).padStart(2, '0');
}
