/**
 * What the dashboard's API sends, as types alone: the page, the command line and the server share them.
 *
 * Times are epoch ms, durations ms, sizes bytes. `docs/dashboard.md` says which address gives which.
 */
import type {
  AgentCommand,
  AgentStatus,
  Isolation,
  Outcome,
  RestartPolicy,
  RoundTerms,
  Tally,
} from '../machines/index.ts';
import type {
  AdmissionUsage,
  AgentChart,
  Alert,
  AlertType,
  BudgetRecord,
  CoordinationStatus,
  ErrorCode,
  HealthReport,
  Leader,
  LifeStep,
  OutOfDate,
  PoolRecord,
  QuestionRecord,
  QuotaRecord,
  ScheduleRecord,
  SystemEvent,
  SystemEventType,
  TaskCommand,
  TaskMetrics,
  TaskRecord,
  TaskStatus,
} from '../index.ts';

/** One agent as lists show it. */
export interface AgentRow {
  readonly id: string;
  readonly type: string;
  readonly status: AgentStatus;
  /** Dotted path of its chart's active state. */
  readonly state: string;
  readonly incarnation: number;
  readonly isolation: Isolation;
  /** The node of a fleet that its body is on. */
  readonly node?: string;
  readonly pool?: string;
  /** The agent that it was spawned by. */
  readonly parent?: string;
  readonly capabilities: readonly string[];
  /** Automatic restarts so far. */
  readonly restarts: number;
  /** Restarts within the window of `maxRestarts` when the last restart was decided; absent when unknown. */
  readonly recentRestarts?: number;
  readonly maxRestarts: number;
  readonly restartPolicy: RestartPolicy['policy'];
  readonly restartAt?: number;
  readonly startedAt?: number;
  readonly endedAt?: number;
  /** Since when it is paused, and by whom. */
  readonly paused?: { readonly at: number; readonly by?: string };
  /** The limit that it waits for, and when that is reset. */
  readonly parked?: { readonly until: number; readonly why: string };
  /** How many questions its tasks have asked people, and nobody has answered; absent when there are none. */
  readonly questions?: number;
  /** Waiting tasks; below, running and done ones. */
  readonly waiting: number;
  readonly running: number;
  readonly done: number;
  /** Failed, timed out or abandoned. */
  readonly failed: number;
  /** Time from acceptance to answer, of the last task and on average; absent before the first answer. */
  readonly latencyMs?: { readonly last: number; readonly mean: number };
  readonly memoryBytes?: number;
  /** Processor time per time: 1 is one processor fully used. */
  readonly cpuShare?: number;
  readonly health: HealthReport['status'];
  readonly lastError?: { readonly at: number; readonly text: string };
  readonly alerts: readonly AlertType[];
}

/** What happened in one second. */
export interface Sample {
  /** End of the second. */
  readonly at: number;
  readonly tasksDone: number;
  readonly tasksFailed: number;
  /** Time from acceptance to answer, of the tasks answered in this second. */
  readonly latencyMs: { readonly p50: number; readonly p95: number; readonly p99: number } | null;
  readonly started: number;
  readonly restarted: number;
  readonly crashed: number;
  /** Events in this second: growth of the sequence. */
  readonly events: number;
  readonly rssBytes: number;
  readonly heapBytes: number;
  /** Processor time of this program alone: 1 is one processor fully used. */
  readonly cpuShare: number;
  /** Share of time in which the event loop was busy. */
  readonly loopShare: number;
}

/** An entry of the timeline: any event but those of tasks and ordinary starts. */
export interface Mark {
  /** Grows by one with every mark of this dashboard. */
  readonly order: number;
  readonly at: number;
  readonly type: SystemEventType | 'operator.act';
  readonly agentId?: string;
  readonly incarnation?: number;
  /** Start of the life that ended here. */
  readonly startedAt?: number;
  readonly restartAt?: number;
  /** Restarts within the window when this one was decided, this one included. */
  readonly attempt?: number;
  readonly pool?: string;
  readonly variable?: string;
  readonly roundId?: string;
  readonly alert?: AlertType;
  readonly by?: string;
  /** One line for people. */
  readonly text?: string;
}

export type StatusCounts = Readonly<Partial<Record<AgentStatus, number>>>;

export interface AlertList {
  readonly total: number;
  /** The newest 200. */
  readonly alerts: readonly Alert[];
}

/** What waits for a person, or for something outside of the fleet. */
export interface Needs {
  readonly tasks: TaskCounts;
  /** Submitted tasks that ended without an output, and that nobody cancelled: failed, timed out, abandoned, unknown. */
  readonly failed: number;
  /** Running tasks without progress. */
  readonly stalled: number;
  /** Open questions. */
  readonly questions: number;
  /** Reached limits that agents, or groups of agents, wait for. */
  readonly parked: number;
  /** Budgets that are low; below, those that are spent. */
  readonly lowBudgets: number;
  readonly spentBudgets: number;
}

/** A machine of a fleet. */
export type ShownNode =
  | {
      readonly name: string;
      /** `draining`: it takes no more agents, and hands over those that it has. */
      readonly status: 'live' | 'draining';
      readonly labels: Readonly<Record<string, string>>;
      /** Types of agents whose code it has. */
      readonly types: readonly string[];
      readonly agents: number;
      /** `null` without a limit. */
      readonly maxAgents: number | null;
      readonly memoryBytes: number;
      readonly maxMemoryBytes: number | null;
      /** Its last sign of life; below, how long ago that was when this was sent. */
      readonly beatAt: number;
      readonly silentMs: number;
    }
  | {
      readonly name: string;
      /** `left`: it closed in order. `lost`: it fell silent, and its agents run elsewhere. */
      readonly status: 'left' | 'lost';
      readonly goneAt: number;
    };

export interface FleetReport {
  readonly counts: StatusCounts;
  readonly types: Readonly<Record<string, StatusCounts>>;
  /** Running agents that have a task. */
  readonly busy: number;
  /** Tasks that wait in the agents' queues. */
  readonly waiting: number;
  readonly alerts: AlertList;
  readonly resources: AdmissionUsage;
  readonly coordination: { readonly status: CoordinationStatus; readonly leader?: Leader };
  readonly needs: Needs;
  /** Nodes by name; only for a fleet on several machines. */
  readonly nodes?: readonly ShownNode[];
  /** One sample a second, oldest first. */
  readonly samples: readonly Sample[];
}

export interface AgentPage {
  /** How many agents match the filter. */
  readonly total: number;
  readonly agents: readonly AgentRow[];
}

/** An error as it is shown: without values of redacted `initArgs`. */
export interface ShownReason {
  /** One line. */
  readonly text: string;
  readonly detail: unknown;
}

export interface AgentDetail {
  readonly agent: AgentRow;
  /** Commands that are legal now. */
  readonly legal: readonly AgentCommand[];
  readonly health: Omit<HealthReport, 'detail'> & { readonly detail?: unknown };
  readonly reason?: ShownReason;
  /** Agents that it has spawned: the first 200, and how many there are. */
  readonly children: readonly Pick<AgentRow, 'id' | 'status'>[];
  readonly childCount: number;
  /** Ids of the tasks that its last end left undone. */
  readonly abandoned: readonly string[];
  readonly metrics: TaskMetrics & { readonly cpuMs?: number; readonly dropped: number };
  /** Its spec with all defaults; `initArgs` redacted. */
  readonly spec: unknown;
}

/** One life of an agent: from a start to its end, or until now. */
export interface Life {
  readonly incarnation: number;
  readonly startedAt: number;
  readonly endedAt?: number;
  readonly end?: AgentStatus;
  readonly reason?: string;
}

export interface LifeReport {
  /** The last steps of `events.replay`, oldest first. */
  readonly steps: readonly LifeStep[];
  /** How many came before these. */
  readonly earlier: number;
  /** The newest 500. */
  readonly lives: readonly Life[];
}

/** An event of the system's stream, redacted. */
export interface ShownEvent {
  readonly sequence: number;
  readonly at: number;
  readonly type: SystemEventType;
  readonly agentId?: string;
  readonly incarnation?: number;
  readonly [field: string]: unknown;
}

export interface EventPage {
  readonly events: readonly ShownEvent[];
}

export interface ShownVariable {
  readonly name: string;
  readonly kind: string | null;
  readonly bounds: Readonly<Record<string, unknown>>;
  readonly value: unknown;
  readonly version: number;
  readonly updatedAt: number;
  /** Agents that have not acknowledged the current version. */
  readonly outOfDate: number;
}

export interface VariableDetail extends ShownVariable {
  readonly history: readonly {
    readonly version: number;
    readonly value: unknown;
    readonly at: number;
    readonly by: string;
    readonly why?: string;
  }[];
  /** The first 200 of the agents that are out of date. */
  readonly behind: readonly OutOfDate[];
}

export interface ShownVote {
  readonly at: number;
  readonly agentId: string;
  readonly vote: Extract<SystemEvent, { type: 'round.voted' }>['vote'];
  /** Why it did not count. */
  readonly refused?: string;
}

export interface ShownRound {
  readonly roundId: string;
  readonly variable: string;
  readonly value: unknown;
  readonly by: string;
  readonly why?: string;
  readonly terms: RoundTerms | null;
  readonly openedAt: number;
  readonly deadlineAt?: number;
  readonly phase: 'voting' | 'casting' | 'appealed' | 'closed';
  readonly electorate: number;
  readonly tally: Tally | null;
  /** The newest 200. */
  readonly votes: readonly ShownVote[];
  /** The first 200 of those who have not voted. */
  readonly stillOut: readonly string[];
  readonly closedAt?: number;
  readonly outcome?: Outcome;
  readonly decidedBy?: 'voters' | 'leader';
  readonly cut?: string;
}

export interface CoordinationReport {
  readonly status: CoordinationStatus;
  readonly leader?: Leader;
  readonly variables: readonly ShownVariable[];
  /** Open ones first, then the newest that were closed. */
  readonly rounds: readonly ShownRound[];
}

export type TaskCounts = Readonly<Record<TaskStatus, number>>;

/** A task as lists show it. */
export interface ShownTask extends Omit<TaskRecord, 'output' | 'error'> {
  /** One line. */
  readonly error?: string;
  /** Present when `retry` is possible: it was submitted, and ended without an output. */
  readonly canRetry?: true;
}

/** All that is known of one task; its output and error redacted. */
export interface TaskDetail {
  readonly task: ShownTask;
  /** Commands that are legal now. */
  readonly legal: readonly TaskCommand[];
  readonly output?: unknown;
  readonly error?: unknown;
  /** Its open questions to people. */
  readonly questions: readonly QuestionRecord[];
}

export interface TaskPage {
  readonly counts: TaskCounts;
  /** Open tasks, oldest first; then ended tasks, newest first. */
  readonly tasks: readonly ShownTask[];
}

/** A schedule; the input of its task redacted. */
export interface ShownSchedule extends Omit<ScheduleRecord, 'task' | 'lastError'> {
  readonly task: unknown;
  readonly lastError?: string;
}

export interface WorkReport extends TaskPage {
  readonly schedules: readonly ShownSchedule[];
}

export interface LimitsReport {
  /** The 200 budgets with the greatest used share, greatest first; below, how many there are. */
  readonly budgets: readonly BudgetRecord[];
  readonly budgetCount: number;
  /** The first 200 quotas, reached ones first; below, how many there are. */
  readonly quotas: readonly ShownQuota[];
  readonly quotaCount: number;
  readonly resources: AdmissionUsage;
}

export interface PoolSample {
  readonly at: number;
  readonly wanted: number;
  readonly live: number;
  readonly busy: number;
  readonly waiting: number;
}

export interface ShownPool extends Omit<PoolRecord, 'members'> {
  readonly members: number;
}

export interface PoolDetail extends ShownPool {
  /** The first 200 ids. */
  readonly memberIds: readonly string[];
  /** One sample in five seconds, oldest first. */
  readonly samples: readonly PoolSample[];
  /** What changed its size and why, newest last. */
  readonly decisions: readonly Mark[];
}

export interface LogLine {
  readonly at: number;
  /** As pino counts: 30 is info, 40 warn, 50 error. */
  readonly level: number;
  readonly message: string;
  readonly fields: unknown;
}

/** The result of an act of control. */
export interface ActReport {
  readonly act: string;
  readonly by: string;
  readonly result: unknown;
}

export interface Refusal {
  readonly error: {
    readonly code:
      | ErrorCode
      | 'BAD_REQUEST'
      | 'UNAUTHORIZED'
      | 'FORBIDDEN'
      | 'NOT_FOUND'
      | 'TOO_MANY_VIEWERS'
      | 'FAILED';
    readonly message: string;
    readonly agentId?: string;
    /** Commands that the agent takes in its state, when it refused another. */
    readonly legal?: readonly AgentCommand[];
  };
}

/** A quota, with the first of the agents that wait for it. */
export interface ShownQuota extends QuotaRecord {
  readonly waitingCount: number;
}

/** A step of an agent's own chart: the states that it left and entered. Steps between two samples may be joined. */
export interface SeenStep {
  readonly at: number;
  readonly left: readonly string[];
  readonly entered: readonly string[];
}

/** What a viewer may listen to; `agent:ID` is one agent. */
export type Topic =
  | 'fleet'
  | 'agents'
  | 'marks'
  | 'coordination'
  | 'pools'
  | 'work'
  | 'questions'
  | 'limits'
  | `agent:${string}`;

/** Messages of the stream, by their event name. */
export interface StreamMessages {
  readonly hello: {
    readonly now: number;
    readonly version: string;
    readonly control: boolean;
    readonly logs: boolean;
    readonly pid: number;
  };
  readonly fleet: Omit<FleetReport, 'samples' | 'needs'>;
  readonly needs: Needs;
  readonly samples: { readonly reset?: true; readonly now: number; readonly samples: readonly Sample[] };
  /** Apply in this order: with `reset` forget all known rows, remove the `gone` ones, then add or replace these. */
  readonly agents: {
    readonly reset?: true;
    readonly agents: readonly AgentRow[];
    readonly gone: readonly string[];
    /** Whether the next message follows at once. */
    readonly more: boolean;
  };
  /** With `reset` forget all known marks. */
  readonly marks: { readonly reset?: true; readonly marks: readonly Mark[]; readonly more: boolean };
  readonly coordination: CoordinationReport;
  readonly pools: { readonly pools: readonly ShownPool[] };
  readonly work: WorkReport;
  readonly questions: { readonly questions: readonly QuestionRecord[] };
  readonly limits: LimitsReport;
  readonly agent: { readonly detail: AgentDetail | null };
  /** The watched agent's own chart, `null` without one, and its last steps, newest first. */
  readonly chart: { readonly chart: AgentChart | null; readonly steps: readonly SeenStep[] };
  /** Tasks of the watched agent. */
  readonly tasks: { readonly tasks: readonly ShownTask[] };
  /** Events of the watched agent. With `reset` forget all known ones: these are the newest. */
  readonly events: { readonly reset?: true; readonly events: readonly ShownEvent[] };
  /** The dashboard has closed. */
  readonly bye: object;
}
