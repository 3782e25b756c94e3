/**
 * Tries mutants one after the other, each in a copy of the sources of its own, and writes a line for each.
 *
 * Arguments: a folder with the copied tree, and a file with the job. A mutant may end this process, or keep it for
 * ever: whoever started it sees that, and for which one.
 */
import { cpSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { Socket } from 'node:net';
import { dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { Mutant } from './mutants.ts';
import { plant } from './plant.ts';
import type { Plan, runSuite } from './suite.ts';

/** What a worker is asked. A mutant that is `null` is no change at all. */
export interface Job {
  readonly plan: Plan;
  readonly mutants: readonly { readonly index: number; readonly mutant: Mutant | null }[];
}

/** What it writes, a line each: that it goes on with a mutant, and what became of it. */
export type Line =
  | { readonly index: number; readonly isAlive: true }
  | { readonly index: number; readonly killedBy: string | null };

const [, , tree, jobFile] = process.argv as [string, string, string, string];
const { plan, mutants } = JSON.parse(readFileSync(jobFile, 'utf8')) as Job;
// Whoever started this process is gone: so are this one and its folder. It does not keep it alive by itself, or a
// mutant that waits for ever would never end.
process.stdin.on('end', () => {
  rmSync(dirname(tree), { recursive: true, force: true });
  process.exit(1);
});
process.stdin.resume();
if (process.stdin instanceof Socket) process.stdin.unref();

const say = (line: Line): void => void process.stdout.write(`${JSON.stringify(line)}\n`);

for (const { index, mutant } of mutants) {
  const copy = `${tree}-${index}`;
  try {
    say({ index, killedBy: await tryMutant(copy, mutant, () => say({ index, isAlive: true })) });
  } finally {
    rmSync(copy, { recursive: true, force: true });
  }
}

/** What found the mutant, in one line; `null` when nothing did. */
async function tryMutant(copy: string, mutant: Mutant | null, onTour: () => void): Promise<string | null> {
  cpSync(tree, copy, { recursive: true, filter: (source) => !source.endsWith('node_modules') });
  symlinkSync(join(tree, 'node_modules'), join(copy, 'node_modules'));
  if (mutant) {
    const file = join(copy, 'src', mutant.file);
    writeFileSync(file, plant(readFileSync(file, 'utf8'), mutant));
  }
  try {
    const suite = (await import(pathToFileURL(join(copy, 'test/mutation/suite.ts')).href)) as {
      runSuite: typeof runSuite;
    };
    await suite.runSuite(plan, onTour);
    return null;
  } catch (thrown) {
    return String(thrown instanceof Error ? thrown.message : thrown).split('\n')[0] ?? '';
  }
}
