/** A real program whose agent is a chart, killed with SIGKILL again and again: the chart goes on where it was. */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, open, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { seededRandom } from '../../../src/testing/index.ts';
import { TICK_MS } from './mortal-chart.ts';
import type { Said } from './mortal-chart-program.ts';

const PROGRAM = fileURLToPath(new URL('./mortal-chart-program.ts', import.meta.url));
const KILLS = 7;

async function runAndKill(file: string, isolation: string, workMs: number): Promise<Said[]> {
  const lines = `${file}.said`;
  const output = await open(lines, 'w');
  const child = fork(PROGRAM, [file, isolation], { stdio: ['ignore', output.fd, 'pipe', 'ipc'] });
  let errors = '';
  child.stderr?.on('data', (chunk: Buffer) => {
    errors += chunk.toString();
  });
  child.once('message', () => setTimeout(() => child.kill('SIGKILL'), workMs));
  const [code, signal] = (await once(child, 'exit')) as [number | null, string | null];
  expect({ code, signal, errors }).toEqual({ code: null, signal: 'SIGKILL', errors: '' });
  await output.close();
  const said = (await readFile(lines, 'utf8')).split('\n');
  return said.slice(0, -1).map((line) => JSON.parse(line) as Said);
}

describe('a chart in a program that is killed with -9, again and again', () => {
  it.each(['in-process', 'process'])('goes on where it was (%s)', { timeout: 120_000 }, async (isolation) => {
    const folder = await mkdtemp(join(tmpdir(), 'mabeam-chart-'));
    try {
      const random = seededRandom(isolation === 'process' ? 2 : 1);
      const file = join(folder, 'fleet.db');
      let told = 0;
      let wasWorking = false;
      let [ticks, foundAt] = [0, 0];
      let [answers, resumed] = [0, 0];
      for (let kill = 0; kill < KILLS; kill++) {
        const said = await runAndKill(file, isolation, Math.floor(random() * 120));
        for (const one of said) {
          if ('found' in one) {
            const { done } = one.found;
            // Of what was told nothing is lost; a job that was not told may be done, or under way.
            expect([told, told + 1]).toContain(done);
            expect(one.found.ticks).toBeGreaterThanOrEqual(ticks);
            // It was saved when that tick was to come, and no tick has come since.
            expect(one.tickAt - one.at).toBeLessThanOrEqual(TICK_MS);
            ticks = one.found.ticks;
            foundAt = one.at;
            wasWorking = one.isWorking;
            if (wasWorking) resumed += 1;
            told = done;
          } else if ('ticks' in one) {
            // The tick that was due came once; each that has come since took its time.
            expect(one.ticks).toBeGreaterThan(ticks);
            expect((one.ticks - ticks - 1) * TICK_MS).toBeLessThanOrEqual(one.tickAt - foundAt);
          } else {
            // Work that was under way is done again, for nobody.
            expect(one.told).toBe(told + (wasWorking ? 2 : 1));
            told = one.told;
            wasWorking = false;
            answers += 1;
          }
        }
      }
      expect(answers).toBeGreaterThan(0);
      expect(resumed).toBeGreaterThan(0);
    } finally {
      await rm(folder, { recursive: true });
    }
  });
});
