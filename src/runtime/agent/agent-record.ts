/**
 * An agent's record: a projection of its chart and its parts. It keeps no data of its own.
 */
import {
  type AgentContext,
  type AgentPosition,
  type AgentStatus,
  type Isolation,
  type ParsedAgentSpec,
  showLife,
  type ShownLife,
} from '../../machines/index.ts';
import type { AgentManifest } from '../definition/manifest.ts';
import type { Usage } from '../hosting/host.ts';
import type { HealthReport } from './liveness.ts';
import { noTasks, type TaskMetrics, type TasksAtWork } from './task-figures.ts';

/** An agent at one moment. Times are epoch ms. Frozen: while nothing changes, all callers get the same object. */
export interface AgentRecord extends ShownLife {
  /** Its id. */
  readonly id: string;
  /** The name of its definition. */
  readonly type: string;
  /** Where its life stands, in one word. */
  readonly status: AgentStatus;
  /** Dotted path of the chart's active state, as in `alive.serving.running.coordinated.idle`. */
  readonly state: string;
  /** 1, 2, 3 … per start; 0 before the first. */
  readonly incarnation: number;
  /** Where its code runs. */
  readonly isolation: Isolation;
  /** What its definition says that it can do. */
  readonly capabilities: readonly string[];
  /** Version of the shape of its state, as its definition says; 1 where that says nothing. */
  readonly stateVersion: number;
  /** Automatic restarts so far. */
  readonly restarts: number;
  /** What the last health check said. */
  readonly health: HealthReport;
  /** Ids of the tasks that the last end left undone. */
  readonly abandoned: readonly string[];
  /** Tasks, latency, memory, processor time. */
  readonly metrics: AgentMetrics;
  /** The spec with every default in it. */
  readonly spec: ParsedAgentSpec;
  /**
   * Fields of the spec that changed after the living body was made and need a new body: they are in force
   * from the next start on. Left out if there are none.
   */
  readonly pending?: readonly string[];
}

/** What an agent has done and used. */
export interface AgentMetrics extends TaskMetrics {
  /** As last measured by its host; left out for hosts that do not measure. */
  readonly memoryBytes?: number;
  /** Processor time of this life, ms, as last measured by its host. */
  readonly cpuMs?: number;
  /** How many reports of earlier incarnations came too late, or were malformed. */
  readonly dropped: number;
}

/** The part of a record that no event of the agent's life changes. */
export interface AgentIdentity {
  readonly id: string;
  readonly isolation: Isolation;
  readonly fullSpec: ParsedAgentSpec;
  readonly pending: readonly string[];
}

/** The rest of what a record is made of. */
export interface AgentFacts {
  readonly context: AgentContext;
  readonly position: AgentPosition;
  readonly manifest: AgentManifest;
  readonly health: HealthReport;
  readonly tasks: TasksAtWork;
  readonly usage: Usage | undefined;
  readonly dropped: number;
}

export function agentRecordOf(
  { id, isolation, fullSpec: spec, pending }: AgentIdentity,
  facts: AgentFacts,
): AgentRecord {
  const { context, position, manifest, health, tasks } = facts;
  const record: AgentRecord & { pending?: readonly string[] } = {
    id,
    type: manifest.type,
    status: position.status,
    state: position.path,
    incarnation: context.incarnation,
    isolation,
    capabilities: manifest.capabilities,
    stateVersion: manifest.stateVersion,
    restarts: context.restarts,
    health,
    abandoned: tasks.abandoned,
    metrics: metricsOf(facts),
    spec,
  };
  if (pending.length > 0) record.pending = pending;
  showLife(record, context, position.status);
  return Object.freeze(record);
}

/** Of most agents at their end. */
const noMetrics: AgentMetrics = Object.freeze({ ...noTasks.metrics, dropped: 0 });

function metricsOf({ tasks: { metrics }, usage, dropped }: AgentFacts): AgentMetrics {
  if (metrics === noTasks.metrics && usage === undefined && dropped === 0) return noMetrics;
  return Object.freeze(usage === undefined ? { ...metrics, dropped } : { ...metrics, ...usage, dropped });
}
