/**
 * One task of a mailbox, from its acceptance to the end of its work.
 *
 * It listens to its caller's signal itself, and to the commits of its acceptance and of its completion.
 */
import { AsyncResource } from 'node:async_hooks';
import type { TraceParent } from '../hosting/host.ts';
import type { CommitObserver } from '../journal/journal.ts';
import type { AgentSystemError } from '../values/errors.ts';
import type { Queued } from './task-queue.ts';
import type { AcceptedBefore, GivenTask } from './task-request.ts';
import type { Wait, WaitingTask } from './wait.ts';

/** What an entry tells. */
export interface TaskEntryOwner {
  /** That it was accepted was made durable, or could not be. */
  accepted(entry: TaskEntry, error: AgentSystemError | undefined): void;
  /** Its caller does not want it any more. */
  cancelled(entry: TaskEntry): void;
}

export class TaskEntry implements Queued<TaskEntry>, CommitObserver, WaitingTask {
  readonly agentId: string;
  readonly taskId: string;
  readonly incarnation: number;
  readonly request: GivenTask;
  readonly trace: TraceParent | undefined;
  readonly before: AcceptedBefore | undefined;
  /** Whether it may be done again by another program, should this one end. */
  readonly retry: boolean;
  /** Where it was accepted: its work runs there, and not where room was made for it. */
  readonly caller = new AsyncResource('mabeam.task');
  readonly answer: PromiseWithResolvers<unknown>;
  readonly #owner: TaskEntryOwner;
  /** What its work gave. */
  output: unknown = undefined;
  /** This and the next: by `elapsed` of the clock. */
  acceptedAt = 0;
  startedAt = 0;
  /** When its time is over, by `elapsed` of the clock; `Infinity` for never. */
  dueAt = Infinity;
  /** When its work was begun, epoch ms. */
  begunAt: number | undefined = undefined;
  /** Chunks that came, and those of them that were taken. */
  chunks = 0;
  chunksTaken = 0;
  isCommitted = false;
  isAnswered = false;
  timer: unknown = undefined;
  previous: TaskEntry | undefined = undefined;
  next: TaskEntry | undefined = undefined;
  isQueued = false;

  #waits: Set<Wait> | undefined = undefined;

  constructor(
    agentId: string,
    taskId: string,
    incarnation: number,
    request: GivenTask,
    retry: boolean,
    trace: TraceParent | undefined,
    before: AcceptedBefore | undefined,
    owner: TaskEntryOwner,
  ) {
    this.agentId = agentId;
    this.taskId = taskId;
    this.incarnation = incarnation;
    this.request = request;
    this.retry = retry;
    this.trace = trace;
    this.before = before;
    this.answer = Promise.withResolvers<unknown>();
    this.#owner = owner;
  }

  /** What was read cannot be taken back: it is not begun again. */
  get hasStreamed(): boolean {
    return this.request.reader !== undefined && this.chunks > 0;
  }

  get isBegun(): boolean {
    return this.begunAt !== undefined;
  }

  /** Nearly always none. */
  get waits(): Set<Wait> {
    return (this.#waits ??= new Set());
  }

  /** Whether another program can go on with it: it was not begun, or may be done again. */
  get canBeLeft(): boolean {
    return this.isCommitted && (this.retry || (this.request.submission !== undefined && this.isQueued));
  }

  /** Its caller's signal has fired. */
  handleEvent(): void {
    this.#owner.cancelled(this);
  }

  committed(error?: AgentSystemError): void {
    if (!this.isCommitted) this.#owner.accepted(this, error);
    else if (error === undefined) this.answer.resolve(this.output);
    else this.answer.reject(error);
  }
}
