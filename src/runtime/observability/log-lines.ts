/** Events as log lines: what somebody should see is a warning or an error, the rest is there for debugging. */
import { type Level, type Logger, pino } from 'pino';
import { describeExit } from '../../machines/index.ts';
import type { SystemEvent, SystemEventType } from '../journal/system-event.ts';
import { givenLogger } from '../values/harmless-logger.ts';

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
  // It goes on by itself, and so do all that share its quota.
  'agent.parked': 'info',
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

/** Whether a logger writes lines of a level. */
interface Enabled {
  readonly isOn: boolean;
}

/** Of a logger of any make, which does not say when that changes. */
class Asked implements Enabled {
  readonly #logger: Logger;
  readonly #level: Level;

  constructor(logger: Logger, level: Level) {
    this.#logger = logger;
    this.#level = level;
  }

  get isOn(): boolean {
    return this.#logger.isLevelEnabled(this.#level);
  }
}

/** Of pino's own, which say when their level has changed: of each one listener, however many systems write to it. */
const ofPino = new WeakMap<Logger, Map<Level, { isOn: boolean }>>();

/** What logs the events of a type. */
export function logEvents(logger: Logger): (type: SystemEventType) => (event: SystemEvent) => void {
  return (type) => {
    const level = LEVELS[type] ?? 'debug';
    const log = logAt(logger, level, type);
    if (type !== 'task.unknown') return log;
    // One that runs again by itself asks nothing of anybody.
    const logRepeated = logAt(logger, 'info', type);
    return (event) => ('retry' in event && event.retry ? logRepeated : log)(event);
  };
}

function logAt(logger: Logger, level: Level, type: SystemEventType): (event: SystemEvent) => void {
  const enabled = enabledLevel(logger, level);
  return (event) => {
    if (enabled.isOn) logger[level](withoutBulk(event), type);
  };
}

function enabledLevel(logger: Logger, level: Level): Enabled {
  const given = givenLogger(logger);
  if (!(pino.symbols.setLevelSym in given)) return new Asked(logger, level);
  const levels = ofPino.get(given) ?? watchLevels(given, logger);
  let enabled = levels.get(level);
  if (enabled === undefined) levels.set(level, (enabled = { isOn: logger.isLevelEnabled(level) }));
  return enabled;
}

function watchLevels(given: Logger, logger: Logger): Map<Level, { isOn: boolean }> {
  const levels = new Map<Level, { isOn: boolean }>();
  ofPino.set(given, levels);
  given.on('level-change', () => {
    for (const [level, enabled] of levels) enabled.isOn = logger.isLevelEnabled(level);
  });
  return levels;
}

/** Bulk, and what may be private (docs/security.md). */
const LEFT_OUT = ['life', 'spec', 'manifest', 'input', 'output', 'answer'];

function withoutBulk(event: SystemEvent): object {
  const { type: _, ...fields } = event;
  const line: Record<string, unknown> = { ...fields };
  for (const name of LEFT_OUT) delete line[name];
  if ('reason' in event) line['reason'] = describeExit(event.reason);
  if (event.type === 'agent.updated') line['changes'] = event.changes.map(({ field }) => field);
  if (event.type === 'schedule.set') line['task'] = event.task.type;
  return line;
}
