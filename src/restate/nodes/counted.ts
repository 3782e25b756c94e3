/**
 * The chart coverage of one program, reported once however many nodes and fleets it has.
 *
 * Only charts that its bodies run are counted. The charts of lives, pools, limits and rounds take their steps as data, at
 * the node that answers for the fleet, and are not.
 */
import {
  agentMachine,
  autoscalerMachine,
  budgetMachine,
  consensusMachine,
  coordinatorMachine,
  poolMachine,
  quotaMachine,
  supervisorMachine,
} from '../../machines/index.ts';
import { hashOfChart } from '../../runtime/engine/chart-hash.ts';
import { type CoverageData, coverageOfProgram } from '../../runtime/observability/coverage.ts';

/** This program's, among those that are asked. */
export const PROGRAM = crypto.randomUUID();

export interface Counted {
  readonly program: string;
  readonly coverage: CoverageData;
}

const uncounted = [
  agentMachine,
  autoscalerMachine,
  budgetMachine,
  consensusMachine,
  coordinatorMachine,
  poolMachine,
  quotaMachine,
  supervisorMachine,
];

export function counted(): Counted {
  const hashes = new Set(uncounted.map(hashOfChart));
  const charts = coverageOfProgram().charts.filter(({ hash }) => !hashes.has(hash));
  return { program: PROGRAM, coverage: { version: 1, charts } };
}
