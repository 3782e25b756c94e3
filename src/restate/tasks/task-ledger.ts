/**
 * One agent's tasks as its virtual object keeps them: accepted, waiting, running, answered.
 *
 * What the mailbox of one program is in memory (runtime/agent/mailbox.ts), as data; the same rules, the same events in
 * the same order. It takes tasks in, begins them, and ends them with what their bodies report. Its agent tells it to
 * open, drain, abort and abandon; it tells its agent when it becomes busy and idle.
 *
 * I1  Every accepted task has exactly one end, and its caller is answered once.
 * I2  A task that was answered early holds its place until its work settles.
 * I3  A task that was accepted and not begun outlives its node: it waits for the next one.
 * I4  A task that waits for its next attempt keeps its agent neither busy nor alive.
 */
import type { Parked, TaskPlace } from '../../machines/index.ts';
import type { QuestionRecord } from '../../runtime/agent/question-record.ts';
import { queueFull } from '../../runtime/agent/task-errors.ts';
import {
  acceptedEvent,
  parkedEvent,
  progressedEvent,
  stalledEvent,
  startedEvent,
} from '../../runtime/agent/task-events.ts';
import type { BodyReport } from '../../runtime/hosting/host.ts';
import { saidBy } from '../../runtime/values/act.ts';
import type { NodeReport } from '../agent/agent-acts.ts';
import type { AgentState } from '../agent/agent-state.ts';
import type { Due } from '../engine/kept-chart.ts';
import type { LedgerOwner } from './ledger-owner.ts';
import type { TaskCallers } from './task-callers.ts';
import { TaskAsks } from './task-asks.ts';
import { move } from './task-ends.ts';
import {
  type AskedWork,
  callerOf,
  type EndedTask,
  enteredTask,
  type TaskEntry,
  taskIdOf,
} from './task-entries.ts';
import { type FatesOwner, TaskFates } from './task-fates.ts';
import { TaskLists } from './task-lists.ts';
import { chooseTask } from './task-order.ts';
import { letTimeRun, limitAttempt } from './task-times.ts';
import { toldOf } from './told-task.ts';
import type { AbortReason } from './abort-reason.ts';

/** A deadline of a task. */
export interface TaskDue extends Due {
  take(): void;
}

export class TaskLedger implements FatesOwner {
  /** Requests of its tasks while they run. */
  readonly asks: TaskAsks;
  readonly #owner: LedgerOwner;
  readonly #lists: TaskLists;
  readonly #fates: TaskFates;
  /** The input of the task that is just being accepted. */
  #fresh: { readonly taskId: string; readonly input: unknown } | undefined;
  #isPumping = false;

  constructor(owner: LedgerOwner) {
    this.#owner = owner;
    this.#lists = new TaskLists(owner);
    this.asks = new TaskAsks(owner, this.#lists);
    this.#fates = new TaskFates(owner, this, this.#lists, this.asks.questions);
  }

  get #state(): AgentState {
    return this.#owner.state;
  }

  get #incarnation(): number {
    return this.#state.life.context.incarnation;
  }

  /** Tasks that wait for their turn, or run. */
  get load(): number {
    return this.#lists.load;
  }

  /** All that is due of tasks, and of their questions. */
  *dues(): Iterable<TaskDue> {
    const { questions } = this.asks;
    for (const entry of this.#lists.all) {
      if (entry.isAnswered) continue;
      const { timeout, attemptEnd, due } = entry;
      if (timeout !== undefined) yield { ...timeout, take: () => this.#fates.timedOut(entry) };
      if (attemptEnd !== undefined) yield { ...attemptEnd, take: () => this.#fates.attemptTimedOut(entry) };
      if (due !== undefined) yield { ...due, take: () => this.#timeHasCome(entry) };
    }
    for (const due of questions.dues()) yield { ...due, take: () => questions.expire(due.question) };
  }

  #timeHasCome(entry: TaskEntry): void {
    entry.due = undefined;
    // One that is due while its agent ends waits for the next life.
    if (!this.#takesInTurn) return;
    this.#becomeDue(entry);
    this.#pump();
  }

  // Accepted and cancelled tasks.

  /** Accepts a task. @throws AgentSystemError `TASK_QUEUE_FULL` */
  accept(asked: AskedWork): TaskEntry {
    const { id: agentId, line, spec, mode, isHeldBack, tasks } = this.#state;
    const running = this.#lists.workingCount;
    const unbegun = tasks.length - running;
    // The queue is bounded; a task that may run at once does not wait in it.
    const mayBegin = mode === 'open' && !isHeldBack;
    const free = mayBegin ? Math.max(0, spec.tasks.concurrency - running) : 0;
    const { queueLimit } = spec.tasks;
    // Here nothing waits for its turn while it may begin: what waits then waits for its time.
    if (unbegun >= queueLimit + free) throw queueFull(agentId, unbegun, queueLimit);
    this.#state.acceptedTasks += 1;
    return this.#enter(asked, taskIdOf(agentId, line, this.#state.acceptedTasks), 0);
  }

  /** Who waits for tasks that were asked for under a key. */
  get callers(): TaskCallers {
    return this.#fates.callers;
  }

  /** Runs a submitted task that has ended again, under its id, with all of its attempts and its whole time. */
  repeat(ended: EndedTask, again: Pick<AskedWork, 'by' | 'caller' | 'terms'>): TaskEntry {
    this.#state.ended = this.#state.ended.filter((other) => other !== ended);
    const { id, task: type, timeoutMs = Infinity, policy, priority, idempotencyKey, dedupeKey } = ended;
    const asked: AskedWork = {
      type,
      timeoutMs,
      policy,
      priority,
      idempotencyKey,
      dedupeKey,
      submitted: true,
      ...again,
    };
    const entry = this.#enter(asked, id, ended.attempts, ended.place);
    // Somebody who is no task has asked for it before.
    if (!ended.endsWithCallers) entry.endsWithCallers = undefined;
    return entry;
  }

  #enter(asked: AskedWork, id: string, before: number, endedAt?: TaskPlace): TaskEntry {
    const entry = enteredTask(asked, {
      id,
      before,
      manifest: this.#state.manifest,
      endedAt,
      now: this.#owner.now,
      incarnation: this.#incarnation,
      takesInTurn: this.#takesInTurn,
      nextOrder: () => this.#owner.nextOrder(),
    });
    const { submitted } = entry;
    this.#lists.add(entry);
    if (asked.caller !== undefined) this.callers.join(entry, callerOf(asked));
    const isAgain = endedAt !== undefined;
    if (!isAgain) this.#fresh = { taskId: id, input: asked.input };
    const told = toldOf(entry, { input: asked.input, by: asked.by });
    this.#owner.emit(acceptedEvent(this.#state.id, told, entry.timeout?.dueAt));
    this.#pump();
    // One that waits, and one that may have to be done again, is kept with its input.
    const isKept = entry.where !== 'working' || entry.retry || submitted || entry.outlivesAgent;
    if (!isAgain && isKept) this.#owner.keepInput(entry, asked.input);
    this.#fresh = undefined;
    return entry;
  }

  /** Cancels by the id of the task, or of the call that asked for it. Whether there was one that had not ended. */
  cancel(
    by: { readonly taskId?: string; readonly callId?: string },
    why: string,
    cancel?: { readonly by?: string | undefined },
    reason?: AbortReason,
  ): boolean {
    const entry = this.#lists.all.find(
      ({ id, terms, isAnswered }) =>
        !isAnswered && (id === by.taskId || (terms?.callId !== undefined && terms.callId === by.callId)),
    );
    if (entry === undefined) return false;
    this.#fates.cancelled(entry, why, { cancel, reason });
    return true;
  }

  /** @throws AgentSystemError `QUESTION_UNKNOWN`, `QUESTION_CLOSED`, `ANSWER_INVALID` */
  answerQuestion(id: string, value: unknown, by: string | undefined): QuestionRecord {
    return this.asks.questions.answer(id, value, by);
  }

  /** Drops the record of one that has ended. */
  forget(ended: EndedTask, by: string | undefined): void {
    this.#state.ended = this.#state.ended.filter((other) => other !== ended);
    this.#owner.dropInput(ended.id);
    const { id: taskId, task } = ended;
    const { id: agentId } = this.#state;
    const incarnation = this.#incarnation;
    this.#owner.emit({ type: 'task.forgotten', agentId, incarnation, taskId, task, ...saidBy(by) });
  }

  // Commands of its agent.

  /** Whether a task that arrives now is in time for this life of its agent: one that ends does not wait for it. */
  get #takesInTurn(): boolean {
    const { mode, isMoving } = this.#state;
    return mode === 'open' || mode === 'held' || isMoving;
  }

  /** A new incarnation begins: tasks are held until it is ready. */
  hold(): void {
    this.#state.mode = 'held';
    this.#state.abandoned = [];
  }

  /** The agent is ready: held tasks may run, unless it is paused or parked. */
  open(isHeldBack: boolean): void {
    this.#state.mode = 'open';
    this.#state.isHeldBack = isHeldBack;
    for (const entry of this.#lists.all) {
      if (entry.where === 'delayed' && entry.due === undefined) this.#becomeDue(entry);
    }
    this.#pump();
  }

  /** No task begins; it reports once none runs. */
  rest(): void {
    this.#state.isHeldBack = true;
    this.#state.isResting = true;
    this.#tellIfRested();
  }

  /** Tasks may begin again; it reports whether it has work. */
  resume(): void {
    this.#state.isHeldBack = false;
    this.#state.isResting = false;
    this.#state.isBusy = false;
    this.#pump();
  }

  /** Changes its limits; accepted tasks stay accepted. */
  follow(): void {
    this.#pump();
  }

  /** Accepted tasks may finish; then it is idle. */
  drain(): void {
    this.#state.mode = 'draining';
    // A person may take longer than any grace: such a task goes along.
    for (const entry of this.#state.isMoving ? this.#lists.working() : [])
      if (!entry.isAnswered && this.asks.questions.isAsking(entry.id)) this.#fates.carry(entry);
    this.#pump();
    this.taskLeft();
  }

  /** Running tasks may finish, waiting ones no longer begin; then it is idle. */
  finish(why: string): void {
    this.#state.mode = 'finishing';
    this.#endWaiting(why);
    this.taskLeft();
  }

  /** Waiting tasks no longer begin, running ones are told to end. */
  abort(): void {
    const why = 'the agent is ending';
    this.#state.mode = 'aborting';
    this.#endWaiting(why);
    for (const entry of this.#lists.working()) this.#fates.abort(entry, why);
    this.taskLeft();
  }

  /** The body is gone, and its running work with it. */
  abandonAll(why: string): void {
    this.#endWaiting(why);
    for (const entry of this.#lists.working()) {
      this.#workEnded(entry, this.#fates.comesBackTo(entry));
      this.#fates.bodyEnded(entry, why);
    }
    this.#bodyEnded();
  }

  /** Its node is gone: running tasks are unknown, or run again; waiting ones wait on. */
  lost(): void {
    for (const entry of this.#lists.working()) {
      this.#workEnded(entry, entry.didAsk);
      this.#fates.nodeLost(entry);
    }
    this.#bodyEnded();
    this.#state.abandoned = [];
  }

  #bodyEnded(): void {
    this.asks.questions.bodyEnded();
    this.#state.mode = 'held';
    this.#state.isResting = false;
    this.#state.isBusy = false;
  }

  /** Its agent does not restart by itself: executed tasks no longer wait for it. */
  endWaits(why: string): void {
    if (this.#state.isMoving) return;
    for (const entry of this.#lists.unbegun()) {
      const isExecuted = !entry.submitted && entry.before === 0;
      if (isExecuted || (entry.isKept && !entry.outlivesAgent)) this.#fates.abandon(entry, why);
    }
  }

  /** Its agent is forgotten: no task waits any more. */
  discard(why: string): void {
    for (const entry of this.#lists.unbegun()) this.#fates.abandon(entry, why);
  }

  /** Of the waiting tasks, only those that outlive their agent go on waiting. */
  #endWaiting(why: string): void {
    for (const entry of this.#lists.unbegun())
      if (!this.#fates.outlives(entry)) this.#fates.abandon(entry, why);
  }

  // Reports of bodies and nodes.

  /** A report of its body on a task. One on an unknown task is late, and dropped. */
  settle(report: Extract<BodyReport, { type: 'task.completed' | 'task.failed' }>): void {
    const entry = this.#lists.workingOn(report.taskId);
    if (entry === undefined) return;
    this.#workEnded(entry);
    this.#lists.remove(entry);
    if (!entry.isAnswered) {
      if (report.type === 'task.completed') this.#fates.ends.complete(entry, report.output);
      else this.#fates.fail(entry, report);
    }
    this.#pump();
    this.taskLeft();
  }

  /** A task ran into a limit: it is the next in the queue again, and none begins until the agent goes on. */
  park(report: Extract<NodeReport, { type: 'task.parked' }>): void {
    const entry = this.#lists.workingOn(report.taskId);
    if (entry === undefined) return;
    this.#workEnded(entry);
    if (entry.isAnswered) this.#lists.remove(entry);
    else {
      entry.where = 'queued';
      entry.attempts -= 1;
      entry.startedAt = undefined;
      entry.isParking = true;
      this.#owner.keepInput(entry, report.input);
      if (this.#state.mode === 'open') this.#state.isHeldBack = true;
      else {
        // Waiting tasks would not begin before the reset, either.
        if (this.#state.mode === 'draining') this.#state.mode = 'finishing';
        this.#endWaiting(`the agent is ending, and a limit is reached: ${report.why}`);
      }
    }
    this.#owner.limitReached(report);
    this.#pump();
    this.taskLeft();
  }

  /** What the tasks that ran into a limit wait for. */
  parked(parked: Parked): void {
    for (const entry of this.#lists.all) {
      if (!entry.isParking) continue;
      entry.isParking = undefined;
      if (entry.where !== 'queued') continue;
      entry.parked = parked;
      this.#fates.ends.tell(entry, parkedEvent(this.#state.id, toldOf(entry), parked));
    }
  }

  /** Whether a running task makes progress, as its node reports. */
  progressWatched(taskId: string, what: 'stalled' | 'progressed' | 'abort' | 'crash'): void {
    const entry = this.#lists.workingOn(taskId);
    if (entry === undefined || entry.isAnswered) return;
    const { id: agentId, manifest } = this.#state;
    const stall = manifest.tasks[entry.task]?.stall;
    const told = { ...toldOf(entry), stall };
    switch (what) {
      case 'stalled':
        entry.stalledAt = this.#owner.now;
        return this.#owner.emit(stalledEvent(agentId, told));
      case 'progressed':
        entry.stalledAt = undefined;
        return this.#owner.emit(progressedEvent(agentId, told));
      case 'crash':
        return this.#owner.crashForStall(taskId);
      case 'abort':
        return this.#fates.stalled(entry, told);
    }
  }

  /** Its work has ended, or its body has. @param isKept its time stands still until it is begun again */
  #workEnded(entry: TaskEntry, isKept = false): void {
    if (!isKept) letTimeRun(entry, this.#owner);
    entry.attemptEnd = undefined;
    entry.stalledAt = undefined;
    this.asks.questions.attemptEnded(entry.id);
    this.#owner.attemptEnded(entry.id);
  }

  // Tasks begin.

  /** Begins tasks that may run. */
  #pump(): void {
    if (this.#isPumping) return;
    this.#isPumping = true;
    for (;;) {
      const { tasks, passed, spec, isHeldBack: waits } = this.#state;
      if (waits || !this.#isServing || this.#lists.workingCount >= spec.tasks.concurrency) break;
      const choice = chooseTask(tasks, passed);
      if (choice === undefined) break;
      this.#state.passed = choice.passed;
      this.#start(choice.entry);
    }
    this.#isPumping = false;
    const { mode, isHeldBack } = this.#state;
    if (mode === 'open' && !isHeldBack && this.load > 0) this.#tellBusy();
  }

  /** Whether waiting tasks are begun in this life of their agent: with one that moves, they move. */
  get #isServing(): boolean {
    const { mode, isMoving } = this.#state;
    return mode === 'open' || (mode === 'draining' && !isMoving);
  }

  #start(entry: TaskEntry): void {
    entry.where = 'working';
    entry.begun = this.#owner.nextOrder();
    entry.incarnation = this.#incarnation;
    entry.attempts += 1;
    entry.startedAt = this.#owner.now;
    entry.isExpired = undefined;
    entry.failure = undefined;
    entry.parked = undefined;
    entry.isKept = undefined;
    letTimeRun(entry, this.#owner);
    if (this.#state.mode === 'open') this.#tellBusy();
    // Its time may have come with the next life of its agent.
    if (entry.place === 'waiting.delayed') move(entry, 'task.due');
    this.#fates.ends.tell(entry, startedEvent(this.#state.id, toldOf(entry)));
    if (this.asks.questions.openOf(entry.id) > 0) move(entry, 'task.asked');
    if (entry.attemptEnd === undefined) limitAttempt(entry, this.#owner);
    const isFresh = this.#fresh?.taskId === entry.id;
    this.#owner.run(entry, isFresh ? { input: this.#fresh!.input } : undefined);
  }

  #becomeDue(entry: TaskEntry): void {
    entry.where = 'queued';
    if (entry.place === 'waiting.delayed') move(entry, 'task.due');
  }

  // Reports to its agent.

  #tellBusy(): void {
    if (this.#state.isBusy) return;
    this.#state.isBusy = true;
    this.#owner.becameBusy();
  }

  #tellIfRested(): void {
    if (!this.#state.isResting || this.#lists.workingCount > 0) return;
    this.#state.isResting = false;
    this.#state.isBusy = false;
    this.#owner.becameRested();
  }

  /** Reports if its agent is no longer busy. */
  taskLeft(): void {
    this.#tellIfRested();
    // Tasks that no longer begin keep no agent busy.
    if ((this.#isServing ? this.load : this.#lists.workingCount) > 0) return;
    const { mode, isBusy } = this.#state;
    if (mode === 'held' || (mode === 'open' && !isBusy)) return;
    this.#state.isBusy = false;
    if (mode === 'draining') this.#state.mode = 'finishing';
    this.#owner.becameIdle();
  }
}
