/**
 * Tells one version of a chart from another, by a hash of its states, transitions, guards, actions and delays: it is
 * kept in the store, so that a program which finds another one there can say so.
 */
import { createHash } from 'node:crypto';
import type { AnyStateMachine } from 'xstate';
import { agentMachine, supervisorMachine } from '../../machines/index.ts';

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

const hashes = new WeakMap<AnyStateMachine, string>();

export function hashOfChart(machine: AnyStateMachine): string {
  let hash = hashes.get(machine);
  if (hash === undefined) {
    hash = createHash('sha256').update(JSON.stringify(machine.definition)).digest('hex').slice(0, 32);
    hashes.set(machine, hash);
  }
  return hash;
}
