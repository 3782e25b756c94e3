/** Every move in every state of a small fleet's restarts, through the real system, judged by a model of its own. */
import { describe, expect, test } from 'vitest';
import { supervisorMachine } from '../../src/machines/index.ts';
import { chartCoverage } from '../life/chart-coverage.ts';
import { coveringTours } from '../life/tours.ts';
import { firstFleet, isPossible, movesOf, play } from './permits-model.ts';
import { permitsWorld } from './permits-world.ts';

const coverage = chartCoverage(supervisorMachine);
const fleets = [
  { agents: ['a', 'b', 'c'], permits: 1 },
  { agents: ['a', 'b', 'c'], permits: 2 },
  { agents: ['a', 'b'], permits: 2 },
];
const toured = new Map<(typeof fleets)[number], Promise<number>>();

async function tour({ agents, permits }: (typeof fleets)[number]): Promise<number> {
  const { tours, states } = coveringTours({
    name: `${agents.length} agents, ${permits} permits`,
    moves: movesOf(agents),
    first: firstFleet(agents),
    isPossible,
    after: (fleet, move) => play(permits, fleet, move).fleet,
    keyOf: ({ places, queue }) => JSON.stringify([places, queue]),
  });
  for (const moves of tours) {
    const world = await permitsWorld(agents, permits, coverage.inspect);
    let fleet = firstFleet(agents);
    for (const [index, move] of moves.entries()) {
      const { fleet: after, outcome } = play(permits, fleet, move);
      const seen = await world.play(move);
      const trail = moves.slice(Math.max(0, index - 20), index + 1).join(', ');
      expect(
        { ...seen, places: world.places(), isStorm: world.isStorm(), timers: world.timers() },
        `after ${trail}`,
      ).toEqual({ ...outcome, places: after.places, isStorm: after.queue.length > 0, timers: 0 });
      fleet = after;
    }
  }
  return states;
}

function tourOnce(fleet: (typeof fleets)[number]): Promise<number> {
  let result = toured.get(fleet);
  if (result === undefined) {
    result = tour(fleet);
    toured.set(fleet, result);
  }
  return result;
}

describe('permits to restart go out in the order of asking, and never too many', () => {
  test.each(fleets)('$agents with $permits', async (fleet) => {
    expect(await tourOnce(fleet)).toBeGreaterThan(fleet.agents.length);
  });

  test('every transition of the supervisor was taken, and every guard has answered both yes and no', async () => {
    for (const fleet of fleets) await tourOnce(fleet);
    expect(coverage.total).toBeGreaterThan(8);
    expect(coverage.untaken()).toEqual([]);
  });
});
