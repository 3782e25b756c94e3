/**
 * The hash by which one version of a chart is told from another: of its states, transitions, guards, actions and delays,
 * and not of the descriptions that states and transitions have.
 *
 * Loads neither XState nor a chart: children hash the charts of their agents.
 */
import { createHash } from 'node:crypto';
import type { AnyStateMachine } from 'xstate';

const hashes = new WeakMap<AnyStateMachine, string>();

export function hashOfChart(machine: AnyStateMachine): string {
  let hash = hashes.get(machine);
  if (hash === undefined) {
    const text = JSON.stringify(machine.definition, withoutDescriptions);
    hash = createHash('sha256').update(text).digest('hex').slice(0, 32);
    hashes.set(machine, hash);
  }
  return hash;
}

/** In XState's definitions states have an `order`, and transitions an `eventType`; nothing else that is described does. */
function withoutDescriptions(this: unknown, key: string, value: unknown): unknown {
  const isOfChart = key === 'description' && ('order' in (this as object) || 'eventType' in (this as object));
  return isOfChart ? undefined : value;
}
