/**
 * Files that get their name when they are complete, so that a half-made one is never found.
 *
 * I1  Nothing is left of an attempt that failed. What is at the path by then is left as it is.
 */
import { randomUUID } from 'node:crypto';
import { closeSync, fsyncSync, linkSync, openSync, renameSync, rmSync, statSync } from 'node:fs';
import { dirname } from 'node:path';

/** A file that is being made, beside the path that it is for. */
export class Draft {
  readonly path: string;
  readonly #target: string;

  constructor(target: string) {
    this.#target = target;
    this.path = `${target}.${randomUUID()}.new`;
  }

  /** Gives it its name, and syncs it to the disk. Returns whether the name was free. */
  publish(): boolean {
    sync(this.path);
    if (!giveName(this.path, this.#target)) return false;
    syncDirectory(dirname(this.#target));
    return true;
  }

  /** Removes what is left of it. Where nothing could be made there is nothing to remove: that is no failure of its own. */
  discard(): void {
    for (const suffix of ['', '-wal', '-shm']) {
      try {
        rmSync(`${this.path}${suffix}`, { force: true });
      } catch {
        // The name is too long, say, or leads through a file.
      }
    }
  }
}

function giveName(draft: string, path: string): boolean {
  try {
    linkSync(draft, path);
    return true;
  } catch (thrown) {
    if (codeOf(thrown) === 'EEXIST') return false;
    // File systems without hard links: nothing better is there than to look first.
    if (statSync(path, { throwIfNoEntry: false }) !== undefined) return false;
    renameSync(draft, path);
    return true;
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

/**
 * Node's permission model lets nobody call it. SQLite, which it does not hold to that, has synced the content by then,
 * and syncs the directory with the first commit to the file's log.
 */
function sync(path: string): void {
  const descriptor = openSync(path, 'r');
  try {
    fsyncSync(descriptor);
  } catch (thrown) {
    if (codeOf(thrown) !== 'ERR_ACCESS_DENIED') throw thrown;
  } finally {
    closeSync(descriptor);
  }
}

function codeOf(thrown: unknown): unknown {
  return thrown instanceof Error && 'code' in thrown ? thrown.code : undefined;
}
