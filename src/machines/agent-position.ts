/**
 * Where an agent's chart stands, in the words of the public API: its status, and what may be asked of it.
 *
 * Both are read from the chart's own definition, once per state, and kept: nothing is stored twice.
 */
import type { SnapshotFrom, StateNode } from 'xstate';
import { agentMachine } from './agent.ts';

export const agentStatuses = [
  'registered',
  'starting',
  'running',
  'unresponsive',
  'stopping',
  'crashed',
  'stopped',
  'completed',
] as const;
export type AgentStatus = (typeof agentStatuses)[number];

/** What may be asked of an agent; `execute` is a task. */
export type AgentCommand = 'start' | 'restart' | 'stop' | 'kill' | 'forget' | 'execute';

/** One state of the chart, as the public API speaks of it. */
export interface AgentPosition {
  /** Dotted path of the active leaf, as in `alive.serving.running.idle`. */
  readonly path: string;
  readonly status: AgentStatus;
  readonly legal: ReadonlySet<AgentCommand>;
  readonly isAlive: boolean;
}

type Value = SnapshotFrom<typeof agentMachine>['value'];
type Node = StateNode<never, never>;

const positions = new Map<string, AgentPosition>();

/** The position of an agent whose snapshot has this value. Pure, constant time. */
export function positionOf(value: Value): AgentPosition {
  const path = pathOf(value);
  let position = positions.get(path);
  if (position === undefined) {
    position = read(path);
    positions.set(path, position);
  }
  return position;
}

function pathOf(value: unknown): string {
  if (typeof value === 'string') return value;
  for (const key in value as Record<string, unknown>) {
    return `${key}.${pathOf((value as Record<string, unknown>)[key])}`;
  }
  return '';
}

function read(path: string): AgentPosition {
  const legal = new Set<AgentCommand>();
  let node = agentMachine.root as unknown as Node;
  for (const key of path.split('.')) {
    node = node.states[key] as Node;
    // Not `ownEvents`: it leaves out what is allowed and changes nothing, as a second stop.
    for (const event of node.transitions.keys() as Iterable<string>) {
      if (event.startsWith('agent.')) legal.add(event.slice('agent.'.length) as AgentCommand);
    }
  }
  const isAlive = path.startsWith('alive.');
  const status = statusOf(path);
  if (
    status === 'starting' ? path.endsWith('initializing') : status === 'running' || status === 'unresponsive'
  ) {
    legal.add('execute');
  }
  return { path, status, legal, isAlive };
}

function statusOf(path: string): AgentStatus {
  if (path.startsWith('alive.starting')) return 'starting';
  if (path.startsWith('alive.serving.running')) return 'running';
  if (path.startsWith('alive.serving')) return 'unresponsive';
  if (path.startsWith('alive')) return 'stopping';
  return path.split('.')[0] as AgentStatus;
}
