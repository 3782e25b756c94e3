/**
 * What the flat model knows of one agent's life at one moment, and in which words it is moved.
 *
 * The model is written by hand from the design and knows nothing of the charts: what both say is compared, and
 * where they differ one of them is wrong. It imports types of plain data only.
 */
import type { AgentStatus, ErrorCode, ExitReason } from '../../../src/index.ts';

/** Where an agent can rest, one flat name each. */
export type Place =
  | 'registered'
  | 'initializing'
  | 'cancelling'
  | 'running'
  | 'unresponsive'
  | 'draining'
  | 'aborting'
  | 'saving'
  | 'terminating'
  | 'killing'
  | 'completed'
  | 'stopped'
  | 'waiting'
  | 'queued'
  | 'awaitingOperator'
  | 'gaveUp'
  | 'leftDown'
  | 'forgotten';

/** Where a start was asked from; `restart` is one by policy. */
export type Origin =
  | Exclude<
      Place,
      | 'initializing'
      | 'cancelling'
      | 'running'
      | 'unresponsive'
      | 'draining'
      | 'aborting'
      | 'saving'
      | 'terminating'
      | 'killing'
      | 'queued'
      | 'forgotten'
    >
  | 'restart';

export const commands = [
  'register',
  'start',
  'restart',
  'stop',
  'stop briefly',
  'stop now',
  'kill',
  'forget',
  'pause',
  'resume',
  'execute',
  'execute briefly',
  'cancel',
  'check health',
  /** Its spec is changed, in what needs no new body. */
  'update',
] as const;
type Command = (typeof commands)[number];

/** What the living body tells. */
export const reports = [
  'ready',
  'finished',
  'task completed',
  'task failed',
  'unknown task completed',
  /** It ran into a limit whose reset is known, or is not. */
  'task parked',
  'task parked, who knows how long',
  'health answered',
  'health failed',
  'old health answered',
  'old health failed',
  'saved',
  'save failed',
] as const;
type Report = (typeof reports)[number];

export const exits = {
  'exit normal': 'normal',
  'exit shutdown': 'shutdown',
  'exit of its own': { shutdown: 'closing time' },
  'exit killed': 'killed',
  'exit error': { error: { name: 'Error', message: 'the body broke' } },
} as const satisfies Record<string, ExitReason>;
export type Exit = keyof typeof exits;

export const surroundings = [
  /** All that a body which is gone can still say, at once. */
  'ghosts',
  /** To one ms before the next deadline. */
  'almost due',
  /** To the next deadline. */
  'due',
  /** As long as a healthy period, with nothing due. */
  'rest',
  /** Another agent takes the fleet's only permit to restart. */
  'permit taken',
  'permit freed',
  'coordination lost',
  'coordination restored',
  /** The program dies without a word; another goes on with its store. */
  'program dies',
  /** The actor of the body fails: a bug of the runtime. */
  'bug',
] as const;
type Surrounding = (typeof surroundings)[number];

export type Move = Command | Report | Exit | Surrounding;

/** The numbers of one agent, and which moves are played on it. */
export interface Profile {
  readonly name: string;
  readonly moves: readonly Move[];
  readonly restart: {
    readonly policy: 'immediate' | 'delayed' | 'manual' | 'never';
    readonly delayMs: number;
    readonly maxDelayMs: number;
    readonly maxRestarts: number;
    readonly withinMs: number;
  };
  readonly startTimeoutMs: number;
  /** How long another agent's start keeps this one from its restart. */
  readonly permitPeriodMs: number;
  readonly shutdownMs: number;
  readonly maxRuntimeMs: number;
  readonly health: {
    readonly intervalMs: number;
    readonly timeoutMs: number;
    readonly failuresBeforeKill: number;
  };
  readonly tasks: { readonly concurrency: number; readonly queueLimit: number };
  /** What the dice show, every time. */
  readonly chance: number;
}

export const TASK_TIMEOUT_MS = 700;
export const RESET_MS = 900;
export const WHY_PARKED = 'too many requests';
export const BRIEF_STOP_MS = 1_000;

export type DeadlineName =
  | 'start'
  | 'maxRuntime'
  | 'restart'
  | 'permit'
  | 'shutdown'
  | 'drain'
  | 'abort'
  | 'nextCheck'
  | 'checkTimeout'
  | 'reset'
  | `task ${string}`;

export interface Task {
  /** t1, t2 … in the order of acceptance. */
  readonly id: string;
  readonly command: number;
  readonly incarnation: number;
  readonly acceptedAt: number;
  isRunning: boolean;
  /** It ran into a limit, and was not begun since. */
  isParked: boolean;
  /** How often it was begun; one that ran into a limit is not counted. */
  attempt: number;
  /** In the order in which they were begun. */
  begun: number;
  startedAt: number;
  /** Its caller has his answer, and its work goes on. */
  isAnswered: boolean;
}

/** An end that was ordered, and whether it is for good. */
export interface Order {
  readonly reason: ExitReason;
  readonly forGood: boolean;
}

export interface Paused {
  readonly at: number;
  readonly by?: string;
}

export interface Parked {
  readonly at: number;
  readonly until: number;
  readonly why: string;
  readonly guessed?: true;
  readonly named?: true;
}

export interface Health {
  readonly status: 'unknown' | 'healthy' | 'unresponsive' | 'not_running';
  readonly misses: number;
  readonly checkedAt?: number;
  readonly latencyMs?: number;
  readonly detail?: unknown;
}

/** All that a recovery has of a life: what its last event said. */
export interface KnownLife {
  readonly at: Origin | 'starting' | 'serving' | 'stopping';
  readonly incarnation: number;
  readonly startedFrom: Origin;
  readonly restarts: number;
  readonly history: { readonly recent: readonly number[]; readonly attempt: number };
  readonly reason: ExitReason | undefined;
  readonly startedAt: number | undefined;
  readonly endedAt: number | undefined;
  readonly restartAt: number | undefined;
  readonly paused?: Paused;
  readonly parked?: Parked;
}

export interface Life {
  now: number;
  place: Place;
  incarnation: number;
  startedFrom: Origin;
  restarts: number;
  /** When the restarts were decided that count for the intensity. */
  recent: readonly number[];
  attempt: number;
  reason: ExitReason | undefined;
  startedAt: number | undefined;
  endedAt: number | undefined;
  restartAt: number | undefined;
  order: Order | undefined;
  stopTimeoutMs: number;
  paused: Paused | undefined;
  /** What it waits for, as its chart knows it. */
  parked: Parked | undefined;
  /** The limit that it works under, while that is reached; it outlives bodies. */
  limit: Parked | undefined;
  /** Guesses in a row of when that is reset. */
  guesses: number;
  /** It was paused, and has not told yet that nothing runs. */
  isResting: boolean;
  /** Whether coordination is there, for the whole system. */
  isCoordinated: boolean;
  /** What is armed and when it is due, in the order of arming. */
  deadlines: Map<DeadlineName, number>;
  tasks: Task[];
  acceptedTasks: number;
  begunTasks: number;
  abandoned: readonly string[];
  counts: { done: number; failed: number; timedOut: number; abandoned: number; dropped: number };
  health: Health;
  checkId: number;
  checkAskedAt: number | undefined;
  savedState: string | undefined;
  saves: number;
  alert: 'restart_required' | 'gave_up' | 'state_not_saved' | undefined;
  /** Whether another agent holds the fleet's only permit. */
  isPermitTaken: boolean;
  /** Whether that no longer counts. */
  isPermitReclaimed: boolean;
  /** Whether a body has been there and is gone. */
  hasGhost: boolean;
  known: KnownLife | undefined;
  commands: number;
  /** Numbers of the commands that wait for their answer. */
  starts: readonly number[];
  ends: readonly number[];
  checks: readonly number[];
}

/** What a move must lead to, beside the life after it. */
export interface Outcome {
  /** Events of the stream, in order, without place and time in it. */
  readonly events: readonly object[];
  /** What the living body was asked, in order. */
  readonly requests: readonly object[];
  /** Commands that were answered by this move. */
  readonly answers: ReadonlyMap<number, Answer>;
}

export type Answer = { readonly value: unknown } | { readonly code: ErrorCode };

/** What the public API shows of an agent. */
export interface View {
  readonly status: AgentStatus;
  readonly state: string;
  readonly incarnation: number;
  readonly restarts: number;
  readonly reason: ExitReason | undefined;
  readonly restartAt: number | undefined;
  readonly startedAt: number | undefined;
  readonly endedAt: number | undefined;
  readonly health: Health;
  readonly paused: Paused | undefined;
  readonly parked: Parked | undefined;
  readonly abandoned: readonly string[];
  readonly metrics: object;
}

export const AGENT = 'subject';
/** How long a program is away before the next one goes on with its store. */
export const DOWNTIME_MS = 300;

export const TASK_ERROR = { name: 'Error', message: 'the task broke' };
export const CHECK_ERROR = { name: 'Error', message: 'not well' };
export const CHECK_DETAIL = 'well';
export const OPERATOR = 'ada';
export const BUG = 'a bug of the runtime';

export const NOT_RUNNING: Health = { status: 'not_running', misses: 0 };

/** What a registration makes of a life, whatever was before. */
export function registeredLife() {
  return {
    place: 'registered',
    incarnation: 0,
    startedFrom: 'registered',
    restarts: 0,
    recent: [],
    attempt: 0,
    reason: undefined,
    startedAt: undefined,
    endedAt: undefined,
    restartAt: undefined,
    order: undefined,
    paused: undefined,
    parked: undefined,
    abandoned: [],
    counts: { done: 0, failed: 0, timedOut: 0, abandoned: 0, dropped: 0 },
    health: NOT_RUNNING,
    checkId: 0,
    savedState: undefined,
    hasGhost: false,
    known: undefined,
  } as const satisfies Partial<Life>;
}
