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
import type { Clock } from '../time/clock.ts';
import { AgentSystemError, type ErrorCode, errorFrom } from '../values/errors.ts';
import type { BodyReport, BodyRequest, TraceParent } from '../hosting/host.ts';
import type { Journal } from '../journal/journal.ts';
import type { EventBody } from '../journal/system-event.ts';
import { tellListener } from '../values/thenable.ts';

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

/** A task as an agent is given it. */
export interface GivenTask extends TaskRequest {
  /** When its `timeoutMs` is over, epoch ms, where that began before it was given: in a pool's line. */
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

/** What a mailbox needs of its agent. */
export interface MailboxOwner {
  readonly id: string;
  readonly incarnation: number;
  readonly clock: Clock;
  readonly journal: Journal;
  post(request: BodyRequest): void;
  becameBusy(): void;
  becameIdle(): void;
  /** A task may have left. */
  loadFell(): void;
  reportFault(message: string, thrown: unknown): void;
}

interface Entry {
  readonly taskId: string;
  readonly task: string;
  readonly input: unknown;
  readonly incarnation: number;
  readonly acceptedAt: number;
  readonly request: GivenTask;
  readonly trace: TraceParent | undefined;
  /** Where it was accepted: its work runs there, and not where room was made for it. */
  readonly caller: AsyncResource;
  readonly resolve: (output: unknown) => void;
  readonly reject: (error: AgentSystemError) => void;
  isCommitted: boolean;
  isAnswered: boolean;
  startedAt: number;
  timer: unknown;
  unlisten: (() => void) | undefined;
}

/** `held`: accepted tasks wait until the agent is ready. */
type Mode = 'held' | 'open' | 'draining' | 'aborting';

export class Mailbox {
  readonly #owner: MailboxOwner;
  readonly #concurrency: number;
  readonly #queueLimit: number;
  readonly #waiting = new Set<Entry>();
  readonly #running = new Map<string, Entry>();
  #mode: Mode = 'held';
  #isBusy = false;
  #isPumping = false;
  #abandonedTasks: string[] = [];
  #done = 0;
  #failed = 0;
  #timedOut = 0;
  #abandoned = 0;
  #lastMs = 0;
  #totalMs = 0;
  #maxMs = 0;

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

  /** Ids of the tasks that the incarnation's end left undone. */
  get abandonedTasks(): readonly string[] {
    return this.#abandonedTasks;
  }

  metrics(): TaskMetrics {
    const answered = this.#done + this.#failed + this.#timedOut;
    return {
      done: this.#done,
      failed: this.#failed,
      timedOut: this.#timedOut,
      abandoned: this.#abandoned,
      waiting: this.#waiting.size,
      running: this.#running.size,
      latencyMs: {
        last: this.#lastMs,
        mean: answered === 0 ? 0 : this.#totalMs / answered,
        max: this.#maxMs,
      },
    };
  }

  /**
   * Takes a task in and answers with its output.
   *
   * @param taskId the id it had in an earlier program; default a new one
   * @throws AgentSystemError `TASK_QUEUE_FULL`, `TASK_ABANDONED`, `TASK_TIMED_OUT`, `TASK_FAILED`,
   * `TASK_INPUT_INVALID`, `STORE_FAILED`
   */
  accept(
    request: GivenTask,
    retry: boolean,
    taskId = `task-${this.#owner.journal.nextSequence}`,
    trace?: TraceParent,
  ): Promise<unknown> {
    const { id, clock, journal } = this.#owner;
    // What waits for its turn is bounded; what may run at once is not waiting.
    const free = this.#mode === 'open' ? this.#concurrency - this.#running.size : 0;
    if (this.#waiting.size >= this.#queueLimit + free) {
      const message = `agent ${id} has ${this.#waiting.size - free} tasks waiting, its tasks.queueLimit is ${this.#queueLimit}`;
      return Promise.reject(new AgentSystemError('TASK_QUEUE_FULL', message, { agentId: id }));
    }
    if (request.signal?.aborted)
      return Promise.reject(this.#abandonment('cancelled before it began', request));
    const { promise, resolve, reject } = Promise.withResolvers<unknown>();
    const entry: Entry = {
      taskId,
      task: request.type,
      input: request.input,
      incarnation: this.#owner.incarnation,
      acceptedAt: clock.now(),
      request,
      trace,
      caller: new AsyncResource('mabeam.task'),
      resolve,
      reject,
      isCommitted: false,
      isAnswered: false,
      startedAt: 0,
      timer: undefined,
      unlisten: undefined,
    };
    this.#waiting.add(entry);
    const accepted = (error?: AgentSystemError) => this.#accepted(entry, error);
    if (retry) {
      journal.emit({ type: 'task.accepted', ...this.#nameOf(entry), input: request.input, retry }, accepted);
    } else journal.emit({ type: 'task.accepted', ...this.#nameOf(entry), retry }, accepted);
    this.#limit(entry);
    return promise;
  }

  /** A new incarnation begins: what it accepts is held until it is ready. */
  hold(): void {
    this.#mode = 'held';
    this.#abandonedTasks = [];
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
    for (const entry of this.#waiting) this.#abandon(entry, 'the agent has completed');
    this.#tellIfIdle();
  }

  /** What waits is abandoned, what runs is told to end. */
  abort(): void {
    this.#mode = 'aborting';
    for (const entry of this.#waiting) this.#abandon(entry, 'the agent is ending');
    for (const entry of this.#running.values()) this.#abandon(entry, 'the agent is ending');
    this.#tellIfIdle();
  }

  /** The body is gone, and all that it had to do with it. */
  abandonAll(why: string): void {
    for (const entry of this.#waiting) this.#abandon(entry, why);
    for (const entry of this.#running.values()) this.#abandon(entry, why);
    this.#running.clear();
    this.#mode = 'held';
    this.#isBusy = false;
  }

  /** What the body reports of a task. One it does not know is late, and dropped. */
  settle(report: Extract<BodyReport, { type: 'task.completed' | 'task.failed' }>): void {
    const entry = this.#running.get(report.taskId);
    if (entry === undefined) return;
    this.#running.delete(report.taskId);
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
    tellListener(entry.request.onProgress, value, (thrown) =>
      this.#owner.reportFault('a listener of progress threw', thrown),
    );
  }

  #accepted(entry: Entry, error: AgentSystemError | undefined): void {
    entry.isCommitted = true;
    if (error !== undefined) this.#refuse(entry, error);
    this.#pump();
  }

  /** It could not be made durable: the stream says that it has ended, or a later program would take it for lost. */
  #refuse(entry: Entry, error: AgentSystemError): void {
    if (entry.isAnswered) return;
    this.#withdraw(entry, error.message);
    this.#abandoned += 1;
    this.#emit({ type: 'task.abandoned', ...this.#nameOf(entry), why: error.message });
    entry.reject(error);
    this.#tellIfIdle();
  }

  #limit(entry: Entry): void {
    const { clock } = this.#owner;
    const { timeoutMs, dueAt, signal } = entry.request;
    if (timeoutMs !== undefined && timeoutMs !== Infinity) {
      const leftMs = dueAt === undefined ? timeoutMs : Math.max(0, dueAt - clock.now());
      entry.timer = clock.setTimeout(() => this.#timeOut(entry, timeoutMs), leftMs);
    }
    if (signal === undefined) return;
    const onAbort = () => this.#cancel(entry);
    signal.addEventListener('abort', onAbort, { once: true });
    entry.unlisten = () => signal.removeEventListener('abort', onAbort);
  }

  /** Starts what may run. A task that settles while it starts makes room for the next: a loop, no recursion. */
  #pump(): void {
    if (this.#isPumping) return;
    this.#isPumping = true;
    for (const entry of this.#waiting) {
      if (!this.#isServing || this.#running.size >= this.#concurrency || !entry.isCommitted) break;
      this.#waiting.delete(entry);
      this.#start(entry);
    }
    this.#isPumping = false;
    if (this.#mode === 'open' && !this.#isBusy && this.#waiting.size + this.#running.size > 0) {
      this.#isBusy = true;
      this.#owner.becameBusy();
    }
  }

  #start(entry: Entry): void {
    const { taskId, task, input, trace, request, caller } = entry;
    this.#running.set(taskId, entry);
    if (!this.#isBusy && this.#mode === 'open') {
      this.#isBusy = true;
      this.#owner.becameBusy();
    }
    entry.startedAt = this.#owner.clock.now();
    this.#emit({ type: 'task.started', ...this.#nameOf(entry) });
    const order: BodyRequest = { type: 'task.run', taskId, task, input, transfer: request.transfer, trace };
    caller.runInAsyncScope(() => this.#owner.post(order));
  }

  #complete(entry: Entry, output: unknown): void {
    this.#answer(entry);
    this.#done += 1;
    this.#measure(entry);
    this.#owner.journal.emit(
      { type: 'task.completed', ...this.#nameOf(entry), ...this.#timesOf(entry) },
      (error) => (error ? entry.reject(error) : entry.resolve(output)),
    );
  }

  #fail(entry: Entry, { code, error, cause, expected }: Extract<BodyReport, { type: 'task.failed' }>): void {
    this.#answer(entry);
    this.#failed += 1;
    this.#measure(entry);
    const message = `task ${entry.task} of agent ${this.#owner.id} ${WHAT[code] ?? 'failed'}: ${error.message}`;
    const failure = this.#error(code, message, entry, cause ?? errorFrom(error), expected);
    this.#emit({ type: 'task.failed', ...this.#nameOf(entry), ...this.#timesOf(entry), code, error }, () =>
      entry.reject(failure),
    );
  }

  #timeOut(entry: Entry, timeoutMs: number): void {
    if (entry.isAnswered) return;
    const where = this.#withdraw(entry, 'the task has timed out');
    this.#timedOut += 1;
    this.#measure(entry);
    const message = `task ${entry.task} of agent ${this.#owner.id} was ${where} after ${timeoutMs} ms`;
    const error = this.#error('TASK_TIMED_OUT', message, entry);
    this.#emit({ type: 'task.timed_out', ...this.#nameOf(entry), timeoutMs }, () => entry.reject(error));
    this.#tellIfIdle();
  }

  #cancel(entry: Entry): void {
    if (entry.isAnswered) return;
    this.#withdraw(entry, 'the task was cancelled');
    this.#endAbandoned(entry, 'cancelled by its caller');
    this.#tellIfIdle();
  }

  #abandon(entry: Entry, why: string): void {
    if (entry.isAnswered) return;
    this.#withdraw(entry, why);
    this.#abandonedTasks.push(entry.taskId);
    this.#endAbandoned(entry, why);
  }

  #endAbandoned(entry: Entry, why: string): void {
    this.#abandoned += 1;
    const error = this.#abandonment(why, entry.request, entry);
    this.#emit({ type: 'task.abandoned', ...this.#nameOf(entry), why }, () => entry.reject(error));
  }

  /** Answered early: it leaves the queue, or its work is told to end. Says where it stood. */
  #withdraw(entry: Entry, reason: string): string {
    this.#answer(entry);
    if (this.#waiting.delete(entry)) return 'still waiting';
    this.#owner.post({ type: 'task.cancel', taskId: entry.taskId, reason });
    return 'still running';
  }

  #answer(entry: Entry): void {
    entry.isAnswered = true;
    this.#owner.clock.clearTimeout(entry.timer);
    entry.unlisten?.();
  }

  #tellIfIdle(): void {
    this.#owner.loadFell();
    if (this.load > 0) return;
    if (this.#mode === 'held' || (this.#mode === 'open' && !this.#isBusy)) return;
    this.#isBusy = false;
    this.#owner.becameIdle();
  }

  #measure(entry: Entry): void {
    this.#lastMs = this.#owner.clock.now() - entry.acceptedAt;
    this.#totalMs += this.#lastMs;
    if (this.#lastMs > this.#maxMs) this.#maxMs = this.#lastMs;
  }

  #emit(body: EventBody, then?: () => void): void {
    this.#owner.journal.emit(body, then);
  }

  #nameOf({ taskId, task, incarnation }: Entry) {
    return { agentId: this.#owner.id, incarnation, taskId, task };
  }

  /** Of a task that its work has ended just now. */
  #timesOf({ acceptedAt, startedAt }: Entry) {
    return { waitedMs: startedAt - acceptedAt, ranMs: this.#owner.clock.now() - startedAt };
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
    const details = entry
      ? { taskId: entry.taskId, task: entry.task, ...(expected ? { expected, got: entry.task } : {}) }
      : undefined;
    return new AgentSystemError(code, message, { agentId: this.#owner.id, cause, details });
  }
}

const WHAT: Partial<Record<ErrorCode, string>> = {
  TASK_INPUT_INVALID: 'was given an input that is not as defined',
  TASK_INCOMPATIBLE: 'is not for it',
};
