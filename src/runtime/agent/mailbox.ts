/**
 * One agent's tasks: accepted, waiting, running, answered.
 *
 * Owns the queue, the concurrency, the timeouts and the callers' promises. It never decides about the agent's
 * life: it tells when it becomes busy and idle, and is told to open, drain, abort and abandon.
 *
 * I1  Every accepted task is answered exactly once, and has exactly one end in the event stream.
 * I2  A task is sent to the body only after its `task.accepted` was committed, in the order of acceptance.
 * I3  A task that was answered early (timed out, cancelled, abandoned) holds its place until its work settles:
 *     the agent is as busy as it really is.
 * I4  Adding, removing and settling a task takes the same time whatever the number that wait.
 */
import { AsyncResource } from 'node:async_hooks';
import type { BodyReport, BodyRequest, TraceParent } from '../hosting/host.ts';
import type { CommitObserver, Journal } from '../journal/journal.ts';
import type { EventDraft } from '../journal/system-event.ts';
import type { SteadyClock } from '../time/clock.ts';
import { dataCopy } from '../values/data-copy.ts';
import { AgentSystemError, type ErrorCode, errorFrom } from '../values/errors.ts';
import { jsonProblemOf } from '../values/json-survey.ts';
import { OpenTasks } from '../values/open-tasks.ts';
import { tellListener } from '../values/thenable.ts';
import { type Queued, TaskQueue } from './task-queue.ts';

/** A task as a caller asks for it. */
export interface TaskRequest {
  readonly type: string;
  readonly input?: unknown;
  /** From acceptance to answer; default none. */
  readonly timeoutMs?: number;
  /** Cancels the task: its work's own signal fires, the caller gets `TASK_ABANDONED`. */
  readonly signal?: AbortSignal;
  readonly onProgress?: (value: unknown) => void;
  /**
   * Buffers of the input that are given away: moved to the agent where its host can, and then empty here, once
   * the task is sent to it. Others are copied.
   */
  readonly transfer?: readonly ArrayBuffer[];
}

/** What makes a task one that was submitted: its record and its output are kept beyond its end. */
export interface Submission {
  readonly idempotencyKey?: string | undefined;
  /** How often it was begun before. */
  readonly attempts?: number | undefined;
  /** Told once that it was accepted, and that this is durable; or why that could not be. */
  accepted(taskId: string, error: AgentSystemError | undefined): void;
}

/** A task as an agent is given it. */
export interface GivenTask extends TaskRequest {
  readonly submission?: Submission | undefined;
  /** When its `timeoutMs` is over, by `elapsed` of the clock, where that began before it was given: in a pool's queue. */
  readonly dueAt?: number;
}

/** Figures of one agent's tasks over all its incarnations; latencies in ms, from acceptance to answer. */
export interface TaskMetrics {
  readonly done: number;
  readonly failed: number;
  readonly timedOut: number;
  readonly abandoned: number;
  readonly waiting: number;
  readonly running: number;
  readonly latencyMs: { readonly last: number; readonly mean: number; readonly max: number };
}

/** What is to be seen of an agent's tasks; the same object as long as nothing of it has changed. */
export interface TasksAtWork {
  readonly metrics: TaskMetrics;
  /** Ids of the tasks that the last end left undone. */
  readonly abandoned: readonly string[];
}

/** A task that was accepted before, by an earlier program. */
export interface AcceptedBefore {
  readonly taskId: string;
  /** Its acceptance could not be made durable: it is as if it had not been asked for again. */
  readonly notKept: () => void;
}

/** What a mailbox needs of its agent. */
export interface MailboxOwner {
  readonly id: string;
  readonly incarnation: number;
  readonly clock: SteadyClock;
  readonly journal: Journal;
  /** Whether what has to end now may go on in another program: this one closes, and its store is durable. */
  readonly leavesTasks: boolean;
  post(request: BodyRequest): void;
  becameBusy(): void;
  becameIdle(): void;
  /** A task may have left. */
  loadFell(): void;
  /** What is to be seen of the tasks may have changed. */
  changed(): void;
  reportFault(message: string, thrown: unknown): void;
}

/**
 * One task, from acceptance to the end of its work. It listens to its caller's signal itself, and to the commits of
 * its acceptance and of its completion.
 */
class Entry implements Queued<Entry>, CommitObserver {
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
  readonly #mailbox: EntryOwner;
  /** What its work gave. */
  output: unknown = undefined;
  /** This and the next: by `elapsed` of the clock. */
  acceptedAt = 0;
  startedAt = 0;
  /** When its work was begun, epoch ms. */
  begunAt: number | undefined = undefined;
  isCommitted = false;
  isAnswered = false;
  timer: unknown = undefined;
  previous: Entry | undefined = undefined;
  next: Entry | undefined = undefined;
  isQueued = false;

  constructor(
    taskId: string,
    incarnation: number,
    request: GivenTask,
    retry: boolean,
    trace: TraceParent | undefined,
    before: AcceptedBefore | undefined,
    mailbox: EntryOwner,
  ) {
    this.taskId = taskId;
    this.incarnation = incarnation;
    this.request = request;
    this.retry = retry;
    this.trace = trace;
    this.before = before;
    this.answer = Promise.withResolvers<unknown>();
    this.#mailbox = mailbox;
  }

  /** Its caller's signal has fired. */
  handleEvent(): void {
    this.#mailbox.cancelled(this);
  }

  committed(error?: AgentSystemError): void {
    if (!this.isCommitted) this.#mailbox.accepted(this, error);
    else if (error === undefined) this.answer.resolve(this.output);
    else this.answer.reject(error);
  }
}

/** What an entry tells. */
interface EntryOwner {
  accepted(entry: Entry, error: AgentSystemError | undefined): void;
  cancelled(entry: Entry): void;
}

/** `held`: accepted tasks wait until the agent is ready. */
type Mode = 'held' | 'open' | 'draining' | 'aborting';

/** What the stream says of a task whose caller's signal has fired. */
export const CANCELLED_BY_CALLER = 'cancelled by its caller';

const NONE: readonly string[] = Object.freeze([]);

/** Of an agent that has been given no task. */
export const noTasks: TasksAtWork = Object.freeze({
  metrics: Object.freeze({
    done: 0,
    failed: 0,
    timedOut: 0,
    abandoned: 0,
    waiting: 0,
    running: 0,
    latencyMs: Object.freeze({ last: 0, mean: 0, max: 0 }),
  }),
  abandoned: NONE,
});

export class Mailbox implements EntryOwner {
  readonly #owner: MailboxOwner;
  readonly #concurrency: number;
  readonly #queueLimit: number;
  readonly #waiting = new TaskQueue<Entry>();
  readonly #running = new OpenTasks<Entry>();
  #mode: Mode = 'held';
  #isBusy = false;
  #isPumping = false;
  #abandonedTasks: string[] | undefined = undefined;
  #done = 0;
  #failed = 0;
  #timedOut = 0;
  #abandoned = 0;
  #lastMs = 0;
  #totalMs = 0;
  #maxMs = 0;
  #shown: TasksAtWork | undefined = undefined;

  constructor(owner: MailboxOwner, policy: { readonly concurrency: number; readonly queueLimit: number }) {
    this.#owner = owner;
    this.#concurrency = policy.concurrency;
    this.#queueLimit = policy.queueLimit;
  }

  get #isServing(): boolean {
    return this.#mode === 'open' || this.#mode === 'draining';
  }

  get isBusy(): boolean {
    return this.#isBusy;
  }

  /** Tasks that wait or run. */
  get load(): number {
    return this.#waiting.size + this.#running.size;
  }

  /** Ids of the tasks that the last end left undone. */
  get abandonedTasks(): readonly string[] {
    return this.#abandonedTasks ? Object.freeze([...this.#abandonedTasks]) : NONE;
  }

  get atWork(): TasksAtWork {
    return (this.#shown ??= this.#show());
  }

  /**
   * Takes a task in and answers with its output.
   *
   * @param retry whether another program may do it again, should this one die
   * @throws AgentSystemError `TASK_QUEUE_FULL`, `TASK_ABANDONED`, `TASK_TIMED_OUT`, `TASK_FAILED`,
   * `TASK_INPUT_INVALID`, `STORE_FAILED`
   */
  accept(request: GivenTask, retry: boolean, trace?: TraceParent, before?: AcceptedBefore): Promise<unknown> {
    const { id: agentId, incarnation, journal, clock } = this.#owner;
    // What waits for its turn is bounded; what may run at once is not waiting.
    const free = this.#mode === 'open' ? this.#concurrency - this.#running.size : 0;
    if (this.#waiting.size >= this.#queueLimit + free && before === undefined) {
      const message = `agent ${agentId} has ${this.#waiting.size - free} tasks waiting, its tasks.queueLimit is ${this.#queueLimit}`;
      return Promise.reject(new AgentSystemError('TASK_QUEUE_FULL', message, { agentId }));
    }
    if (request.signal?.aborted) {
      return Promise.reject(this.#abandonment('cancelled before it began', request));
    }
    const taskId = before?.taskId ?? `task-${journal.nextSequence}`;
    const entry = new Entry(taskId, incarnation, request, retry, trace, before, this);
    const { type: task, input, submission, timeoutMs } = request;
    this.#waiting.add(entry);
    this.#changed();
    entry.acceptedAt = clock.elapsed();
    journal.emit(
      // What is kept is a copy: the agent may change what it is given.
      submission
        ? {
            sequence: 0,
            at: 0,
            type: 'task.accepted',
            agentId,
            incarnation,
            taskId,
            task,
            input: dataCopy(input),
            retry,
            submitted: true,
            ...(timeoutMs === undefined || timeoutMs === Infinity ? {} : { timeoutMs }),
            ...(submission.attempts ? { attempts: submission.attempts } : {}),
            ...(submission.idempotencyKey === undefined ? {} : { idempotencyKey: submission.idempotencyKey }),
          }
        : retry
          ? {
              sequence: 0,
              at: 0,
              type: 'task.accepted',
              agentId,
              incarnation,
              taskId,
              task,
              input: dataCopy(input),
              retry,
            }
          : { sequence: 0, at: 0, type: 'task.accepted', agentId, incarnation, taskId, task, retry },
      entry,
    );
    this.#limit(entry);
    return entry.answer.promise;
  }

  /** A new incarnation begins: what it accepts is held until it is ready. */
  hold(): void {
    this.#mode = 'held';
    this.#abandonedTasks = undefined;
    this.#changed();
  }

  /** The agent is ready: what was held may run. */
  open(): void {
    this.#mode = 'open';
    this.#pump();
  }

  /** Accepted tasks may finish; then it is idle. New ones are refused by the agent. */
  drain(): void {
    this.#mode = 'draining';
    this.#pump();
    this.#tellIfIdle();
  }

  /** What runs may finish, what waits is abandoned; then it is idle. */
  finish(): void {
    this.#mode = 'draining';
    this.#abandonWaiting('the agent has completed');
    this.#tellIfIdle();
  }

  /** What waits is abandoned, what runs is told to end. */
  abort(): void {
    this.#mode = 'aborting';
    this.#abandonWaiting('the agent is ending');
    for (const entry of this.#running) this.#abandon(entry, 'the agent is ending');
    this.#tellIfIdle();
  }

  /** The body is gone, and all that it had to do with it. */
  abandonAll(why: () => string): void {
    if (this.load > 0) {
      const said = why();
      this.#abandonWaiting(said);
      for (const entry of this.#running) this.#abandon(entry, said);
      this.#running.clear();
    }
    this.#mode = 'held';
    this.#isBusy = false;
    this.#changed();
  }

  /** What the body reports of a task. One it does not know is late, and dropped. */
  settle(report: Extract<BodyReport, { type: 'task.completed' | 'task.failed' }>): void {
    const entry = this.#running.get(report.taskId);
    if (entry === undefined) return;
    this.#running.remove(entry);
    this.#changed();
    if (!entry.isAnswered) {
      if (report.type === 'task.completed') this.#complete(entry, report.output);
      else this.#fail(entry, report);
    }
    this.#pump();
    this.#tellIfIdle();
  }

  progress(taskId: string, value: unknown): void {
    const entry = this.#running.get(taskId);
    if (entry === undefined || entry.isAnswered || entry.request.onProgress === undefined) return;
    const { onProgress } = entry.request;
    entry.caller.runInAsyncScope(() =>
      tellListener(onProgress, value, (thrown) =>
        this.#owner.reportFault('a listener of progress threw', thrown),
      ),
    );
  }

  #changed(): void {
    this.#shown = undefined;
    this.#owner.changed();
  }

  #show(): TasksAtWork {
    const answered = this.#done + this.#failed + this.#timedOut;
    const metrics: TaskMetrics = {
      done: this.#done,
      failed: this.#failed,
      timedOut: this.#timedOut,
      abandoned: this.#abandoned,
      waiting: this.#waiting.size,
      running: this.#running.size,
      latencyMs: Object.freeze({
        last: this.#lastMs,
        mean: answered === 0 ? 0 : this.#totalMs / answered,
        max: this.#maxMs,
      }),
    };
    return { metrics: Object.freeze(metrics), abandoned: this.abandonedTasks };
  }

  /** That it was accepted was made durable, or could not be. */
  accepted(entry: Entry, error: AgentSystemError | undefined): void {
    entry.isCommitted = true;
    entry.request.submission?.accepted(entry.taskId, error);
    if (error !== undefined) this.#refuse(entry, error);
    this.#pump();
  }

  /** It could not be made durable: the stream says that it has ended, or a later program would take it for lost. */
  #refuse(entry: Entry, error: AgentSystemError): void {
    if (entry.isAnswered) return;
    this.#withdraw(entry, error.message);
    if (entry.before === undefined) {
      this.#abandoned += 1;
      const { taskId, incarnation, request } = entry;
      this.#owner.journal.emit({
        sequence: 0,
        at: 0,
        type: 'task.abandoned',
        agentId: this.#owner.id,
        incarnation,
        taskId,
        task: request.type,
        why: error.message,
      });
    } else entry.before.notKept();
    entry.answer.reject(error);
    this.#tellIfIdle();
  }

  #limit(entry: Entry): void {
    const { clock } = this.#owner;
    const { timeoutMs, dueAt, signal } = entry.request;
    if (timeoutMs !== undefined && timeoutMs !== Infinity) {
      const leftMs = dueAt === undefined ? timeoutMs : Math.max(0, dueAt - clock.elapsed());
      entry.timer = clock.setTimeout(() => this.#timeOut(entry, timeoutMs), leftMs);
    }
    signal?.addEventListener('abort', entry, { once: true });
  }

  /** Starts what may run. A task that settles while it starts makes room for the next: a loop, no recursion. */
  #pump(): void {
    if (this.#isPumping) return;
    this.#isPumping = true;
    for (let entry = this.#waiting.first; entry !== undefined; entry = this.#waiting.first) {
      if (!this.#isServing || this.#running.size >= this.#concurrency || !entry.isCommitted) break;
      this.#start(entry);
    }
    this.#isPumping = false;
    if (this.#mode === 'open' && !this.#isBusy && this.load > 0) {
      this.#isBusy = true;
      this.#owner.becameBusy();
    }
  }

  #start(entry: Entry): void {
    const { taskId, incarnation, trace, request, caller } = entry;
    const { type: task, input, transfer } = request;
    this.#waiting.remove(entry);
    this.#running.add(entry);
    this.#changed();
    if (!this.#isBusy && this.#mode === 'open') {
      this.#isBusy = true;
      this.#owner.becameBusy();
    }
    const { id: agentId, journal, clock } = this.#owner;
    entry.startedAt = clock.elapsed();
    entry.begunAt = journal.emit({
      sequence: 0,
      at: 0,
      type: 'task.started',
      agentId,
      incarnation,
      taskId,
      task,
    }).at;
    const order: BodyRequest = { type: 'task.run', taskId, task, input, transfer, trace };
    caller.runInAsyncScope(() => this.#owner.post(order));
  }

  #complete(entry: Entry, output: unknown): void {
    this.#answered(entry);
    this.#done += 1;
    const now = this.#measure(entry);
    entry.output = output;
    const { taskId, incarnation, request, acceptedAt, startedAt } = entry;
    const draft: EventDraft = {
      sequence: 0,
      at: 0,
      type: 'task.completed',
      agentId: this.#owner.id,
      incarnation,
      taskId,
      task: request.type,
      waitedMs: startedAt - acceptedAt,
      ranMs: now - startedAt,
    };
    const told = request.submission ? submittedAs(entry, completedAs(output, draft)) : draft;
    this.#owner.journal.emit(told, entry);
  }

  #fail(entry: Entry, { code, error, cause, expected }: Extract<BodyReport, { type: 'task.failed' }>): void {
    this.#answered(entry);
    this.#failed += 1;
    const now = this.#measure(entry);
    const { taskId, incarnation, request, acceptedAt, startedAt } = entry;
    const message = `task ${request.type} of agent ${this.#owner.id} ${WHAT[code] ?? 'failed'}: ${error.message}`;
    const failure = this.#error(code, message, entry, cause ?? errorFrom(error), expected);
    const draft: EventDraft = {
      sequence: 0,
      at: 0,
      type: 'task.failed',
      agentId: this.#owner.id,
      incarnation,
      taskId,
      task: request.type,
      waitedMs: startedAt - acceptedAt,
      ranMs: now - startedAt,
      code,
      error,
    };
    this.#owner.journal.emit(submittedAs(entry, draft), () => entry.answer.reject(failure));
  }

  #timeOut(entry: Entry, timeoutMs: number): void {
    if (entry.isAnswered) return;
    const where = this.#withdraw(entry, 'the task has timed out');
    this.#timedOut += 1;
    this.#measure(entry);
    const { taskId, incarnation, request } = entry;
    const { id: agentId, journal } = this.#owner;
    const message = `task ${request.type} of agent ${agentId} was ${where} after ${timeoutMs} ms`;
    const error = this.#error('TASK_TIMED_OUT', message, entry);
    const draft: EventDraft = {
      sequence: 0,
      at: 0,
      type: 'task.timed_out',
      agentId,
      incarnation,
      taskId,
      task: request.type,
      timeoutMs,
    };
    journal.emit(submittedAs(entry, draft), () => entry.answer.reject(error));
    this.#tellIfIdle();
  }

  /** Its caller does not want it any more. */
  cancelled(entry: Entry, why?: string): void {
    if (entry.isAnswered) return;
    this.#withdraw(entry, 'the task was cancelled');
    this.#endAbandoned(entry, why ?? CANCELLED_BY_CALLER, why !== undefined);
    this.#tellIfIdle();
  }

  /** Cancels a task by its id; whether there was one that had not ended. */
  cancel(taskId: string, why: string): boolean {
    let entry = this.#running.get(taskId);
    // One that waits is looked for: whoever cancels by an id is a person, or a program that does so now and then.
    if (entry === undefined) {
      for (entry = this.#waiting.first; entry !== undefined && entry.taskId !== taskId; ) entry = entry.next;
    }
    if (entry === undefined || entry.isAnswered) return false;
    this.cancelled(entry, why);
    return true;
  }

  #abandonWaiting(why: string): void {
    for (let entry = this.#waiting.first; entry !== undefined; entry = this.#waiting.first) {
      this.#abandon(entry, why);
    }
  }

  #abandon(entry: Entry, why: string): void {
    if (entry.isAnswered) return;
    if (this.#owner.leavesTasks && isLeft(entry)) return this.#leave(entry);
    this.#withdraw(entry, why);
    (this.#abandonedTasks ??= []).push(entry.taskId);
    this.#endAbandoned(entry, why);
  }

  /** Another program goes on with it: in the stream it has not ended. */
  #leave(entry: Entry): void {
    this.#withdraw(entry, 'the system has closed');
    const { id: agentId, journal } = this.#owner;
    const message = `task ${entry.request.type} of agent ${agentId} was not done before the system closed; it stays accepted, as ${entry.taskId}`;
    const details = { taskId: entry.taskId, task: entry.request.type };
    const error = new AgentSystemError('SYSTEM_CLOSED', message, { agentId, details });
    void journal.settled().then(() => entry.answer.reject(error));
  }

  #endAbandoned(entry: Entry, why: string, isCancelled = false): void {
    this.#abandoned += 1;
    const { taskId, incarnation, request } = entry;
    const { id: agentId, journal } = this.#owner;
    const error = this.#abandonment(why, request, entry);
    const draft: EventDraft = {
      sequence: 0,
      at: 0,
      type: 'task.abandoned',
      agentId,
      incarnation,
      taskId,
      task: request.type,
      why,
      ...(isCancelled ? { isCancelled } : {}),
    };
    journal.emit(submittedAs(entry, draft), () => entry.answer.reject(error));
  }

  /** Answered early: it leaves the queue, or its work is told to end. Says where it stood. */
  #withdraw(entry: Entry, reason: string): string {
    this.#answered(entry);
    if (this.#waiting.remove(entry)) return 'still waiting';
    const { signal } = entry.request;
    const cause = signal?.aborted ? { cause: signal.reason as unknown } : {};
    this.#owner.post({ type: 'task.cancel', taskId: entry.taskId, reason, ...cause });
    return 'still running';
  }

  #answered(entry: Entry): void {
    entry.isAnswered = true;
    this.#changed();
    if (entry.timer !== undefined) this.#owner.clock.clearTimeout(entry.timer);
    entry.request.signal?.removeEventListener('abort', entry);
  }

  #tellIfIdle(): void {
    this.#owner.loadFell();
    if (this.load > 0) return;
    if (this.#mode === 'held' || (this.#mode === 'open' && !this.#isBusy)) return;
    this.#isBusy = false;
    this.#owner.becameIdle();
  }

  /** Returns the time, by `elapsed` of the clock. */
  #measure({ acceptedAt }: Entry): number {
    const now = this.#owner.clock.elapsed();
    this.#lastMs = now - acceptedAt;
    this.#totalMs += this.#lastMs;
    if (this.#lastMs > this.#maxMs) this.#maxMs = this.#lastMs;
    return now;
  }

  #abandonment(why: string, { type, signal }: TaskRequest, entry?: Entry): AgentSystemError {
    const message = `task ${type} of agent ${this.#owner.id} was abandoned: ${why}`;
    return this.#error('TASK_ABANDONED', message, entry, signal?.aborted ? signal.reason : undefined);
  }

  #error(
    code: ErrorCode,
    message: string,
    entry: Entry | undefined,
    cause?: unknown,
    expected?: readonly string[],
  ): AgentSystemError {
    const details = entry && {
      taskId: entry.taskId,
      task: entry.request.type,
      ...(expected ? { expected, got: entry.request.type } : {}),
    };
    return new AgentSystemError(code, message, { agentId: this.#owner.id, cause, details });
  }
}

/** Whether another program can go on with it: it was not begun, or may be done again. */
function isLeft({ request, retry, isQueued, isCommitted }: Entry): boolean {
  return isCommitted && (retry || (request.submission !== undefined && isQueued));
}

/** The record of a task that was submitted is kept beyond its end, and the stream says so. */
function submittedAs({ request: { submission }, begunAt }: Entry, draft: EventDraft): EventDraft {
  if (submission === undefined) return draft;
  const attempts = (submission.attempts ?? 0) + (begunAt === undefined ? 0 : 1);
  return {
    ...draft,
    submitted: true,
    attempts,
    ...(begunAt === undefined ? {} : { startedAt: begunAt }),
  } as EventDraft;
}

function completedAs(output: unknown, draft: EventDraft): EventDraft {
  const kept = jsonProblemOf(output) === undefined ? { output: dataCopy(output) } : {};
  return { ...draft, ...kept };
}

const WHAT: Partial<Record<ErrorCode, string>> = {
  TASK_INPUT_INVALID: 'was given an input that is not as defined',
  TASK_INCOMPATIBLE: 'is not for it',
};
