/**
 * Everything that is measured: `npm run bench`, or `npm run bench -- lifecycle store` for some of it, `--quick` for
 * smaller sizes of the fleets'. `npm run bench -- otp --reference DIR` runs the fleets' in turns with a program on
 * Erlang/OTP that does the same, and compares.
 *
 * The figures are for comparing on one machine; docs/performance.md says what they do not measure.
 */
import { writeFileSync } from 'node:fs';
import { loadavg } from 'node:os';
import { parseArgs } from 'node:util';
import { benchDashboard } from './dashboard.ts';
import { compare, comparisonOf, markdownOf } from './comparison.ts';
import { benchFloor, benchReadFloor } from './floor.ts';
import { benchFleetFloor } from './floor-fleet.ts';
import { benchGrowthFloor, benchLifeFloor } from './floor-life.ts';
import {
  type FleetBenchName,
  fleetBenchNames,
  hasReference,
  isFleetBench,
  runFleetBench,
  sizesOf,
} from './fleets.ts';
import { benchHosts } from './hosts.ts';
import type { Measurement } from './measurement.ts';
import { benchModels } from './models.ts';
import { NoReference, openOtpReference } from './otp-reference.ts';
import { benchPage } from './page.ts';
import { benchPools } from './pools.ts';
import { benchStore } from './store.ts';

const print = (measured: Measurement) => console.log(JSON.stringify(measured));

const otherBenches: Record<string, () => Promise<void>> = {
  floor: async () => {
    await benchLifeFloor(print);
    await benchFleetFloor(print);
    await benchGrowthFloor(print);
    await benchFloor(100_000, print);
    await benchReadFloor(1_000_000, print);
  },
  hosts: benchHosts,
  store: benchStore,
  models: benchModels,
  dashboard: () => benchDashboard({ agents: 10_000, eventsPerSecond: 5_000, seconds: 20 }),
  page: () => benchPage(10_000),
  pools: () => benchPools([1, 10, 100, 1_000, 10_000]),
};
const known = [...fleetBenchNames, ...Object.keys(otherBenches)];
const usage = `npm run bench -- [NAME…] [--quick]
npm run bench -- otp [NAME…] --reference DIR [--quick] [--rounds N] [--markdown FILE]

NAME: ${known.join(' ')}
--quick       smaller sizes
--reference   the folder of the OTP reference's bench.sh; also OTP_REFERENCE
--rounds      how often each side has its turn; 5, or 3 with --quick
--markdown    also writes the table to a file`;

class WrongUsage extends Error {}

function options() {
  try {
    return parseArgs({
      allowPositionals: true,
      options: {
        quick: { type: 'boolean', default: false },
        reference: { type: 'string' },
        rounds: { type: 'string' },
        markdown: { type: 'string' },
      },
    });
  } catch (error) {
    throw new WrongUsage((error as Error).message);
  }
}

async function main(): Promise<void> {
  const { values, positionals } = options();
  if (positionals[0] === 'otp') {
    const names = positionals.slice(1);
    const rounds = Number(values.rounds ?? (values.quick ? 3 : 5));
    if (!names.every(isFleetBench)) throw new WrongUsage(`expected some of: ${fleetBenchNames.join(' ')}`);
    if (!Number.isSafeInteger(rounds) || rounds < 1)
      throw new WrongUsage('--rounds: expected a whole number from 1');
    await againstOtp({
      names,
      isQuick: values.quick,
      rounds,
      folder: values.reference,
      file: values.markdown,
    });
    return;
  }
  const unknown = positionals.filter((name) => !known.includes(name));
  if (unknown.length > 0) throw new WrongUsage(`no bench ${unknown.join(', ')}`);
  console.log(`Node ${process.versions.node}`);
  for (const name of positionals.length === 0 ? known : positionals) {
    if (isFleetBench(name)) await alone(name, values.quick);
    else await otherBenches[name]!();
  }
}

async function alone(name: FleetBenchName, isQuick: boolean): Promise<void> {
  for (const size of sizesOf(name, isQuick)) {
    for (const measured of await runFleetBench(name, size)) console.log(JSON.stringify(measured));
  }
}

interface Run {
  readonly names: readonly FleetBenchName[];
  readonly isQuick: boolean;
  readonly rounds: number;
  readonly folder: string | undefined;
  readonly file: string | undefined;
}

/** Each side has its turn in each round, so that whatever else the machine does meets both. */
async function againstOtp({ names, isQuick, rounds, folder, file }: Run): Promise<void> {
  using reference = openOtpReference(folder ?? process.env['OTP_REFERENCE']);
  const { programs, lines } = comparisonOf(isQuick, names);
  const ours: Measurement[][] = [];
  const its: Measurement[][] = [];
  for (let round = 0; round < rounds; round++) {
    ours.push([]);
    its.push([]);
    for (const { name, size, rounds: repeated } of programs) {
      const told = (who: string) => console.error(`round ${round + 1} of ${rounds}: ${name} ${size}, ${who}`);
      told('mabeam');
      ours[round]!.push(...(await runFleetBench(name, size, repeated)));
      if (!hasReference(name)) continue;
      told('OTP');
      its[round]!.push(...(await reference.run(name, size, repeated)));
    }
  }
  const table = markdownOf(compare(lines, { ours, reference: its }));
  console.log(table);
  const load = loadavg()
    .map((each) => each.toFixed(1))
    .join(', ');
  console.log(`Medians of ${rounds}, Node ${process.versions.node}; load of the machine: ${load}`);
  if (file !== undefined) writeFileSync(file, table);
}

try {
  await main();
} catch (error) {
  if (!(error instanceof WrongUsage) && !(error instanceof NoReference)) throw error;
  console.error(error instanceof WrongUsage ? `${error.message}\n\n${usage}` : error.message);
  process.exitCode = 2;
}
