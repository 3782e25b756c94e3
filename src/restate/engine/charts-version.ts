/** Tells one version of the fleet's code from another: by the charts that are kept, or at work in a call. */
import { createHash } from 'node:crypto';
import type { AnyStateMachine } from 'xstate';
import {
  agentMachine,
  autoscalerMachine,
  budgetMachine,
  consensusMachine,
  poolMachine,
  quotaMachine,
} from '../../machines/index.ts';
import { hashOfChart } from '../../runtime/engine/chart-hash.ts';

const CHARTS: readonly AnyStateMachine[] = [
  agentMachine,
  autoscalerMachine,
  budgetMachine,
  consensusMachine,
  poolMachine,
  quotaMachine,
];

export function versionOfCharts(): string {
  const hashes = CHARTS.map(hashOfChart).join(' ');
  return createHash('sha256').update(hashes).digest('hex').slice(0, 32);
}
