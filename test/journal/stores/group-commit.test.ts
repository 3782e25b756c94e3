import { expect, test } from 'vitest';
import type { SystemEvent } from '../../../src/index.ts';
import type { SqliteStore } from '../../../src/sqlite.ts';
import { opened, place } from './store-file-rig.ts';

function eventsOf(count: number): SystemEvent[] {
  return Array.from({ length: count }, (_, at) => {
    const value = { type: 'variable.changed', name: 'v', value: at, version: at + 1, by: 't' } as const;
    return { sequence: at + 1, at, ...value };
  });
}

/** Appends everything in one turn; in which turn of the event loop each was answered, and how many there were. */
async function turnsOf(store: SqliteStore, batches: readonly (readonly SystemEvent[])[]): Promise<number[]> {
  let turn = 0;
  let isOver = false;
  const next = () => {
    turn += 1;
    if (!isOver) setImmediate(next);
  };
  setImmediate(next);
  const turns = await Promise.all(batches.map((events) => store.append({ events }).then(() => turn)));
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
