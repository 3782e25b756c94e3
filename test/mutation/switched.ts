/**
 * Tries mutants behind switches: all of them are planted at once, and each test file runs in a program that tries one
 * after the other, those that an earlier file has not killed. A program that a test starts has the same switch on.
 *
 * - I1 Which cases run a mutant is what came to its switch with all of them off, measured in the program that tries it.
 * - I2 A mutant that is out of time, blocks the program, or after which the cases fail with all switches off, is tried
 *   once more, first in a new program, where they have just passed twice. What is so again is killed.
 */
import { createHash } from 'node:crypto';
import { appendFileSync, existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { NEARNESS, type Nearness } from './held-to.ts';
import type { SourceMutant } from './source-mutants.ts';
import type { SwitchAnswer, SwitchJob, SwitchOutcome } from './switch-job.ts';
import { plantSwitches } from './switches.ts';
import { writeProbe } from './switch-probe.ts';
import type { RunLimits, TestRunner } from './test-runner.ts';
import { FOLDER, plantIn, readSource, TREE } from './work-tree.ts';

export type NamedMutant = SourceMutant & { readonly id: string };

/** What its test files have shown so far. */
export interface Shown {
  killed?: {
    readonly by: string;
    readonly place: number;
    readonly usualMs: number;
    /** It ran out of time twice, or ended the program that tried it. */
    readonly isTwice: boolean;
  };
  /** Test files that it survived. */
  survived: number;
  usualMs: number;
}

export interface SwitchOptions {
  /** In this order. */
  readonly tests: readonly string[];
  /** Whether it is known that the test file does not run the mutant. */
  readonly isApart: (test: string, mutant: NamedMutant) => boolean;
  readonly nearness: (test: string, mutant: NamedMutant) => Nearness;
  /** What the test cases of a mutant may take together; ms. */
  readonly testMs: number;
  readonly say: (line: string) => void;
  readonly signal: AbortSignal;
}

const KEPT = join(FOLDER, 'switched.jsonl');
/** How long test files took with all switches off. */
const TOOK = join(FOLDER, 'took.jsonl');
/** A mutant that has less time left is not worth the start of a test file; ms. */
const LEAST_MS = 1_000;
/** A test file that is not about a mutant may take so many times what the mutant has. */
const FAR = 1.5;
/** A test file with all switches off. */
const USUAL: RunLimits = { limitMs: 400_000, workMs: 400_000, idleMs: 120_000 };
/**
 * Work of a mutant's cases, which are bound in their own program as long as that is not blocked; ms, and times what they
 * take.
 */
const TRIED = { besides: 8_000, factor: 3 };
/** A hook may wait, too, before its own program ends it. */
const HOOK_MS = 10_000;

/**
 * @param runners each tries another test file at the same time
 * @returns by the mutant's id; what cannot be switched, or no case came to, is not in it
 */
export async function trySwitches(
  runners: readonly TestRunner[],
  mutants: readonly NamedMutant[],
  { tests, isApart, nearness, testMs, say, signal }: SwitchOptions,
): Promise<Map<string, Shown>> {
  const kept = readKept();
  const tookMs = readTook();
  const shown = new Map<string, Shown>();
  using planted = plantAll(mutants);
  const noted = new Set<string>();
  const numbered = mutants.map((mutant, number) => ({ mutant, number }));
  const leftMs = ({ id }: NamedMutant): number => testMs - (shown.get(id)?.usualMs ?? 0);
  // What is about a mutant is run before its time is spent on what merely comes to it.
  const rounds = NEARNESS.flatMap((near) => tests.map((test) => ({ test, near })));
  let next = 0;
  await Promise.all(
    runners.map(async (runner) => {
      let changed: readonly string[] = planted.files;
      while (next < rounds.length && !signal.aborted) {
        const place = next++;
        const isRun = await tryStep(runner, rounds[place]!, changed);
        if (!isRun) continue;
        changed = [];
        const ran = [...shown.values()];
        const killed = ran.filter((one) => one.killed).length;
        say(
          `${place + 1} of ${rounds.length}  ${rounds[place]!.test}: ${killed} of ${mutants.length} killed so far, ${ran.length - killed} survived where they ran`,
        );
      }
    }),
  );
  return shown;

  /** @returns whether the test file was run */
  async function tryStep(
    runner: TestRunner,
    { test, near }: (typeof rounds)[number],
    changed: readonly string[],
  ): Promise<boolean> {
    const all = numbered.filter(
      ({ mutant, number }) =>
        !planted.unswitched.has(number) && !shown.get(mutant.id)?.killed && !isApart(test, mutant),
    );
    const undecided = all.filter(({ mutant }) => nearness(test, mutant) === near);
    const keyOf = keysOf(test);
    const fresh = undecided.filter(({ mutant }) => {
      const key = keyOf(mutant);
      const before = kept.get(key);
      if (before && !noted.has(key)) note(shown, mutant, test, before);
      noted.add(key);
      return before === undefined;
    });
    // A test file that takes much longer than a mutant has is worth its time to those alone that it is about.
    if (near === 'it may load it' && (tookMs.get(test) ?? 0) > FAR * testMs) return false;
    const tries = fresh
      .map(({ mutant, number }) => ({ number, testMs: leftMs(mutant) }))
      .filter((one) => one.testMs >= LEAST_MS);
    if (tries.length === 0) return false;
    // It runs anyway: what else comes to nothing in it need not be asked in a later round.
    const asked = all
      .filter((one) => !undecided.includes(one) && !kept.has(keyOf(one.mutant)))
      .map(({ number }) => number);
    await tryFile(
      runner,
      test,
      { tries, asked, changed },
      signal,
      {
        usual(ms) {
          tookMs.set(test, ms);
          appendFileSync(TOOK, `${JSON.stringify({ test, tookMs: ms })}\n`);
        },
        end(number, outcome) {
          const mutant = mutants[number]!;
          kept.set(keyOf(mutant), outcome);
          appendFileSync(KEPT, `${JSON.stringify({ key: keyOf(mutant), outcome })}\n`);
          note(shown, mutant, test, outcome);
        },
      },
      say,
    );
    return true;
  }
}

async function tryFile(
  runner: TestRunner,
  test: string,
  { tries, asked, changed }: Omit<SwitchJob, 'answers'> & { readonly changed: readonly string[] },
  signal: AbortSignal,
  {
    usual,
    end,
  }: {
    /** How long it took with all switches off. */
    readonly usual: (tookMs: number) => void;
    readonly end: (number: number, outcome: SwitchOutcome) => void;
  },
  say: (line: string) => void,
): Promise<void> {
  const { job, answers: answersFile, came } = runner.files;
  const left = new Map(tries.map((one) => [one.number, one]));
  /** Of those that are tried for the second time. */
  const before = new Map<number, string>();
  for (let isFirst = true; left.size > 0 && !signal.aborted; isFirst = false) {
    // The one that ended the program before is tried first.
    const ordered = [...left.values()]
      .map((one) => (before.has(one.number) ? { ...one, isAgain: true } : one))
      .toSorted((a, b) => Number(before.has(b.number)) - Number(before.has(a.number)));
    writeFileSync(answersFile, '');
    writeFileSync(came, '');
    writeFileSync(
      job,
      JSON.stringify({
        answers: answersFile,
        tries: ordered,
        asked: isFirst ? asked : [],
      } satisfies SwitchJob),
    );
    const outcome = await runner.run({
      tests: [test],
      changed: isFirst ? changed : [],
      goesOn: true,
      ...USUAL,
      watch: () => limitsNow(answersFile),
    });
    rmSync(job, { force: true });
    const answers = readAnswers(answersFile);
    let begun: number | undefined;
    let usualMs: number | undefined;
    for (const answer of answers) {
      if (answer.kind === 'usual') {
        usualMs = answer.tookMs;
        usual(usualMs);
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
      end(number, { verdict: 'killed', by, usualMs, isTwice: true });
    } else before.set(number, by);
  }
}

/** Bound anew with each trial. */
function limitsNow(answersFile: string): RunLimits & { readonly stage: unknown } {
  const answers = readAnswers(answersFile);
  const last = answers.at(-1);
  if (last === undefined) return { ...USUAL, stage: 0 };
  const usualMs = last.kind === 'begun' ? last.usualMs : 0;
  const workMs = TRIED.besides + TRIED.factor * usualMs;
  return { limitMs: 10 * workMs, workMs, idleMs: workMs + HOOK_MS, stage: answers.length };
}

function note(shown: Map<string, Shown>, { id }: NamedMutant, test: string, outcome: SwitchOutcome): void {
  if (outcome.verdict === 'not run') return;
  const one = shown.get(id) ?? { survived: 0, usualMs: 0 };
  shown.set(id, one);
  one.usualMs += outcome.usualMs;
  if (outcome.verdict === 'survived') one.survived += 1;
  else {
    const { by, isTwice = false } = outcome;
    one.killed = { by: `${test}: ${by}`, place: one.survived + 1, usualMs: one.usualMs, isTwice };
  }
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
  const probe = stack.use(writeProbe(join(TREE, 'src'))).head;
  for (const [file, those] of byFile) {
    const planted = plantSwitches(file, readSource(file), those);
    for (const number of planted.unswitched) unswitched.add(number);
    stack.use(plantIn(file, `${probe}${planted.text}`));
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

function readAnswers(path: string): SwitchAnswer[] {
  return existsSync(path) ? linesOf<SwitchAnswer>(path) : [];
}
function readTook(): Map<string, number> {
  if (!existsSync(TOOK)) return new Map();
  return new Map(linesOf<{ test: string; tookMs: number }>(TOOK).map(({ test, tookMs }) => [test, tookMs]));
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
