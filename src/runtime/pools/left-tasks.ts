/**
 * Tasks of pools that are not there yet: an earlier program accepted them, and they wait until `create` makes a pool of
 * that name again.
 *
 * I1  Their time runs here, too; each is taken over by its pool, is cancelled, or times out.
 */
import { AsyncResource } from 'node:async_hooks';
import type { GivenTask, TaskBefore, TaskCancel } from '../agent/task-request.ts';
import type { Journal } from '../journal/journal.ts';
import type { SteadyClock } from '../time/clock.ts';
import { emitCancelled, emitTimedOut, waitingTask } from './waiting-task-events.ts';
import { dueTickOf, namedTimeOf, type PoolTask, WaitingQueue } from './waiting-queue.ts';

/** A task that an earlier program accepted for a pool. */
export interface LeftTask {
  readonly given: GivenTask;
  readonly before: TaskBefore;
}

export interface LeftTasksOptions {
  readonly clock: SteadyClock;
  readonly journal: Journal;
}

export class LeftTasks {
  readonly #options: LeftTasksOptions;
  readonly #lines = new Map<string, WaitingQueue>();

  constructor(options: LeftTasksOptions) {
    this.#options = options;
  }

  keep(pool: string, tasks: readonly LeftTask[]): void {
    const { clock, journal } = this.#options;
    const line = new WaitingQueue({
      clock,
      due: ignore,
      timedOut: (task) => emitTimedOut(journal, waitingTask(task)),
      cancelled: ignore,
    });
    this.#lines.set(pool, line);
    for (const { given, before } of tasks) line.add(poolTaskOf(given, before, clock));
  }

  /** Takes out those of a pool, in their order. */
  take(pool: string): PoolTask[] {
    const line = this.#lines.get(pool);
    const tasks = line?.all() ?? [];
    for (const task of tasks) line!.remove(task);
    return tasks;
  }

  /** Cancels one; whether there was one. */
  cancel(pool: string, taskId: string, cancel: TaskCancel): boolean {
    const line = this.#lines.get(pool);
    const task = line?.find(taskId);
    if (task === undefined) return false;
    line!.remove(task);
    emitCancelled(this.#options.journal, waitingTask(task), cancel);
    return true;
  }

  /** The system has closed: they wait for the next program. */
  discard(): void {
    for (const pool of this.#lines.keys()) this.take(pool);
  }
}

/** Nobody waits for it: its record says how it ended. */
function poolTaskOf(request: GivenTask, before: TaskBefore, clock: SteadyClock): PoolTask {
  return {
    request,
    caller: new AsyncResource('mabeam.task'),
    timesOutAt: request.timesOutAt ?? Infinity,
    dueAt: request.dueAt,
    dueTick: dueTickOf(request.dueAt, clock),
    notBefore: namedTimeOf(request),
    resolve: ignore,
    reject: ignore,
    retriesLeft: 0,
    before,
    kind: request.type,
    kindLimit: undefined,
    priority: request.priority ?? 0,
    order: 0,
    previous: undefined,
    next: undefined,
    isQueued: false,
  };
}

const ignore = (): void => {};
