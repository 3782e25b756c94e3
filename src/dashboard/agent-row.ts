/** One agent's record as a row of a list. Pure. */
import { describeExit } from '../machines/index.ts';
import type { AgentRecord, AlertType, SystemEvent } from '../index.ts';
import type { WatchedRecord } from './watched-system.ts';
import type { AgentRow } from './protocol.ts';

/** What the events of an agent say that its record does not. */
export interface Noted {
  readonly lastError?: NonNullable<AgentRow['lastError']>;
  readonly recentRestarts?: number;
}

export interface RowParts {
  readonly noted: Noted | undefined;
  readonly alerts: readonly AlertType[];
  readonly cpuShare: number | undefined;
  /** Open questions of its tasks. */
  readonly questions: number;
}

const MAX_ERROR_TEXT = 200;

export function rowOf(record: WatchedRecord, { noted, alerts, cpuShare, questions }: RowParts): AgentRow {
  const { metrics, spec, restartAt, startedAt, endedAt, paused, parked } = record;
  const { memoryBytes, latencyMs, done, failed, timedOut, abandoned } = metrics;
  const lastError = lastErrorOf(record, noted);
  return {
    id: record.id,
    type: record.type,
    status: record.status,
    state: record.state,
    incarnation: record.incarnation,
    isolation: record.isolation,
    ...(record.node === undefined ? {} : { node: record.node }),
    ...(spec.pool === undefined ? {} : { pool: spec.pool }),
    ...(spec.parent === undefined ? {} : { parent: spec.parent.id }),
    capabilities: record.capabilities,
    restarts: record.restarts,
    ...(noted?.recentRestarts === undefined ? {} : { recentRestarts: noted.recentRestarts }),
    maxRestarts: spec.restart.maxRestarts,
    restartPolicy: spec.restart.policy,
    ...(restartAt === undefined ? {} : { restartAt }),
    ...(startedAt === undefined ? {} : { startedAt }),
    ...(endedAt === undefined ? {} : { endedAt }),
    ...(paused === undefined ? {} : { paused }),
    ...(parked === undefined ? {} : { parked: { until: parked.until, why: oneLine(parked.why) } }),
    ...(questions === 0 ? {} : { questions }),
    waiting: metrics.waiting,
    running: metrics.running,
    done,
    failed: failed + timedOut + abandoned,
    ...(done + failed + timedOut === 0
      ? {}
      : { latencyMs: { last: rounded(latencyMs.last), mean: rounded(latencyMs.mean) } }),
    ...(memoryBytes === undefined ? {} : { memoryBytes }),
    ...(cpuShare === undefined ? {} : { cpuShare: rounded(cpuShare) }),
    health: record.health.status,
    ...(lastError === undefined ? {} : { lastError }),
    alerts,
  };
}

/** What an event adds to it, if anything. */
export function notedFrom(event: SystemEvent): Noted | undefined {
  switch (event.type) {
    case 'task.failed': {
      const { name, message } = event.error;
      return { lastError: { at: event.at, text: oneLine(`${event.task}: ${name}: ${message}`) } };
    }
    case 'agent.crashed':
    case 'agent.start_failed':
      return { lastError: { at: event.at, text: oneLine(describeExit(event.reason)) } };
    case 'agent.restart_scheduled':
      return { recentRestarts: event.life.history.recent.length };
    default:
      return undefined;
  }
}

export function oneLine(text: string): string {
  const line = text.replaceAll(/\s+/g, ' ').trim();
  return line.length <= MAX_ERROR_TEXT ? line : `${line.slice(0, MAX_ERROR_TEXT - 1)}…`;
}

function lastErrorOf(
  { status, reason, endedAt }: AgentRecord,
  noted: Noted | undefined,
): AgentRow['lastError'] {
  if (noted?.lastError) return noted.lastError;
  if (status !== 'crashed' || reason === undefined) return undefined;
  return { at: endedAt ?? 0, text: oneLine(describeExit(reason)) };
}

/** Rounded to hundredths. */
function rounded(value: number): number {
  return Math.round(value * 100) / 100;
}
