/** A row of the live table, as the dashboard sends it. */
import type { AgentRow } from '../../src/dashboard/protocol.ts';

/** An agent that runs and is well, but for the given fields. */
export function agentRow(id: string, more: Partial<AgentRow> = {}): AgentRow {
  return {
    id,
    type: 'worker',
    status: 'running',
    state: 'alive.serving',
    incarnation: 1,
    isolation: 'in-process',
    capabilities: [],
    restarts: 0,
    maxRestarts: 5,
    restartPolicy: 'delayed',
    waiting: 0,
    running: 0,
    done: 0,
    failed: 0,
    health: 'healthy',
    alerts: [],
    ...more,
  };
}
