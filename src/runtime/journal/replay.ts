/**
 * An agent's life from its events alone, step by step. Pure.
 *
 * Each step says of the agent what its record said after that event. A history whose beginning is gone begins with
 * the first event that tells of the life; its tasks are counted from there.
 */
import { type AgentLife, type AgentStatus, showLife, type ShownLife } from '../../machines/index.ts';
import type { SystemEvent } from './system-event.ts';

/** An agent as it was after one event of its life; fields are as in `AgentRecord`. */
export interface LifeStep extends ShownLife {
  readonly sequence: number;
  readonly at: number;
  readonly type: SystemEvent['type'];
  readonly status: AgentStatus | 'forgotten';
  readonly incarnation: number;
  readonly restarts: number;
  readonly abandoned: readonly string[];
  readonly tasks: TaskCounts;
}

export interface TaskCounts {
  readonly done: number;
  readonly failed: number;
  readonly timedOut: number;
  readonly abandoned: number;
}

const NO_TASKS: TaskCounts = { done: 0, failed: 0, timedOut: 0, abandoned: 0 };

/** Events that count a task, and as what. */
const COUNTS: Partial<Record<SystemEvent['type'], keyof TaskCounts>> = {
  'task.completed': 'done',
  'task.failed': 'failed',
  'task.timed_out': 'timedOut',
  'task.abandoned': 'abandoned',
};

/** The step after `event`, or `undefined` where it says nothing of the life. */
export function stepOf(before: LifeStep | undefined, event: SystemEvent): LifeStep | undefined {
  const counted = COUNTS[event.type];
  if (counted !== undefined) {
    if (before === undefined) return undefined;
    const tasks = { ...before.tasks, [counted]: before.tasks[counted] + 1 };
    return { ...before, ...stampOf(event), tasks };
  }
  if (event.type === 'agent.registered') return registered(event);
  if (event.type === 'agent.updated') return before && { ...before, ...stampOf(event) };
  if (event.type === 'agent.forgotten')
    return before && { ...before, ...stampOf(event), status: 'forgotten' };
  if (!('life' in event)) return undefined;
  const { life } = event;
  const status = statusAfter(event.type, life);
  const step: LifeStep = {
    ...stampOf(event),
    status,
    incarnation: life.incarnation,
    restarts: life.restarts,
    abandoned:
      'abandoned' in event
        ? event.abandoned
        : event.type === 'agent.starting'
          ? []
          : (before?.abandoned ?? []),
    tasks: before?.tasks ?? NO_TASKS,
  };
  showLife(step, life, status);
  return step;
}

function registered(event: Extract<SystemEvent, { type: 'agent.registered' }>): LifeStep {
  return {
    ...stampOf(event),
    status: 'registered',
    incarnation: 0,
    restarts: 0,
    abandoned: [],
    tasks: NO_TASKS,
  };
}

function stampOf({ sequence, at, type }: SystemEvent) {
  return { sequence, at, type };
}

function statusAfter(type: SystemEvent['type'], { at }: AgentLife): AgentStatus {
  switch (at) {
    case 'registered':
    case 'stopped':
    case 'completed':
    case 'starting':
    case 'stopping':
      return at;
    case 'serving':
      return type === 'agent.unresponsive' ? 'unresponsive' : 'running';
    default:
      return 'crashed';
  }
}
