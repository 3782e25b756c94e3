/** A fleet's events in a store: each once and in order, whatever fails, and whoever is killed, in the middle. */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, onTestFinished, test, vi } from 'vitest';
import { memoryStore, type Store } from '../../src/index.ts';
import { keepEvents } from '../../src/restate.ts';
import { sqliteStore } from '../../src/sqlite.ts';
import { temporaryDirectory } from '../journal/stores/temporary-directory.ts';
import { eventOf, fleetWith } from './archived-log.ts';
import { eventually } from '../kit/eventually.ts';
import { settled } from '../../src/testing/index.ts';
import { fateOf } from '../kit/rig.ts';

const NEWEST = 2_300;
const stores: readonly (readonly [string, () => Store])[] = [
  ['memory', () => memoryStore()],
  ['a file', () => sqliteStore(join(temporaryDirectory(), 'events.db'))],
];

async function keptBy(store: Store): Promise<unknown[]> {
  return [...(await store.read({ limit: NEWEST * 2 }))];
}

const upTo = (newest: number): unknown[] => Array.from({ length: newest }, (_, index) => eventOf(index + 1));

/** Its appends fail as they are told, before they are kept or after. */
function failing(store: Store, verdict: (append: number) => 'before' | 'after' | 'no'): Store {
  let appends = 0;
  return {
    isDurable: store.isDurable,
    recover: () => store.recover(),
    read: (query) => store.read(query),
    state: (agentId) => store.state(agentId),
    close: () => store.close(),
    async append(batch) {
      appends += 1;
      const fails = verdict(appends);
      if (fails === 'before') throw new Error('the disk is full');
      await store.append(batch);
      if (fails === 'after') throw new Error('the answer got lost');
    },
  };
}

test.each(stores)(
  'a store on %s that fails before and after it has kept has each event once',
  async (_, made) => {
    const store = made();
    const verdicts = ['before', 'after', 'no', 'after', 'before'] as const;
    await using archive = await keepEvents(
      fleetWith({ oldest: 1, newest: NEWEST }),
      failing(store, (append) => verdicts[append - 1] ?? 'no'),
    );
    await eventually(
      () => archive.last,
      (last) => last === NEWEST,
    );
    expect(await keptBy(store)).toEqual(upTo(NEWEST));
    expect(archive.missed).toBe(0);
  },
);

test('an archive that is killed in the middle goes on from what it had kept, as often as that happens', async () => {
  const file = join(temporaryDirectory(), 'events.db');
  const program = fileURLToPath(new URL('archive-program.ts', import.meta.url));
  for (const enough of [1, 600]) {
    const child = fork(program, [file, String(NEWEST)], { execArgv: [] });
    onTestFinished(() => void child.kill('SIGKILL'));
    const exited = once(child, 'exit');
    for (let last = 0; last < enough; ) last = (await once(child, 'message'))[0] as number;
    child.kill('SIGKILL');
    await exited;
  }
  const archive = await keepEvents(fleetWith({ oldest: 1, newest: NEWEST }), sqliteStore(file));
  await archive.settled();
  expect(archive.last).toBe(NEWEST);
  await archive.close();
  const store = sqliteStore(file);
  expect(store.recover()).toMatchObject({ lastSequence: NEWEST });
  expect(await keptBy(store)).toEqual(upTo(NEWEST));
  await store.close();
});

test('what the log had dropped before it was kept is counted', async () => {
  const log = { oldest: 1, newest: 10 };
  await using archive = await keepEvents(fleetWith(log), memoryStore());
  await archive.settled();
  expect(archive).toMatchObject({ last: 10, missed: 0 });
  Object.assign(log, { oldest: 15, newest: 20 });
  await archive.settled();
  expect(archive).toMatchObject({ last: 20, missed: 4 });
});

test('an archive that begins with a log whose beginning is gone has missed that', async () => {
  await using archive = await keepEvents(fleetWith({ oldest: 4, newest: 6 }), memoryStore());
  await archive.settled();
  expect(archive).toMatchObject({ last: 6, missed: 3 });
});

test('looks at the log every 200 ms, and its close does not wait for the next look', async () => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
  onTestFinished(() => void vi.useRealTimers());
  const log = { oldest: 1, newest: 3 };
  const archive = await keepEvents(fleetWith(log), memoryStore());
  await settled();
  expect([archive.last, vi.getTimerCount()]).toEqual([3, 1]);
  log.newest = 4;
  await vi.advanceTimersByTimeAsync(199);
  await settled();
  expect(archive.last).toBe(3);
  await vi.advanceTimersByTimeAsync(1);
  await settled();
  expect(archive.last).toBe(4);
  const closed = fateOf(archive.close().then(() => 'closed'));
  await settled();
  expect([await closed, vi.getTimerCount()]).toEqual([{ value: 'closed' }, 0]);
});

test('says why nothing is kept while its store is full or away, and no longer once it is back', async () => {
  const store = memoryStore();
  let problem: string | undefined = 'the disk is full';
  const archive = await keepEvents(
    fleetWith({ oldest: 1, newest: 3 }),
    failing(store, () => {
      if (problem !== undefined) throw new Error(problem);
      return 'no';
    }),
  );
  await eventually(
    () => archive.failure,
    (failure) => failure?.message === 'the disk is full',
  );
  await expect(archive.settled()).rejects.toThrow('the disk is full');
  problem = undefined;
  await archive.settled();
  expect(archive).toMatchObject({ last: 3, missed: 0, failure: undefined });
  await archive.close();
});

test('an append whose answer got lost, and whose store was away then, is no failure once the store is back', async () => {
  const file = join(temporaryDirectory(), 'events.db');
  const store = sqliteStore(file);
  let isAway = false;
  const away: Store = {
    ...failing(store, () => 'no'),
    read: (query) => {
      if (isAway) throw new Error('away');
      return store.read(query);
    },
    async append(batch) {
      if (isAway) throw new Error('away');
      await store.append(batch);
      isAway = true;
      throw new Error('the answer got lost');
    },
  };
  const archive = await keepEvents(fleetWith({ oldest: 1, newest: 3 }), away);
  await expect(archive.settled()).rejects.toThrow(/away|lost/);
  isAway = false;
  await archive.settled();
  expect(archive).toMatchObject({ last: 3, missed: 0, failure: undefined });
  await archive.close();
});

test.each([
  ['shorter', { oldest: 1, newest: 3 }, {}],
  ['empty', { oldest: 1, newest: 0 }, {}],
  ['other', { oldest: 1, newest: 9 }, { at: 1 }],
])(
  'a store with the events of another log is refused, and closed: the %s one',
  async (_, log, difference) => {
    const store = memoryStore();
    const events = [1, 2, 3, 4, 5].map((sequence) => ({ ...eventOf(sequence), ...difference }));
    await store.append({ events });
    let isClosed = false;
    const close = () => {
      isClosed = true;
      return store.close();
    };
    await expect(keepEvents(fleetWith(log), { ...failing(store, () => 'no'), close })).rejects.toMatchObject({
      code: 'STORE_FAILED',
      details: { last: 5 },
    });
    expect(isClosed).toBe(true);
  },
);

test('a store goes on with its own log, also where that has dropped what the store has', async () => {
  for (const log of [
    { oldest: 1, newest: 5 },
    { oldest: 9, newest: 12 },
  ]) {
    const store = memoryStore();
    await store.append({ events: [1, 2, 3, 4, 5].map(eventOf) });
    const archive = await keepEvents(fleetWith(log), store);
    await archive.settled();
    expect(archive.last).toBe(log.newest);
    await archive.close();
  }
});
