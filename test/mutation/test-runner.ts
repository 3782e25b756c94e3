/**
 * Runs test files of the copy in a program of its own, which keeps vitest loaded: a fault that hangs costs that program
 * and nothing else.
 */
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { createRunMark } from './run-marks.ts';
import { TREE } from './work-tree.ts';

export interface RunRequest {
  /** Test files from the root of the copy, in the order they are run; the first that fails ends the run. */
  readonly tests: readonly string[];
  /** Files of the copy whose text is another than in the run before. */
  readonly changed: readonly string[];
}
export interface RunAnswer {
  /** What found the fault: the test and the first line of what it says. */
  readonly failed?: string;
  readonly tookMs: number;
}

export interface TestRunner extends AsyncDisposable {
  /**
   * @param request `limitMs`: for all of it; `idleMs`: without any work, which is how a test waits for what never comes
   * @returns what failed; `'timeout'` when either was not enough
   */
  run(
    request: RunRequest & { readonly limitMs: number; readonly idleMs?: number },
  ): Promise<RunAnswer | 'timeout'>;
}

const WATCH_EVERY_MS = 250;
/** Less than this is what vitest does while it waits; ms of processor time. */
const WORK_MS = 40;
const MS_A_TICK = 10;

/** Processor time of a group of programs so far, in ms; Linux only, elsewhere every look finds them at work. */
function workOf(group: number): number {
  if (process.platform !== 'linux') return performance.now();
  let ticks = 0;
  for (const name of readdirSync('/proc')) {
    if (!/^\d+$/.test(name)) continue;
    try {
      // After the name, which may have spaces: state, parent, group, and the times as the 12th and the 13th.
      const fields = readFileSync(`/proc/${name}/stat`, 'utf8').split(') ').at(-1)!.split(' ');
      if (Number(fields[2]) === group) ticks += Number(fields[11]) + Number(fields[12]);
    } catch {
      // It has just ended.
    }
  }
  return ticks * MS_A_TICK;
}

export function createTestRunner(): TestRunner {
  let child: ChildProcess | undefined;
  let changedBefore: readonly string[] = [];
  const mark = createRunMark();
  // Files that tests leave behind when their program is killed.
  const folder = mkdtempSync(join(tmpdir(), 'mabeam-mutants-'));
  const end = async (): Promise<void> => {
    const ending = child;
    child = undefined;
    if (ending?.pid !== undefined && ending.exitCode === null && ending.signalCode === null) {
      const ended = once(ending, 'exit');
      // The whole group: vitest's workers and what the tests started.
      process.kill(-ending.pid, 'SIGKILL');
      await ended;
    }
    // Servers are in groups of their own.
    await mark.end();
  };
  return {
    async run({ limitMs, idleMs = limitMs, ...request }) {
      child ??= fork(fileURLToPath(new URL('./test-runner-entry.ts', import.meta.url)), {
        cwd: TREE,
        detached: true,
        env: { ...process.env, ...mark.env, TMPDIR: folder },
        stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
      });
      const changed = [...new Set([...request.changed, ...changedBefore])];
      changedBefore = request.changed;
      const answer = new Promise<RunAnswer | 'timeout' | 'gone'>((resolve) => {
        const { pid = 0 } = child!;
        const began = performance.now();
        let working = { ms: workOf(pid), at: began };
        const watch = setInterval(() => {
          const now = performance.now();
          const ms = workOf(pid);
          // Less than before: one of them has ended.
          if (Math.abs(ms - working.ms) >= WORK_MS) working = { ms, at: now };
          else if (now - working.at >= idleMs) settle('timeout');
          if (now - began >= limitMs) settle('timeout');
        }, WATCH_EVERY_MS);
        const settle = (outcome: RunAnswer | 'timeout' | 'gone'): void => {
          clearInterval(watch);
          resolve(outcome);
        };
        child!.once('message', (message) => settle(message as RunAnswer));
        child!.once('exit', () => settle('gone'));
      });
      child.send({ ...request, changed });
      const outcome = await answer;
      child?.removeAllListeners();
      if (outcome === 'timeout') await end();
      // The worker of a test that fails is ended, and what it has started with it only where that is in its group.
      else await mark.end(child?.pid);
      if (outcome === 'gone') {
        await end();
        return { failed: 'the test program itself ended', tookMs: 0 };
      }
      return outcome;
    },
    async [Symbol.asyncDispose]() {
      await end();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
