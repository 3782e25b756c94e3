/**
 * A real program whose tasks keep steps, killed with SIGKILL at any moment: what was kept is never paid again.
 *
 * `KILL_ROUNDS` sets how often; default 5.
 */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { seededRandom } from '../../src/testing/index.ts';
import { STEPS } from './mortal-steps.ts';

const PROGRAM = fileURLToPath(new URL('./mortal-steps-program.ts', import.meta.url));
const KILLS = Number(process.env['KILL_ROUNDS'] ?? 5);

/** How many lines a ledger has, looked at until it has so many: a moment that comes however slow the machine is. */
async function whenLong(ledger: string, lines: number): Promise<void> {
  while (((await readFile(ledger, 'utf8').catch(() => '')).match(/\n/g) ?? []).length < lines) {
    await new Promise((resolve) => setImmediate(resolve));
  }
}

async function runAndKill(args: readonly string[], ledger: string, more: number): Promise<void> {
  const before = ((await readFile(ledger, 'utf8').catch(() => '')).match(/\n/g) ?? []).length;
  const child = fork(PROGRAM, args, { stdio: ['ignore', 'ignore', 'pipe', 'ipc'] });
  let errors = '';
  child.stderr?.on('data', (chunk: Buffer) => {
    errors += chunk.toString();
  });
  const exited = once(child, 'exit');
  await once(child, 'message');
  await Promise.race([whenLong(ledger, before + more), exited]);
  child.kill('SIGKILL');
  expect({ signal: (await exited)[1] as unknown, errors }).toEqual({ signal: 'SIGKILL', errors: '' });
}

describe('steps of a program that is killed with -9, again and again', () => {
  it.each([
    ['in-process', KILLS],
    ['thread', 2],
    ['process', 2],
  ] as const)('are paid once they are kept, and never again (%s)', async (isolation, kills) => {
    const folder = await mkdtemp(join(tmpdir(), 'mabeam-steps-'));
    try {
      const random = seededRandom(kills);
      const ledger = join(folder, 'ledger');
      const args = [join(folder, 'fleet.db'), ledger, isolation];
      for (let kill = 0; kill < kills; kill++) {
        await runAndKill(args, ledger, 1 + Math.floor(random() * 4 * STEPS));
      }
      const last = fork(PROGRAM, [...args, 'finish'], { stdio: ['ignore', 'ignore', 'inherit', 'ipc'] });
      const messages: unknown[] = [];
      last.on('message', (message) => messages.push(message));
      await once(last, 'exit');
      const sum = (STEPS * (STEPS - 1)) / 2;
      expect(messages[1]).toSatisfy((results: number[]) => results.every((result) => result === sum));
      const lines = (await readFile(ledger, 'utf8')).split('\n').slice(0, -1);
      const kept = new Set<string>();
      const paidAgain: string[] = [];
      let paidTwice = 0;
      const paid = new Set<string>();
      for (const line of lines) {
        const [taskId, what, n] = line.split(' ');
        const thing = `${taskId} ${n}`;
        if (what === 'kept') kept.add(thing);
        else {
          if (kept.has(thing)) paidAgain.push(thing);
          if (paid.has(thing)) paidTwice += 1;
          paid.add(thing);
        }
      }
      expect(paidAgain).toEqual([]);
      // What was under way at a kill may be: once for each of the three tasks that ran.
      expect(paidTwice).toBeLessThanOrEqual(kills * 3);
      expect(kept.size).toBeGreaterThan(kills);
    } finally {
      await rm(folder, { recursive: true });
    }
  });
});
