/** Which -wal file belongs to a database: one that lies beside it and does not is never taken for its own. */
import { copyFileSync, existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { describe, expect, test } from 'vitest';
import type { SystemEvent } from '../../../src/index.ts';
import { judgeLog } from '../../../src/runtime/journal/stores/sqlite/log-record.ts';
import { sqliteStore, type SqliteStore } from '../../../src/sqlite.ts';
import { knownBatches } from './known-history.ts';
import {
  appended,
  assertHistory,
  filled,
  leftBehind,
  opened,
  place,
  refusalOfUntouched,
} from './store-file-rig.ts';

/** A store that a kill left, with a log in which there is something, and its whole history. */
async function killed(path = place(), events = 200) {
  const store = await opened(path);
  const history = await more(store, events);
  const left = leftBehind(path);
  await store.close();
  return { left, history };
}

/** Appends what follows of the known history; all of it so far. */
async function more(store: SqliteStore, count: number): Promise<readonly SystemEvent[]> {
  const before = await store.read({ limit: Infinity });
  const last = before.at(-1)?.sequence ?? 0;
  const events: SystemEvent[] = [...before];
  for (const batch of knownBatches()) {
    if (batch.events[0]!.sequence <= last) continue;
    if (events.length >= before.length + count) return events;
    await store.append(batch);
    events.push(...batch.events);
  }
  return events;
}

/** Restores a file beside the log of a killed program: it is refused, and is what it was once the log is gone. */
async function restored(left: string, file: string, history: readonly SystemEvent[]) {
  copyFileSync(file, left);
  expect(await refusalOfUntouched(left)).toMatch(
    /expected the log beside it to be its own, got the log of another file.*; delete .*-wal/,
  );
  rmSync(`${left}-wal`);
  const store = sqliteStore(left);
  await assertHistory(store, history);
  await store.close();
}

describe('a backup that is restored beside the log of the file it replaces', () => {
  test('made by the store itself, is not undone', async () => {
    const path = place();
    const backup = place();
    const store = await opened(path);
    const history = await appended(store, 200);
    await store.backup(backup);
    await more(store, 50);
    const left = leftBehind(path);
    await store.close();
    await restored(left, backup, history);
  });

  test('copied while it was closed, is not undone', async () => {
    const path = place();
    const history = await filled(path, 100);
    const copy = place();
    copyFileSync(path, copy);
    const { left } = await killed(path);
    await restored(left, copy, history);
  });

  test('copied alone while it was open, some rounds of the log ago, is not mixed with it', async () => {
    const path = place();
    const store = await opened(path);
    await appended(store, 200);
    const copy = place();
    await store.compact();
    copyFileSync(path, copy);
    const history = (await store.read({ limit: Infinity })) as SystemEvent[];
    await more(store, 100);
    await store.compact();
    await more(store, 100);
    const left = leftBehind(path);
    await store.close();
    await restored(left, copy, history);
  });

  test('of another store, is not mixed with it', async () => {
    const other = place();
    const history = await filled(other, 40);
    const { left } = await killed();
    await restored(left, other, history);
  });

  test('of before the log was recorded, is taken with what lies beside it, as ever', async () => {
    const { left, history } = await killed();
    const old = new DatabaseSync(left);
    old.exec(`DELETE FROM progress WHERE name = 'log'`);
    old.close();
    expect(existsSync(`${left}-wal`)).toBe(false);
    const store = sqliteStore(left);
    await assertHistory(store, history);
    await store.close();
  });
});

describe('a file with its own log', () => {
  test('goes on with it, wherever its program was killed, as often as it was', async () => {
    let path = place();
    let history: readonly SystemEvent[] = [];
    for (let kill = 0; kill < 8; kill++) {
      const store = await opened(path);
      // Some die at once, some with rounds of the log behind them.
      history = await more(store, [0, 1, 30, 3_000][kill % 4]!);
      if (kill % 3 === 1) await store.compact();
      const left = leftBehind(path);
      await store.close();
      path = left;
      const copy = leftBehind(path);
      const again = sqliteStore(copy);
      await assertHistory(again, history);
      await again.close();
    }
    expect(history.length).toBeGreaterThan(6_000);
  });

  test('restored with it from a copy of both is what they were', async () => {
    const path = place();
    const store = await opened(path);
    const history = await appended(store, 200);
    const left = leftBehind(path);
    await more(store, 200);
    const later = leftBehind(path);
    await store.close();
    for (const suffix of ['', '-wal']) copyFileSync(`${left}${suffix}`, `${later}${suffix}`);
    const restored = sqliteStore(later);
    await assertHistory(restored, history);
    await restored.close();
  });

  test('that has nothing in it but its own beginning loses nothing when it lies beside another one', async () => {
    const path = place();
    const store = await opened(path);
    const left = leftBehind(path);
    await store.close();
    const other = place();
    const history = await filled(other, 40);
    copyFileSync(other, left);
    const next = sqliteStore(left);
    await assertHistory(next, history);
    await next.close();
    expect(readdirSync(dirname(left))).toEqual(['fleet.db']);
  });
});

describe('a log is judged by its number', () => {
  const at = { path: 'p', file: 'f' };
  const log = { pageBytes: 4_096, total: 9, logged: new Set<number>(), round: 3, salt: 7, commits: 5 };

  test.each([
    [7, 'the round that the file names'],
    [8, 'the one before it'],
  ])('recorded %i: it is %s', (recorded) => {
    expect(judgeLog(at, recorded, log)).toBe('keep');
  });

  test.each([6, 9, -1, 0])('recorded %i: it is another one’s', (recorded) => {
    expect(() => judgeLog(at, recorded, log)).toThrow('delete f-wal to go on');
  });

  test('numbers begin again where they end', () => {
    const last = { ...log, salt: 2 ** 32 - 1 };
    expect(judgeLog(at, 0, last)).toBe('keep');
    expect(judgeLog(at, 2 ** 32 - 1, last)).toBe('keep');
    expect(() => judgeLog(at, 1, last)).toThrow();
  });

  test('a first round of no more than two commits holds nothing, and one of three does', () => {
    const first = { ...log, round: 0 };
    expect(judgeLog(at, -1, { ...first, commits: 2 })).toBe('remove');
    expect(() => judgeLog(at, -1, { ...first, commits: 3 })).toThrow();
    expect(judgeLog(at, 8, { ...first, commits: 2 })).toBe('keep');
    expect(judgeLog(at, undefined, { ...first, commits: 9 })).toBe('keep');
  });
});

test('the first round of a new log never holds an event', async () => {
  const path = place();
  const store = await opened(path);
  for (const batch of [knownBatches().next().value]) await store.append(batch);
  const log = readFileSync(`${path}-wal`);
  expect(log.readUInt32BE(12)).toBeGreaterThan(0);
  await store.close();
  // Also where a log of nothing lies there already.
  writeFileSync(`${path}-wal`, '');
  const again = await opened(path);
  await more(again, 5);
  expect(readFileSync(`${path}-wal`).readUInt32BE(12)).toBeGreaterThan(0);
});
