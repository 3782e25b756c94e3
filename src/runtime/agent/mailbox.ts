/**
 * One agent's tasks: accepted, waiting, running, ended.
 *
 * Owns the queue, what runs, and what waits for its time; it decides what begins and what an end of the agent does to
 * each task. Their times are kept by `TaskTimes`, their answers by `TaskAnswers`. It never decides about the agent's
 * life: it tells when it becomes busy and idle, and is told to open, drain, abort and abandon.
 *
 * I1  Every accepted task is answered exactly once, and has exactly one end in the event stream.
 * I2  A task is sent to the body only after its `task.accepted` was committed, in the order of the queue.
 * I3  A task that was answered early (timed out, cancelled, abandoned) holds its place until its work settles:
 *     the agent is as busy as it really is. So does an attempt that took too long: the next one waits for it.
 * I4  Adding, removing and settling a task takes the same time whatever the number that wait.
 * I5  What waits for its next attempt keeps its agent neither busy nor alive.
 * I6  A submitted task whose work may be begun so often and no oftener is sent to the body only after `task.started`
 *     was committed: what a later program does not know to have begun has not.
 */
import { type ParsedAgentSpec, type RetryPolicy, retryDelayMs } from '../../machines/index.ts';
import type { TaskManifest } from '../definition/manifest.ts';
import type { BodyReport, BodyRequest, TraceParent } from '../hosting/host.ts';
import type { AgentSystemError } from '../values/errors.ts';
import { OpenTasks } from '../values/open-tasks.ts';
import type { MailboxOwner } from './mailbox-owner.ts';
import { TaskAnswers } from './task-answers.ts';
import { TaskEntry, type TaskEntryOwner, type TaskFailure } from './task-entry.ts';
import { abandonment, queueFull, stallOf } from './task-errors.ts';
import {
  acceptedEvent,
  CANCELLED_BY_CALLER,
  parkedEvent,
  retryScheduledEvent,
  startedEvent,
} from './task-events.ts';
import type { TasksAtWork } from './task-figures.ts';
import { TaskOrder } from './task-order.ts';
import { takeChunk, tellProgress } from './task-output.ts';
import { type GivenTask, requestOf, type RestoredTask } from './task-request.ts';
import { type TimedTasks, TaskTimes } from './task-times.ts';
import type { Places } from './wait.ts';

/** `held`: there is no agent yet, or any more: tasks wait. `finishing`: what runs may end, nothing is begun. */
type Mode = 'held' | 'open' | 'draining' | 'finishing' | 'aborting';

export class Mailbox implements TaskEntryOwner, TimedTasks {
  readonly #owner: MailboxOwner;
  #concurrency: number;
  #queueLimit: number;
  readonly #waiting = new TaskOrder<TaskEntry>();
  readonly #running = new OpenTasks<TaskEntry>();
  /** They wait for their time. */
  #delayed: Set<TaskEntry> | undefined = undefined;
  #mode: Mode = 'held';
  #isBusy = false;
  /** Nothing new may begin: its agent is paused or parked. */
  #isHeldBack = false;
  /** It is to tell once nothing runs. */
  #isResting = false;
  #isPumping = false;
  /** How to stop waiting for a store that fails, while something does. */
  #storeAway: (() => void) | undefined = undefined;
  readonly #times: TaskTimes;
  readonly #answers: TaskAnswers;

  constructor(owner: MailboxOwner, { concurrency, queueLimit }: ParsedAgentSpec['tasks']) {
    this.#owner = owner;
    this.#times = new TaskTimes(owner, this);
    this.#answers = new TaskAnswers(owner, this.#times);
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

  /** Whether what comes now is in time for this life of its agent: one that ends is not held up by it. */
  get #takesInTurn(): boolean {
    return this.#mode === 'open' || this.#mode === 'held';
  }

  get isBusy(): boolean {
    return this.#isBusy;
  }

  /** Tasks that wait for their turn, or run. */
  get load(): number {
    return this.#waiting.size + this.#running.size;
  }

  /** Ids of the tasks that the last end left undone. */
  get abandonedTasks(): readonly string[] {
    return this.#answers.abandonedTasks;
  }

  get atWork(): TasksAtWork {
    return this.#answers.atWork(this.#unbegun, this.#running.size);
  }

  get #unbegun(): number {
    return this.#waiting.size + (this.#delayed?.size ?? 0);
  }

  /**
   * Takes a task in and answers with its output.
   *
   * @param kind what its definition says of its kind
   * @throws AgentSystemError `TASK_QUEUE_FULL`, `TASK_ABANDONED`, `TASK_TIMED_OUT`, `TASK_FAILED`,
   * `TASK_INPUT_INVALID`, `STORE_FAILED`
   */
  accept(request: GivenTask, kind: TaskManifest | undefined, trace?: TraceParent): Promise<unknown> {
    const { id: agentId, incarnation, journal } = this.#owner;
    // What waits for its turn is bounded; what may run at once is not waiting.
    const mayBegin = this.#mode === 'open' && !this.#isHeldBack;
    const free = mayBegin ? Math.max(0, this.#concurrency - this.#running.size) : 0;
    const { again, signal } = request;
    const waiting = this.#unbegun;
    if (waiting >= this.#queueLimit + free && again === undefined) {
      return Promise.reject(queueFull(agentId, waiting - free, this.#queueLimit));
    }
    if (signal?.aborted) {
      return Promise.reject(abandonment(agentId, 'cancelled before it began', request));
    }
    const taskId = again?.taskId ?? `task-${journal.nextSequence}`;
    const entry = new TaskEntry(agentId, taskId, incarnation, request, kind, trace, this);
    const delayMs = this.#times.accept(entry);
    const deadlineAt = this.#times.deadlineOf(entry);
    request.begins?.(entry);
    // One that came too late for this life of its agent waits for the next.
    if (delayMs > 0) this.#delay(entry, delayMs);
    else if (this.#takesInTurn) this.#waiting.add(entry);
    else this.#holdBack(entry);
    this.#answers.changed();
    journal.emit(acceptedEvent(agentId, entry, deadlineAt), entry);
    this.#limit(entry);
    return entry.answer.promise;
  }

  /** Goes on with a task that an earlier program accepted; no limit of the queue refuses it. */
  restore(task: RestoredTask, kind: TaskManifest | undefined): Promise<unknown> {
    const { id: agentId, incarnation } = this.#owner;
    const { taskId, trace, retry } = task;
    const terms = { requires: [], ...kind, retry };
    const entry = new TaskEntry(agentId, taskId, incarnation, requestOf(task), terms, trace, this);
    entry.attempt = task.attempts;
    entry.begunAt = task.startedAt;
    entry.isCommitted = true;
    const delayMs = this.#times.restore(entry, task);
    if (delayMs > 0) this.#delay(entry, delayMs);
    else this.#waiting.add(entry);
    this.#answers.changed();
    this.#limit(entry);
    this.#pump();
    return entry.answer.promise;
  }

  /** A new incarnation begins: what it accepts is held until it is ready. */
  hold(): void {
    this.#mode = 'held';
    this.#answers.beginLife();
  }

  /** The agent is ready: what was held may run, unless the agent is paused or parked. */
  open(isHeldBack: boolean): void {
    this.#mode = 'open';
    this.#isHeldBack = isHeldBack;
    for (const entry of this.#delayed ?? []) if (entry.attemptTimer === undefined) this.#due(entry);
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
    // An agent that ends does not wait for a store that fails.
    this.#mode = this.#storeAway === undefined ? 'draining' : 'finishing';
    // A person may take longer than any grace: the next program goes on with it.
    if (this.#owner.leavesTasks) {
      for (const entry of this.#running) if (entry.isAsking && !entry.isAnswered) this.#leave(entry);
    }
    this.#pump();
    this.#tellIfIdle();
  }

  /** What runs may finish, what waits is not begun any more; then it is idle. */
  finish(why: string): void {
    this.#mode = 'finishing';
    this.#endWaiting(why);
    this.#tellIfIdle();
  }

  /** What waits is not begun any more, what runs is told to end. */
  abort(): void {
    const why = 'the agent is ending';
    this.#mode = 'aborting';
    this.#endWaiting(why);
    for (const entry of this.#running) {
      // Of one that comes back, what waits for a person goes on then.
      if (this.#comesBackTo(entry)) continue;
      const comesAgain = !entry.isAnswered && this.#outlives(entry) && entry.hasAttemptLeft;
      if (comesAgain) this.#cut(entry, why);
      else this.#abandon(entry, why);
    }
    this.#tellIfIdle();
  }

  /** The body is gone, and all that it had to do with it. */
  abandonAll(why: () => string): void {
    if (this.#unbegun + this.#running.size > 0) {
      const said = why();
      this.#endWaiting(said);
      for (const entry of this.#running) {
        const isKept = !entry.isAnswered && this.#comesBackTo(entry);
        this.#left(entry);
        if (entry.isAnswered) continue;
        if (isKept) this.#keep(entry);
        else if (this.#outlives(entry) && entry.hasAttemptLeft) this.#tryAgain(entry, interruption(said));
        else this.#abandon(entry, said);
      }
    }
    this.#mode = 'held';
    this.#isBusy = false;
    this.#isResting = false;
    this.#answers.changed();
  }

  /** Its agent does not come back by itself: nobody who waits for it has to. */
  endWaits(why: string): void {
    for (const entry of this.#unbegunTasks()) {
      if (entry.isExecuted || (entry.isKept && !entry.outlivesAgent)) this.#abandon(entry, why);
    }
  }

  /** It had asked a person: it is the next, and asks again, when the agent is back. */
  #keep(entry: TaskEntry): void {
    entry.isKept = true;
    entry.begunAt = undefined;
    this.#waiting.putBack(entry);
  }

  /** Whether the agent, should it come back, goes on with a task because that waits for a person. */
  #comesBackTo(entry: TaskEntry): boolean {
    return (entry.isAsking || entry.isKept) && this.#owner.mayComeBack && !this.#owner.isClosing;
  }

  /** Its agent is forgotten, or its system has closed: nothing waits any more. */
  discard(why: string): void {
    for (const entry of this.#unbegunTasks()) this.#abandon(entry, why);
    this.#storeAway?.();
    this.#storeAway = undefined;
  }

  /** What the body reports of a task. One it does not know is late, and dropped. */
  settle(report: Extract<BodyReport, { type: 'task.completed' | 'task.failed' }>): void {
    const entry = this.#running.get(report.taskId);
    if (entry === undefined) return;
    this.#left(entry);
    this.#answers.changed();
    if (!entry.isAnswered) {
      if (report.type === 'task.completed') this.#answers.complete(entry, report.output);
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
    this.#left(entry);
    this.#answers.changed();
    // What it asked of its system was of this attempt.
    this.#owner.taskAnswered(entry.taskId);
    const { id: agentId, journal } = this.#owner;
    if (!entry.isAnswered) {
      entry.notBegun();
      this.#waiting.putBack(entry);
      if (this.#mode === 'open') this.#isHeldBack = true;
      else {
        // Of what waits, nothing would begin before the reset, either.
        if (this.#mode === 'draining') this.#mode = 'finishing';
        this.#endWaiting(`the agent is ending, and a limit is reached: ${report.why}`);
      }
    }
    this.#owner.limitReached(report, (parked) => {
      if (entry.isQueued) journal.emit(parkedEvent(agentId, entry, parked));
    });
    this.#pump();
    this.#tellIfIdle();
  }

  progress(taskId: string, value: unknown): void {
    const entry = this.#running.get(taskId);
    if (entry === undefined || entry.isAnswered) return;
    tellProgress(entry, value, this.#owner);
  }

  /** A part of the output; one more than may be told is dropped. */
  chunk(taskId: string, chunk: unknown): void {
    const entry = this.#running.get(taskId);
    // Of a task that was answered early they are late, and no fault.
    if (entry?.isAnswered) return;
    if (entry === undefined) return this.#owner.bodyDropped();
    takeChunk(entry, chunk, this.#owner);
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

  accepted(entry: TaskEntry, error: AgentSystemError | undefined): void {
    entry.isCommitted = true;
    entry.request.submission?.accepted(entry.taskId, error);
    if (error !== undefined) this.#refuse(entry, error);
    this.#pump();
  }

  #refuse(entry: TaskEntry, error: AgentSystemError): void {
    if (entry.isAnswered) return;
    this.#withdraw(entry, error.message);
    this.#answers.refuse(entry, error);
    this.#tellIfIdle();
  }

  #limit(entry: TaskEntry): void {
    this.#times.limit(entry);
    entry.request.signal?.addEventListener('abort', entry, { once: true });
  }

  timeHeld(entry: TaskEntry): void {
    this.#times.hold(entry);
  }

  timeRuns(entry: TaskEntry): void {
    this.#times.goOn(entry);
  }

  /** Starts what may run. A task that settles while it starts makes room for the next: a loop, no recursion. */
  #pump(): void {
    if (this.#isPumping) return;
    this.#isPumping = true;
    while (this.#isServing && !this.#isHeldBack && this.#running.size < this.#concurrency) {
      const entry = this.#waiting.next;
      if (entry === undefined || !entry.isCommitted) break;
      if (this.#storeAway !== undefined && entry.isBegunDurably) break;
      this.#start(entry);
    }
    this.#isPumping = false;
    if (this.#mode === 'open' && !this.#isBusy && !this.#isHeldBack && this.load > 0) {
      this.#isBusy = true;
      this.#owner.becameBusy();
    }
  }

  #start(entry: TaskEntry): void {
    this.#waiting.begin(entry);
    this.#running.add(entry);
    this.#answers.changed();
    if (!this.#isBusy && this.#mode === 'open') {
      this.#isBusy = true;
      this.#owner.becameBusy();
    }
    const { id: agentId, incarnation, journal, clock } = this.#owner;
    const attempt = entry.begin(incarnation, clock.elapsed());
    const begun = entry.isBegunDurably
      ? (error?: AgentSystemError) => this.#begun(entry, attempt, error)
      : undefined;
    entry.chunks = 0;
    entry.chunksTaken = 0;
    entry.isKept = false;
    entry.begunAt = journal.emit(startedEvent(agentId, entry), begun).at;
    if (begun === undefined) this.#run(entry);
  }

  /** That it is begun is durable, or could not be made so. */
  #begun(entry: TaskEntry, attempt: number, error: AgentSystemError | undefined): void {
    // It may have ended meanwhile with its body.
    if (this.#running.get(entry.taskId) !== entry || entry.attempt !== attempt) return;
    if (error === undefined && !entry.isAnswered) return this.#run(entry);
    this.#left(entry);
    if (!entry.isAnswered) {
      this.#waiting.putBack(entry);
      if (this.#mode === 'draining') this.#mode = 'finishing';
      this.#storeAway ??= this.#owner.journal.subscribe(({ type }) => {
        if (type === 'store.recovered') this.#storeIsBack();
      });
    }
    this.#answers.changed();
    this.#pump();
    this.#tellIfIdle();
  }

  #storeIsBack(): void {
    this.#storeAway?.();
    this.#storeAway = undefined;
    this.#pump();
  }

  #run(entry: TaskEntry): void {
    const { taskId, trace, request, caller, attempt, input } = entry;
    const { type: task, transfer } = request;
    this.#times.limitAttempt(entry);
    const steps = this.#owner.stepsOf(taskId);
    const order: BodyRequest = { type: 'task.run', taskId, task, attempt, input, transfer, trace, steps };
    caller.runInAsyncScope(postTo, this.#owner, order);
  }

  stalled(entry: TaskEntry): void {
    const failure = stallOf(entry);
    const { message } = failure.error;
    if (this.#isTriedAgain(entry)) return this.#cut(entry, message);
    this.#withdraw(entry, message);
    this.#answers.fail(entry, failure, this.#owner.clock.elapsed());
    this.#tellIfIdle();
  }

  /** Its work has ended, or its body has. */
  #left(entry: TaskEntry): void {
    this.#running.remove(entry);
    this.#waiting.ended(entry);
    entry.isUnderWay = false;
    entry.asksNothing();
    this.#times.endAttempt(entry);
  }

  #fail(entry: TaskEntry, failure: TaskFailure): void {
    if (failure.retry === true && this.#isTriedAgain(entry)) return this.#tryAgain(entry, failure);
    if (entry.isExpired)
      return this.#answers.timeOut(entry, 'still running', entry.policy!.attemptTimeoutMs!);
    this.#answers.fail(entry, failure, this.#owner.clock.elapsed());
  }

  /** Whether another attempt can come: one of an agent that ends can only where the task outlives that. */
  #isTriedAgain(entry: TaskEntry): boolean {
    if (!entry.hasAttemptLeft) return false;
    return this.#mode === 'open' || this.#outlives(entry) || (this.#owner.leavesTasks && entry.canBeLeft);
  }

  /** It waits for its next attempt; where that would come after its time, this one was the last. */
  #tryAgain(entry: TaskEntry, failure: TaskFailure): void {
    const { id: agentId, journal, clock } = this.#owner;
    const now = clock.elapsed();
    const attempts = entry.attempt - entry.before;
    const delayMs = retryDelayMs(entry.policy as RetryPolicy, attempts, this.#owner.random());
    if (now + delayMs >= entry.timesOutAt) return this.#answers.fail(entry, failure, now);
    entry.failure = failure;
    entry.failedAt = now;
    // What it has asked of its system was for that attempt.
    this.#owner.taskAnswered(entry.taskId);
    journal.emit(retryScheduledEvent(agentId, entry, failure, delayMs, clock.now() + delayMs));
    this.#delay(entry, delayMs);
    if (this.#owner.leavesTasks) this.#leave(entry);
  }

  #delay(entry: TaskEntry, delayMs: number): void {
    this.#holdBack(entry);
    this.#times.delay(entry, delayMs, () => {
      if (!this.#takesInTurn) return;
      this.#due(entry);
      this.#pump();
    });
  }

  #holdBack(entry: TaskEntry): void {
    (this.#delayed ??= new Set()).add(entry);
  }

  #due(entry: TaskEntry): void {
    this.#delayed?.delete(entry);
    this.#waiting.add(entry);
  }

  /** Its attempt takes too long: it is told to end, and then its definition is asked whether there is another. */
  attemptTimedOut(entry: TaskEntry, attemptTimeoutMs: number): void {
    if (entry.isAnswered || entry.isExpired) return;
    entry.isExpired = true;
    const reason = `attempt ${entry.attempt} took longer than ${attemptTimeoutMs} ms`;
    if (!this.#isTriedAgain(entry)) {
      this.#withdraw(entry, reason);
      return this.#answers.timeOut(entry, 'still running', attemptTimeoutMs);
    }
    const { taskId } = entry;
    this.#owner.post({ type: 'task.cancel', taskId, reason, endsAttempt: 'timed_out' });
  }

  /** Its agent is to end: what its work gives from now on counts as undone, and is done again later. */
  #cut({ taskId }: TaskEntry, reason: string): void {
    this.#owner.post({ type: 'task.cancel', taskId, reason, endsAttempt: 'interrupted' });
  }

  timedOut(entry: TaskEntry, timeoutMs: number): void {
    if (entry.isAnswered) return;
    this.#answers.timeOut(entry, this.#withdraw(entry, 'the task has timed out'), timeoutMs);
    this.#tellIfIdle();
  }

  cancelled(entry: TaskEntry, why?: string): void {
    if (entry.isAnswered) return;
    this.#withdraw(entry, 'the task was cancelled');
    this.#answers.cancel(entry, why ?? CANCELLED_BY_CALLER, why !== undefined);
    this.#tellIfIdle();
  }

  /** Cancels a task by its id; whether there was one that had not ended. */
  cancel(taskId: string, why: string): boolean {
    let entry = this.#running.get(taskId);
    // One that waits is looked for: whoever cancels by an id is a person, or a program that does so now and then. Work
    // that ignores its end may be under way still under the id of one that waits to be done again.
    if (entry === undefined || entry.isAnswered) {
      entry = this.#unbegunTasks().find((waiting) => waiting.taskId === taskId);
    }
    if (entry === undefined || entry.isAnswered) return false;
    this.cancelled(entry, why);
    return true;
  }

  /** Of what waits, only what outlives its agent goes on waiting. */
  #endWaiting(why: string): void {
    for (const entry of this.#unbegunTasks()) if (!this.#outlives(entry)) this.#abandon(entry, why);
  }

  #unbegunTasks(): TaskEntry[] {
    return [...this.#waiting.all(), ...(this.#delayed ?? [])];
  }

  /** Whether it waits for its agent to run again. */
  #outlives(entry: TaskEntry): boolean {
    return (entry.outlivesAgent && !this.#owner.isClosing) || this.#comesBackTo(entry);
  }

  #abandon(entry: TaskEntry, why: string): void {
    if (entry.isAnswered) return;
    if (this.#owner.leavesTasks && entry.canBeLeft) return this.#leave(entry);
    this.#withdraw(entry, why);
    const { failure, failedAt } = entry;
    // There is no other attempt any more: it has failed.
    if (failure !== undefined) return this.#answers.fail(entry, failure, failedAt);
    this.#answers.abandon(entry, why);
  }

  /** Another program goes on with it: in the stream it has not ended. */
  #leave(entry: TaskEntry): void {
    this.#withdraw(entry, 'the system has closed');
    this.#answers.leave(entry);
  }

  /** Answered early: it leaves the queue, or its work is told to end. Says where it stood. */
  #withdraw(entry: TaskEntry, reason: string): string {
    this.#answers.close(entry);
    if (this.#waiting.remove(entry) || this.#delayed?.delete(entry)) return 'still waiting';
    const { signal } = entry.request;
    const cause = signal?.aborted ? { cause: signal.reason as unknown } : {};
    this.#owner.post({ type: 'task.cancel', taskId: entry.taskId, reason, ...cause });
    return 'still running';
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
    // What is not begun any more keeps nobody busy.
    const isBegun = this.#isServing ? this.load : this.#running.size;
    if (isBegun > 0) return;
    if (this.#mode === 'held' || (this.#mode === 'open' && !this.#isBusy)) return;
    this.#isBusy = false;
    if (this.#mode === 'draining') this.#mode = 'finishing';
    this.#owner.becameIdle();
  }
}

function postTo(this: MailboxOwner, request: BodyRequest): void {
  this.post(request);
}

/** How an attempt failed that its agent's end has cut off. */
function interruption(why: string): TaskFailure {
  const error = { name: 'Abandoned', message: why };
  return { type: 'task.failed', taskId: '', code: 'TASK_ABANDONED', error, retry: true };
}
