/**
 * A real program on a real file is killed with SIGKILL, again and again, at moments that a seed chooses: whatever
 * it had been told is there for the next one.
 */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, open, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { pino } from 'pino';
import { describe, expect, it } from 'vitest';
import { createAgentSystem } from '../../src/index.ts';
import { sqliteStore } from '../../src/sqlite.ts';
import { seededRandom } from '../../src/testing/index.ts';
import { counter } from './mortal-counter.ts';
import type { Said } from './mortal-program.ts';

const PROGRAM = fileURLToPath(new URL('./mortal-program.ts', import.meta.url));
const KILLS = 13;

/** What must be there, by what was said before the last death. */
interface Ledger {
  readonly registered: Set<string>;
  readonly counts: Map<string, number>;
  /** What was asked and not answered when the program died. */
  readonly open: Map<string, string>;
  /** The last thing an agent was told: started or stopped. */
  readonly standing: Map<string, 'running' | 'stopped'>;
  version: number;
}

/** Runs the program until it works and `workMs` more, kills it, and returns all that it said. */
async function runAndKill(file: string, seed: number, workMs: number): Promise<Said[]> {
  const lines = `${file}.said`;
  const output = await open(lines, 'w');
  const child = fork(PROGRAM, [file, String(seed)], { stdio: ['ignore', output.fd, 'pipe', 'ipc'] });
  let errors = '';
  child.stderr?.on('data', (chunk: Buffer) => {
    errors += chunk.toString();
  });
  child.once('message', () => setTimeout(() => child.kill('SIGKILL'), workMs));
  const [code, signal] = (await once(child, 'exit')) as [number | null, string | null];
  expect({ code, signal, errors }).toEqual({ code: null, signal: 'SIGKILL', errors: '' });
  await output.close();
  const said = (await readFile(lines, 'utf8')).split('\n');
  // What a killed program was about to say has no end of line.
  return said.slice(0, -1).map((line) => JSON.parse(line) as Said);
}

function check(said: readonly Said[], ledger: Ledger): void {
  const found = new Map(said.flatMap((one) => ('found' in one ? [[one.found, one] as const] : [])));
  for (const id of ledger.registered) expect(found.has(id), `${id} was registered`).toBe(true);
  for (const [id, { count, status }] of found) {
    const told = ledger.counts.get(id) ?? 0;
    const open = ledger.open.get(id);
    const possible = open === 'add' ? [told, told + 1] : [told];
    expect(possible, `${id} was told ${told}, and asked to ${open ?? 'nothing'}`).toContain(count);
    const standing = ledger.standing.get(id);
    if (standing === undefined || open === 'stop' || open === 'start') continue;
    expect(status, `${id}, which was ${standing}`).toBe(standing);
  }
  const [version] = said.flatMap((one) => ('foundVersion' in one ? [one.foundVersion] : []));
  const versions = ledger.open.has('rate') ? [ledger.version, ledger.version + 1] : [ledger.version];
  if (ledger.version > 0) expect(versions).toContain(version);
}

function note(said: readonly Said[], ledger: Ledger): void {
  ledger.open.clear();
  for (const one of said) {
    if ('found' in one) {
      ledger.counts.set(one.found, one.count);
      if (one.status === 'running' || one.status === 'stopped') ledger.standing.set(one.found, one.status);
    }
    if ('foundVersion' in one) ledger.version = one.foundVersion;
    if ('asking' in one) ledger.open.set(one.of, one.asking);
    if (!('told' in one)) continue;
    ledger.open.delete(one.of);
    if (one.told === 'register') ledger.registered.add(one.of);
    if (one.told === 'start') ledger.standing.set(one.of, 'running');
    if (one.told === 'stop') ledger.standing.set(one.of, 'stopped');
    if (one.told === 'add') ledger.counts.set(one.of, one.count!);
    if (one.told === 'set') ledger.version = one.count!;
  }
}

describe.concurrent('a program that is killed with -9, again and again', () => {
  it.for([1, 2])('finds all that it was told (seed %i)', async (seed, { onTestFinished }) => {
    const folder = await mkdtemp(join(tmpdir(), 'mabeam-'));
    onTestFinished(() => rm(folder, { recursive: true }));
    const file = join(folder, 'fleet.db');
    const random = seededRandom(seed);
    const ledger: Ledger = {
      registered: new Set(),
      counts: new Map(),
      open: new Map(),
      standing: new Map(),
      version: 0,
    };
    let answers = 0;
    for (let kill = 0; kill < KILLS; kill++) {
      const said = await runAndKill(file, seed * 100 + kill, Math.floor(random() * 250));
      check(said, ledger);
      note(said, ledger);
      answers += said.filter((one) => 'told' in one).length;
    }
    expect(answers).toBeGreaterThan(100);

    const system = await createAgentSystem({
      store: sqliteStore(file),
      agents: [counter],
      logger: pino({ level: 'silent' }),
    });
    let last = 0;
    for await (const { sequence } of system.events.read()) expect(sequence).toBe(++last);
    await system.close();
  });
});
