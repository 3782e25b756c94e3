/**
 * Ten thousand real handwritten digits as typed arrays, dealt into folds and a held-out test set by a seed.
 *
 * The digits come from the package `mnist`. Its entry point is CommonJS, keeps 7.8 million numbers alive as
 * plain arrays and deals them with `Math.random`, so we read its ten JSON files ourselves; 8 MB are kept.
 * Everything here is a pure function of its arguments: a trainer that comes back after a crash, in whatever
 * process, is dealt exactly the digits it had before.
 */
import { readFile } from 'node:fs/promises';
import { z } from 'zod';

export const PIXELS = 28 * 28;
export const CLASSES = 10;

/** Pixels are kept as bytes, a quarter of the memory of floats; `label[i]` belongs to the i-th `PIXELS` bytes. */
export interface Digits {
  readonly pixels: Uint8Array;
  readonly labels: Uint8Array;
}

/** Indices into `Digits`: what to learn from, and what to be measured on. The two never overlap. */
export interface Split {
  readonly train: Uint32Array;
  readonly measure: Uint32Array;
}

/** How the digits are dealt. A fold's number picks its split; `final` measures on the held-out test digits. */
export const dealSchema = z.object({
  seed: z.number().int(),
  digits: z.number().int().min(100).max(10_000),
  folds: z.number().int().min(2).max(20),
});
export type Deal = z.infer<typeof dealSchema>;
export const splitNameSchema = z.union([z.number().int().min(0), z.literal('final')]);
export type SplitName = z.infer<typeof splitNameSchema>;

const TEST_SHARE = 0.2;

let loading: Promise<Digits> | undefined;

/** Loads all digits, once a process however many agents ask for them. */
export function loadDigits(): Promise<Digits> {
  loading ??= readDigits();
  return loading;
}

async function readDigits(): Promise<Digits> {
  const files = await Promise.all(
    Array.from({ length: CLASSES }, async (_, digit) =>
      pixelsIn(await readFile(new URL(import.meta.resolve(`mnist/src/digits/${digit}.json`)))),
    ),
  );
  const counts = files.map((file) => file.length / PIXELS);
  if (!counts.every(Number.isInteger)) throw new Error('mnist: a file does not hold whole 28x28 digits');
  return {
    pixels: Buffer.concat(files),
    labels: Uint8Array.from(counts.flatMap((count, digit) => Array.from({ length: count }, () => digit))),
  };
}

const ZERO = 0x30;
const NINE = 0x39;
const POINT = 0x2e;
const COMMA = 0x2c;
const OPEN = 0x5b;
const CLOSE = 0x5d;

/**
 * The one array of such a file, shares of 1, as bytes. Read sign by sign: `JSON.parse` takes twice the time for
 * this many numbers and ten times the memory, in every process that trains.
 */
export function pixelsIn(json: Uint8Array): Uint8Array {
  const pixels = new Uint8Array(json.length);
  let count = 0;
  let digits = 0;
  let scale = 0;
  for (let at = json.indexOf(OPEN) + 1; at < json.length; at++) {
    const sign = json[at]!;
    // Four in five are a bare zero, as the new array has it.
    if (sign === ZERO && json[at + 1] === COMMA && scale === 0) {
      count += 1;
      at += 1;
      continue;
    }
    if (sign >= ZERO && sign <= NINE) {
      digits = digits * 10 + sign - ZERO;
      scale *= 10;
    } else if (sign === POINT) {
      scale = 1;
    } else if (sign === COMMA || sign === CLOSE) {
      pixels[count++] = Math.round((digits / (scale || 1)) * 255);
      digits = 0;
      scale = 0;
      if (sign === CLOSE) return pixels.slice(0, count);
    }
  }
  throw new Error('mnist: a file does not end');
}

/** Deals one split: the same deal and name give the same digits in the same order, on every machine. */
export function splitOf(deal: Deal, name: SplitName): Split {
  const order = shuffled(indices(10_000), deal.seed).subarray(0, deal.digits);
  const testCount = Math.round(deal.digits * TEST_SHARE);
  const test = order.subarray(0, testCount);
  const rest = order.subarray(testCount);
  if (name === 'final') return { train: rest, measure: test };
  if (name >= deal.folds) throw new RangeError(`fold ${name} of ${deal.folds}: folds count from 0`);
  return {
    train: rest.filter((_, place) => place % deal.folds !== name),
    measure: rest.filter((_, place) => place % deal.folds === name),
  };
}

/** A copy in an order that depends on nothing but the seed (Fisher-Yates over mulberry32). */
export function shuffled(items: Uint32Array, seed: number): Uint32Array {
  const copy = items.slice();
  const random = randomFrom(seed);
  for (let last = copy.length - 1; last > 0; last--) {
    const pick = Math.floor(random() * (last + 1));
    const held = copy[last]!;
    copy[last] = copy[pick]!;
    copy[pick] = held;
  }
  return copy;
}

function indices(count: number): Uint32Array {
  return Uint32Array.from({ length: count }, (_, index) => index);
}

/** Chance that a seed decides (mulberry32): numbers in [0, 1). */
export function randomFrom(seed: number): () => number {
  let state = seed | 0;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
