/** What all agents of a system share: the seams between an agent and its system. */
import type { Logger } from 'pino';
import type { AgentEvent } from '../../machines/index.ts';
import type { AgentManifest } from '../definition/manifest.ts';
import type { ChartWatch } from '../engine/chart-watch.ts';
import type { BodyReport, BodyRequest, VariableState } from '../hosting/host.ts';
import type { Journal } from '../journal/journal.ts';
import type { NewIds } from '../journal/new-ids.ts';
import type { Store } from '../journal/store.ts';
import type { Admission } from '../limits/admission.ts';
import type { Quotas } from '../limits/quotas.ts';
import type { RestartPermits } from '../limits/restart-permits.ts';
import type { Alerts } from '../observability/alerts.ts';
import type { SteadyClock } from '../time/clock.ts';
import type { SecretServices } from './agent-secrets.ts';
import type { KeptSpec } from './agent-terms.ts';
import type { LastManifests } from './last-manifests.ts';
import type { RequestHandlers } from './requests.ts';
import type { TaskSteps } from './task-steps.ts';

/** An agent, as coordination knows it. */
export interface CoordinatedAgent {
  readonly id: string;
  /** Position in the order of registration. */
  readonly order: number;
  readonly incarnation: number;
  readonly spec: KeptSpec;
  readonly manifest: AgentManifest;
  /** Whether it takes tasks now. */
  readonly isServing: boolean;
  /** Whether coordination is available, as far as its chart knows. */
  readonly isCoordinated: boolean;
  post(request: BodyRequest): void;
  send(event: AgentEvent): void;
}

/** The body of one incarnation, as coordination asks it: nothing of the agent lies between, which would be in no cache. */
export interface CoordinatedBody {
  post(request: BodyRequest): void;
}

/** What agents report to coordination. */
export interface AgentCoordination {
  /** A body opens; `undefined` for an agent that takes no part in coordination. */
  join(agent: CoordinatedAgent, body: CoordinatedBody): Participation | undefined;
  /** The body runs, and is told what it missed. A module in another process may declare more variables than before. */
  started(
    agent: CoordinatedAgent,
    body: CoordinatedBody,
    participation: Participation | undefined,
  ): Participation | undefined;
  /** The agent's spec has changed. */
  changed(
    agent: CoordinatedAgent,
    body: CoordinatedBody,
    participation: Participation | undefined,
  ): Participation | undefined;
  /** A body that takes no part in coordination has reported to it all the same. */
  strayed(agent: CoordinatedAgent, incarnation: number, report: BodyReport): void;
}

/** The part that one incarnation of an agent takes in coordination, from its open to its end. */
export interface Participation {
  /** The variables that the body begins with; from then on it hears of their changes. */
  readonly variables: readonly VariableState[];
  /** The body is ending, or has ended; called once or twice. */
  ended(): void;
  reported(report: BodyReport): void;
}

export interface AgentServices {
  readonly clock: SteadyClock;
  readonly random: () => number;
  readonly logger: Logger;
  readonly journal: Journal;
  readonly taskIds: NewIds;
  readonly agentIds: NewIds;
  readonly store: Store;
  readonly alerts: Alerts;
  readonly admission: Admission;
  readonly permits: RestartPermits;
  readonly quotas: Quotas;
  readonly budgets: {
    /** An attempt of a task has ended, or is no longer waited for. */
    taskEnded(taskId: string): void;
    agentForgotten(agentId: string, incarnation: number): void;
  };
  readonly coordination: AgentCoordination;
  readonly watch: ChartWatch;
  readonly secrets: SecretServices;
  /** What the agents' tasks may ask of their system. */
  readonly requests: RequestHandlers;
  /** What modules were when they were last loaded. */
  readonly manifests: LastManifests;
  /** What tasks have kept on their way. */
  readonly steps: TaskSteps;
  /** Whether the system closes, or has. */
  isClosing(): boolean;
  /** Whether tasks that have to end may go on in another program: this one closes, and its store is durable. */
  leavesTasks(): boolean;
  /** Removes the record of an agent. */
  forgotten(agent: { readonly id: string }): void;
}
