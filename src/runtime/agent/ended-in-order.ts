import type { AgentRecord } from './agent-record.ts';

/** Whether an agent's end left nothing undone: asked for or of its own, in time, with no task abandoned. Pure. */
export function endedInOrder({ status, abandoned, reason }: AgentRecord): boolean {
  const isOrdered = status === 'stopped' || status === 'completed';
  const why = typeof reason === 'object' && 'shutdown' in reason ? reason.shutdown : undefined;
  return isOrdered && why !== 'timed_out' && why !== 'killed' && abandoned.length === 0;
}
