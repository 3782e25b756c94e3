/** The queue in front of the file of a store: what it refuses, what it says, and what it does behind the log. */
import { pathToFileURL } from 'node:url';
import { expect, onTestFinished, test, vi } from 'vitest';
import type { SystemEvent } from '../../../src/index.ts';
import { LogFile } from '../../../src/runtime/journal/stores/sqlite/log-file.ts';
import { sqliteStore } from '../../../src/sqlite.ts';
import { refusal } from '../../kit/rig.ts';
import { knownBatches } from './known-history.ts';
import { appended, opened, place } from './store-file-rig.ts';

/** The first events of the known history, in batches of so many or some more. */
function* largeBatches(count: number, size: number): Generator<SystemEvent[]> {
  let events: SystemEvent[] = [];
  let made = 0;
  for (const batch of knownBatches()) {
    events.push(...batch.events);
    if (events.length < size) continue;
    yield events;
    events = [];
    made += 1;
    if (made === count) return;
  }
}

test.each([
  ['', '""'],
  [':memory:', '":memory:"'],
  ['a\0b', '"a\\u0000b"'],
  [5, '5'],
  [undefined, 'undefined'],
  [new URL('https://example.org/fleet.db'), '"https://example.org/fleet.db"'],
])('a path that names no file is refused at once, of a store and of a backup: %j', async (path, inWords) => {
  const store = await opened(place());
  for (const [what, work] of [
    ['sqliteStore', () => sqliteStore(path as never)],
    ['backup', () => store.backup(path as never)],
  ] as const)
    expect(await refusal(work)).toMatchObject({
      code: 'STORE_FAILED',
      message: `${what}: expected the path of a file, or a file: URL, got ${inWords}`,
    });
});

test('the URL of a file is as good as its path', async () => {
  const path = place();
  const store = sqliteStore(pathToFileURL(path));
  store.recover();
  const history = await appended(store, 10);
  await store.close();
  expect(await (await opened(path)).read({ limit: Infinity })).toEqual(history);
});

test('a compaction frees what is not kept, and the next one nothing', async () => {
  const store = await opened(place(), { retain: { events: 10 } });
  await appended(store, 2_000);
  expect((await store.compact()).freedBytes).toBeGreaterThan(0);
  expect(await store.compact()).toEqual({ freedBytes: 0 });
});

test('retention keeps the pace of large batches that follow each other at once', async () => {
  const [keep, size] = [500, 2_000];
  const store = await opened(place(), { retain: { events: keep } });
  for (const events of largeBatches(4, size)) await store.append({ events });
  const kept = await store.read({ limit: Infinity });
  expect(kept.length).toBeLessThan(2 * (keep + size));
});

test('the program has its turn between any two steps of what is done behind a large batch', async () => {
  let turn = 0;
  const stepsAt: number[] = [];
  function* noted(steps: Generator<void, void, undefined>): Generator<void, void, undefined> {
    for (;;) {
      stepsAt.push(turn);
      if (steps.next().done) return;
      yield;
    }
  }
  // oxlint-disable-next-line typescript/unbound-method -- it is called on the file
  const { upkeep } = LogFile.prototype;
  const spied = vi.spyOn(LogFile.prototype, 'upkeep').mockImplementation(function (this: LogFile) {
    const steps = upkeep.call(this);
    return steps && noted(steps);
  });
  onTestFinished(() => spied.mockRestore());
  const store = await opened(place(), { retain: { events: 100 } });
  const [events] = largeBatches(1, 2_000);
  await store.append({ events: events! });
  for (; turn < 40; turn++) await new Promise(setImmediate);
  expect(stepsAt.length).toBeGreaterThanOrEqual(10);
  expect(new Set(stepsAt).size).toBe(stepsAt.length);
});
