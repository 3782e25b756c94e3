/**
 * Small faults planted in the tally, the ballots, the election and the charts of coordination are noticed by their
 * laws and walks: a sample of them here, all of them by `node test/coordination/mutation/program.ts`.
 */
import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';

/** One in so many is planted here. */
const SAMPLE = 40;

it('no mutant of a sample survives', async () => {
  const program = fileURLToPath(new URL('./program.ts', import.meta.url));
  const ran = await promisify(execFile)(process.execPath, ['--no-warnings', program, String(SAMPLE), '7']);
  expect(ran.stdout).toMatch(/^held 1\d of 4\d\d, survived 0, /);
});
