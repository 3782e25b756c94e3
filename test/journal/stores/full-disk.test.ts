import assert from 'node:assert/strict';
import { readdirSync, rmSync, statfsSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { type Store, type SystemEvent } from '../../../src/index.ts';
import { sqliteStore } from '../../../src/sqlite.ts';
import { batchesUpTo, firstBatches, knownBatches } from './known-history.ts';
import {
  assertHistory,
  closedAtEnd,
  failure,
  opened,
  place,
  programs,
  refusal,
  resultOf,
  smallDisk,
} from './store-file-rig.ts';

/** Appends until it is refused, one batch at a time; the events that were kept. */
async function fill(store: Store, path: string) {
  const kept: SystemEvent[] = [];
  for (const batch of knownBatches()) {
    const result = await Promise.resolve(store.append(batch)).then(
      () => undefined,
      (error: unknown) => error,
    );
    if (result !== undefined) {
      const message = await failure(() => Promise.reject(result), path);
      return { kept, message, refused: batch };
    }
    kept.push(...batch.events);
  }
  throw new Error('unreachable');
}

/** Leaves so many pages of a disk free. */
function takeAllBut(directory: string, pages: number): void {
  const { bavail, bsize } = statfsSync(directory);
  writeFileSync(join(directory, 'ballast'), Buffer.alloc((bavail - pages) * bsize));
}

describe('a disk without room', () => {
  test('refuses the batch, keeps what was kept, and goes on when there is room', async (context) => {
    const { directory } = smallDisk(context, '1m');
    const path = join(directory, 'fleet.db');
    writeFileSync(join(directory, 'ballast'), Buffer.alloc(300_000));
    const store = await opened(path);
    const { kept, message, refused } = await fill(store, path);
    expect(message).toMatch(/room to write.*free some space/);
    assert.deepStrictEqual(await store.read({ limit: Infinity }), kept);
    rmSync(join(directory, 'ballast'));
    await store.append(refused);
    assert.deepStrictEqual(await store.read({ limit: Infinity }), [...kept, ...refused.events]);
    await store.close();
    await assertHistory(store, [...kept, ...refused.events]);
  });

  test('has no new store made on it, and nothing is left of the attempt', async (context) => {
    const { directory } = smallDisk(context, '64k');
    writeFileSync(join(directory, 'ballast'), Buffer.alloc(60_000));
    const path = join(directory, 'fleet.db');
    expect(await refusal(path)).toMatch(/room to write/);
    expect(readdirSync(directory)).toEqual(['ballast']);
  });

  test('has a new store made on it whole, or not at all: however much room is left', async (context) => {
    const { directory } = smallDisk(context, '256k');
    const path = join(directory, 'fleet.db');
    const [batch] = firstBatches(1);
    for (let pages = 0; pages < 40; pages += 1) {
      for (const file of readdirSync(directory)) rmSync(join(directory, file));
      takeAllBut(directory, pages);
      const made = sqliteStore(path);
      try {
        made.recover();
        await made.close();
      } catch (thrown) {
        expect(String(thrown)).toMatch(/room to write|I\/O error/);
      }
      rmSync(join(directory, 'ballast'));
      const store = await opened(path);
      await store.append(batch!);
      await store.close();
      await assertHistory(store, batch!.events);
      await store.close();
    }
  });

  test('loses nothing of a log that was removed: it waits for room', async (context) => {
    const { directory } = smallDisk(context, '8m');
    const path = join(directory, 'fleet.db');
    const store = await opened(path);
    const [next, ...batches] = firstBatches(40).toReversed();
    for (const batch of batches.toReversed()) await store.append(batch);
    const kept = batches.toReversed().flatMap(({ events }) => events);
    rmSync(`${path}-wal`);
    takeAllBut(directory, 0);
    for (let tries = 0; tries < 2; tries += 1) {
      expect(await failure(() => store.append(next!), path)).toMatch(/room to write/);
      assert.deepStrictEqual(await store.read({ limit: Infinity }), kept);
    }
    rmSync(join(directory, 'ballast'));
    await store.append(next!);
    await store.close();
    await assertHistory(store, [...kept, ...next!.events]);
  });

  test('or a file that has reached maxBytes, refuses the batch and keeps what was kept', async () => {
    const path = place();
    const store = await opened(path, { maxBytes: 200_000 });
    const { kept, message, refused } = await fill(store, path);
    expect(message).toMatch(/room to write.*maxBytes/);
    assert.deepStrictEqual(await store.read({ limit: Infinity }), kept);
    await failure(() => store.append(refused), path);
    await store.close();
    expect(statSync(path).size).toBeLessThanOrEqual(200_000);
    const larger = await opened(path);
    await larger.append(refused);
    await larger.close();
    await assertHistory(larger, [...kept, ...refused.events]);
  });

  test('fails what waits behind the refused batch, so that there is no gap', async () => {
    const path = place();
    const store = await opened(path, { maxBytes: 150_000 });
    const batches = firstBatches(400);
    const results = await Promise.allSettled(batches.map(async (batch) => store.append(batch)));
    const kept = results.findIndex(({ status }) => status === 'rejected');
    expect(kept).toBeGreaterThan(0);
    expect(results.slice(kept).every(({ status }) => status === 'rejected')).toBe(true);
    const events = batches.slice(0, kept).flatMap((batch) => batch.events);
    assert.deepStrictEqual(await store.read({ limit: Infinity }), events);
  });
});

test('an I/O error of the operating system refuses the batch, and all before it is there', async () => {
  const path = place();
  // Files larger than so many blocks of 512 bytes may not be written: a limit of the process.
  const command = `ulimit -f 500 && exec "$0" "$@"`;
  const args = [process.execPath, programs.appendUntilRefused, path];
  const { kept, code, message } = resultOf('sh', ['-c', command, ...args]);
  expect(code).toBe('STORE_FAILED');
  expect(message).toContain(path);
  expect(message).toContain('I/O error');
  expect(kept).toBeGreaterThan(0);
  const history = batchesUpTo(Number(kept)).flatMap(({ events }) => events);
  await assertHistory(closedAtEnd(path), history);
});
