/** What the fleet's services are called in the engine, and the messages between them. */
import type { AgentManifest } from '../runtime/definition/manifest.ts';
import type { SavedState } from '../runtime/definition/saved-state.ts';
import type { KeptSpec } from '../runtime/agent/agent-services.ts';
import type { AgentRecord } from '../runtime/agent/agent-record.ts';
import type { Usage, VariableState } from '../runtime/hosting/host.ts';
import type { EventBody } from '../runtime/journal/system-event.ts';
import type { Alert } from '../runtime/observability/alerts.ts';
import type { BodyMessage, NodeReport } from './agent-turn.ts';
import type { Placement } from './placement.ts';
import type { AskedWork } from './task-ledger.ts';

export const AGENT = 'mabeam_agent';
export const NODES = 'mabeam_nodes';
export const REGISTRY = 'mabeam_registry';
export const EVENTS = 'mabeam_events';
export const VARIABLES = 'mabeam_variables';
export const COORDINATION = 'mabeam_coordination';

/** There is one object of these kinds in a fleet. */
export const FLEET = 'fleet';

/** Bodies of one node, by agent: messages to one of them come in order. */
export function hostOf(node: string): string {
  return `mabeam_host_${node}`;
}

/** What a node does for all its bodies at once. */
export function nodeOf(node: string): string {
  return `mabeam_node_${node}`;
}

export const SHARDS = 16;

/** Spreads ids evenly. Pure. */
export function bucketOf(id: string, buckets: number): number {
  let hash = 2_166_136_261;
  for (let at = 0; at < id.length; at++) hash = Math.imul(hash ^ id.charCodeAt(at), 16_777_619);
  return (hash >>> 0) % buckets;
}

/** What an agent is asked; `token` is by whom, when the answer has to wait. */
export type Command =
  | { readonly type: 'register'; readonly spec: KeptSpec; readonly manifest: AgentManifest }
  | { readonly type: 'start' | 'restart'; readonly by?: string | undefined; readonly token?: string }
  /** With an incarnation it is for that one alone. */
  | {
      readonly type: 'stop';
      readonly timeoutMs?: number | undefined;
      readonly incarnation?: number | undefined;
      readonly by?: string | undefined;
      readonly token?: string;
    }
  | {
      readonly type: 'kill';
      readonly incarnation?: number | undefined;
      readonly by?: string | undefined;
      readonly token?: string;
    }
  | { readonly type: 'forget'; readonly by?: string | undefined; readonly token?: string }
  | { readonly type: 'pause' | 'resume'; readonly by?: string | undefined; readonly token?: string }
  | {
      readonly type: 'execute';
      readonly work: AskedWork;
      readonly incarnation?: number | undefined;
      readonly token?: string;
    }
  | { readonly type: 'submit'; readonly work: AskedWork; readonly token?: string }
  | { readonly type: 'awaitTask'; readonly taskId: string; readonly token?: string }
  | { readonly type: 'cancelTask'; readonly taskId: string; readonly why: string; readonly token?: string }
  | { readonly type: 'cancelCall'; readonly callId: string; readonly token?: string }
  | { readonly type: 'retryTask' | 'forgetTask'; readonly taskId: string; readonly token?: string }
  | { readonly type: 'move' | 'moveOn'; readonly token?: string };

export interface ReportBatch {
  readonly node: string;
  readonly incarnation: number;
  /** Number of the first report. */
  readonly first: number;
  readonly reports: readonly NodeReport[];
  readonly usage?: Usage | undefined;
  /** Epoch ms, at the node. */
  readonly at: number;
}

/** A message as it reaches a node. */
export type DeliveredMessage =
  | Exclude<BodyMessage, { readonly type: 'open' }>
  | {
      readonly type: 'open';
      readonly spec: KeptSpec;
      readonly start: {
        readonly restored: SavedState | undefined;
        readonly previousStop: Extract<BodyMessage, { type: 'open' }>['previousStop'];
        readonly variables: readonly VariableState[];
      };
      readonly manifest: AgentManifest;
    };

export interface MessageBatch {
  readonly epoch: string;
  readonly incarnation: number;
  /** Number of the first message. */
  readonly first: number;
  readonly messages: readonly DeliveredMessage[];
}

/** What an agent shows of itself. */
export interface Look {
  readonly record: AgentRecord;
  readonly manifest: AgentManifest;
  readonly alerts: readonly Alert[];
  readonly registeredAt: number;
  /** Identity of its chart, and ids of the active states. */
  readonly chart: string;
  readonly active: readonly string[];
  /** Where its body is. */
  readonly placement?: Placement | undefined;
  /** Whether it takes tasks though it is between two bodies. */
  readonly isMoving: boolean;
}

/** Events of one agent, or of the fleet, to be kept. */
export interface EventBatch {
  /** Whose they are; of the fleet itself when left out. */
  readonly agentId?: string | undefined;
  /** Number of the first among the events of that agent. */
  readonly first: number;
  readonly events: readonly (EventBody & { readonly at: number })[];
}
