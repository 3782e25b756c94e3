/** Plants one fault in the copy and has tests look for it. */
import type { TestRunner } from './test-runner.ts';
import { plantIn } from './work-tree.ts';

/** Whatever the tests take, a run that is not over by then hangs; ms. */
const LIMIT_MS = 400_000;

export interface Fault {
  readonly file: string;
  /** The whole file with the fault in it. */
  readonly text: string;
  /** In the order in which they are run. */
  readonly tests: readonly string[];
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
  if (found === undefined || !/time|hang|late|wait/i.test(found)) return found;
  const again = tests.findIndex((test) => found.startsWith(test));
  return again === -1 ? found : find(runner, { file, tests: tests.slice(again) });
}

async function find(
  runner: TestRunner,
  { file, tests }: Pick<Fault, 'file' | 'tests'>,
): Promise<string | undefined> {
  const outcome = await runner.run({ tests, changed: [file], limitMs: LIMIT_MS });
  return outcome === 'timeout' ? 'it hangs' : outcome.failed;
}
