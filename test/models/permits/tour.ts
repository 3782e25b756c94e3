/** Plays tours on a real fleet and on the permits' model at once, and compares what there is to see after each move. */
import { strict as assert } from 'node:assert';
import { drivenBy, type Watching } from '../../kit/drivers.ts';
import { coveringTours, type Tours } from '../life/tours.ts';
import { type Fleet, firstFleet, isPossible, type Move, movesOf, PERIOD, play, shownOf } from './model.ts';
import { permitsWorld } from './world.ts';

export interface SmallFleet {
  readonly agents: readonly string[];
  /** Restarts that may be under way at once. */
  readonly permits: number;
  /** Whether starts may take for ever. They are of one kind. */
  readonly mayHang?: boolean;
}

export const smallFleets: readonly SmallFleet[] = [
  { agents: ['a1', 'a2', 'a3'], permits: 1, mayHang: true },
  { agents: ['a1', 'a2', 'a3'], permits: 2, mayHang: true },
  { agents: ['a1', 'a2'], permits: 2 },
  { agents: ['a1', 'a2', 'b1', 'b2'], permits: 1 },
];

const SHOWN_MOVES = 20;

/** Every move that is possible, in every state that such a fleet can be in. */
export function fleetTours({ agents, permits, mayHang }: SmallFleet): Tours<Move> {
  return coveringTours({
    name: `${agents.length} agents, ${permits} permits`,
    moves: [...movesOf(agents), ...(mayHang ? ([PERIOD] as const) : [])],
    first: firstFleet(agents),
    isPossible,
    after: (fleet, move) => play(permits, fleet, move).fleet,
    keyOf: ({ places, queues }) => JSON.stringify([places, queues]),
  });
}

export async function judgeFleet(
  { agents, permits }: SmallFleet,
  moves: readonly Move[],
  watching: Watching = drivenBy('table'),
): Promise<void> {
  const world = await permitsWorld(agents, permits, watching);
  let fleet = firstFleet(agents);
  for (const [index, move] of moves.entries()) {
    const { fleet: after, outcome } = play(permits, fleet, move);
    const seen = await world.play(move);
    const isStorm = after.queues.length > 0;
    const trail = moves.slice(Math.max(0, index - SHOWN_MOVES), index + 1).join(', ');
    assert.deepStrictEqual(
      { ...seen, places: world.places(), isStorm: world.isStorm(), timers: world.timers() },
      { ...outcome, places: shownPlaces(after), isStorm, timers: isStorm ? 1 : 0 },
      `${agents.length} agents, ${permits} permits: ${trail}`,
    );
    fleet = after;
  }
}

function shownPlaces({ places }: Fleet): Fleet['places'] {
  return Object.fromEntries(Object.entries(places).map(([agent, place]) => [agent, shownOf(place)]));
}
