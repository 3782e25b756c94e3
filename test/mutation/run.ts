/**
 * `npm run mutants [-- word…]`: plants small faults by rule in every source file whose path has one of the words, and
 * says file by file how many the tests found.
 *
 * Stryker plants them (statements, conditions, boundaries, literals, calls); this chooses the tests that a file is held
 * to, goes on where an earlier run was interrupted, and leaves out what is judged to change nothing (`no-faults.ts`).
 * `MUTANTS_AT_ONCE=1` tries one at a time; default two.
 * Exits with 1 when a file is below `FILE_AIM` or all of them below `AIM`, with 130 when it is interrupted.
 */
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { globSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { sources as noFaults } from './no-faults.ts';

interface MutantResult {
  readonly mutatorName: string;
  readonly replacement: string;
  readonly status:
    | 'Killed'
    | 'Timeout'
    | 'Survived'
    | 'NoCoverage'
    | 'RuntimeError'
    | 'CompileError'
    | 'Ignored';
  readonly location: {
    readonly start: { readonly line: number; readonly column: number };
    readonly end: { readonly line: number; readonly column: number };
  };
}
interface Report {
  readonly files: Readonly<
    Record<string, { readonly source: string; readonly mutants: readonly MutantResult[] }>
  >;
}
interface Score {
  readonly planted: number;
  readonly killed: number;
  readonly excused: number;
  readonly survivors: readonly string[];
}

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const FOLDER = join(ROOT, '.tmp/mutants');
const FILE_AIM = 0.9;
const AIM = 0.97;

const words = process.argv.slice(2);
const files = globSync('src/**/*.ts', { cwd: ROOT })
  .filter((path) => words.length === 0 || words.some((word) => path.includes(word)))
  .toSorted();
let interrupted = false;
let running: ReturnType<typeof spawn> | undefined;
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.once(signal, () => {
    interrupted = true;
    running?.kill('SIGTERM');
  });
}

mkdirSync(FOLDER, { recursive: true });
const scores = new Map<string, Score>();
for (const [place, file] of files.entries()) {
  if (interrupted) break;
  process.stderr.write(`${place + 1} of ${files.length}  ${file}\n`);
  const report = await reportOf(file);
  if (report === undefined) continue;
  const score = scoreOf(file, report);
  scores.set(file, score);
  process.stderr.write(`      ${shareOf(score)}\n`);
}
process.exitCode = interrupted ? 130 : summary();

/** The tests of a file: those of its room, and the laws and models that all of the runtime is held to. */
function testsOf(file: string): string {
  const room = file.startsWith('src/runtime/') ? file.split('/')[2]! : (file.split('/')[1] ?? '');
  const own = room.endsWith('.ts') ? ['test/system', `test/${room.slice(0, -3)}`] : [`test/${room}`];
  return [...own, 'test/laws', 'test/models'].map((folder) => `${folder}/**/*.test.ts`).join(',');
}

/** What came of the mutants of a file: kept while neither it nor any test has changed. */
async function reportOf(file: string): Promise<Report | undefined> {
  const tests = testsOf(file);
  const hash = createHash('sha256').update(readFileSync(join(ROOT, file)));
  for (const test of globSync(tests.split(','), { cwd: ROOT }).toSorted())
    hash.update(readFileSync(join(ROOT, test)));
  const kept = join(FOLDER, `${file.replaceAll('/', '-')}-${hash.digest('hex').slice(0, 16)}.json`);
  try {
    return JSON.parse(readFileSync(kept, 'utf8')) as Report;
  } catch {
    // Not tried yet.
  }
  const config = join(FOLDER, 'stryker.json');
  const json = join(FOLDER, 'report.json');
  rmSync(json, { force: true });
  writeFileSync(
    config,
    JSON.stringify({
      testRunner: 'vitest',
      plugins: ['@stryker-mutator/vitest-runner'],
      mutate: [file],
      coverageAnalysis: 'perTest',
      // TypeScript 7 has no API for it, and nothing here is compiled.
      tsconfigFile: 'none.json',
      reporters: ['json', 'progress-append-only'],
      jsonReporter: { fileName: json },
      tempDirName: '.tmp/mutants/tree',
      ignorePatterns: ['dist', '.tmp'],
      timeoutMS: 10_000,
      concurrency: Number(process.env['MUTANTS_AT_ONCE'] ?? 2),
      allowEmpty: true,
      vitest: { configFile: 'test/mutation/vitest.config.ts', related: false },
    }),
  );
  const code = await new Promise<number | null>((resolve) => {
    running = spawn(
      process.execPath,
      [join(ROOT, 'node_modules/@stryker-mutator/core/bin/stryker.js'), 'run', config],
      {
        cwd: ROOT,
        env: { ...process.env, MUTATION_TESTS: tests },
        stdio: ['ignore', 'inherit', 'inherit'],
      },
    );
    running.once('exit', resolve);
  });
  if (interrupted) return undefined;
  if (code !== 0) throw new Error(`the mutants of ${file} could not be tried: exit code ${code}`);
  let report: Report;
  try {
    report = JSON.parse(readFileSync(json, 'utf8')) as Report;
  } catch {
    // Nothing in it can be mutated, as in a file of types.
    report = { files: {} };
  }
  writeFileSync(kept, JSON.stringify(report));
  return report;
}

function scoreOf(file: string, { files: reported }: Report): Score {
  let planted = 0;
  let killed = 0;
  let excused = 0;
  const survivors: string[] = [];
  for (const { source, mutants } of Object.values(reported)) {
    const lines = source.split('\n');
    for (const { mutatorName, replacement, status, location } of mutants) {
      if (status === 'Ignored' || status === 'CompileError') continue;
      planted += 1;
      if (status !== 'Survived' && status !== 'NoCoverage') {
        killed += 1;
        continue;
      }
      const original = textAt(lines, location);
      const excuse = noFaults.find(
        (one) => one.file === file && one.original === original && one.replacement === replacement,
      );
      if (excuse) excused += 1;
      else
        survivors.push(
          `${file}:${location.start.line} ${mutatorName}: ${oneLine(original)} → ${oneLine(replacement)}`,
        );
    }
  }
  return { planted, killed, excused, survivors };
}

function textAt(lines: readonly string[], { start, end }: MutantResult['location']): string {
  if (start.line === end.line) return lines[start.line - 1]!.slice(start.column - 1, end.column - 1);
  const inner = lines.slice(start.line, end.line - 1);
  return [
    lines[start.line - 1]!.slice(start.column - 1),
    ...inner,
    lines[end.line - 1]!.slice(0, end.column - 1),
  ].join('\n');
}

function oneLine(text: string): string {
  const flat = text.replaceAll(/\s+/g, ' ');
  return flat.length > 80 ? `${flat.slice(0, 79)}…` : flat;
}

function ratioOf({ planted, killed, excused }: Pick<Score, 'planted' | 'killed' | 'excused'>): number {
  return planted - excused === 0 ? 1 : killed / (planted - excused);
}

function shareOf(score: Pick<Score, 'planted' | 'killed' | 'excused'>): string {
  return `${score.killed} of ${score.planted - score.excused} killed (${(100 * ratioOf(score)).toFixed(1)} %), ${score.excused} change nothing`;
}

/** Writes what survived, file by file, and gives the exit code. */
function summary(): number {
  const all = { planted: 0, killed: 0, excused: 0 };
  let below = 0;
  for (const [file, score] of scores) {
    for (const survivor of score.survivors) process.stdout.write(`survived: ${survivor}\n`);
    all.planted += score.planted;
    all.killed += score.killed;
    all.excused += score.excused;
    if (ratioOf(score) < FILE_AIM) {
      below += 1;
      process.stdout.write(`below ${FILE_AIM * 100} %: ${file}, ${shareOf(score)}\n`);
    }
  }
  process.stdout.write(`all: ${shareOf(all)}\n`);
  return below > 0 || ratioOf(all) < AIM ? 1 : 0;
}
