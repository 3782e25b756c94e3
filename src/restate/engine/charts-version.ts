/** Tells one version of the fleet's code from another, by its charts and its steps. */
import { createHash } from 'node:crypto';
import { hashOfChart } from '../../runtime/engine/chart-hash.ts';
import { fleetCharts } from './fleet-charts.ts';

/** Raised with every change of what a step asks of the engine, and in which order: a call in flight ends as it began. */
const STEPS = 2;

export function versionOfCharts(): string {
  const hashes = fleetCharts.map((chart) => hashOfChart(chart)).join(' ');
  return createHash('sha256').update(`${STEPS} ${hashes}`).digest('hex').slice(0, 32);
}
