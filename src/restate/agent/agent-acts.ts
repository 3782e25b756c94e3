/**
 * What passes between an agent's turn and the engine, as data: what its body is told and tells, and what a turn wants done.
 */
import type { BudgetAmount, ErrorInfo, ExitReason, Parked, ParsedAgentSpec } from '../../machines/index.ts';
import type { HealthReport } from '../../runtime/agent/liveness.ts';
import type { AgentManifest } from '../../runtime/definition/manifest.ts';
import type { SavedState } from '../../runtime/definition/saved-state.ts';
import type { BodyReport, BodyRequest, TraceParent } from '../../runtime/hosting/host.ts';
import type { Answer } from '../engine/call-answer.ts';
import type { Spender } from '../../runtime/limits/budget-rules.ts';
import type { Limit } from '../../runtime/limits/quotas.ts';
import type { Closing, Settling } from '../limits/budget-messages.ts';
import type { Occupant } from '../nodes/placement.ts';

/** What a node has to know of a task besides its work: what the task may ask of its system, and who follows it. */
export interface TaskTerms {
  /** The id by which its caller asks for its progress or its chunks. */
  readonly callId?: string | undefined;
  /** Whether its caller follows its progress, or its chunks. */
  readonly isFollowed?: true | undefined;
  /** Whether its caller reads its chunks. */
  readonly isStreamed?: true | undefined;
  /** Its deadline, epoch ms. */
  readonly endsAt?: number | undefined;
  /** Its number among the tasks of the pool that its agent is a member of. */
  readonly pool?: number | undefined;
  /** The tasks that wait for it, the first caller first; where several asked for it, those of each. */
  readonly chain?: readonly string[] | undefined;
  /** The parent of the agent's own spans. */
  readonly trace?: TraceParent | undefined;
}

/** Messages to a body of a fleet, beside those that every body gets. */
export type BodyMessage =
  | { readonly type: 'open'; readonly previousStop: ExitReason | undefined; readonly manifest: AgentManifest }
  | { readonly type: 'kill' }
  /** Its health is no longer checked. To check it again, the answers to the node's reports say so. */
  | { readonly type: 'unwatch' }
  /** The part of its spec that needs no new body. */
  | {
      readonly type: 'spec.changed';
      readonly health: ParsedAgentSpec['health'];
      readonly coordination: ParsedAgentSpec['coordination'];
    }
  /** The tasks that wait for it are others: one more has asked for it, or one has left. */
  | { readonly type: 'task.awaited'; readonly taskId: string; readonly chain: readonly string[] }
  | Exclude<BodyRequest, { readonly type: 'task.run' }>
  | (Extract<BodyRequest, { readonly type: 'task.run' }> & { readonly terms?: TaskTerms | undefined });

/** Reports of a node about a body: its messages, its health checks, and its end. */
export type NodeReport =
  | Extract<
      BodyReport,
      {
        readonly type:
          | 'ready'
          | 'finished'
          | 'task.completed'
          | 'task.failed'
          | 'state.changed'
          | 'state.saved'
          | 'state.save_failed'
          | 'request.made';
      }
    >
  /** The body no longer waits for what it asked its agent. */
  | { readonly type: 'request.withdrawn'; readonly requestId: number; readonly taskId: string }
  /** With its input, because the task begins again, and inputs are not kept of every task. */
  | (Extract<BodyReport, { readonly type: 'task.parked' }> & { readonly input: unknown })
  /** It makes progress, or has stalled. */
  | {
      readonly type: 'task.progress_watched';
      readonly taskId: string;
      readonly what: 'stalled' | 'progressed' | 'abort' | 'crash';
    }
  | { readonly type: 'health'; readonly health: HealthReport; readonly verdict?: 'passed' | 'missed' }
  | { readonly type: 'exited'; readonly reason: ExitReason; readonly error?: ErrorInfo }
  | { readonly type: 'stuck' }
  | { readonly type: 'dropped' };

/** A request of a task to its agent; the answer goes out with that to the report. */
export type RequestAnswer = Extract<BodyRequest, { readonly type: 'request.answered' | 'request.refused' }>;

/** Messages of an agent to a quota that it shares with others. */
export type QuotaMessage =
  /** `at`: when it was reached, epoch ms; nothing in a message of an earlier version. */
  | ({ readonly type: 'limited'; readonly at?: number } & Limit)
  | { readonly type: 'passed' }
  | { readonly type: 'part' };

/** What a shared quota says to an agent. */
export interface QuotaStanding {
  readonly quota: string;
  /** What the agent waits for; `null` once it goes on. */
  readonly parked: Parked | null;
  readonly at: number;
}

/** What the agent of one task tells that of another. */
export type OfOtherTask =
  /** A task has asked for another one under a key. */
  | {
      readonly type: 'calledTask';
      readonly taskId: string;
      readonly called: string;
      readonly joined: number;
      /** Those that wait, as the call said. */
      readonly chain: readonly string[];
    }
  /** A task no longer waits for one that it has asked for under a key; calls that are newer than `joined` do. */
  | {
      readonly type: 'leaveTask';
      readonly taskId: string;
      readonly caller: string;
      readonly joined?: number | undefined;
    }
  /** A task that was asked for under a key has ended, or its caller has left it. */
  | { readonly type: 'calledOver'; readonly taskId: string; readonly called: string; readonly joined: number }
  /** Others wait for a task that has asked for one under a key, or do so no longer. */
  | {
      readonly type: 'awaitedTask';
      readonly taskId: string;
      readonly caller: string;
      readonly chain: readonly string[];
      /** Grows with all such news of an agent. */
      readonly news?: number | undefined;
    };

/** What a turn wants done, in order. */
export type Act =
  | { readonly do: 'tell'; readonly node: string; readonly message: BodyMessage }
  /** A `tell` of a task, whose input is given here or kept. */
  | {
      readonly do: 'run';
      readonly node: string;
      readonly taskId: string;
      readonly task: string;
      readonly attempt: number;
      readonly given: { readonly input: unknown } | undefined;
      /** Whether it kept results of steps in an earlier run. */
      readonly hasSteps: boolean;
      readonly terms: TaskTerms | undefined;
    }
  | { readonly do: 'keepInput'; readonly taskId: string; readonly input: unknown }
  | { readonly do: 'dropInput'; readonly taskId: string }
  | { readonly do: 'keepSteps'; readonly taskId: string; readonly key: string; readonly value: unknown }
  | { readonly do: 'dropSteps'; readonly taskId: string }
  | { readonly do: 'keepState'; readonly state: SavedState }
  | { readonly do: 'tellTask'; readonly taskId: string; readonly command: OfOtherTask }
  | { readonly do: 'answer'; readonly token: string; readonly answer: Answer }
  | { readonly do: 'requestPermit'; readonly occupant: Occupant }
  | { readonly do: 'releasePermit' }
  | { readonly do: 'withdrawPermit' }
  /** It declines what it was offered with the loss of its node. */
  | { readonly do: 'declineOffer'; readonly incarnation: number }
  /** Its place on a node is free again. */
  | { readonly do: 'vacate'; readonly incarnation: number }
  /** It runs, and takes part in rounds. */
  | { readonly do: 'serving'; readonly incarnation: number }
  | { readonly do: 'notServing'; readonly incarnation: number }
  /** It has ended where it was, to begin elsewhere. */
  | { readonly do: 'startElsewhere' }
  /** It works under a shared quota, and asks for the quota's state. */
  | {
      readonly do: 'joinQuota';
      readonly quota: string;
      readonly load: number;
      readonly known: Parked | undefined;
    }
  | {
      readonly do: 'tellQuota';
      readonly quota: string;
      readonly load: number;
      readonly message: QuotaMessage;
    }
  /** A task wants to spend; the answer to its request says what is granted. */
  | {
      readonly do: 'reserve';
      readonly requestId: number;
      readonly spender: Spender;
      readonly asked: BudgetAmount;
    }
  | { readonly do: 'settle'; readonly settling: Settling }
  | ({ readonly do: 'closeAccounts' } & Closing)
  /** It has ended for good; its children end by their rules. */
  | { readonly do: 'endChildren' };

/** The time and the chance of one turn. */
export interface Moment {
  /** Epoch ms. */
  readonly now: number;
  /** In [0, 1). */
  readonly chance: number;
}
