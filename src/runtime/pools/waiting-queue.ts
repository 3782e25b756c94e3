/**
 * Tasks that wait for a member of their pool to be free, in the order of an agent's own queue, and those that wait for
 * their time.
 *
 * Owns their timers and signals while they wait. When a task is next, and what becomes of it then, the dispatcher
 * decides.
 *
 * I1  Adding a task and removing any of them takes the same time whatever the number that wait.
 * I2  A task that is in the queue has not been answered; one that has left it has no timer and no listener here.
 */
import { AsyncResource } from 'node:async_hooks';
import { LOOK_EVERY_MS, type SteadyClock } from '../time/clock.ts';
import type { GivenTask, TaskBefore } from '../agent/task-request.ts';
import { type Ordered, TaskOrder } from '../agent/task-order.ts';
import { listenForAbort, unlistenForAbort } from '../values/abort-listeners.ts';

export interface PoolTask extends Ordered<PoolTask> {
  request: GivenTask;
  /** Where it was asked for: it is given to a member in that context, and not in that in which the member became free. */
  readonly caller: AsyncResource;
  /** When its time is over, by `elapsed` of the clock; `Infinity` for never. */
  timesOutAt: number;
  /** It is not given to a member before then: epoch ms, and by `elapsed` of the clock. */
  dueAt: number | undefined;
  dueTick: number;
  /** Where its caller named that time, and the wall clock says when it has come: epoch ms. */
  notBefore: number | undefined;
  readonly resolve: (output: unknown) => void;
  readonly reject: (error: unknown) => void;
  /** How often it may still be given to another member. */
  retriesLeft: number;
  /** Of one that was accepted: its id, and how often it was begun. */
  before: TaskBefore | undefined;
}

/** When a task is due that is due then, epoch ms, by `elapsed`: whatever becomes of the wall clock from now on. */
export function dueTickOf(dueAt: number | undefined, clock: SteadyClock): number {
  return dueAt === undefined ? -Infinity : clock.elapsed() + dueAt - clock.now();
}

/** The time that a caller named; `undefined` for a delay. */
function namedTimeOf({ dueAt, delayMs }: GivenTask): number | undefined {
  return delayMs === undefined ? dueAt : undefined;
}

/** A task as it comes to a pool. @param more its priority, and who is told of its end, if anybody is */
export function poolTaskOf(
  request: GivenTask,
  before: TaskBefore | undefined,
  clock: SteadyClock,
  more: Partial<Pick<PoolTask, 'priority' | 'resolve' | 'reject'>> = {},
): PoolTask {
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
    ...more,
  };
}

const ignore = (): void => {};

interface Place {
  timer: unknown;
  dueTimer: unknown;
  readonly unlisten: (() => void) | undefined;
}

export interface WaitingQueueOptions {
  readonly clock: SteadyClock;
  /** A task waits for a member from here on: its time has come. */
  readonly due: (task: PoolTask) => void;
  /** A task has left the queue because its time was over, or because its caller cancelled it. */
  readonly timedOut: (task: PoolTask) => void;
  readonly cancelled: (task: PoolTask) => void;
}

export class WaitingQueue {
  readonly #options: WaitingQueueOptions;
  readonly #queue = new TaskOrder<PoolTask>();
  readonly #delayed = new Set<PoolTask>();
  readonly #places = new Map<PoolTask, Place>();

  constructor(options: WaitingQueueOptions) {
    this.#options = options;
  }

  /** Tasks that wait for a member. */
  get size(): number {
    return this.#queue.size;
  }

  /** Tasks that wait for their time. */
  get delayed(): number {
    return this.#delayed.size;
  }

  /** @param isFirst it waits again, and is next */
  add(task: PoolTask, isFirst = false): void {
    const { clock, cancelled } = this.#options;
    const { signal } = task.request;
    const { dueTick, notBefore } = task;
    const timer = this.#limit(task);
    const delayMs = notBefore === undefined ? dueTick - clock.elapsed() : notBefore - clock.now();
    const dueTimer = delayMs > 0 ? this.#delay(task, delayMs) : undefined;
    const onAbort = { handleEvent: () => this.#drop(task, cancelled) };
    if (signal) listenForAbort(signal, onAbort);
    if (delayMs > 0) this.#delayed.add(task);
    else if (isFirst) this.#queue.putBack(task);
    else this.#queue.add(task);
    this.#places.set(task, {
      timer,
      dueTimer,
      unlisten: signal && (() => unlistenForAbort(signal, onAbort)),
    });
  }

  /** All that wait, as they are now. */
  all(): PoolTask[] {
    return [...this.#queue.all(), ...this.#delayed];
  }

  /** The one of a task. */
  find(taskId: string): PoolTask | undefined {
    const waiting = this.#queue.find(({ before }) => before?.taskId === taskId);
    if (waiting !== undefined) return waiting;
    for (const task of this.#delayed) if (task.before?.taskId === taskId) return task;
    return undefined;
  }

  /** Takes one out. */
  remove(task: PoolTask): void {
    if (!this.#delayed.delete(task)) this.#queue.remove(task);
    this.#left(task);
  }

  /** Takes out the task that is next. */
  next(): PoolTask | undefined {
    const task = this.#queue.next;
    if (task === undefined) return undefined;
    // No kind has a limit here: how many of it are under way is counted by the member.
    this.#queue.begin(task);
    this.#left(task);
    return task;
  }

  /** Starts the timer of a task whose time is limited. */
  #limit(task: PoolTask): unknown {
    const { clock, timedOut } = this.#options;
    if (task.timesOutAt === Infinity) return undefined;
    const leftMs = Math.max(0, task.timesOutAt - clock.elapsed());
    return clock.setTimeout(() => this.#drop(task, timedOut), leftMs);
  }

  #delay(task: PoolTask, delayMs: number): unknown {
    const { clock } = this.#options;
    if (task.notBefore === undefined) return clock.setTimeout(() => this.#isDue(task), delayMs);
    return clock.setTimeout(() => this.#look(task, task.notBefore!), Math.min(delayMs, LOOK_EVERY_MS));
  }

  /** Whether a time that was named has come: the wall clock may have been set. */
  #look(task: PoolTask, notBefore: number): void {
    const { clock } = this.#options;
    const place = this.#places.get(task)!;
    const leftMs = Math.max(0, notBefore - clock.now());
    if (task.timesOutAt !== Infinity) {
      // Its time begins when it is due.
      clock.clearTimeout(place.timer);
      task.timesOutAt = clock.elapsed() + leftMs + task.request.timeoutMs!;
      place.timer = this.#limit(task);
    }
    if (leftMs === 0) this.#isDue(task);
    else place.dueTimer = this.#delay(task, leftMs);
  }

  #isDue(task: PoolTask): void {
    this.#delayed.delete(task);
    this.#queue.add(task);
    this.#options.due(task);
  }

  #drop(task: PoolTask, then: (task: PoolTask) => void): void {
    this.remove(task);
    then(task);
  }

  #left(task: PoolTask): void {
    const { timer, dueTimer, unlisten } = this.#places.get(task)!;
    this.#places.delete(task);
    this.#options.clock.clearTimeout(timer);
    this.#options.clock.clearTimeout(dueTimer);
    unlisten?.();
  }
}
