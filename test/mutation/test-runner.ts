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
import { JOB_VARIABLE } from './switch-job.ts';
import { CAME_VARIABLE } from './switch-probe.ts';
import { FOLDER, TREE } from './work-tree.ts';

export interface RunRequest {
  /** Test files from the root of the copy, in the order they are run; the first that fails ends the run. */
  readonly tests: readonly string[];
  /** Files of the copy whose text is another than in the run before. */
  readonly changed: readonly string[];
  /** Also after a test that fails. */
  readonly goesOn?: boolean;
}
export interface RunAnswer {
  /** What found the fault: the test and the first line of what it says. */
  readonly failed?: string;
  readonly tookMs: number;
}

/** What a run of tests may use before it is ended. */
export interface RunLimits {
  /** By the clock: says nothing of the fault, for the machine may do other things. */
  readonly limitMs: number;
  /** Of processor time, which nothing else on the machine takes part in. */
  readonly workMs?: number;
  /** Without any work, which is how a test waits for what never comes. */
  readonly idleMs?: number;
}
/** Why a run was ended: it ran on and on, it waited for what does not come, or its time by the clock was over. */
export type Ended = 'spins' | 'waits' | 'out of time';

/** The limits of what the program does now, which count anew with each stage. */
export type Watch = () => RunLimits & { readonly stage: unknown };

export interface TestRunner extends AsyncDisposable {
  readonly files: {
    /** What vitest's runner is to do after the tests; nothing where there is no such file. */
    readonly job: string;
    /** Its answers. */
    readonly answers: string;
    /** Switches that programs came to which the tests have started. */
    readonly came: string;
  };
  /** @returns what failed, or which of the limits was reached */
  run(request: RunRequest & RunLimits & { readonly watch?: Watch }): Promise<RunAnswer | Ended>;
}

const WATCH_EVERY_MS = 250;
/** Less than this is what vitest does while it waits; ms of processor time, and as a share of the time by the clock. */
const WORK_MS = 40;
const WORK_SHARE = 0.02;
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

/** @param place of several that run at once */
export function createTestRunner(place = 0): TestRunner {
  const files = {
    job: join(FOLDER, `switch-job-${place}.json`),
    answers: join(FOLDER, `switch-answers-${place}.jsonl`),
    came: join(FOLDER, `switch-came-${place}.txt`),
  };
  let child: ChildProcess | undefined;
  let changedBefore: readonly string[] = [];
  const mark = createRunMark();
  // Files that tests leave behind when their program is killed.
  const folder = mkdtempSync(join(tmpdir(), 'mutants-'));
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
    files,
    async run({ tests, changed: changedNow, goesOn = false, watch, ...limits }) {
      const presentLimits: Watch = watch ?? (() => ({ ...limits, stage: 0 }));
      child ??= fork(fileURLToPath(new URL('./test-runner-entry.ts', import.meta.url)), {
        cwd: TREE,
        detached: true,
        env: {
          ...process.env,
          ...mark.env,
          TMPDIR: folder,
          [JOB_VARIABLE]: files.job,
          [CAME_VARIABLE]: files.came,
        },
        stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
      });
      const changed = [...new Set([...changedNow, ...changedBefore])];
      changedBefore = changedNow;
      const answer = new Promise<RunAnswer | Ended | 'gone'>((resolve) => {
        const { pid = 0 } = child!;
        let began = performance.now();
        let stage: unknown;
        let working = { ms: workOf(pid), at: began };
        let before = working.ms;
        let worked = 0;
        const watching = setInterval(() => {
          const now = performance.now();
          const ms = workOf(pid);
          const present = presentLimits();
          if (present.stage !== stage) {
            stage = present.stage;
            began = now;
            worked = 0;
            working = { ms, at: now };
          }
          const mayWorkMs = present.workMs ?? Number.POSITIVE_INFINITY;
          const mayIdleMs = present.idleMs ?? present.limitMs;
          // Less than before: one of them has ended.
          worked += Math.max(0, ms - before);
          before = ms;
          const leastMs = WORK_MS + WORK_SHARE * (now - working.at);
          if (Math.abs(ms - working.ms) >= leastMs) working = { ms, at: now };
          else if (now - working.at >= mayIdleMs) settle('waits');
          if (worked >= mayWorkMs) settle('spins');
          if (now - began >= present.limitMs) settle('out of time');
        }, WATCH_EVERY_MS);
        const settle = (outcome: RunAnswer | Ended | 'gone'): void => {
          clearInterval(watching);
          resolve(outcome);
        };
        child!.once('message', (message) => settle(message as RunAnswer));
        child!.once('exit', () => settle('gone'));
      });
      child.send({ tests, changed, goesOn } satisfies RunRequest);
      const outcome = await answer;
      child?.removeAllListeners();
      if (typeof outcome === 'string') {
        await end();
        return outcome === 'gone' ? { failed: 'the test program itself ended', tookMs: 0 } : outcome;
      }
      // The worker of a test that fails is ended, and what it has started with it only where that is in its group.
      await mark.end(child?.pid);
      return outcome;
    },
    async [Symbol.asyncDispose]() {
      await end();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
