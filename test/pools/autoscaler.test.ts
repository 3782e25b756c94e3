/** Every move in every state of an autoscaler, through the real system, judged by a model of its own. */
import { describe, expect, test } from 'vitest';
import { autoscalerMachine } from '../../src/machines/index.ts';
import { chartCoverage } from '../life/chart-coverage.ts';
import { coveringTours } from '../life/tours.ts';
import { first, isPossible, keyOf, type Move, play, type Scaler, themes } from './autoscaler-model.ts';
import { AutoscalerWorld } from './autoscaler-world.ts';

const coverage = chartCoverage(autoscalerMachine);
const toured = new Map<string, Promise<number>>();

function tour(theme: string): Promise<number> {
  let result = toured.get(theme);
  if (result === undefined) toured.set(theme, (result = sendOnTours(theme)));
  return result;
}

async function sendOnTours(theme: string): Promise<number> {
  const { tours, states } = coveringTours({
    name: theme,
    moves: themes[theme]!,
    first,
    isPossible,
    after: (scaler, move) => play(scaler, move).scaler,
    keyOf,
  });
  for (const moves of tours) await judge(moves);
  return states;
}

async function judge(moves: readonly Move[]): Promise<void> {
  const world = await AutoscalerWorld.open(coverage.inspect);
  let scaler = first;
  for (const [index, move] of moves.entries()) {
    const { scaler: after, outcome } = play(scaler, move);
    const seen = await world.play(move, scaler);
    const trail = moves.slice(Math.max(0, index - 20), index + 1).join(', ');
    expect({ ...seen, ...world.view() }, `after ${trail}`).toEqual({ ...outcome, ...lookedUp(after) });
    scaler = after;
  }
  await world.dispose();
  expect(world.clock.pending()).toEqual([]);
}

function lookedUp({ now, phase, size, starting, waiting, dueAt }: Scaler) {
  return { now, phase, size, live: size - starting, starting, waiting, timers: [dueAt] };
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
