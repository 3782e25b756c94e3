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
  BudgetAmount,
  ExitReason,
  Isolation,
  Parked,
  ParentRule,
  ParsedAgentSpec,
  quotaMachine,
} from '../../machines/index.ts';
import { positionAt, positionOf } from '../../machines/index.ts';
import { type AgentRecord, agentRecordOf } from '../../runtime/agent/agent-record.ts';
import type { KeptSpec } from '../../runtime/agent/agent-terms.ts';
import type { HealthReport } from '../../runtime/agent/liveness.ts';
import type { AgentManifest } from '../../runtime/definition/manifest.ts';
import type { Usage } from '../../runtime/hosting/host.ts';
import type { EventBody } from '../../runtime/journal/system-event.ts';
import type { Alert } from '../../runtime/observability/alerts.ts';
import type { KeptChart } from '../engine/kept-chart.ts';
import type { Placement } from '../nodes/placement.ts';
import { shownAmount } from '../../runtime/limits/budget-amount.ts';
import type { KeptReservation, SpentOf } from '../limits/budget-messages.ts';
import type { KeptQuestion } from '../tasks/kept-question.ts';
import { type EndedTask, isWorking, type TaskEntry } from '../tasks/task-entries.ts';

/** The living body: where it is, and how far both sides have heard of each other. */
export interface Seat {
  readonly node: string;
  readonly incarnation: number;
  /** Number of the last message that it was sent, and of the last report that was taken. */
  told: number;
  heard: number;
  /** Its node drains: it moves once its start is over. */
  mustMove?: true;
}

/** As a mailbox has it. `held`: there is no body. `finishing`: running tasks may end, none begins. */
export type Mode = 'held' | 'open' | 'draining' | 'finishing' | 'aborting';

export interface TaskCounts {
  done: number;
  failed: number;
  timedOut: number;
  abandoned: number;
  lastMs: number;
  totalMs: number;
  maxMs: number;
  /** What they spent of budgets, in whole numbers. */
  spent?: BudgetAmount;
}

/** A limit of its own that it ran into: the chart of its quota, and what it waits for. */
export interface OwnQuota extends KeptChart<typeof quotaMachine> {
  waitsFor: Parked | undefined;
  /** The limit, while it is reached: every version of the code understands it. */
  limit?: Parked | undefined;
}

export interface AgentState extends KeptChart<typeof agentMachine> {
  readonly format: 1;
  /** Identity of the chart that the snapshot is of. */
  chart: string;
  readonly id: string;
  /** When it was registered, epoch ms: agents are listed in that order. */
  readonly registeredAt: number;
  /** Part of the ids of its tasks: tells it from earlier agents with its id. */
  readonly line: string;
  spec: KeptSpec;
  /** How often that has changed. */
  revision: number;
  manifest: AgentManifest;
  /** A spec and a manifest that its next body is made of, and what of them that body alone brings in force. */
  next:
    | {
        readonly manifest: AgentManifest;
        readonly pending: readonly string[];
        /** What the living body was made of. */
        readonly body: { readonly spec: KeptSpec; readonly manifest: AgentManifest };
      }
    | undefined;
  /** Its life according to its last event, which is all that a recovery has. */
  known: AgentLife | undefined;
  seat: Seat | undefined;
  /** The node of its next body. */
  placement: Placement | undefined;
  /** The number of the last loss or return of coordination that it was told of. */
  turns?: number | undefined;
  /** It starts under a permit. */
  hasPermit?: true | undefined;
  /** When it is woken. It has one wake at a time; replaced ones do nothing. */
  wakeAt: number | undefined;
  armed: number;
  tasks: TaskEntry[];
  ended: EndedTask[];
  /** Questions of tasks that have not ended. */
  questions?: readonly KeptQuestion[];
  /** What they have reserved of budgets, and not settled; the number of the last one, and accounts of their own. */
  reservations?: readonly KeptReservation[];
  lastReservation?: number;
  spentOf?: SpentOf;
  mode: Mode;
  isBusy: boolean;
  counts: TaskCounts;
  /** Ids of the tasks that the last end left undone. */
  abandoned: string[];
  acceptedTasks: number;
  /** The status that its pool knows. */
  toldPool?: string;
  /** Number of the newest task that its pool has given it. */
  heardOfPool: number;
  /** Tasks in a row that were begun before an older one. */
  passed: number;
  /** Nothing new may begin: it is paused, or parked. */
  isHeldBack: boolean;
  /** It reports once nothing runs. */
  isResting: boolean;
  quota: OwnQuota | undefined;
  /** The quota that it shares, which its body has joined: that stays so until it leaves, whatever its spec says by then. */
  sharedQuota: string | undefined;
  /** What it waits for under that. */
  sharedLimit: Parked | undefined;
  /** Its children, and what becomes of them once it has ended for good. */
  children: readonly { readonly id: string; readonly rule: ParentRule }[];
  /** Tokens of callers that wait for its start, for its end, and for a pause or resume. */
  starting: string[];
  ending: string[];
  holding: string[];
  /** It moves to another node: tasks are accepted meanwhile, and wait. */
  isMoving: boolean;
  health: HealthReport;
  usage: Usage | undefined;
  alerts: Alert[];
  lastExit: ExitReason | undefined;
  dropped: number;
  /** Its record has changed since it was listed. */
  isUnlisted: boolean;
  /** Events that go out with the next turn (agent-performer.ts, I4). */
  untold: readonly (EventBody & { readonly at: number })[];
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
    pending: state.next?.pending ?? [],
  };
  const answered = state.counts.done + state.counts.failed + state.counts.timedOut;
  const running = state.tasks.filter(isWorking).length;
  const { done, failed, timedOut, abandoned, lastMs, totalMs, maxMs, spent } = state.counts;
  const metrics = {
    done,
    failed,
    timedOut,
    abandoned,
    waiting: state.tasks.length - running,
    running,
    latencyMs: { last: lastMs, mean: answered === 0 ? 0 : totalMs / answered, max: maxMs },
    ...(spent === undefined ? {} : { spent: shownAmount(spent) }),
  };
  return agentRecordOf(identity, {
    context: life.context,
    position: positionOfState(state),
    manifest,
    health,
    tasks: { metrics, abandoned: [...state.abandoned] },
    usage,
    dropped,
  });
}
