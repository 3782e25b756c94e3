/**
 * Plants faults in copies of the sources, and says which of them the tours find.
 *
 * Owns the processes that try them and the folder they work in; both are gone when it has ended.
 */
import { spawn } from 'node:child_process';
import { cpSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Mutant } from './mutants.ts';
import { type Plan, planSuite } from './suite.ts';
import type { Job, Line } from './worker.ts';

export interface Verdict {
  /** `null` for the sources as they are. */
  readonly mutant: Mutant | null;
  /** What found it; `undefined` when nothing did. */
  readonly killedBy: string | undefined;
}

export interface TryOptions {
  /** Processes at once. */
  readonly workers: number;
  /** A tour that takes longer hangs; ms. */
  readonly limitMs: number;
  readonly onVerdict?: (verdict: Verdict) => void;
  /** Ends all of it at once. */
  readonly signal?: AbortSignal;
}

const root = fileURLToPath(new URL('../../', import.meta.url));
const COPIED = ['package.json', 'src', 'test/models', 'test/limits', 'test/kit', 'test/mutation'];

/** Tries the sources as they are, then every mutant; verdicts come in no order. */
export async function tryMutants(
  mutants: readonly Mutant[],
  options: TryOptions,
): Promise<readonly Verdict[]> {
  const folder = mkdtempSync(join(tmpdir(), 'mutants-'));
  try {
    const tree = join(folder, 'tree');
    for (const path of COPIED) cpSync(join(root, path), join(tree, path), { recursive: true });
    symlinkSync(join(root, 'node_modules'), join(tree, 'node_modules'));
    const plan = planSuite();
    const queue = [null, ...mutants].map((mutant, index) => ({ index, mutant }));
    const verdicts: Verdict[] = [];
    const workers = Array.from({ length: options.workers }, async (_, worker) => {
      const mine = queue.filter(({ index }) => index % options.workers === worker);
      const place = { tree, jobFile: join(folder, `job-${worker}.json`) };
      await tryAll(mine, plan, place, options, (verdict) => {
        verdicts.push(verdict);
        options.onVerdict?.(verdict);
      });
    });
    // All have ended before their folder goes, also when the first of them fails.
    const ends = await Promise.allSettled(workers);
    const failed = ends.find((end) => end.status === 'rejected');
    if (failed) throw failed.reason;
    return verdicts;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

type Queue = Job['mutants'];

interface Place {
  readonly tree: string;
  readonly jobFile: string;
}

/** One process after the other, as long as mutants are left: some of them end theirs. */
async function tryAll(
  queue: Queue,
  plan: Plan,
  place: Place,
  options: TryOptions,
  judged: (verdict: Verdict) => void,
): Promise<void> {
  let left = queue;
  while (left.length > 0) {
    writeFileSync(place.jobFile, JSON.stringify({ plan, mutants: left } satisfies Job));
    const seen = new Map<number, string | null>();
    const end = await work(place, options, (line) => {
      if (!('killedBy' in line)) return;
      seen.set(line.index, line.killedBy);
      const mutant = left.find(({ index }) => index === line.index)!.mutant;
      judged({ mutant, killedBy: line.killedBy ?? undefined });
    });
    const [unfinished, ...rest] = left.filter(({ index }) => !seen.has(index));
    if (unfinished) judged({ mutant: unfinished.mutant, killedBy: end });
    left = rest;
  }
}

/** Runs one process to its end, and says how it ended. */
function work(
  { tree, jobFile }: Place,
  { limitMs, signal }: TryOptions,
  heard: (line: Line) => void,
): Promise<string> {
  const worker = join(tree, 'test/mutation/worker.ts');
  const child = spawn(process.execPath, [worker, tree, jobFile], {
    stdio: ['pipe', 'pipe', 'pipe'],
    killSignal: 'SIGKILL',
    ...(signal ? { signal } : {}),
  });
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  let rest = '';
  let complaint = '';
  let isHanging = false;
  const hang = (): void => {
    isHanging = true;
    child.kill('SIGKILL');
  };
  let limit = setTimeout(hang, limitMs);
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    const lines = `${rest}${text}`.split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) heard(JSON.parse(line) as Line);
    clearTimeout(limit);
    limit = setTimeout(hang, limitMs);
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    complaint = `${complaint}${text}`.slice(-10_000);
  });
  child.on('error', (error) => {
    // One that was ended has its `close` yet to come.
    if (child.pid === undefined) reject(error);
  });
  child.on('close', (code, endedBy) => {
    clearTimeout(limit);
    if (signal?.aborted) return reject(signal.reason as Error);
    if (isHanging) return resolve('it hangs');
    const said = complaint.split('\n').find((line) => /Error|Warning/u.test(line)) ?? '';
    resolve(`it ends the process (${endedBy ?? code}) ${said}`.trim());
  });
  return promise;
}
