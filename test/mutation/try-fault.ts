/** Plants one fault in the copy and has tests look for it. */
import type { HeldTo } from './held-to.ts';
import type { TestRunner } from './test-runner.ts';
import { plantIn } from './work-tree.ts';

/** A test file that has not ended so long after it should have hangs; ms, and times what it took. */
const GRACE_MS = 20_000;
const GRACE_FACTOR = 3;
/** Nor has one that has done nothing for so long, and for as long as it took; ms. */
const IDLE_MS = 3_000;

const OUT_OF_TIME = /timed out in \d+|within \d+ ?ms|Timeout/;

export interface Fault {
  readonly file: string;
  /** The whole file with the fault in it. */
  readonly text: string;
  /** In the order in which they are run. */
  readonly tests: readonly HeldTo[];
}

/** Whether a test file passes with nothing planted, by its name: asked of each that finds something. */
const passes = new Map<string, boolean>();

/**
 * What found it, or `undefined`.
 *
 * A test that ran out of time may have done so because the machine does other things: it has to fail twice. One that
 * fails with nothing planted, too, finds nothing.
 *
 * @throws Error where there are tests, and all of them fail with nothing planted: nothing is known of the fault then
 */
export async function tryFault(
  runner: TestRunner,
  { file, text, tests }: Fault,
): Promise<string | undefined> {
  let left = tests.filter(({ test }) => passes.get(test) !== false);
  for (let ranOut = false; left.length > 0; ) {
    let found: string | undefined;
    {
      using _planted = plantIn(file, text);
      found = await find(runner, { file, tests: left });
    }
    const place = left.findIndex(({ test }) => found?.startsWith(test));
    const finder = left[place];
    if (found === undefined || finder === undefined) return found;
    left = left.slice(place);
    if (!ranOut && OUT_OF_TIME.test(found)) {
      ranOut = true;
      continue;
    }
    if (!passes.has(finder.test)) {
      passes.set(finder.test, (await find(runner, { file, tests: [finder] })) === undefined);
    }
    if (passes.get(finder.test) === true) return found;
    left = left.slice(1);
    ranOut = false;
  }
  if (tests.length > 0 && tests.every(({ test }) => passes.get(test) === false)) {
    throw new Error(
      `all tests of ${file} fail with nothing planted: ${tests.map(({ test }) => test).join(', ')}`,
    );
  }
  return undefined;
}

async function find(
  runner: TestRunner,
  { file, tests }: Pick<Fault, 'file' | 'tests'>,
): Promise<string | undefined> {
  for (const { test, tookMs } of tests) {
    const limitMs = GRACE_MS + GRACE_FACTOR * tookMs;
    const outcome = await runner.run({ tests: [test], changed: [file], limitMs, idleMs: IDLE_MS + tookMs });
    if (outcome === 'timeout') return `${test}: it hangs`;
    if (outcome.failed !== undefined) return outcome.failed;
  }
  return undefined;
}
