/** Tells one version of the fleet's code from another, by its charts. */
import { createHash } from 'node:crypto';
import { hashOfChart } from '../../runtime/engine/chart-hash.ts';
import { fleetCharts } from './fleet-charts.ts';

export function versionOfCharts(): string {
  const hashes = fleetCharts.map((chart) => hashOfChart(chart)).join(' ');
  return createHash('sha256').update(hashes).digest('hex').slice(0, 32);
}
