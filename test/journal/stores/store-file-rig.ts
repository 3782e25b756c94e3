/** Stores in real files, and what tests do with them. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { copyFileSync, existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, onTestFinished, type TestContext } from 'vitest';
import { AgentSystemError, createAgentSystem, type Store, type SystemEvent } from '../../../src/index.ts';
import { type SqliteStore, sqliteStore, type SqliteStoreOptions } from '../../../src/sqlite.ts';
import { agentOf, batchesUpTo, knownBatches, stateOf } from './known-history.ts';
import { temporaryDirectory } from './temporary-directory.ts';

/** The path of a store that is not there yet, in a directory of its own. */
export function place(): string {
  return join(temporaryDirectory(), 'fleet.db');
}

/** An open store, closed with the test. */
export async function opened(path: string, options?: SqliteStoreOptions): Promise<SqliteStore> {
  const store = sqliteStore(path, options);
  onTestFinished(() => store.close());
  store.recover();
  return store;
}

/** Fills a store with the first batches of the known history, so many events or more; the events. */
export async function filled(path: string, events: number): Promise<readonly SystemEvent[]> {
  const store = sqliteStore(path);
  store.recover();
  const history = await appended(store, events);
  await store.close();
  return history;
}

/** Appends the first batches of the known history, so many events or more; the events. */
export async function appended(store: Store, events: number): Promise<readonly SystemEvent[]> {
  const history: SystemEvent[] = [];
  const waiting: unknown[] = [];
  for (const batch of knownBatches()) {
    if (history.length >= events) break;
    waiting.push(store.append(batch));
    history.push(...batch.events);
  }
  await Promise.all(waiting);
  return history;
}

/** What a store refuses with: it has to say the path. */
export async function failure(work: () => unknown, path: string): Promise<string> {
  const thrown: unknown = await Promise.resolve()
    .then(work)
    .then(
      () => new Error('it did not fail'),
      (error: unknown) => error,
    );
  expect(thrown).toBeInstanceOf(AgentSystemError);
  const { code, message, details } = thrown as AgentSystemError;
  expect(code).toBe('STORE_FAILED');
  expect(message).toContain(path);
  expect(details).toMatchObject({ path });
  return message;
}

/** Opens it with a system, which must not come up. */
export async function refusal(path: string): Promise<string> {
  const message = await failure(() => createAgentSystem({ store: sqliteStore(path) }), path);
  expect(message).toMatch(/expected .+, got .+; .+/);
  return message;
}

/** The same, and the files are as they were: only for a file that nobody has open, for reading drops his locks. */
export async function refusalOfUntouched(path: string): Promise<string> {
  const directory = join(path, '..');
  const contents = () =>
    readdirSync(directory).map((name) => [name, readFileSync(join(directory, name)).toString('base64')]);
  const before = contents();
  const message = await refusal(path);
  expect(contents()).toEqual(before);
  return message;
}

/** Programs that are run beside the tests. */
export const programs = {
  appendUntilKilled: fileURLToPath(new URL('programs/append-until-killed.ts', import.meta.url)),
  appendUntilRefused: fileURLToPath(new URL('programs/append-until-refused.ts', import.meta.url)),
  holdStore: fileURLToPath(new URL('programs/hold-store.ts', import.meta.url)),
  openOnce: fileURLToPath(new URL('programs/open-once.ts', import.meta.url)),
};

/** What a program told, as JSON, without a complaint. */
export function resultOf(command: string, args: readonly string[]): Record<string, unknown> {
  const { stdout, stderr } = spawnSync(command, args, { encoding: 'utf8' });
  expect(stderr).toBe('');
  return JSON.parse(stdout) as Record<string, unknown>;
}

/** Last sequence of a store that is opened and closed again. */
export async function filledOf(path: string): Promise<number> {
  const store = sqliteStore(path);
  const { lastSequence } = store.recover();
  await store.close();
  return lastSequence;
}

/** A directory of its own with the files of an open store, as a kill of its program would leave them. */
export function leftBehind(path: string): string {
  const copy = place();
  for (const suffix of ['', '-wal', '-lock']) {
    if (existsSync(`${path}${suffix}`)) copyFileSync(`${path}${suffix}`, `${copy}${suffix}`);
  }
  return copy;
}

/** Everything there is of the known history: events, of one agent too, states and facts. */
export async function assertHistory(store: SqliteStore, history: readonly SystemEvent[]): Promise<void> {
  const { lastSequence, facts } = store.recover();
  expect(lastSequence).toBe(history.length);
  const batches = batchesUpTo(lastSequence);
  expect(facts.get('batch') ?? '0').toBe(String(batches.length));
  assert.deepStrictEqual(await store.read({ limit: Infinity }), history);
  const own = history.filter(({ agentId }) => agentId === agentOf(3));
  assert.deepStrictEqual(await store.read({ agentId: agentOf(3), limit: Infinity }), own);
  for (const { number } of batches.slice(-40)) {
    expect(await store.state(agentOf(number))).toEqual(stateOf(number));
  }
}

/** A store that is not opened yet, closed with the test. */
export function closedAtEnd(path: string): SqliteStore {
  const store = sqliteStore(path);
  onTestFinished(() => store.close());
  return store;
}

/** A real file system of a given size; the test is skipped where none may be mounted. */
export function smallDisk(context: TestContext, size: string) {
  const directory = temporaryDirectory();
  const run = (command: string, ...args: string[]) =>
    spawnSync(command, [...args, directory], { encoding: 'utf8' });
  const { status, stderr, error } = run('mount', '-t', 'tmpfs', '-o', `size=${size},mode=0755`, 'tmpfs');
  if (status !== 0) {
    context.skip(`a file system has to be mounted for this: ${error?.message ?? stderr}`);
  }
  onTestFinished(() => void run('umount', '-l'));
  const remount = (how: 'ro' | 'rw') => expect(run('mount', '-o', `remount,${how}`).status).toBe(0);
  return { directory, remount };
}
