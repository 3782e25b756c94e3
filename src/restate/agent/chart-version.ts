/**
 * Which chart a snapshot is of, and what becomes of one that another version of the code finds.
 *
 * Objects take new code at their next event, so a snapshot carries the identity of its chart. Under another chart an agent
 * goes on from what its last event told, which every version understands that knows the places in it.
 */
import type { AgentLife } from '../../machines/index.ts';
import { chartIdentities } from '../../runtime/engine/chart-identity.ts';
import { AgentSystemError } from '../../runtime/values/errors.ts';

/** Where its last event said that a life is. */
export type KnownPlace = Pick<AgentLife, 'at' | 'startedFrom'>;

/** A snapshot, as far as its chart matters. */
export interface Charted {
  readonly agentId: string;
  readonly chart: string;
  /** `undefined` for one that was never started. */
  readonly known: KnownPlace | undefined;
  readonly hasBody: boolean;
}

/**
 * `same`: it is of this very chart. `resumed`: it has no body, and goes on from its last event, as in a recovery.
 * `kept`: it has a body, which works on, and goes on from its last event. `refused`: that told of a place that this chart
 * does not have.
 */
export type ChartVerdict = 'same' | 'resumed' | 'kept' | 'refused';

/** All places of a life, and whether it has a body there. */
const PLACES: Readonly<Record<AgentLife['at'], boolean>> = {
  registered: false,
  stopped: false,
  completed: false,
  waiting: false,
  awaitingOperator: false,
  gaveUp: false,
  leftDown: false,
  starting: true,
  serving: true,
  stopping: true,
};

export function agentChartHash(): string {
  return chartIdentities().find(({ name }) => name === 'chart:agent')!.hash;
}

/** Pure. */
export function verdictOn({ chart, known, hasBody }: Charted): ChartVerdict {
  if (chart === agentChartHash()) return 'same';
  if (known === undefined) return 'resumed';
  const { at, startedFrom } = known;
  if (!isPlace(at) || (startedFrom !== 'restart' && !isPlace(startedFrom))) return 'refused';
  if (!hasBody) return 'resumed';
  return PLACES[at] ? 'kept' : 'refused';
}

function isPlace(name: string): boolean {
  return Object.hasOwn(PLACES, name);
}

export function chartRefusal({ agentId, chart, known }: Charted): AgentSystemError {
  const place = known === undefined ? '' : `, at ${known.at}, started from ${known.startedFrom}`;
  const message = `agent ${agentId}: its snapshot is of chart ${chart}${place}; this code has chart ${agentChartHash()}, which has no such place: run the code that it was made by until its body has ended`;
  const details = { chart, wanted: agentChartHash(), known };
  return new AgentSystemError('STORE_FAILED', message, { agentId, details });
}
