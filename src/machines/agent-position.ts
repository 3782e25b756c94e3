/**
 * Where an agent's chart stands, in the words of the public API: its status, and what may be asked of it.
 *
 * Both are read from the chart's own definition, once per state, and kept: nothing is stored twice.
 */
import type { SnapshotFrom, StateNode } from 'xstate';
import { agentMachine } from './agent.ts';
import type { AgentLife, Paused } from './agent-life.ts';
import type { ExitReason } from './exit-reason.ts';
import type { Parked } from './quota.ts';
import type { AgentStatus } from './statuses.ts';

/** What may be asked of an agent; `execute` is a task. */
export type AgentCommand = 'start' | 'restart' | 'stop' | 'kill' | 'forget' | 'pause' | 'resume' | 'execute';

/** One state of the chart, as the public API speaks of it. */
export interface AgentPosition {
  /** Dotted path of the active leaf, as in `alive.serving.running.idle`. */
  readonly path: string;
  readonly status: AgentStatus;
  readonly legal: ReadonlySet<AgentCommand>;
  readonly isAlive: boolean;
  /** Whether it takes tasks, or will take them without anybody's help. */
  readonly comesBack: boolean;
}

type Value = SnapshotFrom<typeof agentMachine>['value'];
type Node = StateNode<never, never>;

/** What is shown of a life. Times are epoch ms. */
export interface ShownLife {
  /** Why the last body ended. */
  readonly reason?: ExitReason;
  /** When a waiting restart is due. */
  readonly restartAt?: number;
  /** When its latest incarnation started, epoch ms. */
  readonly startedAt?: number;
  /** When its latest incarnation ended, epoch ms. */
  readonly endedAt?: number;
  /** Set while it is paused: nothing new begins, in any status. */
  readonly paused?: Paused;
  /** Set while it runs and a limit is reached: what it waits for, and until when. Nothing new begins. */
  readonly parked?: Parked;
}

/** States of the chart in which a restart is on its way. */
const RESTARTING: ReadonlySet<string> = new Set(['crashed.deciding', 'crashed.waiting', 'crashed.queued']);

const positions = new Map<string, AgentPosition>();
/** Of agents that are paused. */
const pausedPositions = new Map<string, AgentPosition>();
/** Of an agent that is not paused; the one that was asked for last, for it is mostly the next one, too. */
let newest: AgentPosition | undefined;

/** The position of an agent whose snapshot has this value. Pure, constant time. */
export function positionOf(value: Value): AgentPosition {
  return positionAt(pathOf(value));
}

/** The position of an agent whose active state has this dotted path. Pure, constant time. */
export function positionAt(path: string, isPaused = false): AgentPosition {
  if (newest?.path === path && !isPaused) return newest;
  const known = isPaused ? pausedPositions : positions;
  let position = known.get(path);
  if (position === undefined) {
    position = read(path, isPaused);
    known.set(path, position);
  }
  if (!isPaused) newest = position;
  return position;
}

/** Whether an agent of this status has a body. Pure. */
export function hasBody(status: AgentStatus): boolean {
  return status === 'starting' || status === 'running' || status === 'unresponsive' || status === 'stopping';
}

/**
 * Adds to `shown` what an agent of this status shows of its life: the last end only once it has ended, a restart only
 * while one waits, a limit only while it runs. What it shows cannot be changed.
 */
export function showLife(
  shown: { -readonly [Field in keyof ShownLife]: ShownLife[Field] },
  { reason, restartAt, startedAt, endedAt, paused, parked }: Pick<AgentLife, keyof ShownLife>,
  status: AgentStatus,
): void {
  const isOver = !hasBody(status);
  const isServing = status === 'running' || status === 'unresponsive';
  if (reason !== undefined && isOver) shown.reason = reason;
  if (restartAt !== undefined && status === 'crashed') shown.restartAt = restartAt;
  if (startedAt !== undefined) shown.startedAt = startedAt;
  if (endedAt !== undefined && isOver) shown.endedAt = endedAt;
  if (paused !== undefined) shown.paused = Object.freeze(paused);
  if (parked !== undefined && isServing) shown.parked = Object.freeze(parked);
}

function pathOf(value: unknown): string {
  if (typeof value === 'string') return value;
  for (const key in value as Record<string, unknown>) {
    return `${key}.${pathOf((value as Record<string, unknown>)[key])}`;
  }
  return '';
}

function read(path: string, isPaused: boolean): AgentPosition {
  const legal = new Set<AgentCommand>();
  let node = agentMachine.root as unknown as Node;
  for (const key of path.split('.')) {
    node = node.states[key] as Node;
    // Not `ownEvents`: that leaves out commands that are allowed and change nothing, like a second stop.
    for (const event of node.transitions.keys() as Iterable<string>) {
      if (event.startsWith('agent.')) legal.add(event.slice('agent.'.length) as AgentCommand);
    }
  }
  // Only a paused agent can be resumed, and only another one paused. For an agent at rest no state tells which it is.
  legal.delete(isPaused ? 'pause' : 'resume');
  const status = statusOf(path);
  if (
    status === 'starting' ? path.endsWith('initializing') : status === 'running' || status === 'unresponsive'
  ) {
    legal.add('execute');
  }
  const comesBack = hasBody(status) ? !path.startsWith('alive.stopping') : RESTARTING.has(path);
  return Object.freeze({ path, status, legal, isAlive: hasBody(status), comesBack });
}

function statusOf(path: string): AgentStatus {
  if (path.startsWith('alive.starting')) return 'starting';
  if (path.startsWith('alive.serving.running')) return 'running';
  if (path.startsWith('alive.serving')) return 'unresponsive';
  if (path.startsWith('alive')) return 'stopping';
  return path.split('.')[0] as AgentStatus;
}
