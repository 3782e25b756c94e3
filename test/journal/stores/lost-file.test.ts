/** A file that is moved, removed, replaced or written by somebody else while a system works on it. */
import { once } from 'node:events';
import { spawn } from 'node:child_process';
import {
  closeSync,
  copyFileSync,
  existsSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  statSync,
  truncateSync,
  utimesSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { createAgentSystem, type Store, type SystemEvent } from '../../../src/index.ts';
import { sqliteStore } from '../../../src/sqlite.ts';
import { simulatedClock } from '../../../src/testing/index.ts';
import { plain } from '../../fleet/plain.ts';
import { silent } from '../../kit/rig.ts';
import { knownBatches } from './known-history.ts';
import {
  appended,
  assertHistory,
  failure,
  filled,
  opened,
  place,
  programs,
  refusal,
  resultOf,
} from './store-file-rig.ts';
import { temporaryDirectory } from './temporary-directory.ts';

/** Much more than is appended before the next look at the file. */
const MAX_APPENDS = 1_000;

/** Appends on and on, each in a millisecond of the store's clock, until it is refused: what came of it until then. */
async function untilRefused(store: Store, path: string, history: readonly SystemEvent[]) {
  const last = history.at(-1)?.sequence ?? 0;
  const acknowledged: SystemEvent[] = [];
  const beganAt = performance.now();
  let ms = 0;
  const clock = vi.spyOn(performance, 'now').mockImplementation(() => beganAt + ms);
  try {
    for (const batch of knownBatches()) {
      if (batch.events[0]!.sequence <= last) continue;
      if (ms === MAX_APPENDS) break;
      ms += 1;
      try {
        await store.append(batch);
      } catch (thrown) {
        const message = await failure(() => Promise.reject(thrown), path);
        return { acknowledged, message, ms, refused: batch };
      }
      acknowledged.push(...batch.events);
    }
  } finally {
    clock.mockRestore();
  }
  throw new Error('nothing was refused');
}

/** Ways in which a file is lost to its store, each with what the refusal says. */
const losses: Record<string, { readonly lose: (path: string) => void; readonly says: RegExp }> = {
  removed: { lose: (path) => rmSync(path), says: /got nothing in its place: it was moved or removed/ },
  'removed with all that is beside it': {
    lose: (path) => {
      for (const name of readdirSync(dirname(path))) rmSync(join(dirname(path), name));
    },
    says: /got nothing in its place/,
  },
  moved: { lose: (path) => renameSync(path, `${path}.old`), says: /got nothing in its place/ },
  'moved with its directory': {
    lose: (path) => renameSync(dirname(path), `${dirname(path)}-old`),
    says: /got nothing in its place/,
  },
  'replaced by another store': {
    lose: (path) => {
      renameSync(`${path}.other`, path);
    },
    says: /got another one in its place/,
  },
  'replaced by a copy of itself': {
    lose: (path) => {
      renameSync(path, `${path}.old`);
      copyFileSync(`${path}.old`, path);
    },
    says: /got another one in its place/,
  },
  'overwritten with another store': {
    lose: (path) => copyFileSync(`${path}.other`, path),
    says: /got (a truncated one|one that somebody else has written)/,
  },
  'overwritten with text': {
    lose: (path) => writeFileSync(path, 'x'.repeat(10_000_000)),
    says: /got one that somebody else has written/,
  },
  'truncated to half': {
    lose: (path) => truncateSync(path, readFileSync(path).length / 2),
    says: /got a truncated one/,
  },
  'left with a log truncated to nothing': {
    lose: (path) => truncateSync(`${path}-wal`, 0),
    says: /-wal file as this system has left it, got a truncated one/,
  },
  'left with a log truncated by a byte': {
    lose: (path) => truncateSync(`${path}-wal`, statSync(`${path}-wal`).size - 1),
    says: /-wal file as this system has left it, got a truncated one/,
  },
  'left with a log whose header was overwritten': {
    lose: (path) => overwrite(`${path}-wal`, 32),
    says: /-wal file as this system has left it, got one that somebody else has written/,
  },
  'left with a log that was overwritten with zeros': {
    lose: (path) => overwrite(`${path}-wal`, statSync(`${path}-wal`).size),
    says: /-wal file as this system has left it, got one that somebody else has written/,
  },
  'truncated to nothing': { lose: (path) => truncateSync(path, 0), says: /got a truncated one/ },
};

/** In place, from its beginning. */
function overwrite(path: string, bytes: number): void {
  const descriptor = openSync(path, 'r+');
  writeSync(descriptor, Buffer.alloc(bytes), 0, bytes, 0);
  closeSync(descriptor);
}

/** An open store with some history, and another store beside it. */
async function atWork() {
  const path = place();
  onTestFinished(() => rmSync(`${dirname(path)}-old`, { recursive: true, force: true }));
  await filled(`${path}.other`, 30);
  const store = await opened(path);
  const history = await appended(store, 100);
  return { path, store, history };
}

describe.each(Object.entries(losses))('a file that is %s while it is open', (name, { lose, says }) => {
  test('refuses what comes, within much less than a second of work, and says so', async () => {
    const { path, store, history } = await atWork();
    lose(path);
    const { message, ms, refused } = await untilRefused(store, path, history);
    expect(message).toMatch(says);
    expect(message).toMatch(/expected .+, got .+; .+/);
    expect(ms).toBeLessThan(100);
    // And goes on to refuse.
    expect(await failure(() => store.append(refused), path)).toMatch(says);
    expect(await failure(() => store.check(), path)).toMatch(says);
  });

  test('degrades its system and raises the alert within a second or so, with nothing to commit', async () => {
    const path = place();
    onTestFinished(() => rmSync(`${dirname(path)}-old`, { recursive: true, force: true }));
    await filled(`${path}.other`, 30);
    const clock = simulatedClock();
    const system = await createAgentSystem({ store: sqliteStore(path), clock, logger: silent });
    const heard: SystemEvent[] = [];
    system.events.subscribe((event) => heard.push(event));
    await system.agents.start(await system.agents.register({ id: 'a', module: plain }));
    lose(path);
    await clock.advance(1_000);
    expect(heard.map(({ type }) => type).slice(-2)).toEqual(['store.degraded', 'alert.raised']);
    expect(system.alerts.list()).toMatchObject([
      { alert: 'store_degraded', message: expect.stringMatching(says) },
    ]);
    await expect(system.agents.execute('a', { type: 'echo' })).rejects.toMatchObject({
      code: 'STORE_FAILED',
    });
    const closed = system.close({ timeoutMs: 0 });
    await clock.advance(60_000);
    expect((await closed).unkeptEvents).toBeGreaterThan(0);
    expect(clock.pending()).toEqual([]);
    void name;
  });

  test('is not opened by a second program while the first one has it', async () => {
    const { path, store } = await atWork();
    lose(path);
    if (!existsSync(dirname(path))) return;
    expect(await refusal(path)).toMatch(/expected/);
    await failure(() => store.check(), path);
    const { message } = resultOf(process.execPath, [programs.openOnce, path]);
    expect(message).toMatch(/only one who has the file open|it was moved or removed/);
  });
});

describe('a file that was removed or moved', () => {
  test.each(['removed', 'removed with all that is beside it', 'moved'])(
    'and %s begins no empty fleet for the next program, until somebody says so',
    async (kind) => {
      const { path, store, history } = await atWork();
      losses[kind]!.lose(path);
      await untilRefused(store, path, history);
      await store.close();
      expect(await refusal(path)).toContain(`delete ${path}-lock to begin with an empty store`);
      expect(await refusal(path)).toContain('put it back');
      rmSync(`${path}-lock`);
      await opened(path);
    },
  );

  test('after its program was killed begins none, either', async () => {
    const path = place();
    const child = spawn(process.execPath, [programs.holdStore, path], { stdio: ['pipe', 'pipe', 'inherit'] });
    await once(child.stdout, 'data');
    child.kill('SIGKILL');
    await once(child, 'exit');
    rmSync(path);
    rmSync(`${path}-wal`);
    expect(await refusal(path)).toContain('expected the store that was open here when its program ended');
  });

  test('is whole where it was moved to, without its log', async () => {
    const { path, store, history } = await atWork();
    renameSync(path, `${path}.old`);
    const { acknowledged } = await untilRefused(store, path, history);
    const elsewhere = join(temporaryDirectory(), 'fleet.db');
    copyFileSync(`${path}.old`, elsewhere);
    const copy = sqliteStore(elsewhere);
    await assertHistory(copy, [...history, ...acknowledged]);
    await copy.close();
    await store.close();
    const moved = sqliteStore(`${path}.old`);
    await assertHistory(moved, [...history, ...acknowledged]);
    await moved.close();
  });

  test('goes on where it was left when it is put back, as often as that happens', async () => {
    const { path, store, history } = await atWork();
    let all: readonly SystemEvent[] = history;
    for (let count = 0; count < 3; count++) {
      renameSync(path, `${path}.old`);
      const { acknowledged, refused } = await untilRefused(store, path, all);
      renameSync(`${path}.old`, path);
      await store.append(refused);
      all = [...all, ...acknowledged, ...refused.events];
    }
    await store.close();
    expect(readdirSync(dirname(path)).toSorted()).toEqual(['fleet.db', 'fleet.db.other']);
    await assertHistory(store, all);
  });
});

describe('a file that somebody has replaced or written', () => {
  test.each(['replaced by another store', 'overwritten with another store'])(
    'is what they have made of it after the system was closed: %s',
    async (kind) => {
      const { path, store, history } = await atWork();
      const other = readFileSync(`${path}.other`);
      losses[kind]!.lose(path);
      await untilRefused(store, path, history);
      await store.close();
      expect(readFileSync(path).equals(other)).toBe(true);
      // Its own log is beside it no more, or it is refused with that.
      if (existsSync(`${path}-wal`)) {
        expect(await refusal(path)).toContain(`delete ${path}-wal to go on with the file as it is`);
        rmSync(`${path}-wal`);
      }
      const next = await opened(path);
      const { length } = await next.read({ limit: Infinity });
      expect(length).toBeGreaterThanOrEqual(30);
      expect(length).toBeLessThan(100);
    },
  );

  test('is read no more once it was written, and nothing is lost that was read before', async () => {
    const { path, store, history } = await atWork();
    expect(await store.read({ limit: 10 })).toEqual(history.slice(0, 10));
    truncateSync(path, 8_192);
    await untilRefused(store, path, history);
    await failure(async () => store.read({ limit: 1 }), path);
    await failure(async () => store.state('agent-1'), path);
    await failure(async () => store.compact(), path);
    await failure(async () => store.backup(`${path}.backup`), path);
    expect(existsSync(`${path}.backup`)).toBe(false);
  });

  test('is noticed before what is behind the log writes to it', async () => {
    const { path, store } = await atWork();
    const bytes = readFileSync(`${path}.other`);
    copyFileSync(`${path}.other`, path);
    await failure(() => store.compact(), path);
    await store.close();
    expect(readFileSync(path).equals(bytes)).toBe(true);
  });
});

test('a file that was only touched is still the same', async () => {
  const { path, store, history } = await atWork();
  for (const at of [new Date(0), new Date()]) {
    utimesSync(path, at, at);
    store.check();
  }
  const more = await appendedMore(store, history, 200);
  await store.close();
  await assertHistory(store, [...history, ...more]);
});

test('a file that is checkpointed, compacted and read by a copier is still the same', async () => {
  const { path, store } = await atWork();
  let last = 0;
  for (const batch of knownBatches()) {
    const [first] = batch.events;
    if (first!.sequence <= 200 && batch.events.at(-1)!.sequence <= (await lastOf(store))) continue;
    await store.append(batch);
    last = batch.events.at(-1)!.sequence;
    if (batch.number % 300 === 0) await store.compact();
    if (batch.number % 50 === 0) store.check();
    if (last > 9_000) break;
  }
  copyFileSync(path, `${path}.copied`);
  store.check();
  expect((await store.read({ limit: Infinity })).length).toBe(last);
});

test('a file that was overwritten with a copy of itself of the same size is noticed', async () => {
  const { path, store } = await atWork();
  const save = async (json: string) => {
    await store.append({ events: [], states: new Map([['agent-1', { json, stateVersion: 1 }]]) });
    await store.compact();
    return readFileSync(path);
  };
  await save('1');
  const copy = await save('2');
  const later = await save('3');
  expect(later.length).toBe(copy.length);
  writeFileSync(path, copy);
  expect(await failure(() => store.check(), path)).toMatch(/got one that somebody else has written/);
});

test('a log that is removed is begun anew, and the file has all that was in it', async () => {
  const { path, store, history } = await atWork();
  let all = history;
  for (let count = 0; count < 3; count++) {
    rmSync(`${path}-wal`);
    store.check();
    expect(existsSync(`${path}-wal`)).toBe(true);
    all = [...all, ...(await appendedMore(store, all, 50))];
  }
  // As a kill would leave it.
  const copy = join(temporaryDirectory(), 'fleet.db');
  for (const suffix of ['', '-wal']) copyFileSync(`${path}${suffix}`, `${copy}${suffix}`);
  const after = sqliteStore(copy);
  await assertHistory(after, all);
  await after.close();
});

test('another log in the place of its own is refused until it is gone', async () => {
  const { path, store, history } = await atWork();
  renameSync(`${path}-wal`, `${path}-wal.old`);
  writeFileSync(`${path}-wal`, 'somebody’s');
  const { message } = await untilRefused(store, path, history);
  expect(message).toMatch(/got another -wal file/);
  rmSync(`${path}-wal`);
  store.check();
});

test('a link that leads elsewhere from now on is a file that was replaced', async () => {
  const path = place();
  const link = place();
  symlinkSync(path, link);
  const made = await opened(path);
  await made.close();
  const store = await opened(link);
  const history = await appended(store, 10);
  const other = place();
  await filled(other, 10);
  rmSync(link);
  symlinkSync(other, link);
  expect((await untilRefused(store, link, history)).message).toMatch(/got another one in its place/);
});

test('a link that leads to nothing is refused', async () => {
  const link = place();
  symlinkSync(join(temporaryDirectory(), 'nowhere.db'), link);
  expect(await refusal(link)).toContain('a symbolic link that leads to nothing');
});

async function appendedMore(store: Store, history: readonly SystemEvent[], count: number) {
  const last = history.at(-1)!.sequence;
  const events: SystemEvent[] = [];
  for (const batch of knownBatches()) {
    if (batch.events[0]!.sequence <= last) continue;
    await store.append(batch);
    events.push(...batch.events);
    if (events.length >= count) return events;
  }
  return events;
}

async function lastOf(store: Store): Promise<number> {
  return (await store.read({ limit: Infinity })).at(-1)?.sequence ?? 0;
}
