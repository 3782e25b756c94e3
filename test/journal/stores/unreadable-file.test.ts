import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { pathToFileURL } from 'node:url';
import { describe, expect, test } from 'vitest';
import { AgentSystemError } from '../../../src/index.ts';
import { sqliteStore, type SqliteStoreOptions } from '../../../src/sqlite.ts';
import { seededRandom } from '../../../src/testing/index.ts';
import { batchesUpTo, firstBatches } from './known-history.ts';
import {
  appended,
  assertHistory,
  failure,
  filled,
  filledOf,
  opened,
  place,
  refusal,
  refusalOfUntouched,
} from './store-file-rig.ts';
import { temporaryDirectory } from './temporary-directory.ts';

describe('a path with nothing at it', () => {
  test('becomes a store, complete or not at all, and nothing beside it', async () => {
    const path = place();
    const store = sqliteStore(pathToFileURL(path));
    expect(existsSync(path)).toBe(false);
    store.recover();
    await store.close();
    expect(readdirSync(join(path, '..'))).toEqual(['fleet.db']);
    expect(statSync(path).size).toBeGreaterThan(4_096);
  });

  test('stays so where none is to be made', async () => {
    const path = place();
    expect(await failure(() => sqliteStore(path, { create: false }).recover(), path)).toContain(
      'expected a store that is there, got nothing',
    );
    expect(readdirSync(join(path, '..'))).toEqual([]);
    const history = await filled(path, 10);
    const store = sqliteStore(path, { create: false });
    await assertHistory(store, history);
    await store.close();
  });

  test('in a directory that is not there is refused, and the directory is not made', async () => {
    const path = join(temporaryDirectory(), 'nowhere', 'fleet.db');
    expect(await refusal(path)).toContain('make it first');
    expect(existsSync(join(path, '..'))).toBe(false);
  });

  test('but the log of a store that was there is refused', async () => {
    const path = place();
    const store = await opened(path);
    await appended(store, 10);
    copyFileSync(`${path}-wal`, `${path}-kept`);
    await store.close();
    rmSync(path);
    renameSync(`${path}-kept`, `${path}-wal`);
    expect(await refusal(path)).toContain('put the database back');
    expect(existsSync(path)).toBe(false);
  });

  test.each(['', ':memory:', 'a\0b', new URL('https://example.org/fleet.db'), 7, undefined])(
    'that is no path of a file is refused: %s',
    (path) => {
      expect(() => sqliteStore(path as string)).toThrow(AgentSystemError);
      expect(() => sqliteStore(path as string)).toThrow(/expected the path of a file/);
    },
  );

  test.each([
    [null, /: .*got null$/],
    [{ retian: {} }, /: retian: unknown option \(.*\), got \{\}$/],
    [{ retain: { events: 0 } }, /: retain\.events: .*got 0$/],
    [{ retain: { ageMs: -1 } }, /: retain\.ageMs: .*got -1$/],
    [{ maxBytes: 10 }, /: maxBytes: .*got 10$/],
  ])(
    'is not touched when the options are invalid; the error has their name and value: %j',
    (options, message) => {
      const path = place();
      expect(() => sqliteStore(path, options as unknown as SqliteStoreOptions)).toThrow(
        expect.objectContaining({ code: 'STORE_FAILED', message: expect.stringMatching(message) }),
      );
      expect(existsSync(path)).toBe(false);
    },
  );
});

describe('a file that is no whole store', () => {
  test.each([
    ['text', 'no SQLite database', Buffer.from('hello world, this is a text\n'.repeat(500))],
    ['a few bytes', 'no SQLite database', Buffer.from('short')],
    ['nothing', 'empty file', Buffer.alloc(0)],
    ['zeros', 'no SQLite database', Buffer.alloc(8_192)],
  ])('but %s is refused and left as it is', async (_, came, content) => {
    const path = place();
    writeFileSync(path, content);
    expect(await refusalOfUntouched(path)).toContain(came);
    expect(readdirSync(join(path, '..'))).toEqual(['fleet.db']);
  });

  test('but a database of another application is refused and left as it is', async () => {
    for (const sql of ['CREATE TABLE t (a)', 'PRAGMA application_id = 7; CREATE TABLE t (a)', 'VACUUM']) {
      const path = place();
      const foreign = new DatabaseSync(path);
      foreign.exec(sql);
      foreign.close();
      expect(await refusalOfUntouched(path)).toContain('another application');
    }
  });

  test('but one of a later version is refused and left as it is', async () => {
    const path = place();
    await filled(path, 10);
    const later = new DatabaseSync(path);
    later.exec('PRAGMA user_version = 7');
    later.close();
    expect(await refusalOfUntouched(path)).toMatch(/version 7, written by a later mabeam/);
  });

  test.each([
    ['whose last events are gone', 'sequence > 290', 'a log that ends with event 290'],
    [
      'that lacks an event that its fleet needs',
      'sequence = 7',
      'expected event 7, got nothing in its place',
    ],
  ])('but one %s is refused', async (_, gone, why) => {
    const path = place();
    await filled(path, 300);
    const store = sqliteStore(path);
    store.recover();
    await store.compact();
    await store.close();
    const other = new DatabaseSync(path);
    other.exec(`DELETE FROM event WHERE ${gone}`);
    other.close();
    expect(await refusalOfUntouched(path)).toContain(why);
  });

  test('but a directory is refused', async () => {
    const path = place();
    mkdirSync(path);
    expect(await refusal(path)).toContain('a directory');
  });

  test('but a truncated one is refused wherever it was cut', async () => {
    const path = place();
    await filled(path, 1_000);
    const whole = readFileSync(path);
    for (let cut = 1; cut < 12; cut++) {
      writeFileSync(path, whole.subarray(0, Math.floor((whole.length * cut) / 12)));
      expect(await refusalOfUntouched(path)).toMatch(/damaged|truncated|no SQLite database/);
    }
    writeFileSync(path, whole);
    await opened(path);
  });

  test('but a truncated one is refused, though the log has later pages of it', async () => {
    const path = place();
    const store = await opened(path);
    // Enough for the log to have been written back into the file at least once.
    await appended(store, 9_000);
    const copy = place();
    copyFileSync(path, copy);
    copyFileSync(`${path}-wal`, `${copy}-wal`);
    const whole = await filledOf(copy);
    expect(whole).toBeGreaterThan(9_000);
    copyFileSync(path, copy);
    copyFileSync(`${path}-wal`, `${copy}-wal`);
    truncateSync(copy, Math.floor(statSync(copy).size / 2));
    expect(await refusalOfUntouched(copy)).toMatch(/truncated|damaged/);
  });

  test('is never taken for another history, whichever page is overwritten', async () => {
    const path = place();
    const history = await filled(path, 1_100);
    const whole = readFileSync(path);
    const random = seededRandom(3);
    const garbage = Buffer.from(Array.from({ length: 4_096 }, () => Math.floor(random() * 256)));
    let refused = 0;
    for (let page = 0; page < whole.length / 4_096; page++) {
      const damaged = Buffer.from(whole);
      (page % 2 === 0 ? garbage : Buffer.alloc(4_096)).copy(damaged, page * 4_096);
      writeFileSync(path, damaged);
      const store = sqliteStore(path);
      try {
        await assertHistory(store, history);
      } catch (thrown) {
        expect(thrown).toBeInstanceOf(AgentSystemError);
        expect(thrown).toMatchObject({ code: 'STORE_FAILED', details: { path } });
        refused += 1;
      } finally {
        await store.close();
      }
    }
    // All but a few hold something: one page only says where others are.
    expect(refused).toBeGreaterThan(0.9 * (whole.length / 4_096));
  });
});

describe('a log that was cut off, as by a loss of power', () => {
  test('gives back the whole batches before the cut, wherever it is', async () => {
    const path = place();
    const store = await opened(path);
    for (const batch of firstBatches(60)) await store.append(batch);
    const file = readFileSync(path);
    const log = readFileSync(`${path}-wal`);
    const copy = place();
    const random = seededRandom(11);
    const reached = new Set<number>();
    for (let cut = 0; cut < 25; cut++) {
      writeFileSync(copy, file);
      const torn = Buffer.from(log.subarray(0, Math.floor(random() * log.length)));
      // The last sector may hold anything.
      torn.fill(Math.floor(random() * 256), Math.max(0, torn.length - Math.floor(random() * 512)));
      writeFileSync(`${copy}-wal`, torn);
      const left = sqliteStore(copy);
      const { lastSequence, facts } = left.recover();
      const batches = batchesUpTo(lastSequence);
      expect(await left.read({ limit: Infinity })).toEqual(batches.flatMap(({ events }) => events));
      expect(facts.get('batch') ?? '0').toBe(String(batches.length));
      await left.close();
      reached.add(lastSequence);
    }
    expect(reached.size).toBeGreaterThan(10);
  });
});
