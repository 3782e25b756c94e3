/** Every move in every state of small pools, through the real system, judged by a model of its own. */
import { describe, expect, test } from 'vitest';
import { poolMachine } from '../../src/machines/index.ts';
import { chartCoverage } from '../models/life/chart-coverage.ts';
import type { PoolSetup } from '../models/pool/model.ts';
import { scenarios } from '../models/pool/scenarios.ts';
import { judgePool, smallPools, toursOf } from '../models/pool/tours.ts';

const coverage = chartCoverage(poolMachine);
const toured = new Map<PoolSetup, Promise<number>>();

function tour(setup: PoolSetup): Promise<number> {
  let result = toured.get(setup);
  if (result === undefined) toured.set(setup, (result = sendOnTours(setup)));
  return result;
}

async function sendOnTours(setup: PoolSetup): Promise<number> {
  const { tours, states } = toursOf(setup);
  for (const moves of tours) await judgePool(setup, moves, coverage.inspect);
  return states;
}

describe('a pool does in every state what it promises, and nothing else', () => {
  test.each(smallPools)('$name', async (setup) => {
    expect(await tour(setup)).toBeGreaterThan(10);
  });
});

describe('ways that the model does not know', () => {
  test.each(Object.entries(scenarios))('%s', async (_, scenario) => {
    await scenario(coverage.inspect);
  });
});

test('every transition of the chart of a pool is taken, and every guard answers both yes and no', async () => {
  for (const setup of smallPools) await tour(setup);
  for (const scenario of Object.values(scenarios)) await scenario(coverage.inspect);
  expect(coverage.total).toBeGreaterThan(80);
  expect(coverage.untaken()).toEqual([]);
}, 120_000);
