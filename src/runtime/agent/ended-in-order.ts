import type { AgentRecord } from './agent-record.ts';

/** Whether an agent ended gracefully: normally or by a stop, in time, with no task abandoned. Pure. */
export function endedInOrder({ status, abandoned, reason }: AgentRecord): boolean {
  const isOrdered = status === 'stopped' || status === 'completed';
  const why = typeof reason === 'object' && 'shutdown' in reason ? reason.shutdown : undefined;
  return isOrdered && why !== 'timed_out' && why !== 'killed' && abandoned.length === 0;
}
