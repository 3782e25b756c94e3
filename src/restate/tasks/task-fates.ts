/**
 * What becomes of a task whose work fails, takes too long, or is cut off: another attempt, a wait for the agent's next
 * life or for its next place, or an end.
 *
 * Decides that for each task, and carries it out, by the rules of runtime/agent/task-fates.ts. It begins no work.
 */
import { type RetryPolicy, retryDelayMs } from '../../machines/index.ts';
import { stallOf } from '../../runtime/agent/task-errors.ts';
import { CANCELLED_BY_CALLER, retryScheduledEvent, type ToldTask } from '../../runtime/agent/task-events.ts';
import { AgentSystemError } from '../../runtime/values/errors.ts';
import type { AgentState } from '../agent/agent-state.ts';
import type { LedgerOwner } from './ledger-owner.ts';
import { TaskCallers } from './task-callers.ts';
import { move, TaskEnds } from './task-ends.ts';
import {
  isWorking,
  mayBeDoneAgain,
  mayBeTriedAgain,
  type TaskEntry,
  type TaskFailure,
} from './task-entries.ts';
import type { TaskLists } from './task-lists.ts';
import type { TaskQuestions } from './task-questions.ts';
import { toldOf } from './told-task.ts';
import type { AbortReason } from './abort-reason.ts';

/** The ledger that has the tasks. */
export interface FatesOwner {
  /** A task has left the ledger, which may now be idle. */
  taskLeft(): void;
}

export class TaskFates {
  readonly ends: TaskEnds;
  readonly #owner: LedgerOwner;
  readonly #ledger: FatesOwner;
  readonly #lists: TaskLists;
  readonly #questions: TaskQuestions;
  /** Who waits for tasks with a key. */
  readonly callers: TaskCallers;

  constructor(owner: LedgerOwner, ledger: FatesOwner, lists: TaskLists, questions: TaskQuestions) {
    this.#owner = owner;
    this.#ledger = ledger;
    this.#lists = lists;
    this.#questions = questions;
    this.callers = new TaskCallers(owner, lists, (entry) =>
      this.cancelled(entry, CANCELLED_BY_CALLER, { cancel: {} }),
    );
    this.ends = new TaskEnds(owner, questions, this.callers);
  }

  get #state(): AgentState {
    return this.#owner.state;
  }

  // Failed and slow work.

  fail(entry: TaskEntry, failure: TaskFailure): void {
    if (failure.retry === true && this.#isTriedAgain(entry)) {
      this.#lists.add(entry);
      return this.#tryAgain(entry, failure);
    }
    if (entry.isExpired) return this.ends.timedOut(entry, 'still running', entry.policy!.attemptTimeoutMs!);
    this.ends.failed(entry, failure, this.#owner.now);
  }

  /** It has stalled, and its definition ends such an attempt. */
  stalled(entry: TaskEntry, told: ToldTask): void {
    const failure = stallOf(told);
    const { message } = failure.error;
    if (this.#isTriedAgain(entry)) return this.#cut(entry, message);
    this.#withdraw(entry, message);
    this.ends.failed(entry, failure, this.#owner.now);
  }

  /** Its attempt takes too long: it is told to end, and its policy decides whether there is another. */
  attemptTimedOut(entry: TaskEntry): void {
    entry.attemptEnd = undefined;
    entry.isExpired = true;
    const attemptTimeoutMs = entry.policy!.attemptTimeoutMs!;
    const reason = `attempt ${entry.attempts} took longer than ${attemptTimeoutMs} ms`;
    if (!this.#isTriedAgain(entry)) {
      this.#withdraw(entry, reason);
      return this.ends.timedOut(entry, 'still running', attemptTimeoutMs);
    }
    this.#owner.post({ type: 'task.cancel', taskId: entry.id, reason, endsAttempt: 'timed_out' });
  }

  timedOut(entry: TaskEntry): void {
    const where = this.#withdraw(entry, 'the task has timed out');
    this.ends.timedOut(entry, where, entry.timeoutMs!);
    this.#ledger.taskLeft();
  }

  /** @param cancel where somebody cancelled it by its id, and who */
  cancelled(
    entry: TaskEntry,
    why: string,
    {
      cancel,
      reason,
    }: {
      readonly cancel?: { readonly by?: string | undefined } | undefined;
      readonly reason?: AbortReason | undefined;
    } = {},
  ): void {
    this.#withdraw(entry, why, reason);
    this.ends.abandoned(entry, why, cancel);
    this.#ledger.taskLeft();
  }

  // Its agent ends, or its body or node is gone.

  /** It runs, and its agent is to end. */
  abort(entry: TaskEntry, why: string): void {
    if (entry.isAnswered) return;
    const { isMoving } = this.#state;
    // A task that waits for a person goes on when the agent comes back.
    if (!isMoving && this.comesBackTo(entry)) return;
    if (isMoving && entry.didAsk) this.carry(entry);
    else if (isMoving && entry.retry && entry.policy === undefined) this.carry(entry);
    else if (this.outlives(entry) && mayBeTriedAgain(entry)) this.#cut(entry, why);
    else this.abandon(entry, why);
  }

  /** It ran in a body that has ended. */
  bodyEnded(entry: TaskEntry, why: string): void {
    if (entry.isAnswered) this.#lists.remove(entry);
    else if (this.comesBackTo(entry)) this.#keep(entry);
    else if (this.outlives(entry) && mayBeTriedAgain(entry)) this.#tryAgain(entry, interruption(entry, why));
    else {
      this.#lists.remove(entry);
      this.abandon(entry, why);
    }
  }

  /** It ran on a node that is gone: nobody knows how far it got. */
  nodeLost(entry: TaskEntry): void {
    if (entry.isAnswered) return this.#lists.remove(entry);
    const { id: taskId, task, submitted, incarnation, attempts, startedAt } = entry;
    const { id: agentId } = this.#state;
    // If it waits for a person, nothing is unknown.
    if (this.#questions.openOf(taskId) > 0) {
      this.#keep(entry);
      entry.incarnation = this.#nextIncarnation;
      return;
    }
    const retry = entry.didAsk === true || mayBeDoneAgain(entry);
    const of = { agentId, incarnation, taskId, task, retry };
    const record = startedAt === undefined ? { attempts } : { attempts, startedAt };
    const ofSubmitted = submitted ? { submitted: true as const, ...record } : {};
    this.ends.tell(
      entry,
      { type: 'task.unknown', ...of, ...ofSubmitted },
      retry ? 'task.accepted' : 'task.unknown',
    );
    if (retry) {
      entry.where = 'queued';
      if (entry.didAsk) entry.isKept = true;
      entry.incarnation = this.#nextIncarnation;
      return;
    }
    this.#lists.remove(entry);
    const message = `task ${task} of agent ${agentId} was running when its node was lost: nobody knows how far it came`;
    const details = { taskId, task, status: 'unknown' } as const;
    this.ends.end(entry, new AgentSystemError('TASK_ABANDONED', message, { agentId, details }));
  }

  abandon(entry: TaskEntry, why: string): void {
    if (entry.isAnswered) return;
    this.#withdraw(entry, why);
    const { failure, failedAt = this.#owner.now } = entry;
    // There is no further attempt: it has failed.
    if (failure !== undefined) return this.ends.failed(entry, failure, failedAt);
    this.#state.abandoned.push(entry.id);
    this.ends.abandoned(entry, why);
  }

  /** It runs, and may run again: it moves with its agent. */
  carry(entry: TaskEntry): void {
    this.#owner.post({ type: 'task.cancel', taskId: entry.id, reason: 'the agent moves to another node' });
    const again: TaskEntry = { ...entry, where: 'queued', attemptEnd: undefined };
    if (this.#questions.openOf(entry.id) === 0) move(again, 'task.accepted');
    this.#lists.replace(entry, { ...entry, isAnswered: true, waiting: [] }, again);
  }

  // Questions about a task.

  /** Whether it has asked a person, and the agent may come back to go on with it. */
  comesBackTo({ didAsk }: TaskEntry): boolean {
    return didAsk === true && this.#owner.mayComeBack;
  }

  /** Whether it waits for its agent to run again; with an agent that moves, all tasks do. */
  outlives(entry: TaskEntry): boolean {
    return entry.outlivesAgent || this.#state.isMoving || this.comesBackTo(entry);
  }

  /** Whether another attempt can come: if the agent ends, only for a task that outlives it. */
  #isTriedAgain(entry: TaskEntry): boolean {
    return mayBeTriedAgain(entry) && (this.#state.mode === 'open' || this.outlives(entry));
  }

  get #nextIncarnation(): number {
    return this.#state.life.context.incarnation + 1;
  }

  // What is done with a task.

  /** It waits for its next attempt; if that would come after its deadline, this one was the last. */
  #tryAgain(entry: TaskEntry, failure: TaskFailure): void {
    const { now, chance } = this.#owner;
    const delayMs = retryDelayMs(entry.policy as RetryPolicy, entry.attempts - entry.before, chance);
    const dueAt = now + delayMs;
    if (dueAt >= (entry.timeout?.dueAt ?? Infinity)) {
      this.#lists.remove(entry);
      return this.ends.failed(entry, failure, now);
    }
    entry.failure = failure;
    entry.failedAt = now;
    this.ends.tell(entry, retryScheduledEvent(this.#state.id, toldOf(entry), failure, delayMs, dueAt));
    entry.where = 'delayed';
    entry.due = { dueAt, order: this.#owner.nextOrder() };
  }

  /** A task that had asked a person: it is the next when the agent is back, and asks again. */
  #keep(entry: TaskEntry): void {
    entry.where = 'queued';
    entry.isKept = true;
    if (entry.place === 'running') move(entry, 'task.accepted');
  }

  /** Its agent ends: results of its work no longer count, and it runs again later. */
  #cut({ id: taskId }: TaskEntry, reason: string): void {
    this.#owner.post({ type: 'task.cancel', taskId, reason, endsAttempt: 'interrupted' });
  }

  /** Answered early: it leaves the queue, or its work is told to end. @returns where it stood */
  #withdraw(entry: TaskEntry, reason: string, ofCaller?: AbortReason): string {
    if (!isWorking(entry)) {
      this.#lists.remove(entry);
      return 'still waiting';
    }
    entry.isAnswered = true;
    this.#owner.post({ type: 'task.cancel', taskId: entry.id, reason, ...ofCaller });
    return 'still running';
  }
}

/** How an attempt failed that its agent's end has cut off. */
function interruption({ id: taskId }: TaskEntry, why: string): TaskFailure {
  const error = { name: 'Abandoned', message: why };
  return { type: 'task.failed', taskId, code: 'TASK_ABANDONED', error, retry: true };
}
