/** Where a task stands, in a glyph and in words. */
import type { ShownTask } from '../../src/dashboard/protocol.ts';
import type { TaskStatus } from '../../src/index.ts';
import type { AgentStatus } from '../../src/machines/index.ts';
import { ago, duration } from '../words.ts';
import { Glyph } from './glyph.tsx';

/** A task has the shape of an agent in the corresponding state. */
const SHAPES: Readonly<Record<TaskStatus, AgentStatus>> = {
  waiting: 'registered',
  running: 'running',
  parked: 'stopping',
  waiting_for_input: 'unresponsive',
  done: 'completed',
  failed: 'crashed',
  timed_out: 'crashed',
  abandoned: 'crashed',
  unknown: 'crashed',
  cancelled: 'stopped',
};

export function TaskGlyph({ task: { status, stalledAt } }: { readonly task: ShownTask }) {
  return <Glyph status={stalledAt === undefined || status !== 'running' ? SHAPES[status] : 'unresponsive'} />;
}

export function StatusGlyph({ status }: { readonly status: TaskStatus }) {
  return <Glyph status={SHAPES[status]} />;
}

export function statusWords(status: TaskStatus): string {
  return status === 'waiting_for_input' ? 'waits for a person' : status.replaceAll('_', ' ');
}

/** "runs for 12 min", "back in 9 min", "failed 3 min ago". */
export function taskWords(task: ShownTask, now: number): string {
  const { status, acceptedAt, startedAt, endedAt, stalledAt, parked, dueAt, attempts } = task;
  switch (status) {
    case 'running': {
      const runs = `runs for ${duration(now - (startedAt ?? acceptedAt))}`;
      return stalledAt === undefined ? runs : `stalled for ${duration(now - stalledAt)}, ${runs}`;
    }
    case 'waiting':
      if (dueAt === undefined) return `waits for ${duration(now - acceptedAt)}`;
      return attempts === 0 ? `due ${until(dueAt, now)}` : `attempt ${attempts + 1} ${until(dueAt, now)}`;
    case 'parked':
      return parked === undefined ? 'parked' : `parked, back ${until(parked.until, now)}`;
    case 'waiting_for_input':
      return `waits for a person since ${duration(now - (startedAt ?? acceptedAt))}`;
    default:
      return `${statusWords(status)} ${ago(endedAt ?? acceptedAt, now)}`;
  }
}

export function isLost({ status }: ShownTask): boolean {
  return status === 'failed' || status === 'timed_out' || status === 'abandoned' || status === 'unknown';
}

function until(at: number, now: number): string {
  return at <= now ? 'at any moment' : `in ${duration(at - now)}`;
}
