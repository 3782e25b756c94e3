/**
 * How tests are repeated in CI. Real processes, files and browsers share its machine with whatever else it does: a test
 * that loses such a race is tried once more, and told at the end. At home it fails.
 */
import { fileURLToPath } from 'node:url';
import type { InlineConfig, Reporter, TestCase } from 'vitest/node';

/** Tells which tests passed only when they were repeated, and what was wrong with the first try. */
class RetriedTests implements Reporter {
  readonly #retried: TestCase[] = [];

  onTestCaseResult(test: TestCase): void {
    if (test.diagnostic()?.flaky) this.#retried.push(test);
  }

  onTestRunEnd(): void {
    if (this.#retried.length === 0) return;
    console.log(`\nPassed only when repeated: ${this.#retried.length}`);
    for (const test of this.#retried) {
      const { message, stack = message } = test.result().errors?.[0] ?? { message: 'no error was told' };
      const own = stack.split('\n').filter((line) => !line.includes('node_modules'));
      console.log([`- ${test.module.relativeModuleId} > ${test.fullName}`, ...own].join('\n  '));
    }
  }
}

export const REPEATED: InlineConfig = {
  retry: 1,
  setupFiles: [fileURLToPath(new URL('failed-try.ts', import.meta.url))],
  reporters: ['default', new RetriedTests()],
};
