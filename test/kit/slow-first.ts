/**
 * The order of test files: those that take longest come first, so that no run ends with a long one on one core.
 *
 * Vitest knows how long files took from the run before, and where there was none, as in CI, goes by their size.
 */
import { existsSync } from 'node:fs';
import { BaseSequencer, type TestSpecification } from 'vitest/node';

/** Each takes more than twenty seconds on CI's machine. */
const SLOW = [
  'restate/laws',
  'package/consumer',
  'definition/chart-agent/laws',
  'models/life/life',
  'hosting/life-paths',
  'restate/agent-turn',
  'fleet/code-binding',
  'house/pages',
  'package/tarball',
  'package/bundling',
  'cli/run',
  'mutation/charts',
  'page/accessibility',
  'cli/live',
  'restate/coordination',
  'examples/archive',
  'coordination/consensus',
];

for (const name of SLOW) {
  const file = new URL(`../${name}.test.ts`, import.meta.url);
  if (!existsSync(file)) throw new Error(`slow-first: expected ${file.pathname}, which is not there`);
}

export class SlowFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    // oxlint-disable-next-line unicorn/no-array-sort -- it is the sequencer's own
    const sorted = await super.sort(files);
    const slow = SLOW.flatMap((name) =>
      sorted.filter(({ moduleId }) => moduleId.endsWith(`/test/${name}.test.ts`)),
    );
    return [...slow, ...sorted.filter((file) => !slow.includes(file))];
  }
}
