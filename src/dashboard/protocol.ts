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
  /** Of these, how many counted against `maxRestarts` when the last one was decided; absent where that is not known. */
  readonly recentRestarts?: number;
  readonly maxRestarts: number;
  readonly restartPolicy: RestartPolicy['policy'];
  readonly restartAt?: number;
  readonly startedAt?: number;
  readonly endedAt?: number;
  /** Somebody has it paused. */
  readonly paused?: { readonly at: number; readonly by?: string };
  /** A limit that it ran into: it goes on when that is reset. */
  readonly parked?: { readonly until: number; readonly why: string };
  /** Tasks that wait, and that run. */
  readonly waiting: number;
  readonly running: number;
  readonly done: number;
  /** Failed, timed out or abandoned. */
  readonly failed: number;
  /** From acceptance to answer, of the last task and on average; absent before the first answer. */
  readonly latencyMs?: { readonly last: number; readonly mean: number };
  readonly memoryBytes?: number;
  /** Processors in use: 1 is one of them all the time. */
  readonly cpuShare?: number;
  readonly health: HealthReport['status'];
  readonly lastError?: { readonly at: number; readonly text: string };
  readonly alerts: readonly AlertType[];
}

/** What happened in one second. */
export interface Sample {
  /** Where it ends. */
  readonly at: number;
  readonly tasksDone: number;
  readonly tasksFailed: number;
  /** Of the tasks that were answered, from acceptance to answer. */
  readonly latencyMs: { readonly p50: number; readonly p95: number; readonly p99: number } | null;
  readonly started: number;
  readonly restarted: number;
  readonly crashed: number;
  /** By how much the sequence has grown, up to the newest event that counts here. */
  readonly events: number;
  readonly rssBytes: number;
  readonly heapBytes: number;
  /** Of this program alone: 1 is one processor all the time. */
  readonly cpuShare: number;
  /** Share of time in which the event loop was busy. */
  readonly loopShare: number;
}

/** An entry of a timeline: everything but tasks and ordinary starts. */
export interface Mark {
  /** Grows by one with every mark of this dashboard. */
  readonly order: number;
  readonly at: number;
  readonly type: SystemEventType | 'operator.act';
  readonly agentId?: string;
  readonly incarnation?: number;
  /** Of the life that ended here. */
  readonly startedAt?: number;
  readonly restartAt?: number;
  /** Restarts that counted when one was decided, that one included. */
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
  /** Of those that run: tasks that make no progress. */
  readonly stalled: number;
  /** Open questions. */
  readonly questions: number;
  /** Limits that were reached: agents, or groups that share one, wait for their reset. */
  readonly parked: number;
  /** Budgets that are low, and that are spent. */
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
      /** Its last sign of life, and how long ago that was when it was asked for. */
      readonly beatAt: number;
      readonly silentMs: number;
    }
  | {
      readonly name: string;
      /** `left` of its own accord; `lost`: it was not heard of any more, and its agents run elsewhere. */
      readonly status: 'left' | 'lost';
      readonly goneAt: number;
    };

export interface FleetReport {
  readonly counts: StatusCounts;
  readonly types: Readonly<Record<string, StatusCounts>>;
  /** Agents that have a task, of those that run. */
  readonly busy: number;
  /** Tasks that wait in the agents' queues. */
  readonly waiting: number;
  readonly alerts: AlertList;
  readonly resources: AdmissionUsage;
  readonly coordination: { readonly status: CoordinationStatus; readonly leader?: Leader };
  readonly needs: Needs;
  /** Of a fleet on other machines, by name. */
  readonly nodes?: readonly ShownNode[];
  /** One a second, oldest first. */
  readonly samples: readonly Sample[];
}

export interface AgentPage {
  /** Agents that fit. */
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
  /** What may be asked of it now. */
  readonly legal: readonly AgentCommand[];
  readonly health: Omit<HealthReport, 'detail'> & { readonly detail?: unknown };
  readonly reason?: ShownReason;
  /** Agents that it has spawned: the first 200, and how many there are. */
  readonly children: readonly Pick<AgentRow, 'id' | 'status'>[];
  readonly childCount: number;
  /** Ids of the tasks that its last end left undone. */
  readonly abandoned: readonly string[];
  readonly metrics: TaskMetrics & { readonly cpuMs?: number; readonly dropped: number };
  /** With every default in it; `initArgs` as far as they are shown. */
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
  /** The last of `events.replay`, oldest first. */
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
  /** The first 200 of them. */
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
  /** In one line. */
  readonly error?: string;
  /** Whether it can be done again: it was submitted, and has ended without an output. Left out where it cannot. */
  readonly canRetry?: true;
}

/** All that is known of one task; its output and error as far as they are shown. */
export interface TaskDetail {
  readonly task: ShownTask;
  /** What may be asked of it now. */
  readonly legal: readonly TaskCommand[];
  readonly output?: unknown;
  readonly error?: unknown;
  /** What it has asked people, and nobody has answered. */
  readonly questions: readonly QuestionRecord[];
}

export interface TaskPage {
  readonly counts: TaskCounts;
  /** Open ones oldest first, then those that have ended, the newest first. */
  readonly tasks: readonly ShownTask[];
}

/** A schedule; the input of its task as far as it is shown. */
export interface ShownSchedule extends Omit<ScheduleRecord, 'task' | 'lastError'> {
  readonly task: unknown;
  readonly lastError?: string;
}

export interface WorkReport extends TaskPage {
  readonly schedules: readonly ShownSchedule[];
}

export interface LimitsReport {
  /** The 200 of which most is used, most first, and how many there are. */
  readonly budgets: readonly BudgetRecord[];
  readonly budgetCount: number;
  /** Those that are reached first; the first 200, and how many there are. */
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
  /** One in five seconds, oldest first. */
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

/** What an act of control gives back. */
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
    /** Of an agent that does not take a command: those that it does. */
    readonly legal?: readonly AgentCommand[];
  };
}

/** How a limit stands, and the first of those who wait. */
export interface ShownQuota extends QuotaRecord {
  readonly waitingCount: number;
}

/** A step of an agent's own chart: the states that it left and entered. Between two looks there may have been more. */
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
  /** `reset`: forget all rows that were known; then those that are `gone`, then take these. */
  readonly agents: {
    readonly reset?: true;
    readonly agents: readonly AgentRow[];
    readonly gone: readonly string[];
    /** Whether there is more to come at once. */
    readonly more: boolean;
  };
  /** `reset`: forget all marks that were known. */
  readonly marks: { readonly reset?: true; readonly marks: readonly Mark[]; readonly more: boolean };
  readonly coordination: CoordinationReport;
  readonly pools: { readonly pools: readonly ShownPool[] };
  readonly work: WorkReport;
  readonly questions: { readonly questions: readonly QuestionRecord[] };
  readonly limits: LimitsReport;
  readonly agent: { readonly detail: AgentDetail | null };
  /** The chart that is the one agent's own behaviour, and its last steps, newest first; `null` where there is none. */
  readonly chart: { readonly chart: AgentChart | null; readonly steps: readonly SeenStep[] };
  /** Of the one agent. */
  readonly tasks: { readonly tasks: readonly ShownTask[] };
  /** Of the one agent; `reset`: these are its newest, forget those that were known. */
  readonly events: { readonly reset?: true; readonly events: readonly ShownEvent[] };
  /** The dashboard closes. */
  readonly bye: object;
}
