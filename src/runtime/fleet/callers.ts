/**
 * Which tasks wait for those that were asked for under a key.
 *
 * I1  A task is given up once all of its callers have left it, and no sooner. One that somebody else has submitted, too,
 *     is never given up.
 * I2  A caller leaves when it has ended, or has given all of its calls up: not while it only waits to be begun again.
 */
import { hasTaskEnded, taskStatusOf } from '../../machines/index.ts';
import type { KnownTasks } from './known-tasks.ts';
import type { KnownTask } from './task-record.ts';

/** Ends one call: it was given up, or the attempt of its caller is over. */
export type LeaveCall = (isGivenUp: boolean) => void;

interface Caller {
  /** Calls of its present attempt. */
  calls: number;
  /** Stops waiting for its end. */
  readonly leave: () => void;
}

export class Callers {
  readonly #known: KnownTasks;
  readonly #giveUp: (taskId: string) => void;
  /** By the id of the called task, then by their own. */
  readonly #of = new Map<string, Map<string, Caller>>();
  /** Tasks that were submitted under their key, too, after a task had asked for them. */
  readonly #kept = new Set<string>();

  constructor(known: KnownTasks, giveUp: (taskId: string) => void) {
    this.#known = known;
    this.#giveUp = giveUp;
  }

  /** Somebody who is no task has submitted it. */
  keep(called: KnownTask): void {
    if (hasEnded(called) || this.#kept.has(called.id)) return;
    this.#kept.add(called.id);
    this.#atEndOf(called, () => this.#kept.delete(called.id));
  }

  /** One task waits for another. */
  join(called: KnownTask, caller: KnownTask): LeaveCall {
    if (hasEnded(called)) return () => {};
    const { id } = caller;
    const callers = this.#callersOf(called);
    const known = callers.get(id);
    if (known !== undefined) known.calls += 1;
    else if (hasEnded(caller)) this.#left(called, callers);
    else {
      const leave = this.#atEndOf(caller, () => {
        callers.delete(id);
        this.#left(called, callers);
      });
      callers.set(id, { calls: 1, leave });
    }
    return (isGivenUp) => {
      const left = callers.get(id);
      if (left === undefined) return;
      left.calls -= 1;
      if (!isGivenUp || left.calls > 0) return;
      left.leave();
      callers.delete(id);
      this.#left(called, callers);
    };
  }

  #callersOf(called: KnownTask): Map<string, Caller> {
    const known = this.#of.get(called.id);
    if (known !== undefined) return known;
    const callers = new Map<string, Caller>();
    this.#of.set(called.id, callers);
    this.#atEndOf(called, () => {
      this.#of.delete(called.id);
      for (const { leave } of callers.values()) leave();
      callers.clear();
    });
    return callers;
  }

  #left({ id, submitted }: KnownTask, callers: ReadonlyMap<string, Caller>): void {
    if (callers.size === 0 && submitted?.called && !this.#kept.has(id)) this.#giveUp(id);
  }

  /** Not where the system closes first. Returns what stops waiting. */
  #atEndOf(task: KnownTask, end: () => void): () => void {
    const { promise, leave } = this.#known.waitForEnd(task);
    promise.then(end, () => undefined);
    return leave;
  }
}

function hasEnded({ place }: Pick<KnownTask, 'place'>): boolean {
  return hasTaskEnded(taskStatusOf(place));
}
