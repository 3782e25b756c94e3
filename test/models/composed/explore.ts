/**
 * Every world that the composed charts can come to, each once, and whether each can come to rest by itself.
 *
 * A finding is an invariant that is broken; a world that nothing but a disturbance gets out of, and where somebody waits
 * (deadlock); or one from which no way that comes by itself leads to rest (livelock). With the moves that lead there.
 */
import { type Bounds, Broken, Composition, type Move, type World } from './world.ts';

export interface Explored {
  readonly worlds: number;
  readonly steps: number;
  /** Steps of single charts that were worked out. */
  readonly chartSteps: number;
  readonly settled: number;
  readonly finding: { readonly problem: string; readonly moves: readonly Move[] } | undefined;
}

interface Known {
  readonly world: World;
  readonly from: number;
  readonly move: Move | undefined;
}

/** @param limit worlds after which it gives up */
export function explore(bounds: Bounds, limit = Infinity, onProgress?: (worlds: number) => void): Explored {
  const composition = new Composition(bounds);
  const places = new Map<string, number>();
  const known: Known[] = [];
  /** By place: where what comes by itself leads from. */
  const fairBefore: number[][] = [];
  const settled: number[] = [];
  let steps = 0;

  const add = (world: World, from: number, move: Move | undefined): number => {
    const key = composition.key(world);
    const place = places.get(key);
    if (place !== undefined) return place;
    places.set(key, known.length);
    known.push({ world, from, move });
    fairBefore.push([]);
    if (composition.isSettled(world)) settled.push(known.length - 1);
    return known.length - 1;
  };
  const movesTo = (place: number): Move[] => {
    const moves: Move[] = [];
    for (let at = place; known[at]!.move !== undefined; at = known[at]!.from) moves.unshift(known[at]!.move!);
    return moves;
  };
  const result = (finding: Explored['finding']): Explored => ({
    worlds: known.length,
    steps,
    chartSteps: composition.distinctSteps,
    settled: settled.length,
    finding,
  });

  add(composition.first(), 0, undefined);
  for (let place = 0; place < known.length; place++) {
    if (known.length > limit) return result({ problem: `more than ${limit} worlds`, moves: [] });
    if (place % 50_000 === 0 && place > 0) onProgress?.(known.length);
    const { world } = known[place]!;
    for (const { move, isFair } of composition.moves(world)) {
      steps += 1;
      try {
        const next = add(composition.take(world, move, isFair), place, move);
        if (isFair) fairBefore[next]!.push(place);
      } catch (thrown) {
        if (!(thrown instanceof Broken)) throw thrown;
        return result({ problem: thrown.message, moves: [...movesTo(place), move] });
      }
    }
  }
  const restless = withoutRest(fairBefore, settled);
  if (restless === undefined) return result(undefined);
  const isStuck = composition.moves(known[restless]!.world).every(({ isFair }) => !isFair);
  return result({
    problem: isStuck
      ? 'deadlock: nothing goes on by itself'
      : 'livelock: nothing that comes by itself leads to rest',
    moves: movesTo(restless),
  });
}

/** The first place from which nothing that comes by itself leads to rest. */
function withoutRest(
  fairBefore: readonly (readonly number[])[],
  settled: readonly number[],
): number | undefined {
  const canRest = new Uint8Array(fairBefore.length);
  const open = [...settled];
  for (const place of open) canRest[place] = 1;
  for (let place = open.pop(); place !== undefined; place = open.pop()) {
    for (const before of fairBefore[place]!) {
      if (canRest[before]) continue;
      canRest[before] = 1;
      open.push(before);
    }
  }
  const at = canRest.indexOf(0);
  return at < 0 ? undefined : at;
}
