/** The program of `test-runner.ts`: one vitest, told test files by message, answering with the first failure. */
import { join } from 'node:path';
import { createVitest } from 'vitest/node';
import type { RunAnswer, RunRequest } from './test-runner.ts';

process.on('disconnect', () => process.exit());

const root = process.cwd();
const failures: string[] = [];
let goesOn = false;
const vitest = await createVitest(
  'test',
  {
    root,
    config: join(root, 'test/mutation/vitest.config.ts'),
    watch: false,
    retry: 0,
    // A machine that does other things as well is no fault.
    testTimeout: 120_000,
    hookTimeout: 120_000,
    fileParallelism: false,
    maxWorkers: 1,
    // Tries switches after a test file, where there is a job for it.
    runner: join(root, 'test/mutation/switch-runner.ts'),
    teardownTimeout: 3_000,
    silent: true,
    reporters: [
      {
        onTestCaseResult(test) {
          const result = test.result();
          if (result.state !== 'failed') return;
          const said = result.errors[0]?.message.split('\n')[0] ?? '';
          failures.push(`${test.module.relativeModuleId}: ${test.fullName}: ${said}`);
          // Vitest's own `bail` counts the failures of earlier runs too.
          if (!goesOn) void vitest.cancelCurrentRun('test-failure');
        },
        onTestModuleEnd(module) {
          if (module.state() !== 'failed') return;
          failures.push(
            `${module.relativeModuleId}: ${module.errors()[0]?.message.split('\n')[0] ?? 'failed'}`,
          );
        },
      },
    ],
  },
  { clearScreen: false },
);

process.on('message', (request: RunRequest) => {
  void answer(request).then((answered) => process.send!(answered));
});

async function answer({ tests, changed, goesOn: isWhole = false }: RunRequest): Promise<RunAnswer> {
  goesOn = isWhole;
  const began = performance.now();
  failures.length = 0;
  for (const file of changed) vitest.invalidateFile(join(root, file));
  const tookMs = (): number => Math.round(performance.now() - began);
  for (const test of tests) {
    const specifications = await vitest.globTestSpecifications([join(root, test)]);
    const { unhandledErrors } = await vitest.runTestSpecifications(specifications);
    const failed = specifications.length === 0 ? 'no test file' : (failures[0] ?? unhandled(unhandledErrors));
    if (failed !== undefined) return { failed, tookMs: tookMs() };
  }
  return { tookMs: tookMs() };
}

function unhandled(errors: readonly unknown[]): string | undefined {
  const [error] = errors;
  return error === undefined ? undefined : `unhandled: ${(error as Error).message.split('\n')[0]}`;
}
