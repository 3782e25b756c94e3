/**
 * The benches of fleets: in-process agents, the memory store with its defaults, a silent logger.
 *
 * Each runs in a program of its own, for what V8 has compiled and collected before would be measured, too:
 * `node --expose-gc bench/fleets.ts NAME SIZE [ROUNDS]` prints one line of JSON per measurement.
 */
import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { benchConsensus, benchVariable } from './coordination.ts';
import { benchCrashes, benchStorm } from './crashes.ts';
import { benchTaskFloor } from './floor.ts';
import { benchVariableFloor } from './floor-variable.ts';
import { benchLives } from './lives.ts';
import type { Emit, Measurement } from './measurement.ts';
import { benchReads } from './reads.ts';
import { benchGrowth, benchSpawns } from './spawns.ts';
import { benchTasks } from './tasks.ts';

interface FleetBench {
  run(size: number, emit: Emit, rounds?: number): Promise<void>;
  readonly sizes: readonly number[];
  readonly quickSizes: readonly number[];
}

const fleetBenches = {
  lifecycle: { run: benchLives, sizes: [10_000], quickSizes: [2_000] },
  spawn: { run: benchSpawns, sizes: [1_000, 10_000, 100_000], quickSizes: [1_000, 10_000] },
  growth: { run: benchGrowth, sizes: [100_000], quickSizes: [10_000] },
  task: { run: benchTasks, sizes: [100_000], quickSizes: [20_000] },
  taskFloor: { run: benchTaskFloor, sizes: [100_000], quickSizes: [20_000] },
  variable: { run: benchVariable, sizes: [100, 1_000, 10_000, 100_000], quickSizes: [10_000] },
  variableFloor: { run: benchVariableFloor, sizes: [10_000], quickSizes: [10_000] },
  consensus: { run: benchConsensus, sizes: [100, 1_000, 10_000, 100_000], quickSizes: [10_000] },
  crash: { run: benchCrashes, sizes: [2_000], quickSizes: [500] },
  storm: { run: benchStorm, sizes: [1_000], quickSizes: [1_000] },
  read: { run: benchReads, sizes: [1_000_000], quickSizes: [200_000] },
} satisfies Record<string, FleetBench>;

export type FleetBenchName = keyof typeof fleetBenches;

export const fleetBenchNames = Object.keys(fleetBenches) as FleetBenchName[];

export function isFleetBench(name: string): name is FleetBenchName {
  return Object.hasOwn(fleetBenches, name);
}

/** The reference's growth is in its spawns, and floors are those of our own lines. */
export function hasReference(name: FleetBenchName): boolean {
  return name !== 'growth' && name !== 'taskFloor' && name !== 'variableFloor';
}

export function sizesOf(name: FleetBenchName, isQuick: boolean): readonly number[] {
  const { sizes, quickSizes } = fleetBenches[name];
  return isQuick ? quickSizes : sizes;
}

/** Runs one of them in a program of its own. */
export async function runFleetBench(
  name: FleetBenchName,
  size: number,
  rounds?: number,
): Promise<Measurement[]> {
  const more = rounds === undefined ? [] : [String(rounds)];
  return measurementsOf(fileURLToPath(import.meta.url), [name, String(size), ...more]);
}

/** Runs a program that prints measurements. */
export async function measurementsOf(program: string, args: readonly string[]): Promise<Measurement[]> {
  const { stdout } = await promisify(execFile)(process.execPath, ['--expose-gc', program, ...args], {
    maxBuffer: 2 ** 26,
  });
  return measurementsIn(stdout);
}

/** What was printed, one measurement a line. */
export function measurementsIn(text: string): Measurement[] {
  return text
    .split('\n')
    .filter((line) => line.startsWith('{'))
    .map((line) => JSON.parse(line) as Measurement);
}

if (import.meta.main) {
  const [name = '', size, rounds] = process.argv.slice(2);
  if (!isFleetBench(name))
    throw new Error(`no bench ${name}, expected one of: ${fleetBenchNames.join(', ')}`);
  const bench: FleetBench = fleetBenches[name];
  await bench.run(
    Number(size),
    (measured) => console.log(JSON.stringify(measured)),
    rounds === undefined ? undefined : Number(rounds),
  );
}
