/**
 * Tasks of pools that are not there yet: an earlier program accepted them, and they wait until `create` makes a pool of
 * that name again.
 *
 * I1  Their time runs here, too; each is taken over by its pool, is cancelled, or times out.
 * I2  Of a pool for which none waits any more nothing is kept.
 */
import type { GivenTask, TaskBefore, TaskCancel } from '../agent/task-request.ts';
import type { Journal } from '../journal/journal.ts';
import type { SteadyClock } from '../time/clock.ts';
import { emitCancelled, emitTimedOut, waitingTask } from './waiting-task-events.ts';
import { type PoolTask, poolTaskOf, WaitingQueue } from './waiting-queue.ts';

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
  readonly #queues = new Map<string, WaitingQueue>();

  constructor(options: LeftTasksOptions) {
    this.#options = options;
  }

  /** Names of the pools for which tasks wait. */
  get pools(): readonly string[] {
    return [...this.#queues.keys()];
  }

  keep(pool: string, tasks: readonly LeftTask[]): void {
    const { clock, journal } = this.#options;
    const queue = new WaitingQueue({
      clock,
      due: ignore,
      timedOut: (task) => {
        this.#endIfEmpty(pool);
        emitTimedOut(journal, waitingTask(task));
      },
      cancelled: ignore,
    });
    this.#queues.set(pool, queue);
    // Nobody waits for them: their records say how they ended.
    for (const { given, before } of tasks) queue.add(poolTaskOf(given, before, clock));
  }

  /** Takes out those of a pool, in their order. */
  take(pool: string): PoolTask[] {
    const queue = this.#queues.get(pool);
    const tasks = queue?.all() ?? [];
    for (const task of tasks) queue!.remove(task);
    this.#endIfEmpty(pool);
    return tasks;
  }

  /** Cancels one; whether there was one. */
  cancel(pool: string, taskId: string, cancel: TaskCancel): boolean {
    const queue = this.#queues.get(pool);
    const task = queue?.find(taskId);
    if (task === undefined) return false;
    queue!.remove(task);
    this.#endIfEmpty(pool);
    emitCancelled(this.#options.journal, waitingTask(task), cancel);
    return true;
  }

  /** The system has closed: they wait for the next program. */
  discard(): void {
    for (const pool of this.#queues.keys()) this.take(pool);
  }

  #endIfEmpty(pool: string): void {
    const queue = this.#queues.get(pool);
    if (queue !== undefined && queue.size + queue.delayed === 0) this.#queues.delete(pool);
  }
}

const ignore = (): void => {};
