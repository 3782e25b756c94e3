/**
 * One agent as its virtual object keeps it: its chart's snapshot, the table of its deadlines, its tasks and who waits.
 *
 * All of it is data (wire.ts). What may be large is kept beside it, under keys of its own: the saved state, and the
 * inputs of tasks that wait.
 */
import type {
  AgentLife,
  agentMachine,
  AgentPosition,
  ErrorInfo,
  ExitReason,
  Isolation,
  ParsedAgentSpec,
} from '../machines/index.ts';
import { positionAt, positionOf } from '../machines/index.ts';
import { type AgentRecord, ShownRecord } from '../runtime/agent/agent-record.ts';
import type { KeptSpec } from '../runtime/agent/agent-services.ts';
import type { HealthReport } from '../runtime/agent/liveness.ts';
import type { AgentManifest } from '../runtime/definition/manifest.ts';
import type { PlainSnapshot } from '../runtime/engine/pure-step.ts';
import type { Usage } from '../runtime/hosting/host.ts';
import type { ErrorCode } from '../runtime/values/errors.ts';
import type { Alert } from '../runtime/observability/alerts.ts';
import type { Placement } from './placement.ts';

/** A deadline of the chart. `order` decides between those that are due at the same moment. */
export interface ArmedDeadline {
  readonly id: string | undefined;
  /** Epoch ms. */
  readonly dueAt: number;
  readonly order: number;
  readonly event: { readonly type: string };
}

/** The living body: where it is, and how far both sides have heard of each other. */
export interface Seat {
  readonly node: string;
  readonly incarnation: number;
  /** Number of the last message that it was sent, and of the last report that was taken. */
  told: number;
  heard: number;
}

/** How a task that was submitted has ended; kept until it is forgotten, or crowded out by newer ones. */
export interface EndedTask {
  readonly id: string;
  readonly task: string;
  readonly status: 'done' | 'failed' | 'timed_out' | 'abandoned' | 'cancelled' | 'unknown';
  readonly attempts: number;
  readonly acceptedAt: number;
  readonly startedAt?: number | undefined;
  readonly endedAt: number;
  readonly output?: unknown;
  readonly error?: ErrorInfo | undefined;
  readonly code?: ErrorCode | undefined;
  readonly idempotencyKey?: string | undefined;
  readonly retry: boolean;
  readonly timeoutMs?: number | undefined;
}

/** A task that has not ended, or whose work has not. */
export interface TaskEntry {
  readonly id: string;
  readonly task: string;
  readonly retry: boolean;
  readonly timeoutMs?: number | undefined;
  readonly submitted: boolean;
  readonly idempotencyKey?: string | undefined;
  /** Whether its caller listens to its progress. */
  readonly isFollowed: boolean;
  /** By which its caller cancels it. */
  readonly callId?: string | undefined;
  acceptedAt: number;
  startedAt?: number | undefined;
  /** When its time is over, and its place among deadlines. */
  readonly dueAt?: number | undefined;
  readonly order: number;
  incarnation: number;
  attempts: number;
  isRunning: boolean;
  /** Whoever asked has been told how it ended; its work goes on. */
  isAnswered: boolean;
  /** Who waits for its end. */
  waiting: string[];
}

export type Mode = 'held' | 'open' | 'draining' | 'aborting';

export interface TaskCounts {
  done: number;
  failed: number;
  timedOut: number;
  abandoned: number;
  lastMs: number;
  totalMs: number;
  maxMs: number;
}

export interface AgentState {
  readonly format: 1;
  /** Identity of the chart that the snapshot is of. */
  chart: string;
  readonly id: string;
  /** When it was registered, epoch ms: agents are listed in that order. */
  readonly registeredAt: number;
  readonly spec: KeptSpec;
  manifest: AgentManifest;
  life: PlainSnapshot<typeof agentMachine>;
  /** What its last event said of its life: all that a recovery has. */
  known: AgentLife | undefined;
  seat: Seat | undefined;
  /** Where its next body is to run. */
  placement: Placement | undefined;
  deadlines: readonly ArmedDeadline[];
  /** When it is woken; it has one wake at a time, and those that it no longer waits for do nothing. */
  wakeAt: number | undefined;
  armed: number;
  tasks: TaskEntry[];
  ended: EndedTask[];
  mode: Mode;
  isBusy: boolean;
  counts: TaskCounts;
  /** Ids of the tasks that the last end left undone. */
  abandoned: string[];
  acceptedTasks: number;
  /** Nothing new may begin: it is paused. */
  isHeldBack: boolean;
  /** It is to tell once nothing runs. */
  isResting: boolean;
  /** Who waits for a start, for an end, and for it to be paused or resumed. */
  starting: string[];
  ending: string[];
  holding: string[];
  /** It ends here to begin elsewhere: tasks are taken meanwhile, and wait. */
  isMoving: boolean;
  /** Versions of the variables that its body began with. */
  began: Record<string, number>;
  health: HealthReport;
  usage: Usage | undefined;
  alerts: Alert[];
  lastExit: ExitReason | undefined;
  dropped: number;
  /** Events that it has told. */
  told: number;
}

export function positionOfState({ life }: AgentState): AgentPosition {
  const { path } = positionOf(life.value);
  return positionAt(path, life.context.paused !== undefined);
}

/** The record as the public API shows it; its module is as it was kept: a type, or a URL. */
export function recordOfState(state: AgentState): AgentRecord {
  const { id, spec, manifest, life, health, usage, dropped } = state;
  const identity = {
    id,
    isolation: spec.isolation as Isolation,
    fullSpec: spec as unknown as ParsedAgentSpec,
    pending: [],
  };
  const answered = state.counts.done + state.counts.failed + state.counts.timedOut;
  const running = state.tasks.filter(({ isRunning }) => isRunning).length;
  const { done, failed, timedOut, abandoned, lastMs, totalMs, maxMs } = state.counts;
  const metrics = {
    done,
    failed,
    timedOut,
    abandoned,
    waiting: state.tasks.length - running,
    running,
    latencyMs: { last: lastMs, mean: answered === 0 ? 0 : totalMs / answered, max: maxMs },
  };
  return new ShownRecord(identity, {
    context: life.context,
    position: positionOfState(state),
    manifest,
    health,
    tasks: { metrics, abandoned: [...state.abandoned] },
    usage,
    dropped,
  }).record;
}
