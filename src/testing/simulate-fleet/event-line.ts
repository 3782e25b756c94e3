/** An event as a line of a report. */
import type { SystemEvent } from '../../runtime/journal/system-event.ts';

export function inLine(event: SystemEvent): string {
  const { sequence, type, agentId, incarnation } = event;
  const of = agentId === undefined ? '' : ` ${agentId}${incarnation === undefined ? '' : `/${incarnation}`}`;
  const task = 'taskId' in event ? ` ${event.taskId}` : '';
  const round = 'roundId' in event ? ` ${event.roundId}` : '';
  const name = 'name' in event && 'version' in event ? ` ${event.name} v${event.version}` : '';
  const reason =
    'reason' in event
      ? ` ${typeof event.reason === 'string' ? event.reason : JSON.stringify(event.reason)}`
      : '';
  return `#${sequence} ${type}${of}${task}${round}${name}${reason.slice(0, 80)}`;
}
