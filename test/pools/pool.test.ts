/** Every move in every state of small pools, through the real system, judged by a model of its own. */
import { describe, expect, test } from 'vitest';
import { poolMachine } from '../../src/machines/index.ts';
import { drivenBy, drivers, type Watching } from '../kit/drivers.ts';
import { chartCoverage } from '../models/life/chart-coverage.ts';
import type { PoolSetup } from '../models/pool/model.ts';
import { scenarios } from '../models/pool/scenarios.ts';
import { judgePool, smallPools, toursOf } from '../models/pool/tours.ts';

/** Thousands of moves: on a machine that is busy they take their time; ms. */
const LIMIT_MS = 300_000;
const coverage = chartCoverage(poolMachine);
const toured = new Map<PoolSetup, Promise<number>>();

function tour(setup: PoolSetup): Promise<number> {
  let result = toured.get(setup);
  if (result === undefined) toured.set(setup, (result = sendOnTours(setup, coverage.inspect)));
  return result;
}

async function sendOnTours(setup: PoolSetup, watching: Watching): Promise<number> {
  const { tours, states } = toursOf(setup);
  for (const moves of tours) await judgePool(setup, moves, watching);
  return states;
}

describe.each(drivers)('driven by the %s', (driver) => {
  describe('a pool does in every state what it promises, and nothing else', () => {
    test.each(smallPools)('$name', { timeout: LIMIT_MS }, async (setup) => {
      const states = await (driver === 'interpreter' ? tour(setup) : sendOnTours(setup, drivenBy(driver)));
      expect(states).toBeGreaterThan(10);
    });
  });

  describe('ways that the model does not know', () => {
    test.each(Object.entries(scenarios))('%s', async (_, scenario) => {
      await scenario(driver === 'interpreter' ? coverage.inspect : drivenBy(driver));
    });
  });
});

test(
  'every transition of the chart of a pool is taken, and every guard answers both yes and no',
  async () => {
    for (const setup of smallPools) await tour(setup);
    for (const scenario of Object.values(scenarios)) await scenario(coverage.inspect);
    expect(coverage.total).toBeGreaterThan(80);
    expect(coverage.untaken()).toEqual([]);
  },
  LIMIT_MS,
);
