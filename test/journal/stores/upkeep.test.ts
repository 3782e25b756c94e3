/** Work behind the log that fails: no append is harmed, it is tried again, and nothing of it is lost. */
import assert from 'node:assert/strict';
import { rmSync, statSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';
import { describe, expect, onTestFinished, test } from 'vitest';
import type { SystemEvent } from '../../../src/index.ts';
import { FleetIndex } from '../../../src/runtime/journal/fleet-index.ts';
import { openFile } from '../../../src/runtime/journal/stores/sqlite/open-file.ts';
import { type SqliteStore, sqliteStore, type SqliteStoreOptions } from '../../../src/sqlite.ts';
import { knownBatches } from './known-history.ts';
import { failure, filledOf, place } from './store-file-rig.ts';

/** Tables that upkeep writes, and no append does. */
const BEHIND = {
  slot: 'INSERT ON slot',
  progress: `UPDATE ON progress WHEN NEW.name = 'slotsUpTo'`,
  event: 'DELETE ON event',
};

/** A store in which upkeep fails as long as the fact `fails` says so. */
async function fragile(table: keyof typeof BEHIND, options?: SqliteStoreOptions) {
  const path = place();
  await filledOf(path);
  const db = new DatabaseSync(path);
  const [when, extra = ''] = BEHIND[table].split(' WHEN ');
  const fails = `(SELECT value FROM fact WHERE name = '"fails"') = '"yes"'`;
  db.exec(`
    CREATE TRIGGER fragile BEFORE ${when} WHEN ${fails} ${extra && `AND ${extra}`}
    BEGIN SELECT RAISE(ABORT, 'upkeep fails'); END
  `);
  db.close();
  const store = sqliteStore(path, options);
  onTestFinished(() => store.close());
  store.recover();
  return { path, store };
}

async function say(store: SqliteStore, fails: 'yes' | 'no'): Promise<void> {
  await store.append({ events: [], facts: new Map([['fails', fails]]) });
}

/** Appends the known history up to about a sequence; all of it so far. */
async function fill(store: SqliteStore, upTo: number, history: SystemEvent[] = []): Promise<SystemEvent[]> {
  const waiting: Promise<void>[] = [];
  for (const batch of knownBatches()) {
    if (batch.events[0]!.sequence <= history.length) continue;
    if (history.length >= upTo) break;
    waiting.push(store.append(batch));
    history.push(...batch.events);
  }
  await Promise.all(waiting);
  return history;
}

function progressOf(path: string, name: string): number {
  const db = new DatabaseSync(path, { readOnly: true });
  try {
    return Number(db.prepare('SELECT value FROM progress WHERE name = ?').get(name)?.['value']);
  } finally {
    db.close();
  }
}

function assertRecovers(store: SqliteStore, history: readonly SystemEvent[]): void {
  const index = new FleetIndex();
  for (const event of history) index.note(event);
  const { facts: _, lastSequence, ...fleet } = store.recover();
  assert.deepStrictEqual(fleet, index.recovery());
  expect(lastSequence).toBe(history.length);
}

describe.each(['slot', 'progress'] as const)('upkeep that fails at the table %s', (table) => {
  test('harms no append, is tried again with the next ones, and has then done all', async () => {
    const { path, store } = await fragile(table);
    await say(store, 'yes');
    const history = await fill(store, 11_000);
    await fill(store, 11_300, history);
    assert.deepStrictEqual(await store.read({ limit: Infinity }), history);
    await say(store, 'no');
    await fill(store, 11_400, history);
    // It takes some turns, in which nothing else happens.
    for (let turn = 0; turn < 300; turn++) await new Promise((resolve) => setImmediate(resolve));
    await store.close();
    expect(progressOf(path, 'slotsUpTo')).toBeGreaterThanOrEqual(11_000);
    assertRecovers(store, history);
  });

  test('and fails to the end loses nothing: the next program knows the fleet', async () => {
    const { path, store } = await fragile(table);
    await say(store, 'yes');
    const history = await fill(store, 11_000);
    await store.close();
    expect(progressOf(path, 'slotsUpTo')).toBe(0);
    assertRecovers(store, history);
  });

  test('is not tried again and again while nothing is appended', async () => {
    const { store } = await fragile(table);
    await say(store, 'yes');
    await fill(store, 11_000);
    for (let turn = 0; turn < 50; turn++) await new Promise((resolve) => setImmediate(resolve));
    // Nothing is left to do: the next turns are free of it.
    expect(process.getActiveResourcesInfo()).not.toContain('Immediate');
  });
});

describe('a compaction that fails', () => {
  test('is refused, also one that was asked for meanwhile, and the next one works', async () => {
    const { path, store } = await fragile('event', { retain: { events: 500 } });
    await say(store, 'yes');
    const history = await fill(store, 2_000);
    const both = [store.compact(), store.compact()].map((asked) => failure(() => asked, path));
    expect(await Promise.all(both)).toEqual([
      expect.stringContaining('upkeep fails'),
      expect.stringContaining('upkeep fails'),
    ]);
    assert.deepStrictEqual(await store.read({ limit: Infinity }), history);
    await say(store, 'no');
    await store.compact();
    assert.deepStrictEqual(await store.read({ limit: Infinity }), history.slice(-500));
    await store.close();
    assertRecovers(store, history);
  });

  test('leaves retention to the next append', async () => {
    const { store } = await fragile('event', { retain: { events: 500 } });
    await say(store, 'yes');
    const history = await fill(store, 2_000);
    assert.deepStrictEqual(await store.read({ limit: Infinity }), history);
    await say(store, 'no');
    await fill(store, 2_001, history);
    for (let turn = 0; turn < 100; turn++) await new Promise((resolve) => setImmediate(resolve));
    expect((await store.read({ limit: Infinity })).length).toBeLessThan(500 + 256);
  });
});

describe('what an open file is set to', () => {
  test.each([
    // FULL: what was acknowledged is on the disk before it is.
    ['synchronous', 2],
    ['journal_mode', 'wal'],
    ['locking_mode', 'exclusive'],
    ['auto_vacuum', 2],
    ['wal_autocheckpoint', 0],
    ['journal_size_limit', 16 * 1024 * 1024],
  ])('%s is %s', (pragma, value) => {
    const { db, held } = openFile({ path: place(), maxBytes: Infinity, create: true });
    onTestFinished(() => held.close());
    held.begin();
    expect(Object.values(db.prepare(`PRAGMA ${pragma}`).get()!)).toEqual([value]);
  });

  test.each([
    ['opened again', (path: string) => Promise.resolve(path)],
    [
      'a backup',
      async (path: string) => {
        const copy = place();
        const store = sqliteStore(path);
        store.recover();
        await store.backup(copy);
        await store.close();
        return copy;
      },
    ],
    [
      'one whose last writer failed',
      async (path: string) => {
        const store = sqliteStore(path, { maxBytes: 65_536 });
        store.recover();
        const facts = new Map([['large', 'x'.repeat(1_000_000)]]);
        await expect(store.append({ events: [], facts })).rejects.toMatchObject({ code: 'STORE_FAILED' });
        await store.close();
        return path;
      },
    ],
  ])('is the same for %s', async (_, prepared) => {
    const filled = place();
    await filledOf(filled);
    const { db, held } = openFile({ path: await prepared(filled), maxBytes: Infinity, create: false });
    onTestFinished(() => held.close());
    held.begin();
    const read = (pragma: string) => Object.values(db.prepare(`PRAGMA ${pragma}`).get()!)[0];
    expect([read('synchronous'), read('journal_mode'), read('locking_mode')]).toEqual([
      2,
      'wal',
      'exclusive',
    ]);
  });

  test('and stays so for an append that failed for want of room', () => {
    const { db, held } = openFile({ path: place(), maxBytes: 400_000, create: true });
    onTestFinished(() => held.close());
    held.begin();
    const state = db.prepare('INSERT INTO fact (name, value) VALUES (?, ?)');
    expect(() => state.run('large', 'x'.repeat(1_000_000))).toThrow(/full/);
    expect(Object.values(db.prepare('PRAGMA synchronous').get()!)).toEqual([2]);
  });

  test('and stays so when its log was removed, and was begun anew', () => {
    const path = place();
    const { db, held } = openFile({ path, maxBytes: 1_000_000, create: true });
    onTestFinished(() => held.close());
    held.begin();
    rmSync(`${path}-wal`);
    held.lookNow();
    for (const [pragma, value] of [
      ['synchronous', 2],
      ['journal_mode', 'wal'],
      ['locking_mode', 'exclusive'],
      ['max_page_count', 244],
    ] as const) {
      expect(Object.values(db.prepare(`PRAGMA ${pragma}`).get()!), pragma).toEqual([value]);
    }
  });
});

test('the log is written back into the file as it grows, so that it stays small', async () => {
  const path = place();
  const store = sqliteStore(path);
  onTestFinished(() => store.close());
  store.recover();
  let largest = 0;
  for (let count = 0; count < 16; count++) {
    const json = JSON.stringify(String(count % 10).repeat(1_000_000));
    await store.append({ events: [], states: new Map([['a', { json, stateVersion: 1 }]]) });
    largest = Math.max(largest, statSync(`${path}-wal`).size);
  }
  expect(largest).toBeLessThan(6_000_000);
});
