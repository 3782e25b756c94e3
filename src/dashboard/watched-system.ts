/**
 * What the dashboard needs of what it shows: reads that answer at once, commands, and events.
 *
 * A system of one program is one as it is. A fleet on other machines is read by promises, and shown by a copy of what it
 * said (fleet-mirror.ts), which has a `mirror`.
 */
import type { AgentCommand, TaskStatus } from '../machines/index.ts';
import type {
  AdmissionUsage,
  AgentChart,
  AgentRecord,
  Alert,
  BudgetRecord,
  Confirmation,
  CoordinationStatus,
  Decision,
  Leader,
  LifeStep,
  OpenRound,
  OutOfDate,
  PoolRecord,
  ProposalOptions,
  QuestionFilter,
  QuestionRecord,
  QuotaRecord,
  ReadOptions,
  ScheduleRecord,
  SubmittedTask,
  SystemEvent,
  SystemEventType,
  TaskCommand,
  TaskFilter,
  TaskRecord,
  TaskTarget,
  VariableRecord,
  VariableVersion,
} from '../index.ts';
import type { ShownNode } from './protocol.ts';

export interface By {
  readonly by?: string;
}

interface ByAndWhy extends By {
  readonly why?: string;
}

/** A record; of a fleet with the node that its body is on. */
export type WatchedRecord = AgentRecord & { readonly node?: string };

/** What it takes to act: the same of a system and of a fleet. */
export interface AgentCommands {
  start(id: string, options: By): Promise<{ readonly incarnation: number }>;
  restart(id: string, options: By): Promise<{ readonly incarnation: number }>;
  pause(id: string, options: By): Promise<AgentRecord>;
  resume(id: string, options: By): Promise<AgentRecord>;
  stop(id: string, options: By & { readonly timeoutMs?: number }): Promise<AgentRecord>;
  kill(id: string, options: By): Promise<AgentRecord>;
  forget(id: string, options: By): Promise<void>;
  chart(id: string): Promise<AgentChart | undefined>;
  savedState(id: string): Promise<unknown>;
}

export interface TaskCommands {
  submit(target: TaskTarget, task: SubmittedTask): Promise<TaskRecord>;
  cancel(id: string, reason: string, options: By): Promise<TaskRecord>;
  retry(id: string, options: By): Promise<TaskRecord>;
  forget(id: string, options: By): Promise<void>;
  unschedule(name: string, options: By): Promise<void>;
}

export interface QuestionCommands {
  answer(id: string, value: unknown, options: By): Promise<QuestionRecord>;
}
export interface QuotaCommands {
  lift(name: string, options: By): Promise<unknown>;
}
export interface BudgetCommands {
  refill(name: string, options: By & { readonly of?: string }): Promise<BudgetRecord>;
}
export interface PoolCommands {
  ensureSize(name: string, size: number, options: By): Promise<PoolRecord>;
}
export interface VariableCommands {
  set(name: string, value: unknown, options: ByAndWhy): Promise<Confirmation>;
  rollback(name: string, version: number, options: ByAndWhy): Promise<Confirmation>;
}
export interface RoundCommands {
  propose(proposal: ProposalOptions): Promise<Decision>;
}
export interface CoordinationCommands {
  suspend(options: By): unknown;
  resume(options: By): unknown;
}

export interface WatchedEvents {
  subscribe(
    listener: (event: SystemEvent) => void,
    options?: { readonly types?: readonly SystemEventType[]; readonly committedOnly?: boolean },
  ): () => void;
  read(options?: ReadOptions): AsyncIterable<SystemEvent>;
  replay(agentId: string, untilSequence?: number): Promise<readonly LifeStep[]>;
}

export interface WatchedSystem {
  readonly agents: AgentCommands & {
    ids(): readonly string[];
    get(id: string): WatchedRecord;
    legal(id: string): readonly AgentCommand[];
    can(id: string, command: AgentCommand): boolean;
  };
  readonly tasks: TaskCommands & {
    counts(): Readonly<Record<TaskStatus, number>>;
    list(filter?: TaskFilter): readonly TaskRecord[];
    get(id: string): TaskRecord;
    legal(id: string): readonly TaskCommand[];
    schedules(): readonly ScheduleRecord[];
  };
  readonly questions: QuestionCommands & {
    list(filter?: QuestionFilter): readonly QuestionRecord[];
    get(id: string): QuestionRecord;
  };
  readonly events: WatchedEvents;
  readonly alerts: { list(): readonly Alert[] };
  readonly quotas: QuotaCommands & { list(): readonly QuotaRecord[] };
  readonly budgets: BudgetCommands & { list(): readonly BudgetRecord[] };
  readonly pools: PoolCommands & { list(): readonly PoolRecord[]; get(name: string): PoolRecord };
  readonly variables: VariableCommands & {
    list(): readonly VariableRecord[];
    get(name: string): VariableRecord;
    history(name: string): readonly VariableVersion[];
    outOfDate(name: string): readonly OutOfDate[];
  };
  readonly consensus: RoundCommands & { rounds(): readonly OpenRound[] };
  readonly coordination: CoordinationCommands & {
    status(): CoordinationStatus;
    leader(): Leader | undefined;
  };
  resources(): AdmissionUsage;
  readonly mirror?: Mirror;
}

/** Of a fleet on other machines. */
export interface Mirror {
  /** Its nodes, and those that are gone. */
  nodes(): readonly ShownNode[];
  /** Makes a report once all that it reads is there, and new enough. */
  settled<Report>(report: () => Report): Promise<Report>;
  /** Reads again what has changed of agents. Gives the ids of those whose records are others than before. */
  reread(): Promise<Iterable<string>>;
  /** Nothing that was read is new enough any more: somebody has acted. */
  outdate(): void;
  /** How many events from before the dashboard are read. */
  readonly earlierEvents: number;
}

/** A report on a system: of one program at once. */
export async function settled<Report>(
  { mirror }: Pick<WatchedSystem, 'mirror'>,
  report: () => Report,
): Promise<Awaited<Report>> {
  return await (mirror === undefined ? report() : mirror.settled(report));
}
