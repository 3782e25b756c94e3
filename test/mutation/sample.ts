/**
 * `npm run mutants -- [--sample N | --draw N] [--seed S] [word…]`: N mutants of every source file whose path has one of
 * the words, or N of all of them together, chosen by the seed, each tried against the test files that run its block.
 *
 * A mutant keeps its place in the draw while its line stands, so that a sample is the same one after the file has moved.
 */
import { createHash } from 'node:crypto';
import { appendFileSync, existsSync, globSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { noFaultOf } from './no-faults.ts';
import { heldTo, inOrder, NEARNESS, type Nearness, nearnessOf } from './held-to.ts';
import { createImports } from './imports.ts';
import { allTests, type Reach } from './reach.ts';
import { sourceMutantsOf } from './source-mutants.ts';
import { type NamedMutant, type Shown, trySwitches } from './switched.ts';
import type { TestRunner } from './test-runner.ts';
import { tryFault } from './try-fault.ts';
import { FOLDER, readSource, ROOT } from './work-tree.ts';

/** `undecided`: its tests were cut by the clock, or failed once and not again. The next run tries it again. */
export type Verdict = 'killed' | 'survived' | 'undecided' | 'changes nothing' | 'no test runs it';
/** What was found of a mutant. */
interface Found {
  readonly id: string;
  readonly verdict: Verdict;
  /** What killed it, why it changes nothing, or how many test files it survived. */
  readonly why: string;
  /** Of what was killed: the place of the test file that did it, and what those up to it take; ms. */
  readonly place?: number;
  readonly usualMs?: number;
  /** It ran out of time twice, or ended the program that tried it. */
  readonly isTwice?: boolean;
}
export interface Tried extends Found {
  readonly file: string;
  readonly rule: string;
  readonly line: string;
  readonly lineNumber: number;
  readonly change: string;
}

const TRIED = join(FOLDER, 'tried.jsonl');
const REPORT = join(FOLDER, 'report.md');

function sourcesOf(words: readonly string[]): string[] {
  return globSync('src/**/*.ts', { cwd: ROOT })
    .filter((file) => words.length === 0 || words.some((word) => file.includes(word)))
    .toSorted();
}

function sampleOf(file: string, count: number, seed: string): NamedMutant[] {
  const text = readSource(file);
  const same = new Map<string, number>();
  return sourceMutantsOf(file, text)
    .map((mutant) => {
      const name = `${mutant.rule}|${mutant.line}|${mutant.original}|${mutant.replacement}`;
      const nth = (same.get(name) ?? 0) + 1;
      same.set(name, nth);
      return { ...mutant, id: hashOf(`${seed}|${file}|${name}|${nth}`) };
    })
    .toSorted((a, b) => (a.id < b.id ? -1 : 1))
    .slice(0, count);
}

export interface SampleOptions {
  /** Of each file, at the most. */
  readonly count: number;
  /** Of all files together, at the most: each mutant is as likely as any other. */
  readonly draw: number;
  readonly seed: string;
  readonly words: readonly string[];
  /** Test time that each is held to. */
  readonly testMs: number;
  /** Words of the paths of the test files they are held to behind switches; none for all. */
  readonly tests: readonly string[];
  /** Whether the test files that are about a mutant's file are enough, where there are any. */
  readonly isOwn: boolean;
  /** Whether what no switch has shown is planted alone: also in the programs that tests start. */
  readonly isAlone: boolean;
  readonly say: (line: string) => void;
  readonly signal: AbortSignal;
}

/** @returns what came of each, also of those that an earlier run has tried */
export async function trySample(
  runners: readonly [TestRunner, ...TestRunner[]],
  reach: Reach,
  { count, draw, seed, words, testMs, tests: testWords, isOwn, isAlone, say, signal }: SampleOptions,
): Promise<Tried[]> {
  const known = readTried();
  // In the order of the draw, all files mixed: a run that is interrupted has tried a fair sample, too.
  const chosen = sourcesOf(words)
    .flatMap((file) => sampleOf(file, count, seed))
    .toSorted((a, b) => (a.id < b.id ? -1 : 1))
    .slice(0, draw);
  const distance = createImports();
  const tests = inOrder(
    allTests().filter((test) => testWords.length === 0 || testWords.some((word) => test.includes(word))),
    chosen.map(({ file }) => file),
  );
  const nearness = (test: string, { file }: NamedMutant): Nearness =>
    nearnessOf(test, file, distance(test, file));
  const isNearest = (test: string, mutant: NamedMutant): boolean => nearness(test, mutant) === NEARNESS[0];
  const owned = new Set(
    isOwn
      ? chosen.filter((mutant) => tests.some((test) => isNearest(test, mutant))).map(({ file }) => file)
      : [],
  );
  const isApart = apartBy(reach, distance);
  const switched = await trySwitches(
    runners,
    chosen.filter((mutant) => noFaultOf(mutant) === undefined),
    {
      tests,
      isApart: (test, mutant) =>
        isApart(test, mutant) || (owned.has(mutant.file) && !isNearest(test, mutant)),
      nearness,
      testMs,
      say,
      signal,
    },
  );
  const results: Tried[] = [];
  for (const [place, mutant] of chosen.entries()) {
    const text = readSource(mutant.file);
    const id = `${mutant.id}-${hashOf(text)}`;
    const told = {
      file: mutant.file,
      rule: mutant.rule,
      line: mutant.line,
      lineNumber: mutant.lineNumber,
      change: `${oneLine(mutant.original)} → ${oneLine(mutant.replacement)}`,
    };
    const excuse = noFaultOf(mutant);
    const shown = switched.get(mutant.id);
    let found: Found;
    if (excuse !== undefined) found = { id, verdict: 'changes nothing', why: excuse };
    else if (shown?.killed) found = { id, ...verdictOf(shown) };
    else if (signal.aborted) found = { id, verdict: 'undecided', why: 'interrupted' };
    else if (isAlone) found = await tryAlone(mutant, text, id);
    else found = { id, ...verdictOf(shown) };
    const tried: Tried = { ...found, ...told };
    results.push(tried);
    if (tried.verdict === 'killed' && shown?.killed) continue;
    say(`${place + 1} of ${chosen.length}  ${tried.verdict}: ${describe(tried)}   (${tried.why})`);
  }
  return results;

  async function tryAlone(mutant: NamedMutant, text: string, id: string): Promise<Found> {
    const { tests, of } = heldTo(reach, { file: mutant.file, text, position: mutant.start }, testMs);
    const killedId = `${id}-killed`;
    // What survived is tried again when one of its tests has changed; what was killed stays so while the module stands.
    const survivedId = `${id}-${hashOf(tests.map(({ test }) => readSource(test)).join())}`;
    const before = known.get(killedId) ?? known.get(survivedId);
    if (before) return before;
    if (tests.length === 0) return { id, verdict: 'no test runs it', why: '' };
    const changed = text.slice(0, mutant.start) + mutant.replacement + text.slice(mutant.end);
    const outcome = await tryFault(runners[0], { file: mutant.file, text: changed, tests });
    // Of one that is undecided nothing is known, nor of one whose program was ended from outside.
    if (signal.aborted) return { id, verdict: 'undecided', why: 'interrupted' };
    if (outcome.verdict === 'undecided') return { id, ...outcome };
    const { verdict } = outcome;
    const found: Found =
      verdict === 'killed'
        ? { id: killedId, verdict, why: outcome.by, place: outcome.place, usualMs: outcome.usualMs }
        : { id: survivedId, verdict, why: `${tests.length} of ${of} test files that run it` };
    appendFileSync(TRIED, `${JSON.stringify(found)}\n`);
    return found;
  }
}

function verdictOf(shown: Shown | undefined): Omit<Found, 'id'> {
  if (shown === undefined) return { verdict: 'no test runs it', why: 'behind a switch, in one program' };
  if (shown.killed === undefined) return { verdict: 'survived', why: `${shown.survived} test files` };
  const { by, ...rest } = shown.killed;
  return { verdict: 'killed', why: by, ...rest };
}

/** A test file that cannot load the mutant's file, or whose reach was measured and does not have the mutant. */
function apartBy(
  reach: Reach,
  distance: ReturnType<typeof createImports>,
): (test: string, mutant: NamedMutant) => boolean {
  const running = new Map<string, ReadonlySet<string>>();
  return (test, { id, file, start }) => {
    if (distance(test, file) === undefined) return true;
    if (!reach.measured.has(test)) return false;
    const those =
      running.get(id) ?? new Set(reach.testsOf(file, readSource(file), start).map((one) => one.test));
    running.set(id, those);
    return !those.has(test);
  };
}

export interface Score {
  /** Those of which is known whether the tests find them. */
  readonly decided: number;
  readonly killed: number;
  readonly nothing: number;
  readonly undecided: number;
}
export function scoreOf(tried: readonly Tried[]): Score {
  const count = (verdict: Verdict): number => tried.filter((one) => one.verdict === verdict).length;
  const [nothing, undecided] = [count('changes nothing'), count('undecided')];
  return { decided: tried.length - nothing - undecided, killed: count('killed'), nothing, undecided };
}
export function ratioOf({ decided, killed }: Score): number {
  return decided === 0 ? 1 : killed / decided;
}
export function tell(score: Score): string {
  const { decided, killed, nothing, undecided } = score;
  return `${killed} of ${decided} killed (${percent(ratioOf(score))} %), ${nothing} change nothing, ${undecided} undecided`;
}
/** How much of the score is due to which of the tests that are chosen: by place and by time. */
function tellFinders(tried: readonly Tried[]): string {
  const killed = tried.filter(({ verdict }) => verdict === 'killed');
  const within = (seconds: number): string =>
    `${killed.filter(({ usualMs = 0 }) => usualMs <= seconds * 1_000).length} within ${seconds} s`;
  const first = killed.filter(({ place }) => place === 1).length;
  const twice = killed.filter(({ isTwice }) => isTwice).length;
  return `Of ${killed.length} killed, ${twice} by running out of time twice, ${first} by the first test file; of tests: ${[2, 5, 10, 20, 40].map(within).join(', ')}.`;
}
/** Where the share of all mutants lies that are killed, with 95 %, after Wilson: for a draw. */
function intervalOf({ decided: tried, killed }: Score): string {
  if (tried === 0) return '0 to 100 %';
  const z = 1.96;
  const share = killed / tried;
  const middle = share + z ** 2 / (2 * tried);
  const away = z * Math.sqrt((share * (1 - share)) / tried + z ** 2 / (4 * tried ** 2));
  const [low, high] = [middle - away, middle + away].map((edge) => percent(edge / (1 + z ** 2 / tried)));
  return `${low} to ${high} %`;
}
function percent(share: number): string {
  return (100 * share).toFixed(1);
}

function describe({ file, lineNumber, rule, line, change }: Tried): string {
  return `${file}:${lineNumber} ${rule}: ${change}   in   ${oneLine(line)}`;
}

/** Writes the report by room and by file, and gives it back. */
export function writeReport(
  tried: readonly Tried[],
  { count, draw, seed }: Pick<SampleOptions, 'count' | 'draw' | 'seed'>,
): string {
  const which = draw < Infinity ? `${draw} of all` : `${count === Infinity ? 'all' : count} of every file`;
  const score = scoreOf(tried);
  const lines = [`# Mutants: ${which}, seed ${seed}`, '', `All: ${tell(score)}.`, tellFinders(tried)];
  if (draw < Infinity) lines.push(`With 95 % the share of all that are killed is ${intervalOf(score)}.`);
  lines.push('');
  for (const [room, those] of Map.groupBy(tried, ({ file }) => roomOf(file)))
    lines.push(`- ${room}: ${tell(scoreOf(those))}`);
  lines.push('');
  const byFile = [...Map.groupBy(tried, (one) => one.file)].toSorted(([a], [b]) => (a < b ? -1 : 1));
  for (const [file, those] of byFile) {
    lines.push(`- ${file}: ${tell(scoreOf(those))}`);
    for (const one of those.filter(({ verdict }) => verdict !== 'killed')) {
      lines.push(`  - ${one.verdict}: ${describe(one)} (${one.why})`);
    }
  }
  const report = `${lines.join('\n')}\n`;
  writeFileSync(REPORT, report);
  return report;
}

/** `src/runtime/ROOM`, or the folder of the others. */
function roomOf(file: string): string {
  return file
    .split('/')
    .slice(0, file.startsWith('src/runtime/') ? 3 : 2)
    .join('/');
}

function readTried(): Map<string, Found> {
  if (!existsSync(TRIED)) return new Map();
  return new Map(
    readFileSync(TRIED, 'utf8')
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => JSON.parse(line) as Found)
      .map((one) => [one.id, one]),
  );
}

function hashOf(text: string): string {
  return createHash('sha256').update(text).digest('hex').slice(0, 16);
}

function oneLine(text: string): string {
  const flat = text.replaceAll(/\s+/g, ' ');
  return flat.length > 100 ? `${flat.slice(0, 99)}…` : flat;
}
