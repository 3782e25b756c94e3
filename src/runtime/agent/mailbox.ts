/**
 * One agent's tasks: accepted, waiting, running, ended.
 *
 * Decides what begins, and when: the order, the concurrency, and what the agent's end does to all tasks. `TaskFates`
 * decides what becomes of one task that does not simply end, task-times.ts keeps its times, `TaskAnswers` answers it. A
 * mailbox never decides about the agent's life: it reports that it is busy or idle, and is told to open, drain, abort and
 * abandon.
 *
 * I1  Every accepted task is answered exactly once, and has exactly one end in the event stream.
 * I2  A task is sent to the body only after its `task.accepted` was committed, in the order of the queue.
 * I3  A task that was answered early (timed out, cancelled, abandoned) holds its place until its work settles:
 *     the agent is as busy as it really is. So does an attempt that took too long: the next one waits for it.
 * I4  Adding, removing and settling a task takes the same time whatever the number that wait.
 * I5  A task that waits for its next attempt keeps its agent neither busy nor alive.
 * I6  A submitted task whose attempts are limited is sent to the body only after its `task.started` was committed: the
 *     store knows of every attempt that has begun.
 */
import type { ParsedAgentSpec } from '../../machines/index.ts';
import type { TaskManifest } from '../definition/manifest.ts';
import type { BodyReport, TraceParent } from '../hosting/host.ts';
import { listenForAbort } from '../values/abort-listeners.ts';
import type { CommitListener } from '../journal/journal.ts';
import { refused } from '../time/loop-turn.ts';
import type { AgentSystemError } from '../values/errors.ts';
import type { MailboxOwner } from './mailbox-owner.ts';
import type { TaskAnswers } from './task-answers.ts';
import { TaskEntry, type TaskEntryOwner } from './task-entry.ts';
import { abandonment, queueFull } from './task-errors.ts';
import { acceptedEvent, parkedEvent, startedEvent } from './task-events.ts';
import { type FatesOwner, interruption, TaskFates } from './task-fates.ts';
import type { TasksAtWork } from './task-figures.ts';
import { takeChunk, tellProgress } from './task-output.ts';
import { type GivenTask, requestOf, type RestoredTask, type TaskCancel } from './task-request.ts';
import { TaskLists } from './task-lists.ts';
import {
  deadlineOf,
  endAttempt,
  hasLimitedAttempts,
  holdTimes,
  limitAttempt,
  limitTask,
  restoreTimes,
  resumeTimes,
  setTimes,
} from './task-times.ts';
import type { Places } from './wait.ts';

/** `held`: there is no body, and tasks wait. `finishing`: running tasks may end, and none begins. */
type Mode = 'held' | 'open' | 'draining' | 'finishing' | 'aborting';

/** The work of a task has ended. */
export type EndReport = Extract<BodyReport, { type: 'task.completed' | 'task.failed' }>;

export class Mailbox implements TaskEntryOwner, FatesOwner {
  private readonly owner: MailboxOwner;
  private concurrency: number;
  private queueLimit: number;
  private readonly tasks = new TaskLists();
  private mode: Mode = 'held';
  private saidBusy = false;
  /** The agent is paused or parked: nothing new begins. */
  private isHeldBack = false;
  /** Report once nothing runs. */
  private isResting = false;
  private isPumping = false;
  /** Set while tasks wait for a failing store: stops waiting. */
  private storeAway: (() => void) | undefined = undefined;
  private readonly answers: TaskAnswers;
  /** Most tasks are done: there is nothing to decide. */
  private fatesSoFar: TaskFates | undefined = undefined;

  constructor(
    owner: MailboxOwner,
    answers: TaskAnswers,
    { concurrency, queueLimit }: ParsedAgentSpec['tasks'],
  ) {
    this.owner = owner;
    this.answers = answers;
    this.concurrency = concurrency;
    this.queueLimit = queueLimit;
  }

  /** Changes the limits: accepted tasks stay accepted, running ones go on. */
  follow({ concurrency, queueLimit }: ParsedAgentSpec['tasks']): void {
    this.concurrency = concurrency;
    this.queueLimit = queueLimit;
    this.pump();
  }

  private get fates(): TaskFates {
    return (this.fatesSoFar ??= new TaskFates(this.owner, this, this.tasks, this.answers));
  }

  private isServing(): boolean {
    return this.mode === 'open' || this.mode === 'draining';
  }

  /** Whether a new task belongs to this life of the agent; while it ends, to the next. */
  private takesInTurn(): boolean {
    return this.mode === 'open' || this.mode === 'held';
  }

  /** Whether it has no task, and waits for nothing. */
  get isEmpty(): boolean {
    return this.storeAway === undefined && this.tasks.unbegunCount + this.tasks.running.size === 0;
  }

  get isBusy(): boolean {
    return this.saidBusy;
  }

  /** Tasks that wait for their turn, or run. */
  get load(): number {
    return this.tasks.load;
  }

  get atWork(): TasksAtWork {
    return this.answers.atWork(this.tasks.unbegunCount, this.tasks.running.size);
  }

  /**
   * Accepts a task. Resolves with its output.
   *
   * @param kind the task's kind in the definition
   * @throws AgentSystemError `TASK_QUEUE_FULL`, `TASK_ABANDONED`, `TASK_TIMED_OUT`, `TASK_FAILED`,
   * `TASK_INPUT_INVALID`, `STORE_FAILED`
   */
  accept(request: GivenTask, kind: TaskManifest | undefined, trace?: TraceParent): Promise<unknown> {
    const { id: agentId, incarnation, journal, clock } = this.owner;
    // The limit is for tasks that wait; those that can run at once do not.
    const mayBegin = this.mode === 'open' && !this.isHeldBack;
    const free = mayBegin ? Math.max(0, this.concurrency - this.tasks.running.size) : 0;
    const { again, signal } = request;
    const waiting = this.tasks.unbegunCount;
    if (waiting >= this.queueLimit + free && again === undefined) {
      // Those whose turn it is begin in this turn; one that waits for its time waits, whatever is free.
      const begin = Math.min(free, this.tasks.size);
      return refused(clock, queueFull(agentId, waiting - begin, this.queueLimit));
    }
    if (signal?.aborted) {
      return refused(clock, abandonment(agentId, 'cancelled before it began', request));
    }
    const taskId = again?.taskId ?? this.owner.newTaskId();
    const entry = new TaskEntry(agentId, taskId, incarnation, request, kind, trace, this);
    const delayMs = setTimes(entry, clock);
    const deadlineAt = deadlineOf(entry, clock);
    request.begins?.(entry);
    // A task that comes too late for this life of the agent waits for the next.
    if (delayMs > 0) this.fates.delay(entry, delayMs);
    else if (this.takesInTurn() && !this.tasks.running.get(taskId)) this.tasks.add(entry);
    else this.tasks.holdBack(entry);
    this.owner.changed();
    journal.emit(acceptedEvent(agentId, entry, deadlineAt), entry);
    this.limit(entry);
    return entry.answer;
  }

  /** Takes a task that an earlier program accepted. The limit of the queue does not apply to it. */
  restore(task: RestoredTask, kind: TaskManifest | undefined): Promise<unknown> {
    const { id: agentId, incarnation } = this.owner;
    const { taskId, trace, retry } = task;
    const terms = { requires: [], ...kind, retry };
    const entry = new TaskEntry(agentId, taskId, incarnation, requestOf(task), terms, trace, this);
    entry.begunAt = task.startedAt;
    entry.isCommitted = true;
    const delayMs = restoreTimes(entry, task, this.owner.clock);
    if (delayMs > 0) this.fates.delay(entry, delayMs);
    else this.tasks.add(entry);
    this.owner.changed();
    this.limit(entry);
    this.pump();
    return entry.answer;
  }

  /** A new incarnation begins: tasks wait until it is ready. */
  hold(): void {
    this.mode = 'held';
  }

  /** The agent is ready: tasks may run, unless it is paused or parked. */
  open(isHeldBack: boolean): void {
    this.mode = 'open';
    this.isHeldBack = isHeldBack;
    for (const entry of this.tasks.heldBack()) this.tasks.due(entry);
    this.pump();
  }

  /** Begins nothing new, and reports once nothing runs. */
  rest(): void {
    this.isHeldBack = true;
    this.isResting = true;
    this.tellIfRested();
  }

  /** Goes on, and reports whether there is work. */
  resume(): void {
    this.isHeldBack = false;
    this.isResting = false;
    this.saidBusy = false;
    this.pump();
  }

  /** Lets accepted tasks finish; then it is idle. The agent refuses new ones. */
  drain(): void {
    // An agent that ends does not wait for a failing store.
    this.mode = this.storeAway === undefined ? 'draining' : 'finishing';
    // A person may take longer than any grace: the next program goes on with the task.
    if (this.owner.leavesTasks) {
      for (const entry of this.tasks.running)
        if (entry.isAsking && !entry.isAnswered) this.fates.leave(entry);
    }
    this.pump();
    this.taskLeft();
  }

  /** Lets running tasks finish and begins no other; then it is idle. */
  finish(why: string): void {
    this.mode = 'finishing';
    this.endWaiting(why);
    this.taskLeft();
  }

  /** Ends waiting tasks, and tells running ones to end. */
  abort(): void {
    const why = 'the agent is ending';
    this.mode = 'aborting';
    this.endWaiting(why);
    for (const entry of this.tasks.running) {
      // A task that waits for a person goes on when the agent comes back.
      if (this.fates.comesBackTo(entry)) continue;
      const comesAgain = !entry.isAnswered && this.fates.outlives(entry) && entry.hasAttemptLeft;
      if (comesAgain) this.fates.cut(entry, why);
      else this.fates.abandon(entry, why);
    }
    this.taskLeft();
  }

  /** The body is gone, and with it the work of its tasks. */
  abandonAll(why: () => string): void {
    if (this.tasks.unbegunCount + this.tasks.running.size > 0) {
      const said = why();
      this.endWaiting(said);
      for (const entry of this.tasks.running) {
        const isKept = !entry.isAnswered && this.fates.comesBackTo(entry);
        this.left(entry, isKept);
        if (entry.isAnswered) continue;
        if (isKept) this.keep(entry);
        else if (this.fates.outlives(entry) && entry.hasAttemptLeft)
          this.fates.tryAgain(entry, interruption(said));
        else this.fates.abandon(entry, said);
      }
    }
    this.mode = 'held';
    this.saidBusy = false;
    this.isResting = false;
    this.owner.changed();
  }

  /** The agent does not come back by itself: tasks that wait for that are given up. */
  endWaits(why: string): void {
    for (const entry of this.tasks.unbegun()) {
      if (entry.isExecuted || (entry.isKept && !entry.outlivesAgent)) this.fates.giveUp(entry, why);
    }
  }

  /** A task that had asked a person: it is the next when the agent is back, and asks again. */
  private keep(entry: TaskEntry): void {
    entry.isKept = true;
    entry.begunAt = undefined;
    this.tasks.putBack(entry);
  }

  /** The agent is forgotten, or its system has closed: all waiting tasks are given up. */
  discard(why: string): void {
    for (const entry of this.tasks.unbegun()) this.fates.giveUp(entry, why);
    this.storeAway?.();
    this.storeAway = undefined;
  }

  /**
   * The body reports the end of a task. A report of an unknown task is late, and dropped.
   *
   * @param at when it was, epoch ms, where that is known
   */
  settle(report: EndReport, at?: number): void {
    const entry = this.tasks.running.get(report.taskId);
    if (entry === undefined) return;
    this.left(entry);
    this.owner.changed();
    if (!entry.isAnswered) {
      if (report.type === 'task.completed') this.answers.complete(entry, report.output, at);
      else this.fates.fail(entry, report);
    }
    this.pump();
    this.taskLeft();
  }

  /** A task ran into a limit: it is put back as the next, and nothing begins until the agent goes on. */
  park(report: Extract<BodyReport, { type: 'task.parked' }>): void {
    const entry = this.tasks.running.get(report.taskId);
    if (entry === undefined) return;
    if (entry.hasStreamed) {
      const { taskId, why: message, error = { name: 'Park', message } } = report;
      return this.settle({ type: 'task.failed', taskId, code: 'TASK_FAILED', error });
    }
    this.left(entry);
    this.owner.changed();
    // Its open requests belonged to this attempt.
    this.owner.taskAnswered(entry.taskId);
    const { id: agentId, journal } = this.owner;
    if (!entry.isAnswered) {
      entry.notBegun();
      this.tasks.putBack(entry);
      if (this.mode === 'open') this.isHeldBack = true;
      else {
        // Waiting tasks could not begin before the reset either.
        if (this.mode === 'draining') this.mode = 'finishing';
        this.endWaiting(`the agent is ending, and a limit is reached: ${report.why}`);
      }
    }
    this.owner.limitReached(report, (parked) => {
      if (entry.isQueued) journal.emit(parkedEvent(agentId, entry, parked));
    });
    this.pump();
    this.taskLeft();
  }

  progress(taskId: string, value: unknown): void {
    const entry = this.tasks.running.get(taskId);
    if (entry === undefined || entry.isAnswered) return;
    tellProgress(entry, value, this.owner);
  }

  /** A chunk of the output; one beyond the window is dropped. */
  chunk(taskId: string, chunk: unknown): void {
    const entry = this.tasks.running.get(taskId);
    // Chunks of a task that was answered early are late, which is no fault.
    if (entry?.isAnswered) return;
    if (entry === undefined) return this.owner.bodyDropped();
    takeChunk(entry, chunk, this.owner);
  }

  /** An agent that does not serve yet counts as having room. */
  get places(): Places {
    const isFree = this.tasks.running.size < this.concurrency;
    return { isFree: isFree || !this.isServing(), holders: this.tasks.running };
  }

  /** A running task that was not answered yet. */
  running(taskId: string): TaskEntry | undefined {
    const entry = this.tasks.running.get(taskId);
    return entry?.isAnswered ? undefined : entry;
  }

  accepted(entry: TaskEntry, error: AgentSystemError | undefined): void {
    entry.isCommitted = true;
    entry.request.submission?.accepted(entry.taskId, error);
    if (error !== undefined) {
      if (entry.wasAccepted) this.waitForStore();
      else this.refuse(entry, error);
    }
    this.pump();
  }

  private refuse(entry: TaskEntry, error: AgentSystemError): void {
    if (entry.isAnswered) return;
    this.fates.withdraw(entry, error.message);
    this.answers.refuse(entry, error);
    this.taskLeft();
  }

  private limit(entry: TaskEntry): void {
    if (entry.timesOutAt !== Infinity) limitTask(entry, this.fates);
    const { signal } = entry.request;
    if (signal) listenForAbort(signal, entry);
  }

  cancelled(entry: TaskEntry, cancel?: TaskCancel): void {
    this.fates.cancelled(entry, cancel);
  }

  timeHeld(entry: TaskEntry): void {
    holdTimes(entry, this.owner.clock);
  }

  timeRuns(entry: TaskEntry): void {
    resumeTimes(entry, this.fates);
  }

  /** Starts tasks that may run. A task that settles while it starts makes room for the next: a loop, no recursion. */
  private pump(): void {
    if (this.isPumping) return;
    this.isPumping = true;
    while (this.isServing() && !this.isHeldBack && this.tasks.running.size < this.concurrency) {
      const entry = this.tasks.next;
      if (entry === undefined || !entry.isCommitted) break;
      if (this.storeAway !== undefined && entry.isBegunDurably) break;
      this.start(entry);
    }
    this.isPumping = false;
    if (this.mode === 'open' && !this.saidBusy && !this.isHeldBack && this.load > 0) {
      this.saidBusy = true;
      this.owner.becameBusy();
    }
  }

  private start(entry: TaskEntry): void {
    this.tasks.begin(entry);
    this.owner.changed();
    if (!this.saidBusy && this.mode === 'open') {
      this.saidBusy = true;
      this.owner.becameBusy();
    }
    if (entry.heldMs !== undefined) resumeTimes(entry, this.fates);
    const { id: agentId, incarnation, journal, clock } = this.owner;
    const attempt = entry.begin(incarnation, clock.elapsed());
    const begun = entry.isBegunDurably ? this.listenerFor(entry, attempt) : undefined;
    entry.chunks = 0;
    entry.chunksTaken = 0;
    entry.isKept = false;
    entry.begunAt = journal.emit(startedEvent(agentId, entry), begun).at;
    if (begun === undefined) this.run(entry);
  }

  /** Apart, for a function that is made here costs every task that comes through it. */
  private listenerFor(entry: TaskEntry, attempt: number): CommitListener {
    return (error) => this.begun(entry, attempt, error);
  }

  /** Its `task.started` was committed, or could not be. */
  private begun(entry: TaskEntry, attempt: number, error: AgentSystemError | undefined): void {
    // The task may have ended meanwhile with its body.
    if (this.tasks.running.get(entry.taskId) !== entry || entry.attempt !== attempt) return;
    if (error === undefined && !entry.isAnswered) return this.run(entry);
    this.left(entry);
    if (!entry.isAnswered) {
      this.tasks.putBack(entry);
      this.waitForStore();
    }
    this.owner.changed();
    this.pump();
    this.taskLeft();
  }

  /** What begins only once that is committed does not begin until the store takes events again. */
  private waitForStore(): void {
    if (this.mode === 'draining') this.mode = 'finishing';
    this.storeAway ??= this.owner.journal.subscribe(({ type }) => {
      if (type === 'store.recovered') this.storeIsBack();
    });
  }

  private storeIsBack(): void {
    this.storeAway?.();
    this.storeAway = undefined;
    this.pump();
  }

  private run(entry: TaskEntry): void {
    if (hasLimitedAttempts(entry)) limitAttempt(entry, this.fates);
    entry.post();
  }

  post({ taskId, trace, request, attempt, input }: TaskEntry): void {
    const { type: task, transfer, submission } = request;
    const steps = this.owner.stepsOf(taskId);
    const isKept = submission !== undefined;
    this.owner.post({ type: 'task.run', taskId, task, attempt, input, transfer, trace, steps, isKept });
  }

  /** The work of a task has ended, or its body has. @param isKept it waits for a person, and for the next body */
  private left(entry: TaskEntry, isKept = false): void {
    this.tasks.ended(entry);
    entry.asksNothing(isKept);
    endAttempt(entry, this.owner.clock);
    if (!entry.isAnswered) return;
    // It was asked for again before its work had ended: one id is under way once.
    for (const again of this.tasks.heldBack()) if (again.taskId === entry.taskId) this.tasks.due(again);
  }

  /** Cancels a task by its id. Returns whether there was one that had not ended. */
  cancel(taskId: string, cancel: TaskCancel): boolean {
    let entry = this.tasks.running.get(taskId);
    // Work that ignores its end may still run under the id of a task that waits for another attempt.
    if (entry === undefined || entry.isAnswered) entry = this.tasks.unbegunBy(taskId);
    if (entry === undefined || entry.isAnswered) return false;
    this.cancelled(entry, cancel);
    return true;
  }

  /** Gives up the waiting tasks, but for those that outlive the agent. */
  private endWaiting(why: string): void {
    for (const entry of this.tasks.unbegun()) if (!this.fates.outlives(entry)) this.fates.giveUp(entry, why);
  }

  private tellIfRested(): void {
    if (!this.isResting || this.tasks.running.size > 0) return;
    this.isResting = false;
    this.saidBusy = false;
    this.owner.becameRested();
  }

  get isOpen(): boolean {
    return this.mode === 'open';
  }

  timeHasCome(entry: TaskEntry): void {
    if (!this.takesInTurn()) return;
    this.tasks.due(entry);
    this.pump();
  }

  taskLeft(): void {
    this.owner.loadFell();
    this.tellIfRested();
    // Tasks that will not begin keep nobody busy.
    const atWork = this.isServing() ? this.load : this.tasks.running.size;
    if (atWork > 0) return;
    if (this.mode === 'held' || (this.mode === 'open' && !this.saidBusy)) return;
    this.saidBusy = false;
    if (this.mode === 'draining') this.mode = 'finishing';
    this.owner.becameIdle();
  }
}
