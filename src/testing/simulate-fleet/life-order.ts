/**
 * Which event of an agent's life may follow which, within one program: a table written by hand, independent of the chart.
 *
 * The judge of simulated fleets and the laws of the fleet walks in the tests read it.
 */
import type { SystemEventType } from '../../runtime/journal/system-event.ts';

export const LIFE_ORDER: Partial<Record<SystemEventType, readonly SystemEventType[]>> = {
  'agent.registered': ['agent.starting', 'agent.forgotten'],
  'agent.starting': [
    'agent.started',
    'agent.start_failed',
    'agent.stopping',
    'agent.stopped',
    'agent.crashed',
  ],
  'agent.started': [
    'agent.unresponsive',
    'agent.stopping',
    'agent.stopped',
    'agent.completed',
    'agent.crashed',
  ],
  'agent.unresponsive': ['agent.recovered', 'agent.stopping', 'agent.stopped', 'agent.crashed'],
  'agent.recovered': ['agent.unresponsive', 'agent.stopping', 'agent.stopped', 'agent.crashed'],
  'agent.stopping': ['agent.stopped', 'agent.completed', 'agent.crashed'],
  'agent.start_failed': ['agent.starting', 'agent.crashed', 'agent.restart_scheduled', 'agent.forgotten'],
  'agent.crashed': ['agent.restart_scheduled', 'agent.gave_up', 'agent.starting', 'agent.forgotten'],
  'agent.restart_scheduled': ['agent.starting', 'agent.stopped', 'agent.forgotten'],
  'agent.gave_up': ['agent.starting', 'agent.forgotten'],
  'agent.stopped': ['agent.starting', 'agent.forgotten'],
  'agent.completed': ['agent.starting', 'agent.forgotten'],
  'agent.forgotten': ['agent.registered'],
};
