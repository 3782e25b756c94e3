/**
 * Walks through charts under several drivers, compared move by move. A walk is a number: the same one again is the
 * same machine and the same moves.
 */
import type { ChartDriverName } from '../../../src/runtime/engine/chart.ts';
import { by, type Maker } from './chart-world.ts';
import { type Difference, differenceOf } from './difference.ts';
import { type Draw, seededDraw } from './draw.ts';
import { machineOf, movesOf } from './generated-machine.ts';
import { movesThrough, shippedCharts } from './shipped-charts.ts';

export type Makers = Readonly<Record<string, Maker>>;

/** The reference first. */
export function makersOf(...drivers: readonly ChartDriverName[]): Makers {
  return Object.fromEntries((['interpreter', ...drivers] as const).map((name) => [name, by(name)]));
}

/** One machine made from chance, walked several times. */
export function walkGenerated(draw: Draw, makers: Makers, walks = 3, length = 30): Difference | undefined {
  const machine = machineOf(draw);
  const maxIterations = draw.of([40, 5, 6, 7]);
  for (let walk = 0; walk < walks; walk++) {
    const difference = differenceOf(machine, { n: walk }, movesOf(draw, length), makers, maxIterations);
    if (difference !== undefined) return difference;
  }
  return undefined;
}

/** One walk through each shipped chart. */
export function walkShipped(draw: Draw, makers: Makers, length = 60): Difference | undefined {
  for (const chart of shippedCharts) {
    const moves = movesThrough(chart, draw, length);
    const difference = differenceOf(chart.machine, chart.inputOf(draw), moves, makers, 1_000);
    if (difference !== undefined) return difference;
  }
  return undefined;
}

/** Every fifth walk is through the shipped charts. */
export function walk(seed: number, makers: Makers): Difference | undefined {
  const draw = seededDraw(seed);
  return seed % 5 === 0 ? walkShipped(draw, makers) : walkGenerated(draw, makers);
}
