/**
 * A fleet on other machines as the dashboard reads it: what `connectFleet` of `mabeam/restate` gives fits. Types alone.
 */
import type {
  AdmissionUsage,
  Alert,
  BudgetRecord,
  CoordinationStatus,
  Leader,
  OpenRound,
  OutOfDate,
  PoolRecord,
  QuestionFilter,
  QuestionRecord,
  QuotaRecord,
  ScheduleRecord,
  TaskFilter,
  TaskRecord,
  VariableRecord,
  VariableVersion,
} from '../index.ts';
import type {
  AgentCommands,
  BudgetCommands,
  By,
  PoolCommands,
  QuestionCommands,
  QuotaCommands,
  RoundCommands,
  TaskCommands,
  VariableCommands,
  WatchedEvents,
  WatchedRecord,
} from './watched-system.ts';

/** A node that is alive. */
export interface WatchedNode {
  readonly name: string;
  /** One that begins anew has another. */
  readonly epoch: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly types: readonly string[];
  readonly maxAgents: number;
  readonly maxMemoryBytes: number;
  /** Epoch ms of its last sign of life. */
  readonly beatAt: number;
  readonly isDraining: boolean;
  readonly agents: number;
  readonly memoryBytes: number;
}

/** One that is no more. */
export interface FormerNode {
  readonly name: string;
  readonly at: number;
  readonly how: 'left' | 'lost';
}

export interface WatchedFleet {
  readonly agents: AgentCommands & {
    list(): Promise<readonly WatchedRecord[]>;
    get(id: string): Promise<WatchedRecord>;
  };
  readonly tasks: TaskCommands & {
    list(filter?: TaskFilter): Promise<readonly TaskRecord[]>;
    get(id: string): Promise<TaskRecord>;
    schedules(): Promise<readonly ScheduleRecord[]>;
  };
  readonly questions: QuestionCommands & {
    list(filter?: QuestionFilter): Promise<readonly QuestionRecord[]>;
    get(id: string): Promise<QuestionRecord>;
  };
  readonly events: WatchedEvents;
  readonly alerts: { list(): Promise<readonly Alert[]> };
  readonly quotas: QuotaCommands & { list(): Promise<readonly QuotaRecord[]> };
  readonly budgets: BudgetCommands & { list(): Promise<readonly BudgetRecord[]> };
  readonly pools: PoolCommands & { list(): Promise<readonly PoolRecord[]> };
  readonly variables: VariableCommands & {
    list(): Promise<readonly VariableRecord[]>;
    history(name: string): Promise<readonly VariableVersion[]>;
    outOfDate(name: string): Promise<readonly OutOfDate[]>;
  };
  readonly consensus: RoundCommands & { rounds(): Promise<readonly OpenRound[]> };
  readonly coordination: {
    status(): Promise<CoordinationStatus>;
    elected(): Promise<Leader | undefined>;
    suspend(options: By): Promise<unknown>;
    resume(options: By): Promise<unknown>;
  };
  resources(): Promise<AdmissionUsage>;
  nodes(): Promise<readonly WatchedNode[]>;
  formerNodes(): Promise<readonly FormerNode[]>;
}
