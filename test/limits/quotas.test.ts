/** A limit that agents share: who parks, until when, and how they go on. */
import { describe, expect, it, test } from 'vitest';
import { quotaMachine } from '../../src/machines/index.ts';
import { drivenBy, drivers } from '../kit/drivers.ts';
import { chartCoverage } from '../models/life/chart-coverage.ts';
import { judgeQuota, quotaTours } from '../models/quota/tour.ts';

/** Before anything is driven: what drives a chart takes its guards as they are then. */
const coverage = chartCoverage(quotaMachine);

describe.each(drivers)('a shared limit does in every state what the design says (%s)', (driver) => {
  it('in every move of every tour', async () => {
    const { tours, states, pairs } = quotaTours();
    expect(states).toBeGreaterThan(20);
    expect(pairs).toBeGreaterThan(100);
    for (const tour of tours) await judgeQuota(tour, drivenBy(driver));
  });
});

test('every transition of the chart was taken, and every guard has answered yes and no', async () => {
  for (const tour of quotaTours().tours) await judgeQuota(tour, coverage.inspect);
  expect(coverage.total).toBeGreaterThan(10);
  expect(coverage.untaken()).toEqual([]);
});
