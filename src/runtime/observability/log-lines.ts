/** Events as log lines: what somebody should see is a warning or an error, the rest is there for debugging. */
import type { Level, Logger } from 'pino';
import { describeExit } from '../../machines/index.ts';
import type { SystemEvent, SystemEventType } from '../journal/system-event.ts';

const LEVELS: Partial<Record<SystemEventType, Level>> = {
  'agent.start_failed': 'warn',
  'agent.unresponsive': 'warn',
  'agent.crashed': 'warn',
  'agent.gave_up': 'error',
  'alert.raised': 'warn',
  'agent.started': 'info',
  'agent.recovered': 'info',
  'agent.pausing': 'info',
  'agent.paused': 'info',
  'agent.resumed': 'info',
  'agent.parked': 'warn',
  'agent.unparked': 'info',
  'agent.stopped': 'info',
  'agent.completed': 'info',
  'agent.restart_scheduled': 'info',
  'round.closed': 'info',
  'leader.elected': 'info',
  'coordination.lost': 'warn',
  'coordination.restored': 'info',
  'pool.scaled': 'info',
  'task.stalled': 'warn',
  'task.timed_out': 'warn',
  'task.unknown': 'warn',
  'budget.refilled': 'info',
  'quota.lifted': 'info',
  'store.degraded': 'error',
  'store.recovered': 'info',
};

/** What logs the events of a type. */
export function logEvents(logger: Logger): (type: SystemEventType) => (event: SystemEvent) => void {
  return (type) => {
    const level = LEVELS[type] ?? 'debug';
    return (event) => {
      if (logger.isLevelEnabled(level)) logger[level](withoutBulk(event), type);
    };
  };
}

function withoutBulk(event: SystemEvent): object {
  const { type: _, ...fields } = event;
  const line: Record<string, unknown> = { ...fields };
  for (const bulk of ['life', 'spec', 'manifest', 'input']) delete line[bulk];
  if ('reason' in event) line['reason'] = describeExit(event.reason);
  return line;
}
