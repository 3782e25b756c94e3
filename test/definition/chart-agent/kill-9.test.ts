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

/** When a program is killed: after a while at work, or when it has had so many answers and the next job is under way. */
type Moment = { readonly workMs: number } | { readonly answers: number };

async function runAndKill(file: string, isolation: string, moment: Moment): Promise<Said[]> {
  const lines = `${file}.said`;
  const output = await open(lines, 'w');
  const ownMoment = 'answers' in moment ? [String(moment.answers)] : [];
  const child = fork(PROGRAM, [file, isolation, ...ownMoment], {
    stdio: ['ignore', output.fd, 'pipe', 'ipc'],
  });
  let errors = '';
  child.stderr?.on('data', (chunk: Buffer) => {
    errors += chunk.toString();
  });
  if ('workMs' in moment) {
    child.once('message', () => setTimeout(() => child.kill('SIGKILL'), moment.workMs));
  }
  const [code, signal] = (await once(child, 'exit')) as [number | null, string | null];
  expect({ code, signal, errors }).toEqual({ code: null, signal: 'SIGKILL', errors: '' });
  await output.close();
  const said = (await readFile(lines, 'utf8')).split('\n');
  return said.slice(0, -1).map((line) => JSON.parse(line) as Said);
}

describe('a chart in a program that is killed with -9, again and again', () => {
  it.each(['in-process', 'process'])('goes on where it was (%s)', async (isolation) => {
    const folder = await mkdtemp(join(tmpdir(), 'mabeam-chart-'));
    try {
      const random = seededRandom(isolation === 'process' ? 2 : 1);
      const file = join(folder, 'fleet.db');
      let told = 0;
      let wasWorking = false;
      let [ticks, foundSince] = [0, 0];
      let [answers, resumed] = [0, 0];
      for (let kill = 0; kill < KILLS; kill++) {
        // Any moment, and in turn with it one that is sure to interrupt a job on a machine of any speed.
        const moment =
          kill % 2 === 0 ? { workMs: Math.floor(random() * 120) } : { answers: 1 + Math.floor(random() * 3) };
        const said = await runAndKill(file, isolation, moment);
        for (const one of said) {
          if ('found' in one) {
            const { done } = one.found;
            // Of what was told nothing is lost; a job that was not told may be done, or under way. So may be, before
            // it, the one that was found under way.
            expect(done).toBeGreaterThanOrEqual(told);
            expect(done).toBeLessThanOrEqual(told + (wasWorking ? 2 : 1));
            expect(one.found.ticks).toBeGreaterThanOrEqual(ticks);
            // It was saved when that tick was to come, and no tick has come since.
            expect(one.tickAt - one.at).toBeLessThanOrEqual(TICK_MS);
            ticks = one.found.ticks;
            foundSince = one.since;
            wasWorking = one.isWorking;
            expect(one.found.resumed).toBeGreaterThanOrEqual(resumed);
            resumed = one.found.resumed;
            told = done;
          } else if ('ticks' in one) {
            // The tick that was due came once; each that has come since took its time.
            expect(one.ticks).toBeGreaterThan(ticks);
            expect((one.ticks - ticks - 1) * TICK_MS).toBeLessThanOrEqual(one.tickAt - foundSince);
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
