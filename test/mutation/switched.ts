/**
 * Tries mutants behind switches: all of them are planted at once, and each test file runs in a program that tries one
 * after the other, those that an earlier file has not killed.
 *
 * - I1 Which cases run a mutant is what came to its switch with all of them off, measured in the program that tries it.
 * - I2 A mutant that is out of time, blocks the program, or after which the cases fail with all switches off, is tried
 *   once more, first in a new program, where they have just passed. What is so again is killed.
 */
import { createHash } from 'node:crypto';
import { appendFileSync, existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { isAbout } from './held-to.ts';
import type { SourceMutant } from './source-mutants.ts';
import type { SwitchAnswer, SwitchJob, SwitchOutcome } from './switch-job.ts';
import { plantSwitches } from './switches.ts';
import { JOB_FILE, type RunLimits, type TestRunner } from './test-runner.ts';
import { FOLDER, plantIn, readSource } from './work-tree.ts';

export type NamedMutant = SourceMutant & { readonly id: string };

/** What its test files have shown so far. */
export interface Shown {
  killed?: { readonly by: string; readonly place: number; readonly usualMs: number };
  /** Test files that it survived. */
  survived: number;
  usualMs: number;
}

export interface SwitchOptions {
  /** In this order. */
  readonly tests: readonly string[];
  /** Whether it is known that the test file does not run the mutant. */
  readonly isApart: (test: string, mutant: NamedMutant) => boolean;
  /** What the test cases of a mutant may take together; ms. */
  readonly testMs: number;
  readonly say: (line: string) => void;
  readonly signal: AbortSignal;
}

const ANSWERS = join(FOLDER, 'switch-answers.jsonl');
const KEPT = join(FOLDER, 'switched.jsonl');
/** A test file with all switches off. */
const USUAL: RunLimits = { limitMs: 400_000, workMs: 400_000, idleMs: 120_000 };
/** A mutant, whose cases are bound in their own program as long as that is not blocked; ms, and times what they take. */
const TRIED = { besides: 12_000, factor: 8, longer: 60_000 };
/** A hook may wait, too, before its own program ends it. */
const HOOK_MS = 10_000;

/** @returns by the mutant's id; what cannot be switched, or no case came to, is not in it */
export async function trySwitches(
  runner: TestRunner,
  mutants: readonly NamedMutant[],
  { tests, isApart, testMs, say, signal }: SwitchOptions,
): Promise<Map<string, Shown>> {
  const kept = readKept();
  const shown = new Map<string, Shown>();
  using planted = plantAll(mutants);
  let changed: readonly string[] = planted.files;
  const noted = new Set<string>();
  // What is about a mutant is run before its time is spent on what merely comes to it.
  const rounds = [true, false].flatMap((isNear) => tests.map((test) => ({ test, isNear })));
  for (const [place, { test, isNear }] of rounds.entries()) {
    const all = mutants
      .map((mutant, number) => ({ mutant, number }))
      .filter(
        ({ mutant, number }) =>
          !planted.unswitched.has(number) && !shown.get(mutant.id)?.killed && !isApart(test, mutant),
      );
    const undecided = isNear ? all.filter(({ mutant }) => isAbout(test, mutant.file)) : all;
    if (undecided.length === 0) continue;
    const keyOf = keysOf(test);
    const fresh = undecided.filter(({ mutant, number }) => {
      const key = keyOf(mutant);
      const before = kept.get(key);
      if (before && !noted.has(key)) note(shown, mutants[number]!, test, before);
      noted.add(key);
      return before === undefined;
    });
    if (fresh.length > 0) {
      const tries = fresh
        .map(({ mutant, number }) => ({ number, testMs: testMs - (shown.get(mutant.id)?.usualMs ?? 0) }))
        .filter((one) => one.testMs > 0);
      // It runs anyway: what else comes to nothing in it need not be asked in the second round.
      const asked = all
        .filter((one) => !undecided.includes(one) && !kept.has(keyOf(one.mutant)))
        .map(({ number }) => number);
      await tryFile(
        runner,
        test,
        { tries, asked, changed },
        signal,
        (number, outcome) => {
          const mutant = mutants[number]!;
          kept.set(keyOf(mutant), outcome);
          appendFileSync(KEPT, `${JSON.stringify({ key: keyOf(mutant), outcome })}\n`);
          note(shown, mutant, test, outcome);
        },
        say,
      );
      changed = [];
    }
    if (signal.aborted) break;
    const ran = [...shown.values()];
    const killed = ran.filter((one) => one.killed).length;
    say(
      `${place + 1} of ${rounds.length}  ${test}: ${killed} of ${mutants.length} killed so far, ${ran.length - killed} survived where they ran`,
    );
  }
  return shown;
}

async function tryFile(
  runner: TestRunner,
  test: string,
  { tries, asked, changed }: Omit<SwitchJob, 'answers'> & { readonly changed: readonly string[] },
  signal: AbortSignal,
  end: (number: number, outcome: SwitchOutcome) => void,
  say: (line: string) => void,
): Promise<void> {
  const left = new Map(tries.map((one) => [one.number, one]));
  /** Of those that are tried for the second time. */
  const before = new Map<number, string>();
  for (let isFirst = true; left.size > 0 && !signal.aborted; isFirst = false) {
    // The one that ended the program before is tried first.
    const ordered = [...left.values()].toSorted(
      (a, b) => Number(before.has(b.number)) - Number(before.has(a.number)),
    );
    writeFileSync(ANSWERS, '');
    writeFileSync(
      JOB_FILE,
      JSON.stringify({ answers: ANSWERS, tries: ordered, asked: isFirst ? asked : [] } satisfies SwitchJob),
    );
    const outcome = await runner.run({
      tests: [test],
      changed: isFirst ? changed : [],
      goesOn: true,
      ...USUAL,
      watch: limitsNow,
    });
    rmSync(JOB_FILE, { force: true });
    const answers = readAnswers();
    let begun: number | undefined;
    let usualMs: number | undefined;
    for (const answer of answers) {
      if (answer.kind === 'usual') {
        usualMs = answer.tookMs;
        if (isFirst && answer.failed !== undefined)
          say(`with nothing planted ${test} fails: ${answer.failed}`);
      } else if (answer.kind === 'begun') begun = answer.number;
      else {
        begun = undefined;
        const { kind: _kind, number, ...result } = answer;
        if (result.verdict === 'late' || result.verdict === 'in doubt')
          settle(number, result.by, result.usualMs);
        else {
          left.delete(number);
          end(number, result);
        }
      }
    }
    if (signal.aborted) return;
    if (begun !== undefined) {
      const why = typeof outcome === 'string' ? `the program ${outcome}` : 'the program ended';
      settle(begun, `${test}: ${why}`, usualMs ?? 0);
    }
    // It did not come to its first trial: it cannot be tried with this file.
    if (answers.every((answer) => answer.kind === 'usual' || asked.includes(answer.number))) {
      say(
        `${test} does not come to trials: ${typeof outcome === 'string' ? outcome : (outcome.failed ?? 'no reason')}`,
      );
      return;
    }
  }

  function settle(number: number, by: string, usualMs: number): void {
    if (before.has(number)) {
      left.delete(number);
      end(number, { verdict: 'killed', by, usualMs });
    } else before.set(number, by);
  }
}

/** Bound anew with each trial. */
function limitsNow(): RunLimits & { readonly stage: unknown } {
  const answers = readAnswers();
  const last = answers.at(-1);
  if (last === undefined) return { ...USUAL, stage: 0 };
  const usualMs = last.kind === 'begun' ? last.usualMs : 0;
  const workMs = TRIED.besides + Math.min(TRIED.factor * usualMs, 2 * usualMs + TRIED.longer);
  return { limitMs: 10 * workMs, workMs, idleMs: workMs + HOOK_MS, stage: answers.length };
}

function note(shown: Map<string, Shown>, { id }: NamedMutant, test: string, outcome: SwitchOutcome): void {
  if (outcome.verdict === 'not run') return;
  const one = shown.get(id) ?? { survived: 0, usualMs: 0 };
  shown.set(id, one);
  one.usualMs += outcome.usualMs;
  if (outcome.verdict === 'survived') one.survived += 1;
  else one.killed = { by: `${test}: ${outcome.by}`, place: one.survived + 1, usualMs: one.usualMs };
}

function plantAll(mutants: readonly NamedMutant[]): Disposable & {
  readonly files: readonly string[];
  readonly unswitched: ReadonlySet<number>;
} {
  const stack = new DisposableStack();
  const byFile = Map.groupBy(
    mutants.map((mutant, number) => ({ ...mutant, number })),
    ({ file }) => file,
  );
  const unswitched = new Set<number>();
  for (const [file, those] of byFile) {
    const planted = plantSwitches(file, readSource(file), those);
    for (const number of planted.unswitched) unswitched.add(number);
    stack.use(plantIn(file, planted.text));
  }
  return { files: [...byFile.keys()], unswitched, [Symbol.dispose]: () => stack.dispose() };
}

/** What is known of a mutant and a test file stays so while both files stand. */
function keysOf(test: string): (mutant: NamedMutant) => string {
  const testHash = hashOf(readSource(test));
  return ({ id, file }) => hashOf(`${id}|${sourceHash(file)}|${test}|${testHash}`);
}
const sourceHashes = new Map<string, string>();
function sourceHash(file: string): string {
  const hash = sourceHashes.get(file) ?? hashOf(readSource(file));
  sourceHashes.set(file, hash);
  return hash;
}

function readAnswers(): SwitchAnswer[] {
  return existsSync(ANSWERS) ? linesOf<SwitchAnswer>(ANSWERS) : [];
}
function readKept(): Map<string, SwitchOutcome> {
  if (!existsSync(KEPT)) return new Map();
  return new Map(
    linesOf<{ key: string; outcome: SwitchOutcome }>(KEPT).map(({ key, outcome }) => [key, outcome]),
  );
}
function linesOf<Line>(path: string): Line[] {
  // The last may be half written.
  const lines = readFileSync(path, 'utf8').split('\n').slice(0, -1);
  return lines.map((line) => JSON.parse(line) as Line);
}
function hashOf(text: string): string {
  return createHash('sha256').update(text).digest('hex').slice(0, 16);
}
