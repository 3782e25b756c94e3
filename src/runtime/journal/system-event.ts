/**
 * Everything that happens, as one ordered stream of plain data: what subscribers hear, logs show and stores keep.
 *
 * I1  `sequence` grows by one with every event of a store's whole history, across programs.
 * I2  An event is heard by subscribers after it was committed, in order. One that is heard while the store fails is
 *     told as not committed.
 * I3  The last event of an agent's life, with its `agent.registered` or its last `agent.updated`, says all that a
 *     recovery needs of it.
 */
import type {
  AgentLife,
  AlertKind,
  Answer,
  BallotRefusal,
  BudgetAlert,
  BudgetAmount,
  ErrorInfo,
  ExitReason,
  OnStall,
  Outcome,
  PoolAlert,
  RetryPolicy,
  RoundCut,
  RoundTerms,
  ScalingAlert,
  Tally,
} from '../../machines/index.ts';
import type { AgentManifest } from '../definition/manifest.ts';
import type { TraceParent } from '../hosting/host.ts';
import type { ErrorCode } from '../values/errors.ts';

/** A spec as it is kept: where the module is code of the program, only its type is. */
export interface StoredSpec {
  readonly module: { readonly url: string } | { readonly type: string };
  readonly [field: string]: unknown;
}

/** What an alert is about. */
export type AlertType =
  | AlertKind
  | 'restart_storm'
  | 'body_not_ending'
  | 'definition_missing'
  | 'secrets_missing'
  | 'store_degraded'
  | 'schedule_refused'
  | 'coordination_lost'
  | PoolAlert
  | ScalingAlert
  | BudgetAlert;

interface OfAgent {
  readonly agentId: string;
  readonly incarnation: number;
}

/** An event in an agent's life, with where its chart stands after it. */
interface OfLife extends OfAgent {
  readonly life: AgentLife;
}

/** From acceptance to start, and from start to its end; ms. */
interface TaskTimes {
  readonly waitedMs: number;
  readonly ranMs: number;
}

interface OfTask extends OfAgent {
  readonly taskId: string;
  readonly task: string;
}

/** A question of a task to a person: `questionId` is the task's id and the key. */
interface OfQuestion extends OfTask {
  readonly questionId: string;
  readonly key: string;
}

/** Its record is kept beyond its end: its caller may be another program. */
interface Submitted {
  readonly submitted?: true;
  /** How often its work was begun, and when the last time, epoch ms. */
  readonly attempts?: number;
  readonly startedAt?: number;
}

/** What is waited for. `until` is epoch ms; `guessed` if the reset is unknown, `named` if it was said as a time. */
interface OfPark {
  readonly until: number;
  readonly why: string;
  readonly guessed?: true;
  readonly named?: true;
  readonly quota?: string;
}

interface Attempted {
  /** How often its work was begun, with this time; events of earlier versions do not tell. */
  readonly attempt?: number;
}

/** An account, and how it stands after the event. `of`: the agent or the task, where each has its own. */
interface OfBudget {
  readonly budget: string;
  readonly of?: string;
  readonly spent: BudgetAmount;
  readonly reserved: BudgetAmount;
}

interface WithReason {
  readonly reason: ExitReason;
}

/** Of an act: who asked for it, where they said so. */
interface Asked {
  readonly by?: string;
}

/** One field of a spec that is another: `health.intervalMs`, say. A value that is left out was, or is, not given. */
export interface SpecChange {
  readonly field: string;
  readonly from?: unknown;
  readonly to?: unknown;
}

interface EventFields {
  'agent.registered': OfAgent &
    Asked & {
      readonly agentType: string;
      readonly spec: StoredSpec;
      readonly manifest: AgentManifest;
    };
  /** Its spec is another one from here on; a recovery goes by this, in place of its registration. */
  'agent.updated': OfAgent &
    Asked & {
      readonly agentType: string;
      readonly spec: StoredSpec;
      readonly manifest: AgentManifest;
      readonly changes: readonly SpecChange[];
      /** Sequence of its `agent.registered`. */
      readonly registered: number;
    };
  'agent.starting': OfLife & Asked;
  'agent.started': OfLife;
  'agent.start_failed': OfLife & WithReason & Asked;
  'agent.unresponsive': OfLife & { readonly misses: number };
  'agent.recovered': OfLife;
  /** It is to be paused: what runs may end, nothing new begins. */
  'agent.pausing': OfLife & Asked;
  /** It is paused, and nothing runs. */
  'agent.paused': OfLife & Asked;
  'agent.resumed': OfLife & Asked;
  /** A limit that it works under is reached: nothing begins until that is reset. */
  'agent.parked': OfLife & OfPark;
  'agent.unparked': OfLife;
  /** Somebody says that this limit is reset: of a group, by its name, or of an agent, by its id. */
  'quota.lifted': Asked & { readonly quota: string };
  'agent.stopping': OfLife & Asked;
  'agent.stopped': OfLife & WithReason & Asked & { readonly abandoned: readonly string[] };
  'agent.completed': OfLife & WithReason & { readonly abandoned: readonly string[] };
  'agent.crashed': OfLife & WithReason & Asked & { readonly abandoned: readonly string[] };
  'agent.restart_scheduled': OfLife & { readonly restartAt: number; readonly delayMs: number };
  'agent.gave_up': OfLife & WithReason;
  'agent.state_saved': OfAgent & { readonly bytes: number; readonly stateVersion: number };
  'agent.forgotten': OfAgent & Asked;
  /** `input` is kept of tasks that are repeated after the loss of their host or were submitted, and of no others. */
  'task.accepted': OfTask &
    Submitted &
    Asked & {
      readonly input?: unknown;
      readonly retry: boolean;
      /** Of a task of this pool. While it waits in its queue, no agent has it: `agentId` is empty. */
      readonly pool?: string;
      /** Of its `attempts`, those that its policy does not count; default all. */
      readonly before?: number;
      readonly timeoutMs?: number;
      /** When its `timeoutMs` is over, and before when it is not begun; epoch ms. */
      readonly deadlineAt?: number;
      /** It begins no earlier: once `delayMs` are over, or, without that, when the wall clock says so; epoch ms. */
      readonly dueAt?: number;
      readonly delayMs?: number;
      readonly idempotencyKey?: string;
      readonly dedupeKey?: string;
      /** A task has asked for it, under its key: it ends once none waits for it. */
      readonly called?: true;
      /** Id of that task; who else waits for it is no event's. */
      readonly caller?: string;
      readonly priority?: number;
      /** How often it is tried, where that was asked for with it. */
      readonly policy?: RetryPolicy;
      readonly trace?: TraceParent;
    };
  'task.started': OfTask & Attempted;
  /** It has kept a result of `context.step`. */
  'task.step': OfTask & { readonly key: string };
  /** It runs, and has told nothing of its progress for the time that its kind allows. */
  'task.stalled': OfTask & { readonly stalledAfterMs: number; readonly onStall: OnStall };
  /** One that had stalled gets on again. */
  'task.progressed': OfTask;
  /** It waits at the head of its queue until a limit is reset: no attempt was made. */
  'task.parked': OfTask & OfPark & Attempted;
  /** An attempt has failed, and there is another one, not before `dueAt`, epoch ms. */
  'task.retry_scheduled': OfTask & {
    readonly attempt: number;
    readonly code: ErrorCode;
    readonly error: ErrorInfo;
    readonly startedAt: number;
    readonly delayMs: number;
    readonly dueAt: number;
  };
  /** `output` is kept of tasks that were submitted, where it is JSON data. */
  'task.completed': OfTask & TaskTimes & Submitted & { readonly output?: unknown };
  'task.failed': OfTask &
    TaskTimes &
    Submitted &
    Attempted & { readonly code: ErrorCode; readonly error: ErrorInfo };
  /** `timeoutMs`: its own, or that of its last `attempt`, which is 0 where it was never begun. */
  'task.timed_out': OfTask & Submitted & Attempted & { readonly timeoutMs: number };
  'task.abandoned': OfTask & Submitted & Asked & { readonly why: string; readonly isCancelled?: true };
  /** It was in flight when its whole program died: nobody knows how far it came. */
  'task.unknown': OfTask & Submitted & { readonly input?: unknown; readonly retry: boolean };
  /** Nothing is kept any more of a task that was submitted. */
  'task.forgotten': OfTask & Asked;
  /** Tasks are to be submitted at its times. `lastDueAt`, epoch ms: up to then they were, where it was set before. */
  'schedule.set': Asked & {
    readonly name: string;
    readonly cron?: string;
    readonly everyMs?: number;
    readonly timezone?: string;
    readonly missed: 'once' | 'skip';
    readonly target: string | { readonly type: string } | { readonly pool: string };
    readonly task: { readonly type: string; readonly [field: string]: unknown };
    readonly lastDueAt?: number;
  };
  /** It was due, epoch ms: its task was submitted, or refused. */
  'schedule.fired': {
    readonly name: string;
    readonly dueAt: number;
    /** Id of its task. */
    readonly submitted?: string;
    readonly error?: ErrorInfo;
  };
  'schedule.removed': Asked & { readonly name: string };
  /** A task waits for a person. */
  'question.asked': OfQuestion & { readonly question: string };
  'question.answered': OfQuestion & { readonly answer: unknown; readonly by?: string };
  /** The task's own schema refuses the answer: the question is open again. */
  'question.refused': OfQuestion & { readonly why: string };
  /** Its deadline has passed. */
  'question.expired': OfQuestion;
  /** Its task has ended without an answer. */
  'question.withdrawn': OfQuestion;
  'variable.changed': {
    readonly name: string;
    readonly value: unknown;
    readonly version: number;
    readonly by: string;
    readonly why?: string;
  };
  'variable.acknowledged': OfAgent & { readonly name: string; readonly version: number };
  'round.opened': {
    readonly roundId: string;
    readonly variable: string;
    readonly value: unknown;
    readonly by: string;
    readonly why?: string;
    readonly terms: RoundTerms;
    readonly electorate: readonly string[];
    readonly deadlineAt: number;
  };
  'round.voted': OfAgent & {
    readonly roundId: string;
    readonly vote: Answer;
    /** Why it did not count, when it did not. */
    readonly refused?: BallotRefusal | 'old_term';
    /** The term in which it is the leader's word, and not one vote among others. */
    readonly term?: number;
    /** What the vote function threw, or gave instead of a vote: `vote` is then `failed`. */
    readonly error?: ErrorInfo;
  };
  'round.closed': {
    readonly roundId: string;
    readonly variable: string;
    readonly outcome: Outcome;
    /** `null` where the program died before it was counted. */
    readonly tally: Tally | null;
    readonly decidedBy: 'voters' | 'leader';
    /** Why it expired, where it did. */
    readonly cut?: RoundCut;
  };
  'leader.elected': OfAgent & { readonly term: number };
  'coordination.lost': Asked & { readonly why: string };
  'coordination.restored': Asked;
  'pool.scaled': Asked & {
    readonly pool: string;
    readonly from: number;
    readonly to: number;
    readonly why: string;
  };
  'budget.reserved': OfAgent & OfBudget & { readonly taskId: string; readonly amount: BudgetAmount };
  /** `amount` was used. `left`: its task ended, and said nothing of it. */
  'budget.settled': OfAgent &
    OfBudget & {
      readonly taskId: string;
      readonly amount: BudgetAmount;
      readonly how: 'settled' | 'released' | 'left';
    };
  'budget.refilled': OfBudget &
    Asked & {
      /** Of an account that is one task's own. */
      readonly taskId?: string;
    };
  /** The account that an agent had of its own has ended with it. */
  'budget.closed': OfAgent & { readonly budget: string; readonly of: string };
  'alert.raised': {
    readonly agentId?: string;
    readonly pool?: string;
    readonly budget?: string;
    readonly schedule?: string;
    readonly alert: AlertType;
    readonly message: string;
  };
  'alert.cleared': {
    readonly agentId?: string;
    readonly pool?: string;
    readonly budget?: string;
    readonly schedule?: string;
    readonly alert: AlertType;
  };
  'store.degraded': { readonly error: ErrorInfo };
  'store.recovered': { readonly lost: number };
}

export type SystemEventType = keyof EventFields;

interface Stamp {
  /** 1, 2, 3 … over the whole history of the store. */
  readonly sequence: number;
  /** Epoch ms. */
  readonly at: number;
  readonly agentId?: string;
  readonly incarnation?: number;
}

/** One event; `type` tells which further fields it has. */
export type SystemEvent = {
  [Type in SystemEventType]: { readonly type: Type } & Stamp & EventFields[Type];
}[SystemEventType];

/** An event before it has its place in the stream. */
export type EventBody = {
  [Type in SystemEventType]: { readonly type: Type } & EventFields[Type];
}[SystemEventType];

/**
 * An event on its way into the stream. Its emitter must not use it any more: it is stamped in place.
 * One that begins with `sequence: 0, at: undefined` has all its fields from the start, and is the cheapest: V8 then keeps
 * the time of many events as one number.
 */
export type EventDraft = EventBody & { sequence?: number; at?: number | undefined };

/** A draft of one type, whose fields can still be set. */
export type DraftOf<Type extends EventDraft['type']> = {
  -readonly [Field in keyof Extract<EventDraft, { type: Type }>]: Extract<EventDraft, { type: Type }>[Field];
};
