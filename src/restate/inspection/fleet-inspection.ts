/**
 * Shows an inspector the life of each agent of a fleet: the state after each of its events.
 *
 * I1  Between two reads of an agent there may have been several steps: only the newest is shown.
 * I2  Only agents with a new event are read, some at a time.
 */
import { agentMachine } from '../../machines/index.ts';
import type { ChartObservation } from '../../runtime/engine/chart.ts';
import { AgentSystemError } from '../../runtime/values/errors.ts';
import type { FleetAgents, PlacedRecord } from './fleet-agents.ts';
import type { FleetEvents } from './fleet-events.ts';

const AT_ONCE = 8;

export interface FleetInspectionOptions {
  readonly agents: FleetAgents;
  readonly events: FleetEvents;
  readonly observe: (told: ChartObservation) => unknown;
  readonly reportFault: (message: string, thrown: unknown) => void;
}

/** Shows all agents and follows them. Returns a function that stops it. */
export function inspectFleet({ agents, events, observe, reportFault }: FleetInspectionOptions): () => void {
  const charts = new Map<string, object>();
  /** The newest event of each agent that is to be read. */
  const due = new Map<string, string>();
  let isAsking = false;
  const over = new AbortController();
  const { signal } = over;

  const show = (record: PlacedRecord, event: string): void => {
    const known = charts.get(record.id);
    const chart = known ?? {};
    charts.set(record.id, chart);
    observe(observationOf(record, known === undefined ? 'started' : 'stepped', { chart, event }));
  };
  const end = (id: string, event: string): void => {
    const chart = charts.get(id);
    charts.delete(id);
    if (chart !== undefined) observe(endOf(id, { chart, event }));
  };
  const ask = async ([id, event]: readonly [string, string]): Promise<void> => {
    try {
      const record = await agents.get(id);
      if (!signal.aborted) show(record, event);
    } catch (thrown) {
      if (thrown instanceof AgentSystemError && thrown.code === 'AGENT_NOT_FOUND') end(id, event);
      else if (!signal.aborted) reportFault('an agent could not be shown', thrown);
    }
  };
  const askAll = async (): Promise<void> => {
    if (isAsking) return;
    isAsking = true;
    while (due.size > 0 && !signal.aborted) {
      const some = [...due].slice(0, AT_ONCE);
      for (const [id] of some) due.delete(id);
      await Promise.all(some.map(ask));
    }
    isAsking = false;
  };

  const unsubscribe = events.subscribe(({ agentId, type }) => {
    if (agentId === undefined || type === 'agent.state_saved') return;
    due.set(agentId, type);
    void askAll();
  });
  agents.list().then(
    (records) => {
      for (const record of records)
        if (!signal.aborted && !charts.has(record.id)) show(record, 'xstate.init');
    },
    (thrown: unknown) => {
      if (!signal.aborted) reportFault('the agents could not be listed', thrown);
    },
  );
  return () => {
    over.abort();
    unsubscribe();
  };
}

interface Step {
  readonly chart: object;
  readonly event: string;
}

function observationOf(
  record: PlacedRecord,
  type: ChartObservation['type'],
  { chart, event }: Step,
): ChartObservation {
  const { id, incarnation, restarts, status, node, restartAt, reason, paused, parked } = record;
  const context = { id, incarnation, status, restarts, node, restartAt, reason, paused, parked };
  return {
    type,
    chart,
    definition: agentMachine,
    snapshot: { status: 'active', value: valueOf(record.state), context } as never,
    event: { type: event },
  };
}

function endOf(id: string, { chart, event }: Step): ChartObservation {
  const snapshot = { status: 'done', value: 'forgotten', context: { id } } as never;
  return { type: 'ended', chart, definition: agentMachine, snapshot, event: { type: event } };
}

/** `alive.serving` as a chart has it. */
function valueOf(path: string): unknown {
  const [first = '', ...rest] = path.split('.');
  return rest.length === 0 ? first : { [first]: valueOf(rest.join('.')) };
}
