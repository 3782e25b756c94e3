/**
 * The order of test files: those that take longest come first, so that no run ends with a long one on one core.
 *
 * Vitest knows how long files took from the run before, and where there was none, as in CI, goes by their size.
 */
import { existsSync } from 'node:fs';
import { BaseSequencer, type TestSpecification } from 'vitest/node';

/** Each takes about twenty seconds or more on CI's machine; the longest first. */
const SLOW = [
  'restate/laws',
  'package/consumer',
  'models/life/life',
  'mutation/charts',
  'house/pages',
  'restate/wrong-clock',
  'restate/agent-turn',
  'hosting/life-paths',
  'definition/chart-agent/laws',
  'package/bundling',
  'simulation/fleets',
  'restate/cut-off',
  'cli/run',
  'examples/archive',
  'package/tarball',
  'page/accessibility',
  'fleet/code-binding',
  'mcp/tool-server',
  'coordination/consensus',
  'models/composed/composed',
  'cli/live',
  'restate/chart-roll',
  'hosting/process-host',
  'house/api-reference',
  'bench/fleets',
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
