/**
 * One task of a mailbox, from its acceptance to the end of its work.
 *
 * It listens to the caller's signal, and to the commits of its acceptance and of its completion.
 */
import { AsyncResource } from 'node:async_hooks';
import { hasAttemptLeft, type ProgressInput, type RetryPolicy } from '../../machines/index.ts';
import type { TaskManifest } from '../definition/manifest.ts';
import type { BodyReport, TraceParent } from '../hosting/host.ts';
import type { CommitObserver } from '../journal/journal.ts';
import { dataCopy } from '../values/data-copy.ts';
import type { AgentSystemError } from '../values/errors.ts';
import type { Ordered } from './task-order.ts';
import type { ProgressWatch } from './progress-watch.ts';
import type { GivenTask } from './task-request.ts';
import type { Wait, WaitingTask } from './wait.ts';

/** What an entry reports to its mailbox. */
export interface TaskEntryOwner {
  /** Its acceptance was committed, or could not be. */
  accepted(entry: TaskEntry, error: AgentSystemError | undefined): void;
  /** To be posted to the body. */
  post(entry: TaskEntry): void;
  /** Its caller cancels it. */
  cancelled(entry: TaskEntry): void;
  /** It waits for a person: its time does not run. */
  timeHeld(entry: TaskEntry): void;
  timeRuns(entry: TaskEntry): void;
}

export type TaskFailure = Extract<BodyReport, { type: 'task.failed' }>;

export class TaskEntry implements Ordered<TaskEntry>, CommitObserver, WaitingTask {
  readonly agentId: string;
  readonly taskId: string;
  readonly request: GivenTask;
  readonly kind: string;
  /** What its definition says of its kind. */
  private readonly terms: TaskManifest | undefined;
  readonly priority: number;
  readonly trace: TraceParent | undefined;
  /** The async context of its caller: its work runs there. */
  readonly caller = new AsyncResource('mabeam.task');
  /** What its caller gets. */
  readonly answer: Promise<unknown>;
  resolve!: (output: unknown) => void;
  reject!: (error: AgentSystemError) => void;
  readonly owner: TaskEntryOwner;
  private readonly given: unknown;
  /** The incarnation in which it was accepted, or last begun. */
  incarnation: number;
  /** How often its work was begun. */
  attempt: number;
  /** Set once its work is done. */
  output: unknown = undefined;
  /** How its last attempt failed, while it waits for the next. */
  failure: TaskFailure | undefined = undefined;
  /** The next four by `elapsed` of the clock, ms. */
  acceptedAt = 0;
  startedAt = 0;
  failedAt = 0;
  timesOutAt = Infinity;
  /** When its work was begun, epoch ms. */
  begunAt: number | undefined = undefined;
  /** Chunks that have come, and how many of them were read. */
  chunks = 0;
  chunksTaken = 0;
  /** It was waiting for a person when its body ended: the next body begins it anew. */
  isKept = false;
  /** It has asked a person: the next body, or program, begins it again, and the answer is there. */
  didAsk = false;
  isCommitted = false;
  /** Its work has begun, and is not known to have ended. */
  isUnderWay = false;
  isAnswered = false;
  /** Its attempt took too long, and was told to end. */
  isExpired = false;
  timer: unknown = undefined;
  /** While it runs, and its kind has a stall policy. */
  watch: ProgressWatch | undefined = undefined;
  /** The timer of its attempt, or of the delay before the next one; and when that one is due, epoch ms. */
  attemptTimer: unknown = undefined;
  dueAt: number | undefined = undefined;
  /** The same by `elapsed` of the clock. */
  dueTick = 0;
  /** While it waits for a time that its caller named: epoch ms, by the wall clock. */
  notBefore: number | undefined = undefined;
  previous: TaskEntry | undefined = undefined;
  next: TaskEntry | undefined = undefined;
  order = 0;
  isQueued = false;

  private open: Set<Wait> | undefined = undefined;
  /** How many questions it waits for, and how many of them hold its time. */
  private asking = 0;
  private held = 0;
  /** What was left of its time when it began to wait for a person, ms. */
  heldMs: number | undefined = undefined;

  constructor(
    agentId: string,
    taskId: string,
    incarnation: number,
    request: GivenTask,
    terms: TaskManifest | undefined,
    trace: TraceParent | undefined,
    owner: TaskEntryOwner,
  ) {
    this.agentId = agentId;
    this.taskId = taskId;
    this.incarnation = incarnation;
    this.request = request;
    this.kind = request.type;
    this.terms = terms;
    this.priority = request.priority ?? terms?.priority ?? 0;
    this.trace = trace;
    this.attempt = request.again?.attempts ?? 0;
    this.didAsk = request.again?.hasAsked ?? false;
    this.answer = new Promise((resolve, reject) => {
      this.resolve = resolve;
      this.reject = reject;
    });
    // What was submitted is a copy already.
    this.given = this.retry && request.submission === undefined ? dataCopy(request.input) : request.input;
    this.owner = owner;
  }

  get kindLimit(): number | undefined {
    return this.terms?.concurrency;
  }

  get stall(): ProgressInput | undefined {
    return this.terms?.stall;
  }

  get policy(): RetryPolicy | undefined {
    return this.request.policy ?? this.terms?.policy;
  }

  /** Whether a later program may repeat it if this one ends. */
  get retry(): boolean {
    return this.policy !== undefined || (this.terms?.retry ?? false);
  }

  /** Attempts before it was accepted the last time: its policy does not count them. */
  get before(): number {
    const { again } = this.request;
    return again?.before ?? again?.attempts ?? 0;
  }

  /** Whether its work is given the very input of its caller. */
  private get isInputShared(): boolean {
    return this.request.submission === undefined && !this.retry;
  }

  /** A chunk was given to its reader: it is not begun again. */
  get hasStreamed(): boolean {
    return this.request.reader !== undefined && this.chunks > 0;
  }

  /** It waits for a person. */
  get isAsking(): boolean {
    return this.asking > 0;
  }

  /** @param isHeld its time does not run meanwhile */
  beginsToAsk(isHeld: boolean): void {
    this.asking += 1;
    this.didAsk = true;
    if (isHeld && (this.held += 1) === 1) this.owner.timeHeld(this);
  }

  hasAsked(isHeld: boolean): void {
    if (this.asking === 0) return;
    this.asking -= 1;
    if (isHeld && (this.held -= 1) === 0) this.owner.timeRuns(this);
  }

  /**
   * Its work has ended. When it is begun again, it asks its questions anew.
   *
   * @param staysHeld its time does not run until then
   */
  asksNothing(staysHeld: boolean): void {
    this.asking = 0;
    if (this.held === 0) return;
    this.held = 0;
    if (!staysHeld) this.owner.timeRuns(this);
  }

  /** Nearly always none. */
  get waits(): Set<Wait> {
    return (this.open ??= new Set());
  }

  /** Whether another attempt is left. A task whose chunks were read has none. */
  get hasAttemptLeft(): boolean {
    return !this.hasStreamed && hasAttemptLeft(this.policy, this.attempt - this.before);
  }

  /** The input for its work: a copy if it may be needed unchanged for another run, or was kept. */
  get input(): unknown {
    return this.isInputShared ? this.given : dataCopy(this.given);
  }

  /** Whether it waits for its agent to run again, also after a stop. */
  get outlivesAgent(): boolean {
    return this.request.whenDown === 'wait';
  }

  /** Whether a caller waits for it and does not know its id. */
  get isExecuted(): boolean {
    return this.request.submission === undefined && this.request.again?.isRestored !== true;
  }

  /**
   * Whether its work begins only after its `task.started` was committed: a later program may go on with it, and its
   * attempts are limited.
   */
  get isBegunDurably(): boolean {
    return this.request.submission !== undefined && (this.policy !== undefined || !this.retry);
  }

  /** Begins another attempt. Returns its number, from 1. @param now by `elapsed` of the clock */
  begin(incarnation: number, now: number): number {
    this.incarnation = incarnation;
    this.startedAt = now;
    this.isUnderWay = true;
    this.isExpired = false;
    this.failure = undefined;
    this.attempt += 1;
    return this.attempt;
  }

  /** Is posted to the body, in the async context of its caller. */
  post(): void {
    this.caller.runInAsyncScope(postEntry, this);
  }

  /** Undoes `begin`: this attempt does not count. */
  notBegun(): void {
    this.attempt -= 1;
    this.begunAt = undefined;
  }

  /** Whether another program can go on with it: its work has not begun, or may be repeated. */
  get canBeLeft(): boolean {
    if (!this.isCommitted) return false;
    if (this.didAsk) return true;
    return this.isUnderWay
      ? this.retry && (this.policy === undefined || this.hasAttemptLeft)
      : this.retry || this.request.submission !== undefined;
  }

  /** Whether it stays accepted whatever becomes of its acceptance by this agent. */
  get wasAccepted(): boolean {
    return this.request.again?.isDurable === true;
  }

  /** Its caller's signal has fired. */
  handleEvent(): void {
    this.owner.cancelled(this);
  }

  committed(error?: AgentSystemError): void {
    if (!this.isCommitted) this.owner.accepted(this, error);
    else if (error === undefined) this.resolve(this.output);
    else this.reject(error);
  }
}

function postEntry(this: TaskEntry): void {
  this.owner.post(this);
}
