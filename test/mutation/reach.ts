/**
 * Which test files run which block of the sources, and how long each test file takes: measured once, by a call planted
 * at the head of every block, in the programs that the tests start too.
 *
 * A block is known by its text, so that what was measured holds while other parts of its file change; a block that is
 * new is held to the tests of the block around it.
 */
import { createHash } from 'node:crypto';
import {
  appendFileSync,
  existsSync,
  globSync,
  mkdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { blocksOf } from './source-mutants.ts';
import type { TestRunner } from './test-runner.ts';
import { FOLDER, plantIn, readSource, ROOT, TREE } from './work-tree.ts';

/** Tests that look at the text of the repository, or that plant faults themselves. */
const NOT_HELD_TO = [
  'test/mutation/',
  'test/coordination/mutation/',
  'test/house/',
  'test/examples/',
  'test/package/',
  'test/bench/',
  'test/page/',
  'test/types/',
  'test/visualizations/',
];
const LIMIT_MS = 400_000;

interface TestReach {
  readonly test: string;
  /** Of its text: a test file that has changed is measured anew. */
  readonly hash: string;
  readonly tookMs: number;
  /** What failed with nothing planted: such a test file finds nothing. */
  readonly failed?: string;
  /** `file#hash of a block`, `file#` for the module itself. */
  readonly blocks: readonly string[];
}

/** A test file that runs a piece of code. */
export interface Reaching {
  readonly test: string;
  readonly tookMs: number;
  /** Share of the blocks it runs that are in the file of that code: how much it is about that file. */
  readonly share: number;
  /** Share of the file's blocks that it runs: how much of the file it is about. */
  readonly depth: number;
}

export interface Reach {
  /** Test files that run the code at `position`. */
  testsOf(file: string, text: string, position: number): readonly Reaching[];
  /** Test files of which it is known what they run. */
  readonly measured: ReadonlySet<string>;
}

const KEPT = join(FOLDER, 'reach.jsonl');
const SEEN = join(FOLDER, 'reach-seen.txt');

export function allTests(): string[] {
  return globSync('test/**/*.test.ts', { cwd: ROOT })
    .filter((test) => !NOT_HELD_TO.some((folder) => test.startsWith(folder)))
    .toSorted();
}

/** Measures what is not measured yet; a test file counts as measured until it changes (`again` for all anew). */
export async function measureReach(
  runner: TestRunner,
  {
    again,
    tests,
    say,
    signal,
  }: {
    readonly again: boolean;
    /** Words of the paths of the test files to measure; none for all. */
    readonly tests: readonly string[];
    readonly say: (line: string) => void;
    readonly signal: AbortSignal;
  },
): Promise<void> {
  if (again) rmSync(KEPT, { force: true });
  mkdirSync(FOLDER, { recursive: true });
  const measured = new Map(readKept().map((reach) => [reach.test, reach]));
  const wanted =
    tests.length === 0 ? () => true : (test: string) => tests.some((word) => test.includes(word));
  const missing = allTests().filter((test) => {
    if (!wanted(test)) return false;
    const known = measured.get(test);
    return known === undefined || known.failed !== undefined || known.hash !== hashOf(readSource(test));
  });
  if (missing.length === 0) return;
  // What has failed, and whole models, take the longest: the others can be used before.
  const rank = (test: string): number => (measured.has(test) || /models|simulation/.test(test) ? 1 : 0);
  missing.sort((a, b) => rank(a) - rank(b));
  const names: string[] = [];
  using _planted = plantProbes(names);
  const began = performance.now();
  for (const [place, test] of missing.entries()) {
    if (signal.aborted) return;
    writeFileSync(SEEN, '');
    const outcome = await runner.run({
      tests: [test],
      changed: place === 0 ? sources() : [],
      limitMs: LIMIT_MS,
    });
    if (signal.aborted) return;
    const blocks = [...new Set(readFileSync(SEEN, 'utf8').split('\n'))]
      .filter((line) => line !== '')
      .map((line) => names[Number(line)]!);
    const reach: TestReach = {
      test,
      hash: hashOf(readSource(test)),
      ...(typeof outcome === 'string' ? { tookMs: LIMIT_MS, failed: outcome } : outcome),
      blocks,
    };
    appendFileSync(KEPT, `${JSON.stringify(reach)}\n`);
    const left = ((performance.now() - began) / (place + 1)) * (missing.length - place - 1);
    say(
      `reach ${place + 1} of ${missing.length}  ${test}  ${(reach.tookMs / 1000).toFixed(1)} s, ${blocks.length} blocks${
        reach.failed === undefined ? '' : `, FAILS WITH NOTHING PLANTED: ${reach.failed}`
      }  (${Math.ceil(left / 60_000)} min left)`,
    );
  }
}

export function readReach(): Reach {
  const byBlock = new Map<string, Set<TestReach>>();
  const note = (key: string, reach: TestReach): void => {
    const there = byBlock.get(key);
    if (there) there.add(reach);
    else byBlock.set(key, new Set([reach]));
  };
  const known = readKept().filter(({ test, failed }) => failed === undefined && existsSync(join(ROOT, test)));
  for (const reach of known) {
    for (const block of reach.blocks) {
      const hash = block.split('#')[1]!;
      note(block, reach);
      // A block that has moved into another file is known there; a file that was not measured by all its blocks.
      if (hash !== '') note(hash, reach);
    }
  }
  const names = existsSync(BLOCKS) ? (JSON.parse(readFileSync(BLOCKS, 'utf8')) as string[]) : [];
  const measured = new Set(names.flatMap((name) => [name, name.split('#')[1]!]));
  return {
    measured: new Set(known.map(({ test }) => test)),
    testsOf(file, text, position) {
      const around = blocksOf(file, text)
        .filter(({ start, end }) => start <= position && position < end)
        .toReversed()
        .map((block) => nameOf(file, text, block));
      const isNew = !measured.has(`${file}#`);
      const names = isNew ? around.map((name) => name.split('#')[1]!) : [...around, `${file}#`];
      // The innermost that was there when it was measured: one that no test ran has none.
      const name = names.find((one) => measured.has(one));
      const reaching = name === undefined ? ofFile(file, text) : (byBlock.get(name) ?? []);
      const hashes = new Set(blocksOf(file, text).map((block) => nameOf(file, text, block).split('#')[1]!));
      return [...reaching].map(({ test, tookMs, blocks }) => {
        const there = blocks.filter((block) => hashes.has(block.split('#')[1]!)).length;
        return { test, tookMs, share: there / blocks.length, depth: there / Math.max(1, hashes.size) };
      });
    },
  };

  /** Of a file that was not measured: whatever runs a block that it has. */
  function ofFile(file: string, text: string): Set<TestReach> {
    const hashes = blocksOf(file, text).map((block) => nameOf(file, text, block).split('#')[1]!);
    return new Set(hashes.flatMap((hash) => [...(byBlock.get(hash) ?? [])]));
  }
}

const BLOCKS = join(FOLDER, 'reach-blocks.json');

function sources(): string[] {
  return globSync('src/**/*.ts', { cwd: ROOT });
}

function plantProbes(names: string[]): Disposable {
  // Where sandboxed programs may load it.
  const probe = join(TREE, 'src/reach-probe.mjs');
  writeFileSync(
    probe,
    `import { appendFileSync } from 'node:fs';
const seen = new Set();
globalThis.__reach ??= (block) => {
  if (seen.has(block)) return;
  seen.add(block);
  try { appendFileSync(${JSON.stringify(SEEN)}, block + '\\n'); } catch {}
};
`,
  );
  const planted = new DisposableStack();
  for (const file of sources()) {
    const text = readSource(file);
    const number = (name: string): number => names.push(name) - 1;
    let probed = '';
    let from = 0;
    for (const block of blocksOf(file, text)) {
      probed += `${text.slice(from, block.start)}{globalThis.__reach?.(${number(nameOf(file, text, block))});`;
      from = block.start + 1;
    }
    planted.use(
      plantIn(
        file,
        `import ${JSON.stringify(probe)};globalThis.__reach?.(${number(`${file}#`)});${probed}${text.slice(from)}`,
      ),
    );
  }
  // What all tests were measured with: later ones add what they run of it.
  if (!existsSync(KEPT)) writeFileSync(BLOCKS, JSON.stringify(names));
  planted.defer(() => rmSync(probe, { force: true }));
  return planted;
}

function nameOf(
  file: string,
  text: string,
  { start, end }: { readonly start: number; readonly end: number },
) {
  return `${file}#${hashOf(text.slice(start, end))}`;
}

function hashOf(text: string): string {
  return createHash('sha256').update(text).digest('hex').slice(0, 12);
}

function readKept(): TestReach[] {
  if (!existsSync(KEPT)) return [];
  const newest = new Map<string, TestReach>();
  for (const line of readFileSync(KEPT, 'utf8').split('\n')) {
    if (line === '') continue;
    const reach = JSON.parse(line) as TestReach;
    newest.set(reach.test, reach);
  }
  return [...newest.values()];
}
