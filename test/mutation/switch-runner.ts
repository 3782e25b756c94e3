/**
 * Vitest's own runner, which after a test file tries switches with it in the same program: modules are loaded anew with
 * the switch on, and those test cases run that came to it while all were off.
 *
 * - I1 A case that fails with all switches off is held to none.
 * - I2 A switch kills when a case fails with it on, the same cases pass with it off thereafter, and one fails with it on
 *   once more.
 * - I3 One that is tried for the second time is held to cases alone that have just passed once more with it off: what a
 *   busy machine holds up, or what passes once in a program, kills nothing.
 * - I4 What may have left something ends the trials: a case out of time, an error that nobody caught, cases that fail
 *   with all switches off. Whoever asked starts another program.
 */
import { appendFileSync, existsSync, readFileSync } from 'node:fs';
import { setImmediate as turn } from 'node:timers/promises';
import {
  type RunnerTask,
  type RunnerTestCase,
  type RunnerTestFile,
  type RunnerTestSuite,
  TestRunner,
  vi,
} from 'vitest';
import { startTests } from 'vitest/internal/browser';
import {
  JOB_VARIABLE,
  OUT_OF_TIME,
  type SwitchAnswer,
  type SwitchJob,
  type SwitchOutcome,
} from './switch-job.ts';
import { CAME_VARIABLE, ON_VARIABLE } from './switch-probe.ts';

/** A case with a switch on may take so much besides, and so many times what it takes, but no more than so much longer; ms. */
const CASE = { besides: 2_000, factor: 8, longer: 30_000 };
const HOOK_MS = 10_000;

// Before a test puts its own in their place.
const { setTimeout, clearTimeout } = globalThis;

interface Case {
  readonly id: string;
  readonly tookMs: number;
  /** Of it, what it did not spend waiting for a machine that did other things. */
  readonly ownMs: number;
  readonly came: ReadonlySet<number>;
}
interface Failure {
  readonly by: string;
  readonly isLate: boolean;
}

declare global {
  // What the planted sources ask.
  var __isOn: ((number: number) => boolean) | undefined;
}

let on: number | undefined;
let came = new Set<number>();
let isWatching = true;
globalThis.__isOn = (number) => {
  if (isWatching) came.add(number);
  return number === on;
};

/** Where programs that are started write what they come to. */
const cameElsewhere = process.env[CAME_VARIABLE];
let readTo = 0;

const uncaught: string[] = [];
for (const event of ['uncaughtException', 'unhandledRejection'] as const)
  process.on(event, (error) => void uncaught.push(`not caught: ${firstLine(error)}`));

export default class SwitchRunner extends TestRunner {
  readonly cases: Case[] = [];
  /** Where modules, hooks and what goes on between cases came: any case may depend on it. */
  readonly cameOutside = new Set<number>();
  #waitedBefore = 0;
  #waitedInLoading: number | undefined;

  override onCollectStart(file: RunnerTestFile): void {
    super.onCollectStart(file);
    this.#waitedBefore = waitedMs();
  }

  override async onBeforeRunTask(test: RunnerTask): Promise<void> {
    await super.onBeforeRunTask(test);
    for (const number of taken()) this.cameOutside.add(number);
    const waited = waitedMs();
    this.#waitedInLoading ??= waited - this.#waitedBefore;
    this.#waitedBefore = waited;
  }

  override onAfterRunTask(test: RunnerTask): void {
    super.onAfterRunTask(test);
    const its = taken();
    if (test.result?.state !== 'pass') return;
    const tookMs = test.result.duration ?? 0;
    const ownMs = Math.max(0, tookMs - (waitedMs() - this.#waitedBefore));
    this.cases.push({ id: test.id, tookMs, ownMs, came: its });
  }

  override async onAfterRunSuite(suite: RunnerTestSuite): Promise<void> {
    await super.onAfterRunSuite(suite);
    const job = readJob();
    if (job === undefined || suite !== suite.file) return;
    for (const number of taken()) this.cameOutside.add(number);
    isWatching = false;
    delete process.env[CAME_VARIABLE];
    await this.tryAll(job, suite.file);
  }

  async tryAll({ answers, tries, asked }: SwitchJob, file: RunnerTestFile): Promise<void> {
    const say = (answer: SwitchAnswer): void => appendFileSync(answers, `${JSON.stringify(answer)}\n`);
    const loadMs = Math.max(0, (file.collectDuration ?? 0) - (this.#waitedInLoading ?? 0));
    const failure = failureOf(file);
    const tookMs = Math.round(loadMs + sumOf(this.cases));
    say({ kind: 'usual', tookMs, ...(failure && { failed: failure }) });
    uncaught.length = 0;
    for (const number of asked) {
      if (this.comingTo(number).length === 0) say({ kind: 'ended', number, verdict: 'not run' });
    }
    for (const { number, testMs, isAgain = false } of tries) {
      const cases = this.casesOf(number, testMs - loadMs);
      if (cases.length === 0) {
        say({ kind: 'ended', number, verdict: 'not run' });
        continue;
      }
      const usualMs = Math.round(loadMs + sumOf(cases));
      // Told anew each time, as its time counts anew.
      const find = (which?: number): Promise<Failure | undefined> => {
        say({ kind: 'begun', number, usualMs });
        return this.find(file, cases, which);
      };
      if (isAgain && (await find())) return say({ kind: 'ended', number, verdict: 'not run' });
      const found = await find(number);
      if (found === undefined) {
        say({ kind: 'ended', number, verdict: 'survived', usualMs });
        continue;
      }
      const end = (verdict: 'killed' | 'late' | 'in doubt'): void =>
        say({ kind: 'ended', number, verdict, by: found.by, usualMs } satisfies SwitchAnswer & SwitchOutcome);
      if (found.isLate) return end('late');
      if (await find()) return end('in doubt');
      if (await find(number)) end('killed');
      else say({ kind: 'ended', number, verdict: 'survived', usualMs });
    }
  }

  /** Those that came to the switch, the quickest first, as many as there is time for; one at least. */
  casesOf(number: number, testMs: number): Case[] {
    let spentMs = 0;
    return this.comingTo(number)
      .toSorted((a, b) => a.ownMs - b.ownMs)
      .filter(({ ownMs }, place) => (spentMs += ownMs) <= testMs || place === 0);
  }

  comingTo(number: number): readonly Case[] {
    return this.cameOutside.has(number) ? this.cases : this.cases.filter((one) => one.came.has(number));
  }

  async find(
    file: RunnerTestFile,
    cases: readonly Case[],
    number: number | undefined,
  ): Promise<Failure | undefined> {
    const limits = new Map(
      cases.map(({ id, tookMs }) => [
        id,
        CASE.besides + Math.min(CASE.factor * tookMs, tookMs + CASE.longer),
      ]),
    );
    resetAll(this);
    on = number;
    if (number !== undefined) process.env[ON_VARIABLE] = String(number);
    try {
      const quiet = quietRunner(this, limits);
      const [ran] = await startTests(
        [{ filepath: file.filepath, testIds: [...limits.keys()] }],
        quiet as never,
      );
      // What was rejected and not caught is told in the next turn.
      await turn();
      const by = uncaught.splice(0)[0] ?? (ran && failureOf(ran));
      return by === undefined ? undefined : { by, isLate: OUT_OF_TIME.test(by) };
    } finally {
      on = undefined;
      delete process.env[ON_VARIABLE];
    }
  }
}

/** The same runner, which tells vitest nothing, ends with the first failure, and each case when it is out of time. */
function quietRunner(runner: SwitchRunner, limits: ReadonlyMap<string, number>): object {
  const quiet = Object.create(runner) as TestRunner;
  const cancel = (): void => void Object.assign(quiet, { cancelRun: true });
  return Object.assign(quiet, {
    config: { ...runner.config, hookTimeout: HOOK_MS, passWithNoTests: true },
    cancelRun: false,
    cancel,
    onCleanupWorkerContext: undefined,
    onCollectStart: (file: RunnerTestFile) => TestRunner.prototype.onCollectStart.call(quiet, file),
    onCollected: undefined,
    onTaskUpdate: async () => {},
    onTestAnnotate: async (_test: unknown, annotation: unknown) => annotation,
    onTestArtifactRecord: async (_test: unknown, artifact: unknown) => artifact,
    onBeforeRunTask: (test: RunnerTask) => TestRunner.prototype.onBeforeRunTask.call(quiet, test),
    onAfterRunTask(test: RunnerTask) {
      TestRunner.prototype.onAfterRunTask.call(quiet, test);
      if (test.result?.state === 'fail') cancel();
    },
    onAfterRunSuite: (suite: RunnerTestSuite) => TestRunner.prototype.onAfterRunSuite.call(quiet, suite),
    async runTask(test: RunnerTestCase) {
      const limitMs = Math.round(limits.get(test.id) ?? CASE.besides);
      let timer: NodeJS.Timeout | undefined;
      const late = new Promise<never>((_resolve, reject) => {
        timer = setTimeout(() => reject(new Error(`it waits, after ${limitMs} ms`)), limitMs);
      });
      try {
        await Promise.race([TestRunner.getTestFn(test)(), late]);
      } finally {
        clearTimeout(timer);
      }
    },
  });
}

/** As before a file's first case. */
function resetAll(runner: object): void {
  vi.useRealTimers();
  vi.restoreAllMocks();
  vi.unstubAllGlobals();
  vi.unstubAllEnvs();
  (runner as { moduleRunner: { mocker?: { reset(): void } } }).moduleRunner.mocker?.reset();
  vi.resetModules();
  uncaught.length = 0;
}

function readJob(): SwitchJob | undefined {
  const path = process.env[JOB_VARIABLE];
  return path === undefined || !existsSync(path)
    ? undefined
    : (JSON.parse(readFileSync(path, 'utf8')) as SwitchJob);
}

function taken(): Set<number> {
  const its = came;
  came = new Set();
  if (cameElsewhere !== undefined && existsSync(cameElsewhere)) {
    const text = readFileSync(cameElsewhere, 'utf8');
    const end = text.lastIndexOf('\n') + 1;
    for (const line of text.slice(readTo, end).split('\n')) if (line !== '') its.add(Number(line));
    readTo = end;
  }
  return its;
}

/** The first test that failed, else the first hook, else the file. */
function failureOf(file: RunnerTestFile): string | undefined {
  const all = tasksIn(file);
  const failed =
    all.find(({ type, result }) => type === 'test' && result?.state === 'fail') ??
    all.find(({ result }) => result?.state === 'fail' && result.errors?.length);
  return failed && `${failed.name}: ${firstLine(failed.result?.errors?.[0])}`;
}

function tasksIn(task: RunnerTask): RunnerTask[] {
  return [task, ...('tasks' in task ? task.tasks.flatMap(tasksIn) : [])];
}

function firstLine(error: unknown): string {
  const message = (error as { message?: unknown } | undefined)?.message ?? error;
  return String(message).split('\n')[0]!.slice(0, 200);
}

function sumOf(cases: readonly Case[]): number {
  return cases.reduce((sum, { ownMs }) => sum + ownMs, 0);
}

/** How long this program could have run so far and had no processor; Linux only, elsewhere nothing is known of it. */
function waitedMs(): number {
  try {
    return Number(readFileSync('/proc/self/schedstat', 'utf8').split(' ')[1]) / 1e6;
  } catch {
    return 0;
  }
}
