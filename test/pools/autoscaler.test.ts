/** Every move in every state of an autoscaler, through the real system, judged by a model of its own. */
import { describe, expect, test } from 'vitest';
import { autoscalerMachine } from '../../src/machines/index.ts';
import { chartCoverage } from '../models/life/chart-coverage.ts';
import { themes } from '../models/autoscaler/model.ts';
import { judgeScaler, scalerTours } from '../models/autoscaler/tours.ts';

const coverage = chartCoverage(autoscalerMachine);
const toured = new Map<string, Promise<number>>();

function tour(theme: string): Promise<number> {
  let result = toured.get(theme);
  if (result === undefined) toured.set(theme, (result = sendOnTours(theme)));
  return result;
}

async function sendOnTours(theme: string): Promise<number> {
  const { tours, states } = scalerTours(theme);
  for (const moves of tours) await judgeScaler(theme, moves, coverage.inspect);
  return states;
}

describe('an autoscaler looks when it should, and does what it should', () => {
  test.each(Object.keys(themes))('%s', async (theme) => {
    expect(await tour(theme)).toBeGreaterThan(10);
  });
});

test('every transition of the chart of an autoscaler is taken, and every guard answers both yes and no', async () => {
  for (const theme of Object.keys(themes)) await tour(theme);
  expect(coverage.total).toBeGreaterThan(20);
  expect(coverage.untaken()).toEqual([]);
}, 60_000);
