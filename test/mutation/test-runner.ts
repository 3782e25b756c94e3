/**
 * Runs test files of the copy in a program of its own, which keeps vitest loaded: a fault that hangs costs that program
 * and nothing else.
 */
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
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
  /** @returns what failed; `'timeout'` when `limitMs` were not enough */
  run(request: RunRequest & { readonly limitMs: number }): Promise<RunAnswer | 'timeout'>;
}

export function createTestRunner(): TestRunner {
  let child: ChildProcess | undefined;
  let changedBefore: readonly string[] = [];
  const end = async (): Promise<void> => {
    const ending = child;
    child = undefined;
    if (ending?.pid === undefined || ending.exitCode !== null || ending.signalCode !== null) return;
    const ended = once(ending, 'exit');
    // The whole group: vitest's workers and what the tests started.
    process.kill(-ending.pid, 'SIGKILL');
    await ended;
  };
  return {
    async run({ limitMs, ...request }) {
      child ??= fork(fileURLToPath(new URL('./test-runner-entry.ts', import.meta.url)), {
        cwd: TREE,
        detached: true,
        stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
      });
      const changed = [...new Set([...request.changed, ...changedBefore])];
      changedBefore = request.changed;
      const answer = new Promise<RunAnswer | 'timeout' | 'gone'>((resolve) => {
        const timer = setTimeout(() => resolve('timeout'), limitMs);
        const settle = (outcome: RunAnswer | 'gone'): void => {
          clearTimeout(timer);
          resolve(outcome);
        };
        child!.once('message', (message) => settle(message as RunAnswer));
        child!.once('exit', () => settle('gone'));
      });
      child.send({ ...request, changed });
      const outcome = await answer;
      child?.removeAllListeners();
      if (outcome === 'timeout') await end();
      if (outcome === 'gone') {
        child = undefined;
        return { failed: 'the test program itself ended', tookMs: 0 };
      }
      return outcome;
    },
    [Symbol.asyncDispose]: end,
  };
}
