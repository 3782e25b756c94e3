import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { memoryStore, type Store } from '../../../src/index.ts';
import { sqliteStore } from '../../../src/sqlite.ts';
import { type OpenStore, storeLaws } from '../../../src/testing/index.ts';

/** One store that is opened again: there is no other place in memory. */
function inMemory(): OpenStore {
  let store: Store | undefined;
  return ({ retainEvents } = {}) =>
    (store ??= memoryStore(retainEvents === undefined ? {} : { maxEvents: retainEvents }));
}

function inOneFile(): OpenStore {
  const directory = mkdtempSync(join(tmpdir(), 'mabeam-store-'));
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }));
  return ({ retainEvents } = {}) =>
    sqliteStore(
      join(directory, 'fleet.db'),
      retainEvents === undefined ? {} : { retain: { events: retainEvents } },
    );
}

describe('memoryStore', () => {
  test.each(storeLaws.filter(({ appliesTo }) => appliesTo === 'every store'))('$name', (law) =>
    law.keep(inMemory()),
  );
});

describe('sqliteStore', () => {
  test.each(storeLaws)('$name', (law) => law.keep(inOneFile()));
});

test('only the store that keeps nothing is excused from the laws of durable ones', () => {
  expect([memoryStore().isDurable, sqliteStore('unused.db').isDurable]).toEqual([false, true]);
});
