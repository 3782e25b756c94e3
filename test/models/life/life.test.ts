/** Every move in every state of an agent's life, through the real system, judged by a model of its own. */
import { describe, expect, test } from 'vitest';
import { agentMachine } from '../../../src/machines/index.ts';
import { chartCoverage } from './chart-coverage.ts';
import { judgeMoves } from './judge.ts';
import { places } from './life-model.ts';
import type { Profile } from './life-state.ts';
import { lifeTours } from './life-tours.ts';
import { servingAgent } from '../../agent/plain-agent.ts';
import { drivenBy, drivers, type Watching } from '../../kit/drivers.ts';
import { profiles } from './profiles.ts';

/** Thousands of moves: on a machine that is busy they take their time; ms. */
const LIMIT_MS = 300_000;
const coverage = chartCoverage(agentMachine);
const toured = new Map<Profile, Promise<ReadonlySet<string>>>();

/** Sends a profile on its tours, with XState looking on; once. Gives the places that were seen. */
function tour(profile: Profile): Promise<ReadonlySet<string>> {
  let result = toured.get(profile);
  if (result === undefined) {
    result = sendOnTours(profile, coverage.inspect);
    toured.set(profile, result);
  }
  return result;
}

async function sendOnTours(profile: Profile, watching: Watching): Promise<ReadonlySet<string>> {
  const seen = new Set<string>();
  for (const moves of lifeTours(profile).tours) {
    await judgeMoves(profile, moves, watching, ({ place }) => seen.add(place));
  }
  return seen;
}

describe.each(drivers)('an agent does in every state what its life says, and nothing else (%s)', (driver) => {
  test.each(profiles)(
    '$name',
    async (profile) => {
      const seen = await (driver === 'interpreter' ? tour(profile) : sendOnTours(profile, drivenBy(driver)));
      expect(seen.size).toBeGreaterThan(5);
    },
    LIMIT_MS,
  );
});

describe('nothing of the agent chart is left untried', () => {
  test(
    'every place of the model was visited',
    async () => {
      const seen = new Set<string>();
      for (const profile of profiles) for (const place of await tour(profile)) seen.add(place);
      expect([...seen].toSorted()).toEqual([...Object.keys(places), 'forgotten'].toSorted());
    },
    LIMIT_MS,
  );

  test(
    'every transition was taken, and every guard has answered both yes and no',
    async () => {
      for (const profile of profiles) await tour(profile);
      // What no clock of a system does: it fires what is never due.
      const eager = {
        setTimeout: (run: () => void, delayMs: number) => delayMs === Infinity && queueMicrotask(run),
        clearTimeout: () => {},
      };
      using _agent = servingAgent({}, { clock: eager });
      await Promise.resolve();
      expect(coverage.total).toBeGreaterThan(100);
      expect(coverage.untaken()).toEqual([]);
    },
    LIMIT_MS,
  );
});
