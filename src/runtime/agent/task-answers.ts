/**
 * How one agent's tasks end: each is answered, told of in the event stream, and counted.
 *
 * It is the figures, and owns the list of what the agent's last end left undone. It decides no end, and takes nothing
 * out of a queue.
 *
 * I1  A caller is answered once the end that they are told of was committed.
 */
import type { BudgetAmount } from '../../machines/index.ts';
import { unlistenForAbort } from '../values/abort-listeners.ts';
import { saidBy } from '../values/act.ts';
import { type AgentSystemError, errorFrom } from '../values/errors.ts';
import type { MailboxOwner } from './mailbox-owner.ts';
import type { TaskEntry, TaskFailure } from './task-entry.ts';
import type { TaskCancel } from './task-request.ts';
import { abandonment, leftUndone, taskFailure, taskTimeout } from './task-errors.ts';
import { abandonedEvent, completedEvent, failedEvent, neverKeptEvent, timedOutEvent } from './task-events.ts';
import { noTasks, TaskFigures, type TasksAtWork } from './task-figures.ts';
import { endTimes } from './task-times.ts';

export class TaskAnswers extends TaskFigures {
  private readonly owner: MailboxOwner;
  private undone: string[] | undefined = undefined;

  constructor(owner: MailboxOwner) {
    super();
    this.owner = owner;
  }

  /** Ids of the tasks that the last end left undone. */
  get abandonedTasks(): readonly string[] {
    return this.undone ? Object.freeze([...this.undone]) : noTasks.abandoned;
  }

  /** What is to be seen of the tasks. */
  atWork(waiting: number, running: number): TasksAtWork {
    return { metrics: this.metrics(waiting, running), abandoned: this.abandonedTasks };
  }

  /** What is to be seen of the tasks may have changed. */
  changed(): void {
    this.owner.changed();
  }

  /** @param amount what a task spent of budgets, in whole numbers */
  override spend(amount: BudgetAmount): void {
    super.spend(amount);
    this.changed();
  }

  /** A new life of the agent begins: it has left nothing undone. */
  beginLife(): void {
    this.undone = undefined;
    this.changed();
  }

  /** It is not waited for any more: what comes of it from here on changes nothing. */
  close(entry: TaskEntry): void {
    entry.isAnswered = true;
    if (entry.begunAt !== undefined) this.owner.taskAnswered(entry.taskId);
    this.changed();
    endTimes(entry, this.owner.clock);
    const { signal } = entry.request;
    if (signal) unlistenForAbort(signal, entry);
  }

  /** @param at when it was, epoch ms, where that is known */
  complete(entry: TaskEntry, output: unknown, at?: number): void {
    this.close(entry);
    this.done += 1;
    const now = this.answered(entry);
    entry.output = output;
    this.owner.taskPassed();
    this.owner.journal.emit(completedEvent(this.owner.id, entry, now), entry, undefined, at);
  }

  /** @param endedAt when its last attempt ended, by `elapsed` of the clock */
  fail(entry: TaskEntry, failure: TaskFailure, endedAt: number): void {
    this.close(entry);
    // Its agent's end has cut its last attempt off: what that would have come to, nobody knows.
    if (failure.code === 'TASK_ABANDONED') return this.abandon(entry, failure.error.message);
    this.failed += 1;
    this.answered(entry);
    const { id: agentId, journal } = this.owner;
    const error = taskFailure(agentId, entry, failure);
    journal.emit(failedEvent(agentId, entry, endedAt, failure), () => entry.reject(error));
  }

  /** @param where it stood, in words */
  timeOut(entry: TaskEntry, where: string, timeoutMs: number): void {
    this.close(entry);
    this.timedOut += 1;
    this.answered(entry);
    const { id: agentId, journal } = this.owner;
    const { failure } = entry;
    const cause = failure && (failure.cause ?? errorFrom(failure.error));
    const error = taskTimeout(agentId, entry, where, timeoutMs, cause);
    journal.emit(timedOutEvent(agentId, entry, timeoutMs), () => entry.reject(error));
  }

  /** The end of its agent leaves it undone. It has been closed. */
  abandon(entry: TaskEntry, why: string): void {
    (this.undone ??= []).push(entry.taskId);
    this.giveUp(entry, why);
  }

  /** Somebody has cancelled it by its id. It has been closed. */
  cancel(entry: TaskEntry, { why, by }: TaskCancel): void {
    this.giveUp(entry, why, { isCancelled: true, ...saidBy(by) });
  }

  /** Its caller has cancelled it, or nobody does it any more. It has been closed. */
  giveUp(entry: TaskEntry, why: string, said?: object): void {
    this.abandoned += 1;
    const { id: agentId, journal } = this.owner;
    const error = abandonment(agentId, why, entry.request, entry);
    const event = abandonedEvent(agentId, entry, why);
    journal.emit(said === undefined ? event : Object.assign(event, said), () => entry.reject(error));
  }

  /** Another program goes on with it: in the stream it has not ended. It has been closed. */
  leave(entry: TaskEntry): void {
    const error = leftUndone(this.owner.id, entry);
    void this.owner.journal.settled().then(() => entry.reject(error));
  }

  /**
   * Its acceptance could not be made durable. The stream says that it has ended, or a later program would take it for
   * lost. It has been closed.
   */
  refuse(entry: TaskEntry, error: AgentSystemError): void {
    this.abandoned += 1;
    const { id: agentId, journal } = this.owner;
    const ended = entry.request.again === undefined ? neverKeptEvent : abandonedEvent;
    journal.emit(ended(agentId, entry, error.message));
    entry.reject(error);
  }

  /** Returns the time, by `elapsed` of the clock. */
  private answered({ acceptedAt }: TaskEntry): number {
    const now = this.owner.clock.elapsed();
    this.measure(now - acceptedAt);
    return now;
  }
}
