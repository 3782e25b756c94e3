/**
 * The hash by which one version of a chart is told from another: of its states, transitions, guards, actions and delays.
 *
 * Loads neither XState nor a chart: children hash the charts of their agents.
 */
import { createHash } from 'node:crypto';
import type { AnyStateMachine } from 'xstate';

const hashes = new WeakMap<AnyStateMachine, string>();

export function hashOfChart(machine: AnyStateMachine): string {
  let hash = hashes.get(machine);
  if (hash === undefined) {
    hash = createHash('sha256').update(JSON.stringify(machine.definition)).digest('hex').slice(0, 32);
    hashes.set(machine, hash);
  }
  return hash;
}
