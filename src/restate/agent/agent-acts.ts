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
import type { AccountRef, Settling } from '../limits/budget-messages.ts';
import type { Occupant } from '../nodes/placement.ts';

/** What a node has to know of a task besides its work: of what that asks of its system, and who follows it. */
export interface TaskTerms {
  /** By which its caller asks for its progress, or its chunks. */
  readonly callId?: string | undefined;
  /** Whether its caller follows its progress, or its chunks. */
  readonly isFollowed?: true | undefined;
  /** Whether its caller reads its chunks. */
  readonly isStreamed?: true | undefined;
  /** When its time is over, epoch ms. */
  readonly endsAt?: number | undefined;
  /** Its number among the tasks of the pool that its agent is a member of. */
  readonly pool?: number | undefined;
  /** The agents that wait for it, the first caller first. */
  readonly chain?: readonly string[] | undefined;
  /** The span that the agent's own spans are to be children of. */
  readonly trace?: TraceParent | undefined;
}

/** What a body is told, beside what every body is told. */
export type BodyMessage =
  | { readonly type: 'open'; readonly previousStop: ExitReason | undefined; readonly manifest: AgentManifest }
  | { readonly type: 'kill' }
  /** Its health is not checked any more. That it is, a node finds with the answers to what it tells. */
  | { readonly type: 'unwatch' }
  /** What of its spec needs no new body. */
  | {
      readonly type: 'spec.changed';
      readonly health: ParsedAgentSpec['health'];
      readonly coordination: ParsedAgentSpec['coordination'];
    }
  | Exclude<BodyRequest, { readonly type: 'task.run' }>
  | (Extract<BodyRequest, { readonly type: 'task.run' }> & { readonly terms?: TaskTerms | undefined });

/** What a node tells of a body: what that says, what its health checks say, and its end. */
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
  /** What it has asked its agent is not waited for any more. */
  | { readonly type: 'request.withdrawn'; readonly requestId: number; readonly taskId: string }
  /** With its input: it is begun anew, and not every task's is kept. */
  | (Extract<BodyReport, { readonly type: 'task.parked' }> & { readonly input: unknown })
  /** It gets on, or it does not. */
  | {
      readonly type: 'task.progress_watched';
      readonly taskId: string;
      readonly what: 'stalled' | 'progressed' | 'abort' | 'crash';
    }
  | { readonly type: 'health'; readonly health: HealthReport; readonly verdict?: 'passed' | 'missed' }
  | { readonly type: 'exited'; readonly reason: ExitReason; readonly error?: ErrorInfo }
  | { readonly type: 'stuck' }
  | { readonly type: 'dropped' };

/** What a task asked of its agent, answered with the report that it came by. */
export type RequestAnswer = Extract<BodyRequest, { readonly type: 'request.answered' | 'request.refused' }>;

/** What a quota that several agents share is told of one of them. */
export type QuotaMessage =
  | { readonly type: 'limited'; readonly until?: number | undefined; readonly why: string }
  | { readonly type: 'passed' }
  | { readonly type: 'part' };

/** What a turn wants done, in order. */
export type Act =
  | { readonly do: 'tell'; readonly node: string; readonly message: BodyMessage }
  /** A `tell` of a task, whose input is at hand or kept. */
  | {
      readonly do: 'run';
      readonly node: string;
      readonly taskId: string;
      readonly task: string;
      readonly attempt: number;
      readonly given: { readonly input: unknown } | undefined;
      /** Whether it kept results of steps when it ran before. */
      readonly hasSteps: boolean;
      readonly terms: TaskTerms | undefined;
    }
  | { readonly do: 'keepInput'; readonly taskId: string; readonly input: unknown }
  | { readonly do: 'dropInput'; readonly taskId: string }
  | { readonly do: 'keepSteps'; readonly taskId: string; readonly key: string; readonly value: unknown }
  | { readonly do: 'dropSteps'; readonly taskId: string }
  | { readonly do: 'keepState'; readonly state: SavedState }
  | { readonly do: 'answer'; readonly token: string; readonly answer: Answer }
  | { readonly do: 'requestPermit'; readonly occupant: Occupant }
  | { readonly do: 'releasePermit' }
  | { readonly do: 'withdrawPermit' }
  /** Of what it was offered with the loss of its node it wants nothing. */
  | { readonly do: 'declineOffer'; readonly incarnation: number }
  /** Its place on a node is free again. */
  | { readonly do: 'vacate'; readonly incarnation: number }
  /** It runs: rounds may ask it. */
  | { readonly do: 'serving'; readonly incarnation: number }
  | { readonly do: 'notServing'; readonly incarnation: number }
  /** It has ended where it was, to begin elsewhere. */
  | { readonly do: 'startElsewhere' }
  /** It works under a quota that others share, and has to know how that stands. */
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
  /** A task wants to spend: what is granted is answered to its request. */
  | {
      readonly do: 'reserve';
      readonly requestId: number;
      readonly spender: Spender;
      readonly asked: BudgetAmount;
    }
  | { readonly do: 'settle'; readonly settling: Settling }
  /** Accounts of a task's own that has ended. */
  | { readonly do: 'closeAccounts'; readonly accounts: readonly AccountRef[] }
  /** It has ended for good, and so have those that it spawned, by their rules. */
  | { readonly do: 'endChildren' }
  | { readonly do: 'forget' };

/** What is known of a moment. */
export interface Moment {
  /** Epoch ms. */
  readonly now: number;
  /** In [0, 1). */
  readonly chance: number;
}
