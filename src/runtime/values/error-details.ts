/**
 * What `details` of an error hold, by its code. They are there where there is more to say: of errors of the same code
 * some have them, and some have further ones.
 */
import type {
  AgentCommand,
  AgentStatus,
  BudgetUnit,
  ExitReason,
  QuestionStatus,
  TaskStatus,
} from '../../machines/index.ts';

/** Codes whose details are known. */
export interface ErrorDetails {
  AGENT_NOT_RUNNING: OfCommand & {
    /** Why a handle is refused: the incarnation it is of, and the newest. */
    readonly incarnation?: number;
    readonly newest?: number;
  };
  AGENT_ALREADY_RUNNING: OfCommand;
  AGENT_ILLEGAL_COMMAND: {
    /** What is allowed now. */
    readonly legal?: readonly string[];
    readonly command?: string;
    readonly status?: string;
    readonly state?: string;
    readonly taskId?: string;
  };
  AGENT_EXISTS: {
    /** Fields of the spec that differ. */
    readonly changed?: readonly string[];
  };
  AGENT_START_FAILED: { readonly reason?: ExitReason };
  AGENT_START_TIMED_OUT: { readonly reason?: ExitReason };
  RESOURCES_EXHAUSTED: {
    readonly agentsLeft?: number;
    readonly memoryBytesLeft?: number;
    readonly memoryBytesAsked?: number;
  };
  TASK_INCOMPATIBLE: OfTask & {
    /** Names of the tasks that it takes instead. */
    readonly expected?: readonly string[];
    readonly got?: string;
    /** Capabilities that it lacks, and those that it has. */
    readonly missing?: readonly string[];
    readonly capabilities?: readonly string[];
  };
  TASK_INPUT_INVALID: OfTask;
  TASK_FAILED: OfTask;
  TASK_TIMED_OUT: OfTask;
  TASK_ABANDONED: OfTask;
  TASK_STALLED: OfTask;
  TASK_REPEATED: {
    /** What it did again and again, how often, and how often it may. */
    readonly name?: string;
    readonly count?: number;
    readonly maxRepeats?: number;
  };
  TASK_QUEUE_FULL: { readonly pool?: string };
  COORDINATION_UNAVAILABLE: { readonly status?: string };
  BUDGET_EXHAUSTED: {
    readonly budget?: string;
    readonly unit?: BudgetUnit;
    readonly asked?: number;
    readonly left?: number;
    readonly taskId?: string;
    /** When it is refilled by itself, epoch ms. */
    readonly refillAt?: number;
  };
  QUESTION_CLOSED: OfQuestion;
  ANSWER_INVALID: OfQuestion;
  QUESTION_EXPIRED: { readonly key?: string };
  SYSTEM_CLOSED: OfTask;
  POOL_UNKNOWN: { readonly pool?: string };
  WAIT_CIRCLE: {
    /** Ids of the agents, each waiting for the next; the first is the last, too. */
    readonly circle?: readonly string[];
    readonly tasks?: readonly string[];
  };
  NODE_UNREACHABLE: { readonly node?: string };
  STORE_FAILED: {
    readonly path?: string;
    readonly expected?: string;
    readonly came?: string;
    readonly wayOut?: string;
    /** Whether it was refused because a system has the file open. */
    readonly isHeld?: boolean;
  };
}

interface OfCommand {
  readonly status?: AgentStatus;
  /** The dotted path of the chart's state. */
  readonly state?: string;
  readonly command?: AgentCommand;
  readonly legal?: readonly AgentCommand[];
}

interface OfQuestion {
  readonly questionId?: string;
  readonly status?: QuestionStatus;
  /** Who has answered it. */
  readonly by?: string;
}

interface OfTask {
  readonly taskId?: string;
  /** Which attempt it was, from 1; 0 for one that was never begun. */
  readonly attempt?: number;
  /** Of one that was asked for by its id: how it stands. */
  readonly status?: TaskStatus;
  readonly task?: string;
  readonly pool?: string;
}

/** Their other fields are looked up by name. */
export type DetailsOf<Code> = Readonly<Record<string, unknown>> &
  (Code extends keyof ErrorDetails ? ErrorDetails[Code] : unknown);
