/**
 * Tasks of an earlier program that are to be done again, under the ids they had, once their agent runs.
 *
 * I1  A task is carried until the store has taken that it was accepted again: a failing store ends none of them.
 * I2  They were accepted once: no limit of the queue refuses them.
 */
import type { Journal } from '../journal/journal.ts';
import type { Submission } from './task-request.ts';

/** A task of an earlier program that is to be done again, under the id it had. */
export interface CarriedTask {
  readonly taskId: string;
  readonly task: string;
  readonly input: unknown;
  readonly retry: boolean;
  readonly timeoutMs?: number | undefined;
  /** Of one that was submitted. */
  readonly submission?: Submission | undefined;
}

/** Who does them. */
export interface CarriedTaskOwner {
  readonly journal: Journal;
  /** Whether it takes tasks now. */
  readonly isServing: boolean;
  /** Accepts one; `kept` is called when it could not be made durable, and it is then as if it had not been asked. */
  repeat(task: CarriedTask, notKept: () => void): void;
}

export class CarriedTasks {
  readonly #owner: CarriedTaskOwner;
  #waiting: CarriedTask[];
  #unsubscribe: (() => void) | undefined;

  constructor(owner: CarriedTaskOwner, tasks: readonly CarriedTask[]) {
    this.#owner = owner;
    this.#waiting = [...tasks];
  }

  /** Its agent runs: all are asked for again, in their order. */
  repeat(): void {
    if (!this.#owner.isServing) return;
    const tasks = this.#waiting;
    this.#waiting = [];
    for (const task of tasks) this.#owner.repeat(task, () => this.#keep(task));
  }

  /** One more, of this very program. */
  add(task: CarriedTask): void {
    this.#waiting.push(task);
  }

  /** Takes one out; whether it was there. */
  withdraw(taskId: string): boolean {
    const left = this.#waiting.filter((task) => task.taskId !== taskId);
    const isThere = left.length < this.#waiting.length;
    this.#waiting = left;
    return isThere;
  }

  /** Nobody does them any more. */
  giveUp(): void {
    this.#waiting = [];
    this.#unsubscribe?.();
  }

  #keep(task: CarriedTask): void {
    this.#waiting.push(task);
    this.#unsubscribe ??= this.#owner.journal.subscribe(({ type }) => {
      if (type !== 'store.recovered') return;
      this.#unsubscribe?.();
      this.#unsubscribe = undefined;
      this.repeat();
    });
  }
}
