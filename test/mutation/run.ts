/**
 * `npm run mutants [-- word…]`: plants every mutant whose name or file has one of the words, and lists what lived.
 *
 * Exits with 1 when one did, or when the tours fail on the sources as they are.
 */
import { availableParallelism } from 'node:os';
import { mutants } from './mutants.ts';
import { tryMutants, type Verdict } from './try-mutants.ts';

const words = process.argv.slice(2);
const chosen = mutants.filter(
  ({ name, file }) => words.length === 0 || words.some((word) => name.includes(word) || file.includes(word)),
);
const nameOf = ({ mutant }: Verdict): string =>
  mutant === null ? 'the sources as they are' : `${mutant.file}: ${mutant.name}`;

const interrupted = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => interrupted.abort());

const startedAt = performance.now();
const verdicts = await tryMutants(chosen, {
  workers: Math.max(1, Math.min(4, availableParallelism())),
  limitMs: 120_000,
  signal: interrupted.signal,
  onVerdict: (verdict) =>
    process.stderr.write(`${verdict.killedBy === undefined ? 'lives ' : 'killed'} ${nameOf(verdict)}\n`),
});
const planted = verdicts.filter(({ mutant }) => mutant !== null);
const lived = planted.filter(({ killedBy }) => killedBy === undefined);
const broken = verdicts.find(({ mutant }) => mutant === null)?.killedBy;
const seconds = ((performance.now() - startedAt) / 1_000).toFixed(0);

if (broken !== undefined) process.stdout.write(`the tours fail without any mutant: ${broken}\n`);
for (const verdict of lived) process.stdout.write(`lives: ${nameOf(verdict)}\n`);
process.stdout.write(
  `${planted.length - lived.length} of ${planted.length} mutants killed, in ${seconds} s\n`,
);
process.exitCode = lived.length > 0 || broken !== undefined ? 1 : 0;
