/** Every move in every state of an autoscaler, through the real system, judged by a model of its own. */
import { describe, expect, test } from 'vitest';
import { autoscalerMachine } from '../../src/machines/index.ts';
import { drivenBy, drivers, type Watching } from '../kit/drivers.ts';
import { chartCoverage } from '../models/life/chart-coverage.ts';
import { themes } from '../models/autoscaler/model.ts';
import { judgeScaler, scalerTours } from '../models/autoscaler/tours.ts';

/** Thousands of moves: on a machine that is busy they take their time; ms. */
const LIMIT_MS = 300_000;
const coverage = chartCoverage(autoscalerMachine);
const toured = new Map<string, Promise<number>>();

function tour(theme: string): Promise<number> {
  let result = toured.get(theme);
  if (result === undefined) toured.set(theme, (result = sendOnTours(theme, coverage.inspect)));
  return result;
}

async function sendOnTours(theme: string, watching: Watching): Promise<number> {
  const { tours, states } = scalerTours(theme);
  for (const moves of tours) await judgeScaler(theme, moves, watching);
  return states;
}

describe.each(drivers)('an autoscaler looks when it should, and does what it should (%s)', (driver) => {
  test.each(Object.keys(themes))('%s', { timeout: LIMIT_MS }, async (theme) => {
    const states = await (driver === 'interpreter' ? tour(theme) : sendOnTours(theme, drivenBy(driver)));
    expect(states).toBeGreaterThan(10);
  });
});

test(
  'every transition of the chart of an autoscaler is taken, and every guard answers both yes and no',
  async () => {
    for (const theme of Object.keys(themes)) await tour(theme);
    expect(coverage.total).toBeGreaterThan(20);
    expect(coverage.untaken()).toEqual([]);
  },
  LIMIT_MS,
);
