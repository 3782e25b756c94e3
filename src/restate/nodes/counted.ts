/**
 * The chart coverage of one program, reported once however many nodes and fleets it has.
 *
 * Charts that its bodies run are counted as in any program. Those of lives, pools, limits and rounds take their steps as
 * data, at the node that answers for the fleet, and are counted there. The charts of supervision and coordination are of
 * one program: a fleet has none.
 */
import { coordinatorMachine, supervisorMachine } from '../../machines/index.ts';
import { hashOfChart } from '../../runtime/engine/chart-hash.ts';
import { countsFor } from '../../runtime/engine/interpreted-counts.ts';
import { type CoverageData, coverageOfProgram } from '../../runtime/observability/coverage.ts';
import { fleetCharts } from '../engine/fleet-charts.ts';

/** This program's, among those that are asked. */
export const PROGRAM = crypto.randomUUID();

export interface Counted {
  readonly program: string;
  readonly coverage: CoverageData;
}

/** Counts of these from a system in this program are not the fleet's. */
const ofSystems = new Set([...fleetCharts, coordinatorMachine, supervisorMachine].map(hashOfChart));

export function counted(): Counted {
  const steps = fleetCharts.flatMap((machine) => countsFor(machine).charts());
  const bodies = coverageOfProgram().charts.filter(({ hash }) => !ofSystems.has(hash));
  return { program: PROGRAM, coverage: { version: 1, charts: [...steps, ...bodies] } };
}
