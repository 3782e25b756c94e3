/**
 * `npm run mutants [-- word…]`: plants every mutant whose name or file has one of the words, and lists what lived.
 *
 * Exits with 1 when one did, or when the tours fail on the sources as they are; with 130 when it is interrupted.
 */
import { availableParallelism } from 'node:os';
import { mutants } from './mutants.ts';
import { tryMutants, type Verdict } from './try-mutants.ts';

const words = process.argv.slice(2);
const chosen = mutants.filter(
  ({ name, file }) => words.length === 0 || words.some((word) => name.includes(word) || file.includes(word)),
);
const interrupted = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => interrupted.abort());

try {
  const startedAt = performance.now();
  const verdicts = await tryMutants(chosen, {
    workers: Math.max(1, Math.min(4, availableParallelism())),
    limitMs: 120_000,
    signal: interrupted.signal,
    onVerdict: (verdict) => process.stderr.write(`${outcomeOf(verdict)} ${nameOf(verdict)}\n`),
  });
  process.exitCode = report(verdicts, (performance.now() - startedAt) / 1_000);
} catch (thrown) {
  if (!interrupted.signal.aborted) throw thrown;
  process.exitCode = 130;
}

/** Writes what lived and how many did not; gives the exit code. */
function report(verdicts: readonly Verdict[], seconds: number): number {
  const planted = verdicts.filter(({ mutant }) => mutant !== null);
  const lived = planted.filter(({ killedBy }) => killedBy === undefined);
  const broken = verdicts.find(({ mutant }) => mutant === null)?.killedBy;
  const lines = [
    ...(broken === undefined ? [] : [`the tours fail without any mutant: ${broken}`]),
    ...lived.map((verdict) => `lives: ${nameOf(verdict)}`),
    `${planted.length - lived.length} of ${planted.length} mutants killed, in ${seconds.toFixed(0)} s`,
  ];
  process.stdout.write(`${lines.join('\n')}\n`);
  return lived.length > 0 || broken !== undefined ? 1 : 0;
}

function outcomeOf({ killedBy }: Verdict): string {
  return killedBy === undefined ? 'lives ' : 'killed';
}

function nameOf({ mutant }: Verdict): string {
  return mutant === null ? 'the sources as they are' : `${mutant.file}: ${mutant.name}`;
}
