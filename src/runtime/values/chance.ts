/** Chance, as a program gives it. */
import { inWords } from './in-words.ts';
import { attempt } from './thenable.ts';

/**
 * A function that gives numbers in [0, 1), as `random` does. Where that throws, or gives anything else, the machine's
 * own chance takes its place, and `report` is told, the first time alone.
 */
export function chanceBy(
  random: () => number,
  report: (message: string, thrown: unknown) => void,
): () => number {
  let hasFailed = false;
  const failed = (thrown: unknown): void => {
    if (hasFailed) return;
    hasFailed = true;
    report('random has failed, which is told once', thrown);
  };
  return () => {
    const chance = attempt<unknown>(random, failed);
    if (typeof chance === 'number' && chance >= 0 && chance < 1) return chance;
    failed(new RangeError(`random: expected a number from 0, and below 1, got ${inWords(chance)}`));
    return Math.random();
  };
}
