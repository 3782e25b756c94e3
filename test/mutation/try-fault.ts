/** Plants one fault in the copy and has tests look for it. */
import type { HeldTo } from './held-to.ts';
import type { TestRunner } from './test-runner.ts';
import { plantIn } from './work-tree.ts';

/** A test file that has not ended so long after it should have hangs; ms, and times what it took. */
const GRACE_MS = 45_000;
const GRACE_FACTOR = 4;

const OUT_OF_TIME = /timed out in \d+|within \d+ ?ms|Timeout/;

export interface Fault {
  readonly file: string;
  /** The whole file with the fault in it. */
  readonly text: string;
  /** In the order in which they are run. */
  readonly tests: readonly HeldTo[];
}

/**
 * What found it, or `undefined`.
 *
 * A test that ran out of time may have done so because the machine does other things: it has to fail twice.
 */
export async function tryFault(
  runner: TestRunner,
  { file, text, tests }: Fault,
): Promise<string | undefined> {
  using _planted = plantIn(file, text);
  const found = await find(runner, { file, tests });
  if (found === undefined || !OUT_OF_TIME.test(found)) return found;
  const again = tests.findIndex(({ test }) => found.startsWith(test));
  return again === -1 ? found : await find(runner, { file, tests: tests.slice(again) });
}

async function find(
  runner: TestRunner,
  { file, tests }: Pick<Fault, 'file' | 'tests'>,
): Promise<string | undefined> {
  for (const { test, tookMs } of tests) {
    const limitMs = GRACE_MS + GRACE_FACTOR * tookMs;
    const outcome = await runner.run({ tests: [test], changed: [file], limitMs });
    if (outcome === 'timeout') return `${test}: it hangs`;
    if (outcome.failed !== undefined) return outcome.failed;
  }
  return undefined;
}
