/** `npm run mutants -- --planted [word…]`: every fault of `planted-faults.ts`, held to all test files that run its block. */
import { heldTo } from './held-to.ts';
import { type PlantedFault, plantedFaults } from './planted-faults.ts';
import type { Reach } from './reach.ts';
import type { TestRunner } from './test-runner.ts';
import { tryFault } from './try-fault.ts';
import { readSource } from './work-tree.ts';

/** Time for the test that is said to find it, where that was not measured; ms. */
const KNOWN_MS = 20_000;
/** Test time that one is held to: more than a mutant of a sample; ms. */
const TEST_MS = 120_000;

/** @returns those that no test found, each as a line */
export async function tryPlanted(
  runner: TestRunner,
  reach: Reach,
  {
    words,
    say,
    signal,
  }: {
    readonly words: readonly string[];
    readonly say: (line: string) => void;
    readonly signal: AbortSignal;
  },
): Promise<{ readonly tried: number; readonly survived: readonly string[] }> {
  const chosen = plantedFaults.filter(
    ({ file, harm }) =>
      words.length === 0 || words.some((word) => file.includes(word) || harm.includes(word)),
  );
  const survived: string[] = [];
  const began = performance.now();
  let tried = 0;
  for (const fault of chosen) {
    const text = readSource(fault.file);
    const position = placeOf(fault, text);
    const { tests: reaching } = heldTo(reach, { file: fault.file, text, position }, TEST_MS);
    const by = reaching.find(({ test }) => test === fault.by) ?? { test: fault.by, tookMs: KNOWN_MS };
    const tests = [by, ...reaching.filter(({ test }) => test !== fault.by)];
    const planted = text.slice(0, position) + fault.becomes + text.slice(position + fault.snippet.length);
    const outcome = await tryFault(runner, { file: fault.file, text: planted, tests });
    const found = outcome.verdict === 'killed' ? outcome.by : undefined;
    if (signal.aborted) break;
    tried += 1;
    if (found === undefined) survived.push(`${fault.file}: ${fault.harm} (${tests.length} test files)`);
    const leftMs = ((performance.now() - began) / tried) * (chosen.length - tried);
    say(
      `${tried} of ${chosen.length} (${Math.ceil(leftMs / 60_000)} min left)  ${
        found === undefined ? 'SURVIVED' : 'found'
      }: ${fault.harm}${found === undefined ? '' : `\n      by ${found}`}`,
    );
  }
  return { tried, survived };
}

function placeOf({ file, snippet, harm }: PlantedFault, text: string): number {
  const place = text.indexOf(snippet);
  if (place === -1 || text.includes(snippet, place + 1)) {
    throw new Error(
      `"${harm}": expected its snippet once in ${file}, it is there ${text.split(snippet).length - 1} times`,
    );
  }
  return place;
}
