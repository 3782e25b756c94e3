/** Answers set beside the truth: one way to count for models and baselines alike. */
import { CLASSES } from './data.ts';

/** `confusion[truth][answer]` counts; accuracy is the share on its diagonal. */
export interface Measurement {
  readonly accuracy: number;
  readonly confusion: number[][];
}

export function measurementOf(truths: readonly number[], answers: readonly number[]): Measurement {
  const confusion = Array.from({ length: CLASSES }, () => Array.from({ length: CLASSES }, () => 0));
  let right = 0;
  for (const [index, truth] of truths.entries()) {
    const answer = answers[index]!;
    confusion[truth]![answer]!++;
    if (truth === answer) right++;
  }
  return { accuracy: truths.length === 0 ? 0 : right / truths.length, confusion };
}
