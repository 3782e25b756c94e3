/** The versions of the charts whose lives are kept in a store, so that a program which finds another one there can say so. */
import type { AnyStateMachine } from 'xstate';
import { agentMachine, supervisorMachine } from '../../machines/index.ts';
import { hashOfChart } from './chart-hash.ts';

export interface ChartIdentity {
  readonly name: string;
  readonly hash: string;
}

let known: readonly ChartIdentity[] | undefined;

/** The charts whose lives a store keeps. */
export function chartIdentities(): readonly ChartIdentity[] {
  known ??= [agentMachine, supervisorMachine].map((machine: AnyStateMachine) => ({
    name: `chart:${machine.id}`,
    hash: hashOfChart(machine),
  }));
  return known;
}
