import { existsSync } from 'node:fs';
import { expect, test } from 'vitest';
import type { SavedState, SystemEvent } from '../../../src/index.ts';
import { type SqliteStore, sqliteStore } from '../../../src/sqlite.ts';
import { failure, opened, place } from './store-file-rig.ts';

function eventsOf(count: number): SystemEvent[] {
  return Array.from({ length: count }, (_, at) => {
    const value = { type: 'variable.changed', name: 'v', value: at, version: at + 1, by: 't' } as const;
    return { sequence: at + 1, at, ...value };
  });
}

/** Appends everything in one turn; in which turn of the event loop each was answered, and how many there were. */
async function turnsOf(
  store: SqliteStore,
  batches: readonly (readonly SystemEvent[])[],
  states?: ReadonlyMap<string, SavedState>,
): Promise<number[]> {
  let turn = 0;
  let isOver = false;
  const next = () => {
    turn += 1;
    if (!isOver) setImmediate(next);
  };
  setImmediate(next);
  const turns = await Promise.all(
    batches.map((events) => store.append({ events, ...(states && { states }) }).then(() => turn)),
  );
  isOver = true;
  return turns;
}

test('what is appended in one turn is committed, and answered, at once', async () => {
  const turns = await turnsOf(
    await opened(place()),
    eventsOf(64).map((event) => [event]),
  );
  expect(new Set(turns).size).toBe(1);
});

test('no more than 200 events are committed in one turn', async () => {
  const turns = await turnsOf(
    await opened(place()),
    eventsOf(1_000).map((event) => [event]),
  );
  const sizes = [...Map.groupBy(turns, (turn) => turn).values()].map(({ length }) => length);
  expect(sizes).toEqual([200, 200, 200, 200, 200]);
});

test('states count among the 200 like events', async () => {
  const states = new Map(['a', 'b', 'c'].map((id) => [id, { json: '1', stateVersion: 1 }]));
  const turns = await turnsOf(
    await opened(place()),
    eventsOf(150).map((event) => [event]),
    states,
  );
  const sizes = [...Map.groupBy(turns, (turn) => turn).values()].map(({ length }) => length);
  expect(sizes).toEqual([50, 50, 50]);
});

test('a batch that is larger is written over several turns, in which others work on', async () => {
  const [turn] = await turnsOf(await opened(place()), [eventsOf(5_000)]);
  expect(turn).toBeGreaterThanOrEqual(25);
});

test('who reads in the midst of it is given what was committed at that moment, and no more', async () => {
  const store = await opened(place());
  const events = eventsOf(2_000);
  await store.append({ events: events.slice(0, 3) });
  const appended = store.append({ events: events.slice(3) });
  // Its first part is written by then.
  for (let turn = 0; turn < 3; turn++) await new Promise((resolve) => setImmediate(resolve));
  const read = store.read({ limit: 10 });
  expect(read).toBeInstanceOf(Promise);
  expect((await read).map(({ sequence }) => sequence)).toEqual([1, 2, 3]);
  await appended;
  expect(await store.read({ limit: 10 })).toHaveLength(10);
});

test('what is appended to a store that is not recovered from, or closed, is refused and written by no one later', async () => {
  const path = place();
  const store = sqliteStore(path);
  const batches = eventsOf(3).map((event) => ({ events: [event] }));
  const isClosed = 'got one that is closed, or was not recovered from yet';
  expect(await failure(() => store.append(batches[0]!), path)).toContain(isClosed);
  expect(await failure(() => store.backup(`${path}.copy`), path)).toContain(isClosed);
  expect(await failure(() => store.compact(), path)).toContain(isClosed);
  expect(store.recover().lastSequence).toBe(0);
  expect(store.isDurable).toBe(true);
  await store.append(batches[1]!);
  expect((await store.read({ limit: 10 })).map(({ sequence }) => sequence)).toEqual([2]);
  await store.close();
  expect(existsSync(`${path}.copy`)).toBe(false);
  expect(await failure(() => store.append(batches[2]!), path)).toContain(isClosed);
  const next = await opened(path);
  expect((await next.read({ limit: 10 })).map(({ sequence }) => sequence)).toEqual([2]);
  await next.append(batches[2]!);
});

test('a batch that repeats the last sequence is refused, and takes nobody of its turn with it', async () => {
  const store = await opened(place());
  const [one, two, three] = eventsOf(3) as [SystemEvent, SystemEvent, SystemEvent];
  const appended = [[one, two], [two], [three], [three]].map((events) => store.append({ events }));
  expect((await Promise.allSettled(appended)).map(({ status }) => status)).toEqual([
    'fulfilled',
    'rejected',
    'fulfilled',
    'rejected',
  ]);
  expect((await store.read({ limit: 10 })).map(({ sequence }) => sequence)).toEqual([1, 2, 3]);
});
