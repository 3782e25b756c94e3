/** What a model must beat to be worth its training: answers that need no learning worth the name. */
import { CLASSES, type Digits, PIXELS, type Split } from './data.ts';
import { type Measurement, measurementOf } from './measurement.ts';

/** Always answers the digit that was most frequent in the training part. */
export function majorityClass({ labels }: Digits, { train, measure }: Split): Measurement {
  const counts = countsOf(labels, train);
  const answer = counts.indexOf(Math.max(...counts));
  return measurementOf(
    Array.from(measure, (row) => labels[row]!),
    Array.from(measure, () => answer),
  );
}

/** Answers the digit whose average training image is nearest, by squared distance over the pixels. */
export function nearestMean({ pixels, labels }: Digits, { train, measure }: Split): Measurement {
  const counts = countsOf(labels, train);
  const means = counts.map(() => new Float64Array(PIXELS));
  for (const row of train) {
    const digit = labels[row]!;
    const mean = means[digit]!;
    for (let pixel = 0; pixel < PIXELS; pixel++) {
      mean[pixel]! += pixels[row * PIXELS + pixel]! / counts[digit]!;
    }
  }
  const answers = Array.from(measure, (row) => {
    const distances = means.map((mean, digit) =>
      counts[digit] === 0
        ? Infinity
        : mean.reduce((sum, value, pixel) => sum + (value - pixels[row * PIXELS + pixel]!) ** 2, 0),
    );
    return distances.indexOf(Math.min(...distances));
  });
  return measurementOf(
    Array.from(measure, (row) => labels[row]!),
    answers,
  );
}

function countsOf(labels: Uint8Array, rows: Uint32Array): number[] {
  const counts = Array.from({ length: CLASSES }, () => 0);
  for (const row of rows) counts[labels[row]!]!++;
  return counts;
}
