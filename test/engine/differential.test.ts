/**
 * The drivers have one meaning: every driver says the same of every chart, move by move.
 *
 * Here a share of it, with fixed seeds; `npm run differential` does the same for as long as it is let, and proves
 * with faults planted in the compiler that it would find them.
 */
import { readFile } from 'node:fs/promises';
import { stripTypeScriptTypes } from 'node:module';
import fc from 'fast-check';
import { beforeEach, describe, expect, test, vi } from 'vitest';
import { type BareDifference, differenceFromBare } from './differential/bare-xstate.ts';
import { compared, type Difference, differenceOf, inWords } from './differential/difference.ts';
import { drawn, seededDraw } from './differential/draw.ts';
import { machineOf, movesOf } from './differential/generated-machine.ts';
import { plants, sown } from './differential/plants.ts';
import { makersOf, type Makers, walkGenerated, walkShipped } from './differential/walks.ts';

// XState's development build warns of every event to an actor that has ended.
beforeEach(() => void vi.spyOn(console, 'warn').mockImplementation(() => {}));

type Walk = (seed: number) => Difference | undefined;

/** Compares at least so many steps, a walk for each seed from 1 on. */
function compare(walk: Walk, steps: number): void {
  const enough = compared.steps + steps;
  for (let seed = 1; compared.steps < enough; seed++) {
    const difference = walk(seed);
    if (difference !== undefined) expect.fail(`seed ${seed}: ${inWords(difference)}`);
  }
}

const shipped =
  (makers: Makers): Walk =>
  (seed) =>
    walkShipped(seededDraw(seed), makers);
const generated =
  (makers: Makers): Walk =>
  (seed) =>
    walkGenerated(seededDraw(seed), makers);

describe('the table', () => {
  const table = makersOf('table');

  test('drives every shipped chart as the interpreter does', () => {
    compare(shipped(table), 40_000);
  });

  test('drives generated machines as the interpreter does', () => {
    compare(generated(table), 60_000);
  });

  test('what it does otherwise, fast-check would find and shrink', () => {
    fc.assert(
      fc.property(
        drawn((draw) => ({ machine: machineOf(draw), moves: movesOf(draw, 15) })),
        ({ machine, moves }) => differenceOf(machine, { n: 1 }, moves, table) === undefined,
      ),
      { seed: 9, numRuns: 150 },
    );
  });
});

describe('pure functions', () => {
  const pure = makersOf('pure');

  test('drive every shipped chart as the interpreter does', () => {
    compare(shipped(pure), 5_000);
  });

  test('drive generated machines as the interpreter does', () => {
    compare(generated(pure), 10_000);
  });
});

test('the interpreter driver is XState, but for when effects are performed', () => {
  let steps = 0;
  for (let seed = 1; seed <= 250; seed++) {
    const draw = seededDraw(seed);
    const moves = movesOf(draw, 30).filter((move) => ['send', 'fire', 'stop'].includes(move.do));
    const result: number | BareDifference = differenceFromBare(machineOf(draw), { n: seed % 3 }, moves);
    expect(result, `seed ${seed}`).toBeTypeOf('number');
    steps += Number(result);
  }
  expect(steps).toBeGreaterThan(3_000);
});

test('every fault that is planted to prove this can be planted', async () => {
  const broken: string[] = [];
  for (const plant of plants) {
    const source = await readFile(new URL(`../../src/runtime/engine/${plant.file}`, import.meta.url), 'utf8');
    try {
      stripTypeScriptTypes(sown(source, plant));
    } catch (thrown) {
      broken.push(`${plant.name}: ${String(thrown)}`);
    }
  }
  expect(broken).toEqual([]);
  expect(plants.length).toBeGreaterThanOrEqual(30);
});
