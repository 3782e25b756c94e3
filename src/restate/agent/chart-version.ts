/**
 * Which chart a snapshot is of, and what becomes of one that another version of the code finds.
 *
 * Objects take new code at their next event, so a snapshot carries the identity of its chart.
 */
import type { AnyStateMachine } from 'xstate';
import { agentMachine } from '../../machines/index.ts';
import { chartIdentities } from '../../runtime/engine/chart-identity.ts';
import { AgentSystemError } from '../../runtime/values/errors.ts';

/** A snapshot, as far as its chart matters. */
export interface Charted {
  readonly agentId: string;
  readonly chart: string;
  /** Ids of its active states. */
  readonly active: readonly string[];
  readonly hasBody: boolean;
}

/**
 * `same`: it is of this very chart. `resumed`: it has no body, and goes on from its last event, as in a recovery.
 * `kept`: it has a body, and stands where this chart has a place, too. `refused`: it stands where this chart has none.
 */
export type ChartVerdict = 'same' | 'resumed' | 'kept' | 'refused';

let ids: ReadonlySet<string> | undefined;

export function agentChartHash(): string {
  return chartIdentities().find(({ name }) => name === 'chart:agent')!.hash;
}

/** Pure. */
export function verdictOn({ chart, active, hasBody }: Charted): ChartVerdict {
  if (chart === agentChartHash()) return 'same';
  if (!hasBody) return 'resumed';
  ids ??= idsOf((agentMachine as AnyStateMachine).root);
  return active.every((id) => ids!.has(id)) ? 'kept' : 'refused';
}

export function chartRefusal({ agentId, chart, active }: Charted): AgentSystemError {
  const message = `agent ${agentId}: its snapshot is of chart ${chart}, at ${active.at(-1)}; this code has chart ${agentChartHash()}, which has no such place: run the code that it was made by until its body has ended`;
  const details = { chart, wanted: agentChartHash(), active };
  return new AgentSystemError('STORE_FAILED', message, { agentId, details });
}

function idsOf(node: AnyStateMachine['root']): ReadonlySet<string> {
  const found = new Set<string>([node.id]);
  for (const child of Object.values(node.states)) for (const id of idsOf(child)) found.add(id);
  return found;
}
