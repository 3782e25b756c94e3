/** The charts that a fleet drives by pure steps: what is kept of it, or at work in a call, is theirs. */
import {
  agentMachine,
  autoscalerMachine,
  budgetMachine,
  consensusMachine,
  poolMachine,
  quotaMachine,
} from '../../machines/index.ts';

export const fleetCharts = [
  agentMachine,
  autoscalerMachine,
  budgetMachine,
  consensusMachine,
  poolMachine,
  quotaMachine,
] as const;
