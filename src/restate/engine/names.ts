/** What the fleet's services are called in the engine, and the messages between them. */
import type { AgentManifest } from '../../runtime/definition/manifest.ts';
import type { SavedState } from '../../runtime/definition/saved-state.ts';
import type { KeptSpec } from '../../runtime/agent/agent-terms.ts';
import type { AgentRecord } from '../../runtime/agent/agent-record.ts';
import type { Usage } from '../../runtime/hosting/host.ts';
import type { EventBody, SpecChange } from '../../runtime/journal/system-event.ts';
import type { QuotaRecord } from '../../runtime/limits/quotas.ts';
import type { ParentRule } from '../../machines/index.ts';
import type { Alert } from '../../runtime/observability/alerts.ts';
import type { BodyMessage, NodeReport, OfOtherTask, RequestAnswer } from '../agent/agent-acts.ts';
import type { LossOffer } from '../agent/agent-places.ts';
import type { KnownPlace } from '../agent/chart-version.ts';
import type { Answer } from './call-answer.ts';
import type { Placement } from '../nodes/placement.ts';
import type { KeptPoolSpec } from '../pools/pool-turn.ts';
import type { AbortReason } from '../tasks/abort-reason.ts';
import type { AskedWork } from '../tasks/task-entries.ts';

export const AGENT = 'mabeam_agent';
export const NODES = 'mabeam_nodes';
export const REGISTRY = 'mabeam_registry';
export const EVENTS = 'mabeam_events';
export const VARIABLES = 'mabeam_variables';
export const QUOTA = 'mabeam_quota';
export const POOL = 'mabeam_pool';
export const CREW = 'mabeam_crew';
export const BUDGETS = 'mabeam_budgets';
export const SCHEDULE = 'mabeam_schedule';
export const LEADER = 'mabeam_leader';
export const KEY = 'mabeam_key';
export const COORDINATION = 'mabeam_coordination';

/** Key of the objects of which a fleet has one. */
export const FLEET = 'fleet';

/** Service for the bodies of one node, keyed by agent: messages to one body arrive in order. */
export function hostOf(node: string): string {
  return `mabeam_host_${node}`;
}

/** Service for calls that concern all bodies of one node. */
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

/** Fields of every command. */
interface Asked {
  /** Epoch ms; default the engine's time. */
  readonly at?: number | undefined;
  /** Names the caller, when the answer may come later. */
  readonly token?: string;
  /** Sends every answer to the token, immediate ones included. */
  readonly isAwaited?: true;
}

interface ByWhom {
  readonly by?: string | undefined;
}

/** With an incarnation, the command is for that incarnation alone. */
interface OfIncarnation {
  readonly incarnation?: number | undefined;
}

/** How often coordination was suspended or resumed so far. */
export interface Turned {
  readonly turns: number;
}

export function isAway(turns: number): boolean {
  return turns % 2 === 1;
}

/** A command to an agent's object. */
export type Command = Asked &
  (
    | ({ readonly type: 'register'; readonly spec: KeptSpec; readonly manifest: AgentManifest } & ByWhom)
    | ({ readonly type: 'start' | 'restart' | 'forget' | 'pause' | 'resume' } & ByWhom)
    | ({ readonly type: 'stop'; readonly timeoutMs?: number | undefined } & OfIncarnation & ByWhom)
    | ({ readonly type: 'kill' } & OfIncarnation & ByWhom)
    | ({
        readonly type: 'update';
        readonly spec: KeptSpec;
        readonly manifest: AgentManifest;
        readonly changes: readonly SpecChange[];
        /** Revision of the spec that this change replaces. */
        readonly revision: number;
      } & ByWhom)
    /** The agent has spawned a child. */
    | { readonly type: 'adopt'; readonly child: { readonly id: string; readonly rule: ParentRule } }
    | ({ readonly type: 'execute'; readonly work: AskedWork } & OfIncarnation)
    | { readonly type: 'submit'; readonly work: AskedWork }
    | { readonly type: 'awaitTask'; readonly taskId: string }
    | ({ readonly type: 'retryTask' | 'forgetTask'; readonly taskId: string } & ByWhom)
    | ({ readonly type: 'cancelTask'; readonly taskId: string; readonly why: string } & ByWhom)
    | OfOtherTask
    | { readonly type: 'cancelCall'; readonly callId: string; readonly reason?: AbortReason | undefined }
    | ({ readonly type: 'answerQuestion'; readonly questionId: string; readonly value: unknown } & ByWhom)
    | ({ readonly type: 'liftQuota' } & ByWhom)
    /** Answered once the start that is under way is over; at once where none is. */
    | { readonly type: 'awaitStart' }
    /** Its record once it has no body; at once where it has none, or moves to another node. */
    | { readonly type: 'awaitEnd' }
    | { readonly type: 'move' | 'moveOn' }
    /** Coordination was suspended or resumed: it is away while `turns` is odd. */
    | { readonly type: 'coordinate'; readonly turns: number }
  );

/** A task with an idempotency key, for whichever agent fits. */
export interface KeyedSubmission {
  /** The agent that gets the task if the key is new, or why no agent fits. */
  readonly picked: Answer<string>;
  readonly work: AskedWork;
  /** Epoch ms. */
  readonly at: number;
}

/** A command to a pool's object; the answer goes to the token. */
export type PoolCommand = Pick<Asked, 'at' | 'token'> &
  (
    | ({
        readonly type: 'create';
        readonly pool: KeptPoolSpec;
        /** Spec of every member, without its id. */
        readonly spec: KeptSpec;
        readonly manifest: AgentManifest;
      } & ByWhom)
    | ({ readonly type: 'resize'; readonly size: number } & ByWhom)
    | ({ readonly type: 'close'; readonly timeoutMs?: number | undefined } & ByWhom)
    | { readonly type: 'execute'; readonly work: AskedWork }
    | { readonly type: 'cancelCall'; readonly callId: string; readonly reason?: AbortReason | undefined }
    /** Cancels a task that waits in the pool's queue. */
    | { readonly type: 'cancelTask'; readonly number: number; readonly why: string }
    /** Asks which member has a task; answered once a member has it. */
    | { readonly type: 'locate'; readonly callId: string }
  );

export interface ReportBatch {
  readonly incarnation: number;
  /** Number of the first report. */
  readonly first: number;
  readonly reports: readonly NodeReport[];
  readonly usage?: Usage | undefined;
  /** Epoch ms, at the node. */
  readonly at: number;
}

/** The answer to a node's reports. */
export interface ReportAnswer {
  /** Whether the reports are of the living incarnation. */
  readonly isAlive: boolean;
  /** Whether the node is to check the agent's health. */
  readonly isWatched: boolean;
  /** Answers to the requests of tasks in these reports. */
  readonly answers: readonly RequestAnswer[];
  /** The reports were not taken, and are to come again: the agent's snapshot is of a chart that the code there has not. */
  readonly isUnread?: true;
}

/** Tells an agent's object that its node is gone. */
export interface LostNode {
  readonly node: string;
  readonly incarnation: number;
  /** Epoch ms. */
  readonly at: number;
  readonly offer: LossOffer;
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
  /** Identity of its chart, and where its last event said that its life is; absent if it was never started. */
  readonly chart: string;
  readonly known?: KnownPlace | undefined;
  /** The node that its body is on. */
  readonly placement?: Placement | undefined;
  /** Whether it takes tasks while it moves from one body to the next. */
  readonly isMoving: boolean;
  /** How often its spec has changed. */
  readonly revision: number;
  /** Its own quota, if it ever ran into a limit. */
  readonly quota?: QuotaRecord | undefined;
  /** Whether its tasks have asked people. */
  readonly hasAsked?: true;
}

/** Says that the caller understands a refusal as an answer. */
export interface LookQuestion {
  readonly takesRefusal: true;
}

/** Events of one agent, or of the fleet, to be kept. */
export interface EventBatch {
  readonly events: readonly (EventBody & { readonly at: number })[];
}
