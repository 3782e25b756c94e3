/** A path that breaks a law, made short: moves are left out and inputs made small while the same law is broken. */
import { shortest } from '../shortest.ts';
import type { LawBroken } from './laws.ts';
import type { Move } from './moves.ts';
import { run } from './run.ts';
import type { StageOptions } from './stage.ts';

/**
 * @param budget runs that it may take
 * @returns the shortest path that was found, as it broke
 */
export async function shrink(options: StageOptions, broken: LawBroken, budget: number): Promise<LawBroken> {
  let best = broken;
  let left = budget;
  const breaks = async (moves: readonly Move[]): Promise<boolean> => {
    if (left <= 0) return false;
    left -= 1;
    const ran = await run(options, moves);
    if (ran.broken?.law !== broken.law) return false;
    best = ran.broken;
    return true;
  };
  // What comes after the break, or was not possible, is not in its path any more.
  await shortest(best.moves, async (moves) => ((await breaks(moves)) ? best.moves : undefined));
  for (let at = 0; at < best.moves.length; at++) {
    const move = best.moves[at]!;
    // A task that breaks the law without being held needs no release either.
    if (move.move === 'begin') {
      const { task, input } = move;
      await breaks(
        best.moves.with(at, 'input' in move ? { move: 'task', task, input } : { move: 'task', task }),
      );
    }
    while (await smallerInput(options, best.moves, at, breaks));
  }
  return best;
}

async function smallerInput(
  { subject }: StageOptions,
  moves: readonly Move[],
  at: number,
  breaks: (moves: readonly Move[]) => Promise<boolean>,
): Promise<boolean> {
  const move = moves[at];
  if (move === undefined || !('task' in move)) return false;
  const arbitrary = subject.inputs.get(move.task);
  if (arbitrary === undefined || !arbitrary.canShrinkWithoutContext(move.input)) return false;
  let tried = 0;
  for (const { value } of arbitrary.shrink(move.input, undefined)) {
    tried += 1;
    if (tried > 30) return false;
    const smaller = moves.with(at, { ...move, input: value });
    if (await breaks(smaller)) return true;
  }
  return false;
}
