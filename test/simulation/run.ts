/**
 * `npm run simulate [-- options]`: whole fleets from seeds, for as long as one likes.
 *
 *   --seeds N     so many seeds, from `--seed` on; default 100
 *   --seed N      the first seed; alone: that one seed, with its script
 *   --hours N     of fleet life for each; default 2
 *   --on          goes on after a law that is broken
 *   --plants      which of the planted faults are found, and in how many seeds (no more than `--seeds`, 300)
 *
 * Exits with 1 when a law is broken, and prints the shortest script to it.
 */
import { parseArgs } from 'node:util';
import { simulateFleet } from '../../src/testing/index.ts';
import { fleet } from './fleet.ts';
import { plants } from './plants.ts';

const { values } = parseArgs({
  options: {
    seeds: { type: 'string' },
    seed: { type: 'string' },
    hours: { type: 'string', default: '2' },
    on: { type: 'boolean', default: false },
    plants: { type: 'boolean', default: false },
  },
});
const first = Number(values.seed ?? 1);
const count = Number(values.seeds ?? (values.seed === undefined ? 100 : 1));
const hours = Number(values.hours);

async function seeds(): Promise<void> {
  const startedAt = performance.now();
  const all = { events: 0, deeds: 0, programs: 0, simulatedMs: 0 };
  for (let seed = first; seed < first + count; seed++) {
    const run = await simulateFleet({ ...fleet, seed, hours });
    for (const name of Object.keys(all) as (keyof typeof all)[]) all[name] += run[name];
    if (count === 1)
      process.stdout.write(`${JSON.stringify({ ...run, finding: undefined }, undefined, 2)}\n`);
    if (run.finding) {
      process.stdout.write(`${run.finding.message}\n`);
      process.exitCode = 1;
      if (!values.on) break;
    }
    if (seed % 10 === 0 || seed === first + count - 1) {
      const seconds = (performance.now() - startedAt) / 1_000;
      const days = all.simulatedMs / 86_400_000;
      process.stderr.write(
        `seed ${seed}: ${days.toFixed(1)} days, ${all.deeds} deeds, ${all.events} events, ${all.programs} programs in ${seconds.toFixed(0)} s\n`,
      );
    }
  }
}

/** A fault that is not found in so many seeds counts as not found. */
const PATIENCE = Number(values.seeds ?? 300);

async function planted(): Promise<void> {
  const found: number[] = [];
  for (const { what, meets, plant } of plants) {
    const remove = plant();
    let law: string | undefined;
    let seed = first;
    for (; seed < first + PATIENCE && law === undefined; seed++) {
      const { finding } = await simulateFleet({ ...fleet, seed, hours, shrinkRuns: 0 });
      law = finding?.law;
    }
    remove();
    if (law !== undefined) found.push(seed - first);
    process.stdout.write(
      `| ${what} | ${meets} | ${law ?? '**not found**'} | ${law === undefined ? '–' : seed - first} |\n`,
    );
  }
  const seeds = found.toSorted((a, b) => a - b);
  const median = seeds[Math.floor(seeds.length / 2)];
  process.stdout.write(
    `${found.length} of ${plants.length} found, half of them within ${median} seeds, all within ${seeds.at(-1)}, of ${hours} h each\n`,
  );
  if (found.length < plants.length) process.exitCode = 1;
}

await (values.plants ? planted() : seeds());
