/** Numbers, times and states as people read them. Pure. */
import type { AgentStatus } from '../src/machines/index.ts';
import type { AgentRow, Mark } from '../src/dashboard/protocol.ts';

/** In the order of their importance to a reader. */
export const STATUSES: readonly AgentStatus[] = [
  'running',
  'starting',
  'unresponsive',
  'stopping',
  'crashed',
  'completed',
  'stopped',
  'registered',
];

const whole = new Intl.NumberFormat('en');
const clockTime = new Intl.DateTimeFormat('en-GB', { hour: '2-digit', minute: '2-digit', second: '2-digit' });
const dayTime = new Intl.DateTimeFormat('en-GB', {
  day: 'numeric',
  month: 'short',
  hour: '2-digit',
  minute: '2-digit',
  second: '2-digit',
});
const NOTHING = '–';

/** `1,234`, `12.3`, `0.45`. */
export function number(value: number | undefined): string {
  if (value === undefined || !Number.isFinite(value)) return NOTHING;
  const size = Math.abs(value);
  if (size >= 100 || Number.isInteger(value)) return whole.format(Math.round(value));
  return value.toFixed(size >= 10 ? 1 : 2);
}

/** `1.2 k`, `3.4 M`: where there is little room. */
export function short(value: number): string {
  const size = Math.abs(value);
  if (size >= 1e6) return `${(value / 1e6).toFixed(1)} M`;
  if (size >= 1e4) return `${(value / 1e3).toFixed(size >= 1e5 ? 0 : 1)} k`;
  return number(value);
}

/** `12 ms`, `1.4 s`, `3 min`. */
export function latency(ms: number | undefined): string {
  if (ms === undefined) return NOTHING;
  if (ms < 0.01) return ms === 0 ? '0 ms' : '<0.01 ms';
  if (ms < 1) return `${ms.toFixed(2)} ms`;
  if (ms < 1_000) return `${ms < 10 ? ms.toFixed(1) : Math.round(ms)} ms`;
  return ms < 60_000 ? `${(ms / 1_000).toFixed(1)} s` : duration(ms);
}

/** `9 s`, `3 min 20 s`, `2 h 5 min`, `3 d 4 h`. */
export function duration(ms: number): string {
  const seconds = Math.max(0, Math.round(ms / 1_000));
  if (seconds < 60) return `${seconds} s`;
  const [minutes, hours, days] = [
    Math.floor(seconds / 60),
    Math.floor(seconds / 3_600),
    Math.floor(seconds / 86_400),
  ];
  if (minutes < 60) return two(minutes, 'min', seconds % 60, 's');
  if (hours < 24) return two(hours, 'h', minutes % 60, 'min');
  return two(days, 'd', hours % 24, 'h');
}

function two(large: number, unit: string, small: number, smallUnit: string): string {
  return small === 0 ? `${large} ${unit}` : `${large} ${unit} ${small} ${smallUnit}`;
}

export function ago(at: number, now: number): string {
  return now - at < 1_500 ? 'now' : `${duration(now - at)} ago`;
}

export function bytes(value: number | undefined): string {
  if (value === undefined) return NOTHING;
  const units = ['B', 'kB', 'MB', 'GB', 'TB'];
  const power = value < 1 ? 0 : Math.min(units.length - 1, Math.floor(Math.log10(value) / 3));
  const scaled = value / 1_000 ** power;
  return `${scaled >= 100 || power === 0 ? Math.round(scaled) : scaled.toFixed(1)} ${units[power]}`;
}

export function percent(share: number | undefined): string {
  if (share === undefined) return NOTHING;
  const value = share * 100;
  return `${value >= 10 || value === 0 ? Math.round(value) : value.toFixed(1)} %`;
}

export function time(at: number): string {
  return clockTime.format(at);
}

export function moment(at: number): string {
  return dayTime.format(at);
}

/** The inner part of a state's path, which the status does not say: `idle`, `asks a person · busy`, `waiting`. */
export function stateWords({
  state,
  status,
  questions,
}: Pick<AgentRow, 'state' | 'status' | 'questions'>): string {
  const inner = state
    .split('.')
    .filter((part) => !['alive', 'serving', status, 'coordinated'].includes(part))
    .toReversed()
    .map((part) => part.replaceAll(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`));
  if (questions !== undefined) inner.unshift('asks a person');
  return inner.join(' · ');
}

/** "back in 9 s, restart 3 of 5", or why it does not come back. */
export function returnWords(row: AgentRow, now: number): string | undefined {
  if (row.status !== 'crashed') return undefined;
  const { state, restartAt, recentRestarts, maxRestarts } = row;
  if (state === 'crashed.gaveUp') return `given up after ${maxRestarts} restarts`;
  if (state === 'crashed.awaitingOperator') return 'waits for an operator';
  if (state === 'crashed.queued') return 'its restart is due, and waits its turn';
  if (restartAt === undefined) return 'is not restarted';
  const due = restartAt <= now ? 'back at any moment' : `back in ${duration(restartAt - now)}`;
  return recentRestarts === undefined ? due : `${due}, restart ${recentRestarts} of ${maxRestarts}`;
}

const MARK_WORDS: Partial<Record<Mark['type'], string>> = {
  'agent.crashed': 'crashed',
  'agent.stopped': 'stopped',
  'agent.completed': 'completed',
  'agent.start_failed': 'did not start',
  'agent.gave_up': 'was given up',
  'agent.restart_scheduled': 'will be restarted',
  'agent.unresponsive': 'does not answer',
  'agent.recovered': 'answers again',
  'agent.forgotten': 'was forgotten',
  'agent.updated': 'spec changed',
  'leader.elected': 'leads',
  'alert.raised': 'alert',
  'alert.cleared': 'alert is over',
  'variable.changed': 'changed',
  'round.opened': 'round opened',
  'round.closed': 'round closed',
  'pool.scaled': 'resized',
  'coordination.lost': 'coordination is away',
  'coordination.restored': 'coordination is back',
  'store.degraded': 'the store fails',
  'store.recovered': 'the store is back',
  'operator.act': 'operator',
};

export function markWords({ type, alert }: Pick<Mark, 'type' | 'alert'>): string {
  const words = MARK_WORDS[type] ?? type;
  return alert === undefined ? words : `${words}: ${alert.replaceAll('_', ' ')}`;
}

/** How much a mark matters: what a reader's eye should stop at. */
export function markTone({ type }: Pick<Mark, 'type'>): 'bad' | 'warn' | 'good' | 'plain' | 'act' {
  switch (type) {
    case 'agent.crashed':
    case 'agent.gave_up':
    case 'agent.start_failed':
    case 'alert.raised':
    case 'store.degraded':
      return 'bad';
    case 'agent.unresponsive':
    case 'agent.restart_scheduled':
    case 'coordination.lost':
      return 'warn';
    case 'agent.recovered':
    case 'alert.cleared':
    case 'coordination.restored':
    case 'store.recovered':
      return 'good';
    case 'operator.act':
      return 'act';
    default:
      return 'plain';
  }
}

/** A value in one line. */
export function inline(value: unknown): string {
  const text = typeof value === 'string' ? JSON.stringify(value) : (JSON.stringify(value) ?? String(value));
  return text.length > 120 ? `${text.slice(0, 119)}…` : text;
}
