import { expect, test } from 'vitest';
import { comparisonOf } from '../../bench/comparison.ts';
import { type FleetBenchName, fleetBenchNames, runFleetBench } from '../../bench/fleets.ts';

const small: Record<FleetBenchName, number> = {
  lifecycle: 70,
  spawn: 20,
  growth: 20,
  task: 200,
  taskFloor: 200,
  variable: 10,
  variableFloor: 10,
  consensus: 10,
  crash: 5,
  storm: 10,
  read: 100,
};

test.each(fleetBenchNames)('%s: every line that is compared is measured, with figures', async (name) => {
  const measurements = await runFleetBench(name, small[name], 2);
  for (const { ours } of comparisonOf(true, [name]).lines) {
    const found = measurements.find(({ bench }) => bench === ours.bench);
    expect(found, ours.bench).toMatchObject({ n: small[name] });
    expect(found!.ops_per_s).toBeGreaterThan(0);
    expect(found!.cpu_us_per_op).toBeGreaterThan(0);
    // Of so few, less than what a collection in between is off by.
    expect(found!.allocated_per_op).toBeTypeOf('number');
  }
});
