import { existsSync, readdirSync, rmSync } from 'node:fs';
import { dirname } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { describe, expect, test } from 'vitest';
import { lockNameOf, PathLock } from '../../../src/runtime/journal/stores/sqlite/path-lock.ts';
import { place } from './store-file-rig.ts';

const sqlite = { DatabaseSync };

function locked(file: string, how: { readonly DatabaseSync: typeof DatabaseSync } = sqlite): PathLock {
  return new PathLock(how, { path: file, file });
}

/** Whether a connection of its own, as another program has it, is refused the lock. */
function isHeld(file: string): boolean {
  const other = new DatabaseSync(lockNameOf(file));
  try {
    other.exec('BEGIN EXCLUSIVE; COMMIT');
    return false;
  } catch {
    return true;
  } finally {
    other.close();
  }
}

describe('the lock on a path', () => {
  test('is one system’s until it is released, and leaves nothing behind', () => {
    const file = place();
    const lock = locked(file);
    expect(isHeld(file)).toBe(true);
    expect(() => locked(file)).toThrow(/only one who has the file open, got a file that this very program/);
    expect(isHeld(file)).toBe(true);
    lock.mark();
    lock.release();
    expect(readdirSync(dirname(file))).toEqual([]);
    const next = locked(file);
    expect(next.wasLeft).toBe(false);
    next.release();
  });

  test('stays marked where the store was lost, and is taken over by the next one', () => {
    const file = place();
    const lock = locked(file);
    lock.mark();
    lock.release({ isLost: true });
    for (let count = 0; count < 2; count++) {
      const next = locked(file);
      expect(next.wasLeft).toBe(true);
      // One that could not be opened leaves it as it was.
      next.abandon();
      expect(existsSync(lockNameOf(file))).toBe(true);
    }
    const last = locked(file);
    last.release();
    expect(readdirSync(dirname(file))).toEqual([]);
  });

  test('that is abandoned before there is a store leaves nothing', () => {
    const file = place();
    locked(file).abandon();
    expect(readdirSync(dirname(file))).toEqual([]);
  });

  test('is made again, marked, where somebody has removed its file', () => {
    const file = place();
    const lock = locked(file);
    lock.mark();
    lock.renew();
    rmSync(lockNameOf(file));
    lock.renew();
    expect(isHeld(file)).toBe(true);
    lock.release({ isLost: true });
    const next = locked(file);
    expect(next.wasLeft).toBe(true);
    next.release();
  });

  test('is never one on a file that has lost its name at the very moment', () => {
    const file = place();
    let opened = 0;
    class Racing extends DatabaseSync {
      override exec(sql: string): void {
        super.exec(sql);
        // Whoever had it is at its end, and removes it.
        if (sql.includes('EXCLUSIVE; COMMIT') && ++opened <= 3) rmSync(lockNameOf(file));
      }
    }
    const lock = locked(file, { DatabaseSync: Racing });
    expect(opened).toBeGreaterThan(3);
    expect(isHeld(file)).toBe(true);
    lock.release();
  });

  test('is refused where it is made and removed again and again', () => {
    const file = place();
    class Racing extends DatabaseSync {
      override exec(sql: string): void {
        super.exec(sql);
        if (sql.includes('EXCLUSIVE; COMMIT')) rmSync(lockNameOf(file));
      }
    }
    expect(() => locked(file, { DatabaseSync: Racing })).toThrow(/made and removed again and again/);
    locked(file).release();
  });
});
