/**
 * Tries mutants one after the other, each in a copy of the sources of its own, and writes a line for each.
 *
 * Arguments: a folder with the copied tree, and a file with the job. A mutant may end this process, or keep it for
 * ever: whoever started it sees that, and for which one.
 */
import { cpSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { Mutant } from './mutants.ts';
import { plant } from './plant.ts';
import type { Plan, runSuite } from './suite.ts';

/** What a worker is asked. A mutant that is `null` is no change at all. */
export interface Job {
  readonly plan: Plan;
  readonly mutants: readonly { readonly index: number; readonly mutant: Mutant | null }[];
}

/** What it writes, a line each: that it begins with a mutant, and what became of it. */
export type Line =
  | { readonly index: number; readonly began: true }
  | { readonly index: number; readonly killedBy: string | null };

const [, , tree, jobFile] = process.argv as [string, string, string, string];
const { plan, mutants } = JSON.parse(readFileSync(jobFile, 'utf8')) as Job;
const say = (line: Line): void => void process.stdout.write(`${JSON.stringify(line)}\n`);

for (const { index, mutant } of mutants) {
  say({ index, began: true });
  const copy = `${tree}-${index}`;
  try {
    say({ index, killedBy: await tryMutant(copy, mutant) });
  } finally {
    rmSync(copy, { recursive: true, force: true });
  }
}

/** What found the mutant, in one line; `null` when nothing did. */
async function tryMutant(copy: string, mutant: Mutant | null): Promise<string | null> {
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
    await suite.runSuite(plan);
    return null;
  } catch (thrown) {
    return String(thrown instanceof Error ? thrown.message : thrown).split('\n')[0] ?? '';
  }
}
