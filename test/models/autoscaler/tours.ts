/** Every move in every state of an autoscaler, played on a real system and on the model at once. */
import { drivenBy, type Watching } from '../../kit/drivers.ts';
import { strict as assert } from 'node:assert';
import { coveringTours, type Tours } from '../life/tours.ts';
import { firstOf, isPossible, keyOf, type Move, play, type Scaler, themes } from './model.ts';
import { AutoscalerWorld } from './world.ts';

const SHOWN_MOVES = 20;

export function scalerTours(theme: string): Tours<Move> {
  return coveringTours({
    name: theme,
    moves: themes[theme]!,
    first: firstOf(theme),
    isPossible,
    after: (scaler, move) => play(scaler, move).scaler,
    keyOf,
  });
}

/** @throws AssertionError at the first move after which the two differ, with the way to it */
export async function judgeScaler(
  theme: string,
  moves: readonly Move[],
  watching: Watching = drivenBy('table'),
): Promise<void> {
  let scaler = firstOf(theme);
  const world = await AutoscalerWorld.open(scaler, watching);
  try {
    for (const [index, move] of moves.entries()) {
      const { scaler: after, outcome } = play(scaler, move);
      const seen = await world.play(move, scaler);
      const trail = moves.slice(Math.max(0, index - SHOWN_MOVES), index + 1).join(', ');
      assert.deepStrictEqual(
        { ...seen, ...world.view() },
        { ...outcome, ...lookedUp(after) },
        `(actual + / expected -): ${trail}`,
      );
      scaler = after;
    }
  } finally {
    await world.dispose();
  }
  assert.deepStrictEqual(world.clock.pending(), []);
}

function lookedUp({ now, phase, size, starting, waiting, dueAt }: Scaler) {
  return { now, phase, size, live: size - starting, starting, waiting, timers: [dueAt] };
}
