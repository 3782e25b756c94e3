/**
 * How tasks end: each end is an event, a step of the task's chart, and one answer to the caller.
 */
import { type TaskChartEvent, type TaskPlace, taskPlaceAfter } from '../../machines/index.ts';
import { abandonment, taskFailure, taskTimeout } from '../../runtime/agent/task-errors.ts';
import {
  abandonedEvent,
  CANCELLED_BY_CALLER,
  completedEvent,
  failedEvent,
  timedOutEvent,
} from '../../runtime/agent/task-events.ts';
import type { EventBody } from '../../runtime/journal/system-event.ts';
import { type AgentSystemError, errorFrom, errorInfoOf } from '../../runtime/values/errors.ts';
import type { AgentState } from '../agent/agent-state.ts';
import { refusalOf } from '../engine/call-answer.ts';
import type { LedgerOwner } from './ledger-owner.ts';
import type { TaskCallers } from './task-callers.ts';
import type { EndedTask, TaskEntry, TaskFailure } from './task-entries.ts';
import type { TaskQuestions } from './task-questions.ts';
import { toldOf } from './told-task.ts';

/** Records kept of an agent's tasks that were submitted and have ended, and as many of dead letters. */
const MAX_ENDED = 100;

export class TaskEnds {
  readonly #owner: LedgerOwner;
  readonly #questions: TaskQuestions;
  readonly #callers: TaskCallers;

  constructor(owner: LedgerOwner, questions: TaskQuestions, callers: TaskCallers) {
    this.#owner = owner;
    this.#callers = callers;
    this.#questions = questions;
  }

  get #state(): AgentState {
    return this.#owner.state;
  }

  complete(entry: TaskEntry, output: unknown): void {
    this.#state.counts.done += 1;
    this.#measure(entry);
    this.#owner.taskPassed();
    this.tell(entry, completedEvent(this.#state.id, toldOf(entry, { output }), this.#owner.now));
    this.end(entry, undefined, output);
  }

  failed(entry: TaskEntry, failure: TaskFailure, at: number): void {
    this.#state.counts.failed += 1;
    this.#measure(entry);
    const { id: agentId } = this.#state;
    const told = toldOf(entry);
    this.tell(entry, failedEvent(agentId, told, at, failure));
    this.end(entry, taskFailure(agentId, told, failure));
  }

  timedOut(entry: TaskEntry, where: string, timeoutMs: number): void {
    this.#state.counts.timedOut += 1;
    this.#measure(entry);
    const { id: agentId } = this.#state;
    const told = toldOf(entry);
    const cause = entry.failure && errorFrom(entry.failure.error);
    this.tell(entry, timedOutEvent(agentId, told, timeoutMs));
    this.end(entry, taskTimeout(agentId, told, where, timeoutMs, cause));
  }

  /** @param cancel where somebody cancelled it by its id, and who */
  abandoned(entry: TaskEntry, why: string, cancel?: { readonly by?: string | undefined }): void {
    this.#state.counts.abandoned += 1;
    const { id: agentId } = this.#state;
    const told = toldOf(entry);
    const event = abandonedEvent(agentId, told, why);
    if (cancel !== undefined) event.isCancelled = true;
    if (cancel?.by !== undefined) event.by = cancel.by;
    const isCancelled = cancel !== undefined || why === CANCELLED_BY_CALLER;
    this.tell(entry, event, isCancelled ? 'task.cancelled' : 'task.abandoned');
    this.end(entry, abandonment(agentId, why, told.request, told));
  }

  /** What has happened to it, for the stream and for its chart. */
  tell(entry: TaskEntry, event: EventBody, as = event.type as TaskChartEvent['type']): void {
    move(entry, as);
    this.#owner.emit(event);
  }

  end(entry: TaskEntry, error?: AgentSystemError, output?: unknown): void {
    entry.isAnswered = true;
    const { waiting, id, submitted } = entry;
    entry.waiting = [];
    for (const token of waiting) {
      this.#owner.answer(token, error === undefined ? { value: output } : { refusal: refusalOf(error) });
    }
    this.#questions.taskEnded(id);
    this.#owner.taskEnded(id);
    this.#callers.ended(entry);
    if (entry.steps !== undefined) this.#owner.dropSteps(id);
    // What was submitted and has no output may be asked for again.
    if (entry.hasInput && (!submitted || error === undefined)) this.#owner.dropInput(id);
    if (!submitted) return;
    const { task, place, attempts, acceptedAt, startedAt, idempotencyKey, dedupeKey } = entry;
    const { policy, priority, timeoutMs, endsWithCallers } = entry;
    this.#state.ended.push({
      id,
      task,
      place,
      attempts,
      acceptedAt,
      startedAt,
      endedAt: this.#owner.now,
      output,
      error: error && errorInfoOf(error.cause ?? error),
      code: error?.code,
      idempotencyKey,
      dedupeKey,
      policy,
      priority,
      timeoutMs,
      endsWithCallers,
    });
    this.#dropOldest(isDeadLetter({ place }));
  }

  /** Beyond the bound, of the dead letters or of the others: those that are done drive out none that may be asked for again. */
  #dropOldest(ofDead: boolean): void {
    const alike = this.#state.ended.filter((ended) => isDeadLetter(ended) === ofDead);
    const dropped = new Set(alike.slice(0, -MAX_ENDED));
    if (dropped.size === 0) return;
    this.#state.ended = this.#state.ended.filter((ended) => !dropped.has(ended));
    for (const { id } of dropped) this.#owner.dropInput(id);
  }

  #measure({ acceptedAt }: TaskEntry): void {
    const { counts } = this.#state;
    counts.lastMs = this.#owner.now - acceptedAt;
    counts.totalMs += counts.lastMs;
    counts.maxMs = Math.max(counts.maxMs, counts.lastMs);
  }
}

/** It was submitted, and has no output: somebody may want it done again. */
function isDeadLetter({ place }: Pick<EndedTask, 'place'>): boolean {
  return place !== 'done' && place !== 'cancelled';
}

/** Where it stands after an event that forgets nothing. */
export function move(entry: TaskEntry, event: TaskChartEvent['type']): void {
  entry.place = taskPlaceAfter(entry.place, event) as TaskPlace;
}
