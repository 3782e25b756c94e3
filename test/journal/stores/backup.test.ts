import { existsSync, mkdirSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { describe, expect, test } from 'vitest';
import type { SystemEvent } from '../../../src/index.ts';
import { openFile } from '../../../src/runtime/journal/stores/sqlite/open-file.ts';
import { type SqliteStore, sqliteStore } from '../../../src/sqlite.ts';
import { batchesUpTo, knownBatches } from './known-history.ts';
import { appended, assertHistory, failure, opened, place, smallDisk } from './store-file-rig.ts';

/** Opens what was backed up, and looks at everything in it; its history. */
async function examined(path: string): Promise<readonly SystemEvent[]> {
  const store = sqliteStore(path, { create: false });
  const { lastSequence } = store.recover();
  await store.close();
  const history = batchesUpTo(lastSequence).flatMap(({ events }) => events);
  await assertHistory(store, history);
  await store.close();
  return history;
}

/** Callers that append on and on, until told to stop; sequence of the last event that was acknowledged. */
function load(store: SqliteStore, from: number) {
  let isOver = false;
  let last = from;
  const work = (async () => {
    for (const batch of knownBatches()) {
      if (batch.events[0]!.sequence <= from) continue;
      if (isOver) return;
      await store.append(batch);
      last = batch.events.at(-1)!.sequence;
    }
  })();
  return {
    last: () => last,
    end: async () => {
      isOver = true;
      await work;
    },
  };
}

describe('a backup', () => {
  test('holds everything that was acknowledged, and is one file that needs no other', async () => {
    const store = await opened(place());
    const history = await appended(store, 1_000);
    const path = place();
    const { lastSequence, bytes } = await store.backup(pathToFileURL(path));
    expect(lastSequence).toBe(history.at(-1)!.sequence);
    expect(readdirSync(dirname(path))).toEqual(['fleet.db']);
    expect(bytes).toBe(statSync(path).size);
    expect(await examined(path)).toEqual(history);
    expect(readdirSync(dirname(path))).toEqual(['fleet.db']);
  });

  test('of an empty store is an empty store', async () => {
    const store = await opened(place());
    const path = place();
    expect((await store.backup(path)).lastSequence).toBe(0);
    expect(await examined(path)).toEqual([]);
  });

  test('is made while others append, whole batches up to some moment after it was asked for', async () => {
    const store = await opened(place());
    const before = await appended(store, 6_000);
    const callers = load(store, before.at(-1)!.sequence);
    const backups = [];
    for (let count = 0; count < 6; count++) {
      const acknowledged = callers.last();
      const path = place();
      const { lastSequence } = await store.backup(path);
      backups.push({ path, lastSequence, acknowledged });
    }
    await callers.end();
    for (const { path, lastSequence, acknowledged } of backups) {
      expect(lastSequence).toBeGreaterThanOrEqual(acknowledged);
      expect((await examined(path)).length).toBe(lastSequence);
    }
    expect(new Set(backups.map(({ lastSequence }) => lastSequence)).size).toBeGreaterThan(1);
    await store.close();
    await assertHistory(
      store,
      batchesUpTo(callers.last()).flatMap(({ events }) => events),
    );
  });

  test('may be asked for while a large batch is written, while it is compacted, and with others at once', async () => {
    const store = await opened(place(), { retain: { events: 2_000 } });
    const history = await appended(store, 3_000);
    const last = history.at(-1)!.sequence;
    const large = Array.from({ length: 5_000 }, (_, at): SystemEvent => {
      const of = { name: 'v', value: at, version: at, by: 't' };
      return { sequence: last + 1 + at, at: 0, type: 'variable.changed', ...of };
    });
    const paths = [place(), place(), place(), place()];
    const [, , ...backups] = await Promise.all([
      store.compact(),
      store.append({ events: large }),
      ...paths.map((path) => store.backup(path)),
    ]);
    for (const [at, { lastSequence }] of backups.entries()) {
      expect([last, last + large.length]).toContain(lastSequence);
      const copy = await opened(paths[at]!);
      expect((await copy.read({ limit: Infinity })).at(-1)!.sequence).toBe(lastSequence);
    }
    await store.compact();
    expect(await store.read({ limit: Infinity })).toHaveLength(2_000);
  });

  test('lets the program have its turns', async () => {
    const store = await opened(place());
    await appended(store, 9_000);
    let turns = 0;
    let isOver = false;
    const turn = () => {
      turns += 1;
      if (!isOver) setImmediate(turn);
    };
    setImmediate(turn);
    await store.backup(place());
    isOver = true;
    expect(turns).toBeGreaterThan(4);
  });

  test('is written back into by nobody: what is kept after it is not in it', async () => {
    const store = await opened(place());
    const history = await appended(store, 2_000);
    const path = place();
    await store.backup(path);
    const callers = load(store, history.at(-1)!.sequence);
    while (callers.last() < 9_000) await new Promise((resolve) => setImmediate(resolve));
    await callers.end();
    expect(await examined(path)).toEqual(history);
  });

  test('is of one moment: nothing is written back into the file while it is copied', () => {
    const path = place();
    const { db, held } = openFile({ path, maxBytes: Infinity, create: true });
    held.begin();
    const size = () => statSync(path).size;
    const before = size();
    const copies = [held.beginCopy(), held.beginCopy()];
    db.prepare('INSERT INTO event VALUES (1, ?)').run('x'.repeat(100_000));
    held.wrote({ bytes: 100_000_000, rows: 0 });
    for (const copy of copies) {
      expect(held.isCheckpointDue).toBe(false);
      held.checkpoint();
      held.checkpoint('empty');
      expect(size()).toBe(before);
      copy.end();
    }
    expect(held.isCheckpointDue).toBe(true);
    held.checkpoint();
    expect(held.isCheckpointDue).toBe(false);
    expect(size()).toBeGreaterThan(before + 90_000);
    held.close();
  });

  test.each<[string, (path: string) => void, RegExp]>([
    [
      'a file',
      (path) => writeFileSync(path, 'x'),
      /expected a path with nothing at it, got a file .*fleet\.db;/,
    ],
    ['a directory', (path) => mkdirSync(path), /expected a path with nothing at it/],
    ['the log of another store', (path) => writeFileSync(`${path}-wal`, 'x'), /got a file .*fleet\.db-wal;/],
    ['no directory', (path) => rmSync(dirname(path), { recursive: true }), /can be opened or made.*ENOENT/],
  ])('is refused where there is %s, and changes nothing', async (_, make, says) => {
    const store = await opened(place());
    const history = await appended(store, 20);
    const path = place();
    make(path);
    const before = existsSync(dirname(path)) ? readdirSync(dirname(path)) : undefined;
    expect(await failure(() => store.backup(path), path)).toMatch(says);
    expect(existsSync(dirname(path)) ? readdirSync(dirname(path)) : undefined).toEqual(before);
    expect(await store.read({ limit: Infinity })).toEqual(history);
  });

  test.each(['', ':memory:', 'a\0b', 7, undefined])('is refused at what is no path: %s', async (path) => {
    const store = await opened(place());
    const message = expect.stringMatching(/^backup: expected the path of a file/);
    await expect(store.backup(path as string)).rejects.toMatchObject({ code: 'STORE_FAILED', message });
  });

  test('is refused where the store itself is', async () => {
    const path = place();
    const store = await opened(path);
    await failure(() => store.backup(path), path);
    await store.append(knownBatches().next().value);
  });

  test.each([
    ['of a name that is too long', (directory: string) => join(directory, 'x'.repeat(300))],
    ['of a name that is too long while it is made', (directory: string) => join(directory, 'x'.repeat(240))],
    ['that leads through a file', (directory: string) => join(directory, 'fleet.db', 'backup.db')],
    ['in a folder that is not there', (directory: string) => join(directory, 'nowhere', 'backup.db')],
  ])('at a path %s is refused by that path, and nothing is left of it', async (_, pathIn) => {
    const path = place();
    const store = await opened(path);
    const before = readdirSync(dirname(path));
    const target = pathIn(dirname(path));
    expect(await failure(() => store.backup(target), target)).toContain(
      'got a refusal of the operating system',
    );
    expect(readdirSync(dirname(path))).toEqual(before);
  });

  test('of a closed store is refused, and one that it is closed over ends, with nothing left of it', async () => {
    const store = await opened(place());
    await appended(store, 3_000);
    const path = place();
    const backup = store.backup(path);
    const refused = expect(backup).rejects.toThrow(
      /until the copy is complete, got one that was closed before/,
    );
    await store.close();
    // By then, not some time after it.
    expect(readdirSync(dirname(path))).toEqual([]);
    await refused;
    await expect(store.backup(path)).rejects.toMatchObject({ code: 'STORE_FAILED' });
  });

  test('of a store that is not open yet is refused, as all else is, and is not made later', async () => {
    const [path, target] = [place(), place()];
    const store = sqliteStore(path);
    const batch = knownBatches().next().value;
    for (const early of [() => store.backup(target), () => store.compact(), async () => store.append(batch)])
      expect(await failure(early, path)).toContain('await recover() first');
    store.recover();
    await store.append(batch);
    expect(await store.read({ limit: Infinity })).toEqual(batch.events);
    await store.close();
    expect(existsSync(target)).toBe(false);
  });

  test('for which there is no room is refused, with nothing left of it, and the store works on', async (context) => {
    const { directory } = smallDisk(context, '512k');
    const store = await opened(place());
    const history = await appended(store, 3_000);
    const path = join(directory, 'backup.db');
    expect(await failure(() => store.backup(path), path)).toContain('a full disk');
    expect(readdirSync(directory)).toEqual([]);
    const callers = load(store, history.at(-1)!.sequence);
    while (callers.last() < history.length + 500) await new Promise((resolve) => setImmediate(resolve));
    await callers.end();
  });

  test('can still be made of a file that was removed', async () => {
    const path = place();
    const store = await opened(path);
    const history = await appended(store, 300);
    rmSync(path);
    await failure(() => store.check(), path);
    const target = place();
    await store.backup(target);
    expect(await examined(target)).toEqual(history);
  });
});
