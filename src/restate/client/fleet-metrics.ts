/** The metrics of a fleet, counted from its events by the programs that ask for them. Types of agents are looked up once. */
import type { Telemetry } from '../../runtime/observability/telemetry.ts';
import type { FleetAgents } from './fleet-agents.ts';
import type { FleetEvents } from './fleet-events.ts';

export interface FleetMetricsOptions {
  readonly telemetry: Telemetry;
  readonly agents: FleetAgents;
  readonly events: FleetEvents;
  readonly reportFault: (message: string, thrown: unknown) => void;
}

/**
 * Counts from now on. Returns how to stop.
 *
 * @throws AgentSystemError `AGENT_SPEC_INVALID` for an invalid meter
 */
export function countFleet({ telemetry, agents, events, reportFault }: FleetMetricsOptions): () => void {
  const types = new Map<string, string>();
  const counting = telemetry.count({
    typeOf: (agentId) => types.get(agentId),
    counts: () => agents.counts(),
  });
  if (counting === undefined) return () => undefined;
  const isKnown = agents.list().then(
    (records) => {
      for (const { id, type } of records) if (!types.has(id)) types.set(id, type);
    },
    (thrown: unknown) => reportFault('the types of agents could not be read', thrown),
  );
  const unsubscribe = events.subscribe((event) => {
    if (event.type === 'agent.registered') types.set(event.agentId, event.agentType);
    void isKnown.then(() => {
      counting.listener(event);
      if (event.type === 'agent.forgotten') types.delete(event.agentId);
    });
  });
  return () => {
    unsubscribe();
    counting.close();
  };
}
