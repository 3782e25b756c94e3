/** A program that spends and parks, killed with SIGKILL again and again: nothing is lost, nothing is spent twice. */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { seededRandom } from '../../src/testing/index.ts';

const PROGRAM = fileURLToPath(new URL('./mortal-spender.ts', import.meta.url));
const KILLS = 25;
const LIMIT = 60;

const linesOf = async (ledger: string): Promise<string[]> =>
  (await readFile(ledger, 'utf8').catch(() => '')).split('\n').slice(0, -1);

async function runAndKill(args: readonly string[], ledger: string, more: number): Promise<void> {
  const before = (await linesOf(ledger)).length;
  const child = fork(PROGRAM, args, { stdio: ['ignore', 'ignore', 'pipe', 'ipc'] });
  let errors = '';
  child.stderr?.on('data', (chunk: Buffer) => {
    errors += chunk.toString();
  });
  const exited = once(child, 'exit');
  await once(child, 'message');
  while ((await linesOf(ledger)).length < before + more)
    await new Promise((resolve) => setImmediate(resolve));
  child.kill('SIGKILL');
  expect({ signal: (await exited)[1] as unknown, errors }).toEqual({ signal: 'SIGKILL', errors: '' });
}

it('what was granted is within the limit and known to the next program, and what was parked goes on', {
  timeout: 300_000,
}, async () => {
  const folder = await mkdtemp(join(tmpdir(), 'mabeam-budget-'));
  try {
    const random = seededRandom(KILLS);
    const ledger = join(folder, 'ledger');
    const args = [join(folder, 'fleet.db'), ledger];
    for (let kill = 0; kill < KILLS; kill++) await runAndKill(args, ledger, 1 + Math.floor(random() * 12));
    const last = fork(PROGRAM, [...args, 'finish'], { stdio: ['ignore', 'ignore', 'inherit', 'ipc'] });
    const messages: unknown[] = [];
    last.on('message', (message) => messages.push(message));
    await once(last, 'exit');
    const { done, spent } = messages[1] as { done: string[]; spent: number };
    const lines = (await linesOf(ledger)).map((line) => line.split(' '));
    const granted = lines.filter(([what]) => what === 'granted').length;
    const accepted = lines.filter(([what]) => what === 'accepted').map(([, id]) => id);
    expect(accepted.length).toBeGreaterThan(KILLS);
    // Records of ended tasks are kept up to a number that is not reached here.
    expect(accepted.filter((id) => !done.includes(id!))).toEqual([]);
    expect(granted).toBeLessThanOrEqual(LIMIT);
    expect(spent).toBeGreaterThanOrEqual(granted);
    expect(spent).toBeLessThanOrEqual(LIMIT);
  } finally {
    await rm(folder, { recursive: true });
  }
});
