/**
 * A real program on a real file is killed, or closed in order, again and again: no task that was acknowledged is lost,
 * none is done twice that may not be, and every one has one end. `TASK_ROUNDS` sets how often; default 12.
 */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, open, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { createAgentSystem, type TaskRecord } from '../../src/index.ts';
import { sqliteStore } from '../../src/sqlite.ts';
import { seededRandom } from '../../src/testing/index.ts';
import { silent } from '../kit/rig.ts';
import { ATTEMPTS, worker } from './mortal-tasks.ts';
import type { Said } from './mortal-tasks-program.ts';

const PROGRAM = fileURLToPath(new URL('./mortal-tasks-program.ts', import.meta.url));
const ROUNDS = Number(process.env['TASK_ROUNDS'] ?? 12);
const ENDED: ReadonlySet<string> = new Set([
  'done',
  'failed',
  'timed_out',
  'abandoned',
  'cancelled',
  'unknown',
]);

interface Ledger {
  /** Ids of acknowledged tasks by their keys, and what kind each is of. */
  readonly ids: Map<string, string>;
  readonly kinds: Map<string, string>;
  /** Whose output a caller has had. */
  readonly done: Set<string>;
  /** How those had ended that a program has found so. */
  readonly ended: Map<string, string>;
}

/** Runs the program for `workMs` after it is ready, and ends it; all that it said. */
async function live(folder: string, round: number, workMs: number, isKilled: boolean): Promise<Said[]> {
  const said = join(folder, 'said');
  const output = await open(said, 'w');
  const args = [join(folder, 'fleet.db'), join(folder, 'lines'), String(round)];
  const child = fork(PROGRAM, args, { stdio: ['ignore', output.fd, 'pipe', 'ipc'] });
  let errors = '';
  child.stderr?.on('data', (chunk: Buffer) => (errors += chunk.toString()));
  child.once('message', () =>
    setTimeout(() => (isKilled ? child.kill('SIGKILL') : child.send('close')), workMs),
  );
  const [code, signal] = (await once(child, 'exit')) as [number | null, string | null];
  await output.close();
  expect({ code, signal, errors }).toEqual({
    code: isKilled ? null : 0,
    signal: isKilled ? 'SIGKILL' : null,
    errors: '',
  });
  const lines = (await readFile(said, 'utf8')).split('\n');
  // What a killed program was about to say has no end of line.
  return lines.slice(0, -1).map((line) => JSON.parse(line) as Said);
}

function note(said: readonly Said[], { ids, kinds, done, ended }: Ledger): void {
  for (const one of said) {
    if ('found' in one) {
      const found = new Map(one.found);
      for (const id of ids.values()) expect(found.has(id), `${id} was acknowledged`).toBe(true);
      for (const [id, status] of found) {
        if (ended.has(id)) expect([id, status]).toEqual([id, ended.get(id)]);
        if (done.has(id)) expect([id, status]).toEqual([id, 'done']);
        if (ENDED.has(status)) ended.set(id, status);
      }
    } else if ('accepted' in one) {
      expect(ids.get(one.key) ?? one.accepted).toBe(one.accepted);
      ids.set(one.key, one.accepted);
      kinds.set(one.key, one.task);
    } else if ('done' in one) done.add(one.done);
  }
}

it(
  `${ROUNDS} ends by kill -9 and by close: accepted = done + failed + given up, and nothing twice`,
  async () => {
    const folder = await mkdtemp(join(tmpdir(), 'mabeam-tasks-'));
    const random = seededRandom(20_261_126);
    const ledger: Ledger = { ids: new Map(), kinds: new Map(), done: new Set(), ended: new Map() };
    try {
      let closes = 0;
      for (let round = 1; round <= ROUNDS; round++) {
        const isKilled = random() < 0.6;
        if (!isKilled) closes += 1;
        note(await live(folder, round, Math.floor(random() * 250), isKilled), ledger);
      }
      expect(closes).toBeGreaterThan(0);
      expect(closes).toBeLessThan(ROUNDS);
      const records = await finished(folder, ledger);
      await judge(folder, records, ledger);
    } finally {
      await rm(folder, { recursive: true });
    }
  },
  30_000 + ROUNDS * 10_000,
);

/** A last program lets all end that still waits. */
async function finished(folder: string, ledger: Ledger): Promise<Map<string, TaskRecord>> {
  await using system = await createAgentSystem({
    store: sqliteStore(join(folder, 'fleet.db')),
    agents: [worker],
    logger: silent,
    limits: { maxEndedTasks: 100_000 },
  });
  const { agents, tasks, pools } = system;
  note([{ found: tasks.list().map(({ id, status }) => [id, status] as const) }], ledger);
  for (const { id } of agents.list()) {
    if (agents.can(id, 'start')) await agents.start(id);
  }
  await tasks.unschedule('tick');
  await pools.create({ name: 'crew', spec: { module: worker }, min: 1, max: 2 });
  const open = tasks.list().filter(({ status }) => !ENDED.has(status));
  await Promise.allSettled(open.map(({ id }) => tasks.result(id)));
  return new Map(tasks.list().map((record) => [record.id, record]));
}

async function judge(
  folder: string,
  records: ReadonlyMap<string, TaskRecord>,
  ledger: Ledger,
): Promise<void> {
  const { ids, kinds, done } = ledger;
  const begun = new Map<string, number>();
  for (const line of (await readFile(join(folder, 'lines'), 'utf8')).split('\n').slice(0, -1)) {
    const key = line.slice(0, line.lastIndexOf(' '));
    begun.set(key, (begun.get(key) ?? 0) + 1);
  }
  for (const [key, times] of begun) {
    expect(key.endsWith('/again'), `${key}: a kept step was done again`).toBe(false);
    // What was executed and may not be repeated, and what a schedule has submitted.
    const isOnce = key.startsWith('once x-') || records.has(key);
    if (isOnce) expect(times, `${key} was begun ${times} times`).toBe(1);
  }
  const keys = [...records.values()].flatMap(({ idempotencyKey }) => idempotencyKey ?? []);
  expect(new Set(keys).size).toBe(keys.length);
  expect(ids.size).toBeGreaterThan(ROUNDS);
  for (const [key, id] of ids) {
    const record = records.get(id)!;
    const kind = kinds.get(key)!;
    const times = begun.get(key) ?? 0;
    const told = `${kind} ${key} (${id}) is ${record.status}, was begun ${times} times, ${record.attempts} by its record`;
    expect(ENDED.has(record.status), told).toBe(true);
    if (done.has(id)) expect(record.status, told).toBe('done');
    if (record.status === 'done') expect(times, told).toBeGreaterThan(0);
    // What may be begun without end is begun before the store has that.
    if (kind !== 'again' && kind !== 'stepped') expect(times, told).toBeLessThanOrEqual(record.attempts);
    if (kind === 'once') expect(times, told).toBeLessThanOrEqual(1);
    if (kind === 'often') expect(times, told).toBeLessThanOrEqual(ATTEMPTS);
  }
  const count = (status: string) =>
    [...ids.values()].filter((id) => records.get(id)!.status === status).length;
  const sum = [...ENDED].reduce((total, status) => total + count(status), 0);
  expect(sum).toBe(ids.size);
  expect(count('done')).toBeGreaterThan(0);
}
