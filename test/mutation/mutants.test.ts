/** The tours can fail: faults planted in copies of the sources are found. `npm run mutants` plants all of them. */
import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { mutants } from './mutants.ts';
import { plant } from './plant.ts';
import { tryMutants } from './try-mutants.ts';

/** One in so many is planted here. */
const SAMPLE = 40;
const LIMIT_MS = 120_000;

describe('mutants', () => {
  test('are many, each of its own name, and in every part that decides over a life', () => {
    const names = mutants.map(({ file, name }) => `${file}: ${name}`);
    expect(mutants.length).toBeGreaterThan(40);
    expect(new Set(names).size).toBe(mutants.length);
    expect([...new Set(mutants.map(({ file }) => file))].toSorted()).toEqual([
      'machines/agent-effects.ts',
      'machines/agent-life.ts',
      'machines/agent-position.ts',
      'machines/agent.ts',
      'machines/exit-reason.ts',
      'machines/restart-policy.ts',
      'machines/stop-share.ts',
      'machines/supervisor.ts',
      'runtime/agent/agent.ts',
      'runtime/agent/liveness.ts',
      'runtime/agent/mailbox.ts',
      'runtime/fleet/recovery.ts',
      'runtime/limits/restart-permits.ts',
      'runtime/observability/alerts.ts',
    ]);
  });

  test.each(mutants)('$file: $name, fits the source', (mutant) => {
    const source = readFileSync(new URL(`../../src/${mutant.file}`, import.meta.url), 'utf8');
    expect(plant(source, mutant)).not.toBe(source);
  });

  test(
    'of a sample are all found, and the sources as they are pass',
    async () => {
      const sample = mutants.filter((_, index) => index % SAMPLE === 0);
      const verdicts = await tryMutants(sample, { workers: 2, limitMs: LIMIT_MS });
      const lived = verdicts.filter(({ killedBy }) => killedBy === undefined);
      expect(verdicts).toHaveLength(sample.length + 1);
      expect(lived.map(({ mutant }) => mutant?.name ?? 'the sources as they are')).toEqual([
        'the sources as they are',
      ]);
    },
    LIMIT_MS * 2,
  );
});
