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
import type { Parked, ParsedAgentSpec } from '../../machines/index.ts';
import type { ParkRequest } from '../definition/parking.ts';
import type { BodyReport, BodyRequest, TraceParent } from '../hosting/host.ts';
import { STREAM_WINDOW } from '../hosting/stream-window.ts';
import type { Journal } from '../journal/journal.ts';
import type { SteadyClock } from '../time/clock.ts';
import type { AgentSystemError } from '../values/errors.ts';
import { OpenTasks } from '../values/open-tasks.ts';
import { tellListener } from '../values/thenable.ts';
import { TaskEntry, type TaskEntryOwner } from './task-entry.ts';
import { abandonment, leftUndone, queueFull, taskFailure, taskTimeout } from './task-errors.ts';
import {
  abandonedEvent,
  acceptedEvent,
  CANCELLED_BY_CALLER,
  completedEvent,
  failedEvent,
  neverKeptEvent,
  parkedEvent,
  startedEvent,
  timedOutEvent,
} from './task-events.ts';
import { noTasks, TaskFigures, type TasksAtWork } from './task-figures.ts';
import { TaskQueue } from './task-queue.ts';
import type { AcceptedBefore, GivenTask } from './task-request.ts';
import type { KeptSteps } from './task-steps.ts';
import type { Places } from './wait.ts';

/** What a mailbox needs of its agent. */
export interface MailboxOwner {
  readonly id: string;
  readonly incarnation: number;
  readonly clock: SteadyClock;
  readonly journal: Journal;
  /** What a task kept when it ran before; nearly always nothing. */
  stepsOf(taskId: string): KeptSteps | undefined;
  /** Whether what has to end now may go on in another program: this one closes, and its store is durable. */
  readonly leavesTasks: boolean;
  post(request: BodyRequest): void;
  becameBusy(): void;
  becameIdle(): void;
  /** Nothing runs any more, as it was asked to tell. */
  becameRested(): void;
  /** A task ran into a limit. `told` hears what is waited for. */
  limitReached(request: ParkRequest, told: (parked: Parked) => void): void;
  /** A task is done. */
  taskPassed(): void;
  /** A task may have left. */
  loadFell(): void;
  /** What is to be seen of the tasks may have changed. */
  changed(): void;
  /** Nobody waits for a task that had been begun any more: it has been answered. */
  taskAnswered(taskId: string): void;
  /** The body said what it may not. */
  bodyDropped(): void;
  reportFault(message: string, thrown: unknown): void;
}

/** `held`: accepted tasks wait until the agent is ready. */
type Mode = 'held' | 'open' | 'draining' | 'aborting';

export class Mailbox implements TaskEntryOwner {
  readonly #owner: MailboxOwner;
  #concurrency: number;
  #queueLimit: number;
  readonly #waiting = new TaskQueue<TaskEntry>();
  readonly #running = new OpenTasks<TaskEntry>();
  #mode: Mode = 'held';
  #isBusy = false;
  /** Nothing new may begin: its agent is paused or parked. */
  #isHeldBack = false;
  /** It is to tell once nothing runs. */
  #isResting = false;
  #isPumping = false;
  #abandonedTasks: string[] | undefined = undefined;
  readonly #figures = new TaskFigures();
  #shown: TasksAtWork | undefined = undefined;

  constructor(owner: MailboxOwner, { concurrency, queueLimit }: ParsedAgentSpec['tasks']) {
    this.#owner = owner;
    this.#concurrency = concurrency;
    this.#queueLimit = queueLimit;
  }

  /** Its limits are others: what was accepted stays accepted, and what runs runs on. */
  follow({ concurrency, queueLimit }: ParsedAgentSpec['tasks']): void {
    this.#concurrency = concurrency;
    this.#queueLimit = queueLimit;
    this.#pump();
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
    return this.#abandonedTasks ? Object.freeze([...this.#abandonedTasks]) : noTasks.abandoned;
  }

  get atWork(): TasksAtWork {
    return (this.#shown ??= {
      metrics: this.#figures.metrics(this.#waiting.size, this.#running.size),
      abandoned: this.abandonedTasks,
    });
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
    const mayBegin = this.#mode === 'open' && !this.#isHeldBack;
    const free = mayBegin ? Math.max(0, this.#concurrency - this.#running.size) : 0;
    if (this.#waiting.size >= this.#queueLimit + free && before === undefined) {
      return Promise.reject(queueFull(agentId, this.#waiting.size - free, this.#queueLimit));
    }
    if (request.signal?.aborted) {
      return Promise.reject(abandonment(agentId, 'cancelled before it began', request));
    }
    const taskId = before?.taskId ?? `task-${journal.nextSequence}`;
    const entry = new TaskEntry(agentId, taskId, incarnation, request, retry, trace, before, this);
    request.begins?.(entry);
    this.#waiting.add(entry);
    this.#changed();
    entry.acceptedAt = clock.elapsed();
    journal.emit(acceptedEvent(agentId, entry), entry);
    this.#limit(entry);
    return entry.answer.promise;
  }

  /** A new incarnation begins: what it accepts is held until it is ready. */
  hold(): void {
    this.#mode = 'held';
    this.#abandonedTasks = undefined;
    this.#changed();
  }

  /** The agent is ready: what was held may run, unless the agent is paused or parked. */
  open(isHeldBack: boolean): void {
    this.#mode = 'open';
    this.#isHeldBack = isHeldBack;
    this.#pump();
  }

  /** Nothing new begins: it tells once nothing runs. */
  rest(): void {
    this.#isHeldBack = true;
    this.#isResting = true;
    this.#tellIfRested();
  }

  /** Nothing holds it back any more: it goes on, and tells whether it has work. */
  resume(): void {
    this.#isHeldBack = false;
    this.#isResting = false;
    this.#isBusy = false;
    this.#pump();
  }

  /** Accepted tasks may finish; then it is idle. New ones are refused by the agent. */
  drain(): void {
    this.#mode = 'draining';
    this.#pump();
    this.#tellIfIdle();
  }

  /** What runs may finish, what waits is abandoned; then it is idle. */
  finish(why: string): void {
    this.#mode = 'draining';
    this.#abandonWaiting(why);
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
    this.#isResting = false;
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

  /** A task ran into a limit: it is the next again, and nothing begins until the agent goes on. */
  park(report: Extract<BodyReport, { type: 'task.parked' }>): void {
    const entry = this.#running.get(report.taskId);
    if (entry === undefined) return;
    if (entry.hasStreamed) {
      const { taskId, why: message } = report;
      const error = { name: 'Park', message };
      return this.settle({ type: 'task.failed', taskId, code: 'TASK_FAILED', error });
    }
    this.#running.remove(entry);
    this.#changed();
    // What it asked of its system was of this attempt.
    this.#owner.taskAnswered(entry.taskId);
    const { id: agentId, journal } = this.#owner;
    const isOpen = this.#mode === 'open';
    if (!entry.isAnswered) {
      entry.begunAt = undefined;
      this.#waiting.addFirst(entry);
      if (isOpen) this.#isHeldBack = true;
      // Of what waits, nothing would begin before the reset, either.
      else this.#abandonWaiting(`the agent is ending, and a limit is reached: ${report.why}`);
    }
    this.#owner.limitReached(report, (parked) => {
      if (entry.isQueued) journal.emit(parkedEvent(agentId, entry, parked));
    });
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

  /** A part of the output; one more than may be told is dropped. */
  chunk(taskId: string, chunk: unknown): void {
    const entry = this.#running.get(taskId);
    // Of a task that was answered early they are late, and no fault.
    if (entry?.isAnswered) return;
    if (entry === undefined || entry.chunks - entry.chunksTaken >= STREAM_WINDOW)
      return this.#owner.bodyDropped();
    entry.chunks += 1;
    const taken = () => this.#chunkTaken(entry);
    const { reader } = entry.request;
    if (reader === undefined) taken();
    else entry.caller.runInAsyncScope(() => reader.take(chunk, taken));
  }

  #chunkTaken(entry: TaskEntry): void {
    entry.chunksTaken += 1;
    if (entry.isAnswered) return;
    const { taskId, chunksTaken, chunks } = entry;
    // Its body goes on by itself while there is room: it is told now and then, and whenever it may wait.
    const mayWait = chunks - chunksTaken >= STREAM_WINDOW - 1;
    if (!mayWait && chunksTaken % (STREAM_WINDOW / 2) !== 0) return;
    this.#owner.post({ type: 'task.chunks_taken', taskId, taken: chunksTaken });
  }

  /** One that does not serve yet is taken to have room: nobody can tell what it will do. */
  get places(): Places {
    const isFree = this.#running.size < this.#concurrency;
    return { isFree: isFree || !this.#isServing, holders: this.#running };
  }

  /** A task that runs and is waited for. */
  running(taskId: string): TaskEntry | undefined {
    const entry = this.#running.get(taskId);
    return entry?.isAnswered ? undefined : entry;
  }

  #changed(): void {
    this.#shown = undefined;
    this.#owner.changed();
  }

  accepted(entry: TaskEntry, error: AgentSystemError | undefined): void {
    entry.isCommitted = true;
    entry.request.submission?.accepted(entry.taskId, error);
    if (error !== undefined) this.#refuse(entry, error);
    this.#pump();
  }

  /** It could not be made durable: the stream says that it has ended, or a later program would take it for lost. */
  #refuse(entry: TaskEntry, error: AgentSystemError): void {
    if (entry.isAnswered) return;
    this.#withdraw(entry, error.message);
    if (entry.before === undefined) {
      this.#figures.abandoned += 1;
      this.#owner.journal.emit(neverKeptEvent(this.#owner.id, entry, error.message));
    } else entry.before.notKept();
    entry.answer.reject(error);
    this.#tellIfIdle();
  }

  #limit(entry: TaskEntry): void {
    const { clock } = this.#owner;
    const { timeoutMs, dueAt, signal } = entry.request;
    if (timeoutMs !== undefined && timeoutMs !== Infinity) {
      entry.dueAt = dueAt ?? clock.elapsed() + timeoutMs;
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
      if (this.#isHeldBack || !this.#isServing) break;
      if (this.#running.size >= this.#concurrency || !entry.isCommitted) break;
      this.#start(entry);
    }
    this.#isPumping = false;
    if (this.#mode === 'open' && !this.#isBusy && !this.#isHeldBack && this.load > 0) {
      this.#isBusy = true;
      this.#owner.becameBusy();
    }
  }

  #start(entry: TaskEntry): void {
    const { taskId, trace, request, caller } = entry;
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
    entry.chunks = 0;
    entry.chunksTaken = 0;
    entry.begunAt = journal.emit(startedEvent(agentId, entry)).at;
    const steps = this.#owner.stepsOf(taskId);
    const order: BodyRequest = { type: 'task.run', taskId, task, input, transfer, trace, steps };
    caller.runInAsyncScope(postTo, this.#owner, order);
  }

  #complete(entry: TaskEntry, output: unknown): void {
    this.#answered(entry);
    this.#figures.done += 1;
    const now = this.#measure(entry);
    entry.output = output;
    this.#owner.taskPassed();
    this.#owner.journal.emit(completedEvent(this.#owner.id, entry, now), entry);
  }

  #fail(entry: TaskEntry, report: Extract<BodyReport, { type: 'task.failed' }>): void {
    this.#answered(entry);
    this.#figures.failed += 1;
    const now = this.#measure(entry);
    const { id: agentId, journal } = this.#owner;
    const error = taskFailure(agentId, entry, report);
    journal.emit(failedEvent(agentId, entry, now, report), () => entry.answer.reject(error));
  }

  #timeOut(entry: TaskEntry, timeoutMs: number): void {
    if (entry.isAnswered) return;
    const where = this.#withdraw(entry, 'the task has timed out');
    this.#figures.timedOut += 1;
    this.#measure(entry);
    const { id: agentId, journal } = this.#owner;
    const error = taskTimeout(agentId, entry, where, timeoutMs);
    journal.emit(timedOutEvent(agentId, entry, timeoutMs), () => entry.answer.reject(error));
    this.#tellIfIdle();
  }

  cancelled(entry: TaskEntry, why?: string): void {
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

  #abandon(entry: TaskEntry, why: string): void {
    if (entry.isAnswered) return;
    if (this.#owner.leavesTasks && entry.canBeLeft) return this.#leave(entry);
    this.#withdraw(entry, why);
    (this.#abandonedTasks ??= []).push(entry.taskId);
    this.#endAbandoned(entry, why);
  }

  /** Another program goes on with it: in the stream it has not ended. */
  #leave(entry: TaskEntry): void {
    this.#withdraw(entry, 'the system has closed');
    const error = leftUndone(this.#owner.id, entry);
    void this.#owner.journal.settled().then(() => entry.answer.reject(error));
  }

  #endAbandoned(entry: TaskEntry, why: string, isCancelled = false): void {
    this.#figures.abandoned += 1;
    const { id: agentId, journal } = this.#owner;
    const error = abandonment(agentId, why, entry.request, entry);
    const event = abandonedEvent(agentId, entry, why);
    if (isCancelled) event.isCancelled = true;
    journal.emit(event, () => entry.answer.reject(error));
  }

  /** Answered early: it leaves the queue, or its work is told to end. Says where it stood. */
  #withdraw(entry: TaskEntry, reason: string): string {
    this.#answered(entry);
    if (this.#waiting.remove(entry)) return 'still waiting';
    const { signal } = entry.request;
    const cause = signal?.aborted ? { cause: signal.reason as unknown } : {};
    this.#owner.post({ type: 'task.cancel', taskId: entry.taskId, reason, ...cause });
    return 'still running';
  }

  #answered(entry: TaskEntry): void {
    entry.isAnswered = true;
    if (entry.begunAt !== undefined) this.#owner.taskAnswered(entry.taskId);
    this.#changed();
    if (entry.timer !== undefined) this.#owner.clock.clearTimeout(entry.timer);
    entry.request.signal?.removeEventListener('abort', entry);
  }

  #tellIfRested(): void {
    if (!this.#isResting || this.#running.size > 0) return;
    this.#isResting = false;
    this.#isBusy = false;
    this.#owner.becameRested();
  }

  #tellIfIdle(): void {
    this.#owner.loadFell();
    this.#tellIfRested();
    if (this.load > 0) return;
    if (this.#mode === 'held' || (this.#mode === 'open' && !this.#isBusy)) return;
    this.#isBusy = false;
    this.#owner.becameIdle();
  }

  /** Returns the time, by `elapsed` of the clock. */
  #measure({ acceptedAt }: TaskEntry): number {
    const now = this.#owner.clock.elapsed();
    this.#figures.measure(now - acceptedAt);
    return now;
  }
}

function postTo(this: MailboxOwner, request: BodyRequest): void {
  this.post(request);
}
