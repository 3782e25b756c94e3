/**
 * A multi-layer perceptron over digits: trained one epoch at a time, measured, and put away as JSON.
 *
 * I1  A call leaves nothing behind: every tensor it made is disposed, also when it is aborted or throws.
 *     Wasm memory is outside the heap, so no heap limit would ever notice a leak.
 * I2  The weights are the whole state. The optimizer is plain SGD, which remembers nothing between batches,
 *     so that an epoch after a crash ends in the very weights it would have ended in without one.
 * I3  The event loop gets a turn after every batch, and an abort is seen there.
 */
import { setImmediate } from 'node:timers/promises';
import * as tf from '@tensorflow/tfjs-core';
import * as layers from '@tensorflow/tfjs-layers';
import { setThreadsCount } from '@tensorflow/tfjs-backend-wasm';
import { z } from 'zod';
import { CLASSES, type Digits, PIXELS, shuffled } from './data.ts';
import { type Measurement, measurementOf } from './measurement.ts';

/** What a search is for. */
export const recipeSchema = z.object({
  learningRate: z.number().positive(),
  hiddenUnits: z.number().int().min(1).max(1024),
  batchSize: z.number().int().min(1),
});
export type Recipe = z.infer<typeof recipeSchema>;

/** A recipe, and the chance of one trainer: it decides the first weights and the order of the digits. */
export interface Config extends Recipe {
  readonly seed: number;
}

/** One weight of the model; `base64` holds little-endian 32-bit floats, a third of the size of JSON numbers. */
export const savedTensorSchema = z.object({ shape: z.array(z.number().int()), base64: z.string() });
export type SavedTensor = z.infer<typeof savedTensorSchema>;

const MEASURE_BATCH = 500;
/** The learning rate shrinks by this factor from epoch to epoch: it depends on the epoch alone (I2). */
const DECAY = 0.6;

await chooseBackend();

/** The weights that a seed begins with. */
export async function initialWeights(config: Config): Promise<SavedTensor[]> {
  const model = buildModel(config);
  try {
    return await exportWeights(model);
  } finally {
    model.dispose();
  }
}

export interface EpochOptions {
  readonly config: Config;
  readonly weights: readonly SavedTensor[];
  readonly digits: Digits;
  readonly train: Uint32Array;
  /** Decides the order of the digits, with the config's seed, and the step size; the first epoch is 1. */
  readonly epoch: number;
  readonly signal?: AbortSignal;
  readonly onBatch?: (done: number, of: number) => void;
}

/**
 * Trains one epoch and gives the new weights with the mean loss over it; the weights given are not changed.
 *
 * @throws the signal's reason when it is aborted, between two batches
 */
export async function trainEpoch(options: EpochOptions): Promise<{ weights: SavedTensor[]; loss: number }> {
  const { config, digits, epoch, signal } = options;
  const order = shuffled(options.train, config.seed * 1_000 + epoch);
  const batches = Math.ceil(order.length / config.batchSize);
  const optimizer = tf.train.sgd(config.learningRate * DECAY ** (epoch - 1));
  const model = buildModel(config);
  try {
    importWeights(model, options.weights);
    model.compile({ optimizer, loss: 'categoricalCrossentropy' });
    let lossSum = 0;
    for (let batch = 0; batch < batches; batch++) {
      signal?.throwIfAborted();
      const rows = order.subarray(batch * config.batchSize, (batch + 1) * config.batchSize);
      lossSum += (await trainBatch(model, digits, rows)) * rows.length;
      options.onBatch?.(batch + 1, batches);
      await setImmediate();
    }
    signal?.throwIfAborted();
    return { weights: await exportWeights(model), loss: lossSum / order.length };
  } finally {
    model.dispose();
    optimizer.dispose();
  }
}

export interface MeasureOptions {
  readonly config: Config;
  readonly weights: readonly SavedTensor[];
  readonly digits: Digits;
  readonly rows: Uint32Array;
  readonly signal?: AbortSignal;
}

/** Counts what the weights answer for each digit of `rows`. */
export async function measure(options: MeasureOptions): Promise<Measurement> {
  const model = buildModel(options.config);
  const answers: number[] = [];
  try {
    importWeights(model, options.weights);
    for (let start = 0; start < options.rows.length; start += MEASURE_BATCH) {
      options.signal?.throwIfAborted();
      const rows = options.rows.subarray(start, start + MEASURE_BATCH);
      const batch = tf.tidy(() =>
        tf.argMax(model.predictOnBatch(imagesOf(options.digits, rows)) as tf.Tensor, 1).dataSync(),
      );
      answers.push(...batch);
      await setImmediate();
    }
  } finally {
    model.dispose();
  }
  return measurementOf(
    Array.from(options.rows, (row) => options.digits.labels[row]!),
    answers,
  );
}

/** Bytes and tensors that the backend holds now: a test of I1 reads them. */
export function memoryInUse(): { tensors: number; bytes: number } {
  const { numTensors, numBytes } = tf.memory();
  return { tensors: numTensors, bytes: numBytes };
}

function buildModel({ hiddenUnits, seed }: Config): layers.Sequential {
  const kernel = (offset: number) => layers.initializers.glorotUniform({ seed: seed * 10 + offset });
  return layers.sequential({
    layers: [
      layers.layers.dense({
        inputShape: [PIXELS],
        units: hiddenUnits,
        activation: 'relu',
        kernelInitializer: kernel(1),
      }),
      layers.layers.dense({ units: CLASSES, activation: 'softmax', kernelInitializer: kernel(2) }),
    ],
  });
}

async function trainBatch(model: layers.Sequential, digits: Digits, rows: Uint32Array): Promise<number> {
  const images = imagesOf(digits, rows);
  const answers = answersOf(digits, rows);
  try {
    return (await model.trainOnBatch(images, answers)) as number;
  } finally {
    images.dispose();
    answers.dispose();
  }
}

function imagesOf({ pixels }: Digits, rows: Uint32Array): tf.Tensor2D {
  const values = new Float32Array(rows.length * PIXELS);
  let at = 0;
  for (const row of rows) {
    for (let pixel = row * PIXELS; pixel < (row + 1) * PIXELS; pixel++) values[at++] = pixels[pixel]! / 255;
  }
  return tf.tensor2d(values, [rows.length, PIXELS]);
}

function answersOf({ labels }: Digits, rows: Uint32Array): tf.Tensor2D {
  const values = new Float32Array(rows.length * CLASSES);
  for (const [place, row] of rows.entries()) values[place * CLASSES + labels[row]!] = 1;
  return tf.tensor2d(values, [rows.length, CLASSES]);
}

async function exportWeights(model: layers.Sequential): Promise<SavedTensor[]> {
  return Promise.all(
    model.getWeights().map(async (tensor) => {
      const values = await tensor.data();
      const bytes = Buffer.from(values.buffer, values.byteOffset, values.byteLength);
      return { shape: [...tensor.shape], base64: bytes.toString('base64') };
    }),
  );
}

function importWeights(model: layers.Sequential, saved: readonly SavedTensor[]): void {
  tf.tidy(() => {
    model.setWeights(
      saved.map(({ shape, base64 }) => {
        // A pooled Buffer may begin at any byte; a fresh copy begins where floats may.
        const bytes = Uint8Array.from(Buffer.from(base64, 'base64'));
        return tf.tensor(new Float32Array(bytes.buffer), shape);
      }),
    );
  });
}

/**
 * Emscripten's glue answers an uncaught error of the whole process by throwing it again. How an agent dies is
 * its supervisor's business, so those two listeners are taken off.
 */
async function chooseBackend(): Promise<void> {
  const names = ['uncaughtException', 'unhandledRejection'] as const;
  // One thread a model: the cores are shared out between agents, not within a batch.
  setThreadsCount(1);
  const before = new Set(names.flatMap((name) => process.rawListeners(name)));
  if (!(await tf.setBackend('wasm'))) throw new Error('the wasm backend did not start');
  for (const name of names) {
    for (const listener of process.rawListeners(name)) {
      if (!before.has(listener)) process.off(name, listener as () => void);
    }
  }
}
