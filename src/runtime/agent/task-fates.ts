/**
 * What becomes of a task whose work fails, takes too long, or is cut off: another attempt, a wait for the agent's next
 * life or for the next program, or an end.
 *
 * Decides that for each task, and carries it out. It begins no work, and knows no order.
 */
import { type RetryPolicy, retryDelayMs } from '../../machines/index.ts';
import type { MailboxOwner } from './mailbox-owner.ts';
import type { TaskAnswers } from './task-answers.ts';
import type { TaskEntry, TaskFailure } from './task-entry.ts';
import type { TaskCancel } from './task-request.ts';
import { stallOf } from './task-errors.ts';
import { CANCELLED_BY_CALLER, retryScheduledEvent } from './task-events.ts';
import type { TaskLists } from './task-lists.ts';
import { delayTask, dueAtOf, type TimedTasks } from './task-times.ts';

/** The mailbox that has the tasks. */
export interface FatesOwner {
  /** Whether tasks may begin: its agent runs, and is not ending. */
  readonly isOpen: boolean;
  /** A task that waited for its time may be begun. */
  timeHasCome(entry: TaskEntry): void;
  /** A task has left the mailbox, which may now be idle. */
  taskLeft(): void;
}

export class TaskFates implements TimedTasks {
  readonly owner: MailboxOwner;
  private readonly mailbox: FatesOwner;
  private readonly tasks: TaskLists;
  private readonly answers: TaskAnswers;

  constructor(owner: MailboxOwner, mailbox: FatesOwner, tasks: TaskLists, answers: TaskAnswers) {
    this.owner = owner;
    this.mailbox = mailbox;
    this.tasks = tasks;
    this.answers = answers;
  }

  fail(entry: TaskEntry, failure: TaskFailure): void {
    if (failure.retry === true && this.isTriedAgain(entry)) return this.tryAgain(entry, failure);
    if (entry.isExpired) return this.answers.timeOut(entry, 'still running', entry.policy!.attemptTimeoutMs!);
    this.answers.fail(entry, failure, this.owner.clock.elapsed());
  }

  /** Whether another attempt can follow. If the agent is ending, only for tasks that outlive it. */
  isTriedAgain(entry: TaskEntry): boolean {
    if (!entry.hasAttemptLeft) return false;
    return this.mailbox.isOpen || this.outlives(entry) || (this.owner.leavesTasks && entry.canBeLeft);
  }

  /** Waits for the next attempt. If that would come after the task's time, this attempt was the last. */
  tryAgain(entry: TaskEntry, failure: TaskFailure): void {
    const { id: agentId, journal, clock } = this.owner;
    const now = clock.elapsed();
    const attempts = entry.attempt - entry.before;
    const delayMs = retryDelayMs(entry.policy as RetryPolicy, attempts, this.owner.random());
    if (now + delayMs >= entry.timesOutAt) return this.answers.fail(entry, failure, now);
    entry.failure = failure;
    entry.failedAt = now;
    // Its open requests belonged to that attempt.
    this.owner.taskAnswered(entry.taskId);
    journal.emit(retryScheduledEvent(agentId, entry, failure, delayMs, clock.now() + delayMs));
    this.delay(entry, delayMs);
    if (this.owner.leavesTasks) this.leave(entry);
  }

  delay(entry: TaskEntry, delayMs: number): void {
    this.tasks.holdBack(entry);
    delayTask(entry, delayMs, this, () => this.mailbox.timeHasCome(entry));
  }

  stalled(entry: TaskEntry): void {
    const failure = stallOf(entry);
    const { message } = failure.error;
    if (this.isTriedAgain(entry)) return this.cut(entry, message);
    this.withdraw(entry, message);
    this.answers.fail(entry, failure, this.owner.clock.elapsed());
    this.mailbox.taskLeft();
  }

  /** The attempt takes too long: it is told to end, and then its definition decides whether there is another. */
  attemptTimedOut(entry: TaskEntry, attemptTimeoutMs: number): void {
    if (entry.isAnswered || entry.isExpired) return;
    entry.isExpired = true;
    const reason = `attempt ${entry.attempt} took longer than ${attemptTimeoutMs} ms`;
    if (!this.isTriedAgain(entry)) {
      this.withdraw(entry, reason);
      return this.answers.timeOut(entry, 'still running', attemptTimeoutMs);
    }
    const { taskId } = entry;
    this.owner.post({ type: 'task.cancel', taskId, reason, endsAttempt: 'timed_out' });
  }

  /** Tells the work to end. Its result no longer counts: the task is done again later. */
  cut({ taskId }: TaskEntry, reason: string): void {
    this.owner.post({ type: 'task.cancel', taskId, reason, endsAttempt: 'interrupted' });
  }

  timedOut(entry: TaskEntry, timeoutMs: number): void {
    if (entry.isAnswered) return;
    this.answers.timeOut(entry, this.withdraw(entry, 'the task has timed out'), timeoutMs);
    this.mailbox.taskLeft();
  }

  /** @param cancel where somebody cancelled it by its id; else its caller did */
  cancelled(entry: TaskEntry, cancel?: TaskCancel): void {
    if (entry.isAnswered) return;
    this.withdraw(entry, cancel?.why ?? CANCELLED_BY_CALLER);
    if (cancel === undefined) this.answers.giveUp(entry, CANCELLED_BY_CALLER);
    else this.answers.cancel(entry, cancel);
    this.mailbox.taskLeft();
  }

  /** Whether the task has asked a person, and the agent may come back to go on with it. */
  comesBackTo(entry: TaskEntry): boolean {
    return entry.didAsk && this.owner.mayComeBack && !this.owner.isClosing;
  }

  /** Whether it waits for its agent to run again. */
  outlives(entry: TaskEntry): boolean {
    return (entry.outlivesAgent && !this.owner.isClosing) || this.comesBackTo(entry);
  }

  abandon(entry: TaskEntry, why: string): void {
    if (entry.isAnswered) return;
    if (this.owner.leavesTasks && entry.canBeLeft) return this.leave(entry);
    this.withdraw(entry, why);
    const { failure, failedAt } = entry;
    // It waited for another attempt, which will not come: it has failed.
    if (failure !== undefined) return this.answers.fail(entry, failure, failedAt);
    this.answers.abandon(entry, why);
  }

  /** One that is not under way is not begun any more here: its pool takes it back, or it is abandoned. */
  giveUp(entry: TaskEntry, why: string): void {
    if (!this.isTakenBack(entry)) this.abandon(entry, why);
  }

  private isTakenBack(entry: TaskEntry): boolean {
    const { taskId, attempt: attempts, before, didAsk: hasAsked, timesOutAt, heldMs, request } = entry;
    if (request.takeBack === undefined || entry.isAnswered || this.owner.isClosing) return false;
    const isDurable = entry.isCommitted || entry.wasAccepted;
    const known = { ...request.again, taskId, attempts, before, hasAsked, isDurable };
    if (!request.takeBack({ before: known, dueAt: dueAtOf(entry, this.owner.clock), timesOutAt, heldMs })) {
      return false;
    }
    this.withdraw(entry, 'it is given back to its pool');
    return true;
  }

  /** Leaves it to the next program: the stream has no end of it. */
  leave(entry: TaskEntry): void {
    this.withdraw(entry, 'the system has closed');
    this.answers.leave(entry);
  }

  /** Takes an early answered task out of the queue, or tells its work to end. Returns its state in words. */
  withdraw(entry: TaskEntry, reason: string): string {
    this.answers.close(entry);
    if (this.tasks.remove(entry)) return 'still waiting';
    const { signal } = entry.request;
    const cause = signal?.aborted ? { cause: signal.reason as unknown } : {};
    this.owner.post({ type: 'task.cancel', taskId: entry.taskId, reason, ...cause });
    return 'still running';
  }
}

/** The failure of an attempt that the end of its agent has cut off. */
export function interruption(why: string): TaskFailure {
  const error = { name: 'Abandoned', message: why };
  return { type: 'task.failed', taskId: '', code: 'TASK_ABANDONED', error, retry: true };
}
