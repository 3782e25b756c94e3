/**
 * Which tasks wait for those that were asked for under a key.
 *
 * I1  A task is given up once all of its callers have left it, and no sooner. One that somebody else has submitted, too,
 *     is never given up.
 * I2  A caller leaves when it has ended, or has given all of its calls up: not while it only waits to be begun again.
 * I3  So it is across programs: a caller that goes on still waits, one that is lost with its program has left.
 */
import { hasTaskEnded, taskStatusOf } from '../../machines/index.ts';
import type { Journal } from '../journal/journal.ts';
import type { Recovery, Store } from '../journal/store.ts';
import { hasTaskEnd, mayEndTask } from '../journal/task-ends.ts';
import type { SystemEvent } from '../journal/system-event.ts';
import { KeptCallers } from './kept-callers.ts';
import type { KnownTasks } from './known-tasks.ts';
import type { KnownTask } from './task-record.ts';

/** Ends one call: it was given up, or the attempt of its caller is over. */
export type LeaveCall = (isGivenUp: boolean) => void;

interface Caller {
  /** Calls of its present attempt; none yet where it waits to be begun again by this program. */
  calls: number;
  /** Stops waiting for its end. */
  readonly leave: () => void;
}

/** Stands for whoever has submitted a task, too, and is no task: no task has such an id. */
const SOMEBODY = '';

export class TaskCallers {
  readonly #known: KnownTasks;
  readonly #journal: Journal;
  readonly #giveUp: (taskId: string) => void;
  /** By the id of the called task, then by their own. */
  readonly #of = new Map<string, Map<string, Caller>>();
  /** Those of tasks that have not ended, as the next program will know them. */
  readonly #kept = new Map<string, KeptCallers>();

  constructor(known: KnownTasks, journal: Journal, giveUp: (taskId: string) => void) {
    this.#known = known;
    this.#journal = journal;
    this.#giveUp = giveUp;
    const ended = (event: SystemEvent) => {
      if (this.#kept.size === 0 || !hasTaskEnd(event)) return;
      this.#kept.get(event.taskId)?.clear();
      this.#kept.delete(event.taskId);
    };
    journal.observe((type) => (mayEndTask(type) ? ended : undefined));
  }

  /** Reads what an earlier program has kept of tasks that have not ended. */
  async recall({ tasks }: Pick<Recovery, 'tasks'>, store: Store): Promise<void> {
    for (const { taskId, idempotencyKey } of tasks) {
      if (idempotencyKey === undefined) continue;
      const kept = await KeptCallers.recall(taskId, store, this.#journal);
      if (kept !== undefined) this.#kept.set(taskId, kept);
    }
  }

  /** All tasks of the earlier program are there: callers that go on wait as before, the others have left. */
  restore(): void {
    for (const called of this.#known.all()) {
      if (!called.submitted?.called || hasEnded(called)) continue;
      const ids = [...this.#keptOf(called).all];
      // An older program has not said who called it.
      if (ids.length === 0) continue;
      const isBack = (id: string) => this.#known.has(id) && !hasEnded(this.#known.find(id));
      const callers = this.#callersOf(called);
      for (const id of ids) if (isBack(id)) this.#add(called, this.#known.find(id), 0);
      for (const id of ids) if (id !== SOMEBODY && !isBack(id)) this.#left(called, callers, id);
    }
  }

  /** Somebody who is no task has submitted it. Resolves once that is durable. @throws AgentSystemError `STORE_FAILED` */
  async keep(called: KnownTask): Promise<void> {
    if (!hasEnded(called)) this.#keptOf(called).add(SOMEBODY);
    await this.#journal.kept();
  }

  /** One task waits for another. */
  join(called: KnownTask, caller: KnownTask): LeaveCall {
    if (hasEnded(called)) return () => {};
    const { id } = caller;
    const callers = this.#callersOf(called);
    const known = callers.get(id);
    if (known !== undefined) known.calls += 1;
    else if (hasEnded(caller)) this.#left(called, callers, id);
    else {
      this.#add(called, caller, 1);
      if (called.submitted?.called) this.#keptOf(called).add(id);
    }
    return (isGivenUp) => {
      const left = callers.get(id);
      if (left === undefined) return;
      left.calls -= 1;
      if (!isGivenUp || left.calls > 0) return;
      left.leave();
      callers.delete(id);
      this.#left(called, callers, id);
    };
  }

  #add(called: KnownTask, caller: KnownTask, calls: number): void {
    const callers = this.#callersOf(called);
    const leave = this.#atEndOf(caller, () => {
      callers.delete(caller.id);
      this.#left(called, callers, caller.id);
    });
    callers.set(caller.id, { calls, leave });
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

  /** One of them waits no longer. */
  #left(called: KnownTask, callers: ReadonlyMap<string, Caller>, id: string): void {
    if (!called.submitted?.called || hasEnded(called)) return;
    const kept = this.#keptOf(called);
    if (callers.size === 0 && !kept.has(SOMEBODY)) this.#giveUp(called.id);
    else kept.remove(id);
  }

  #keptOf({ id, submitted }: KnownTask): KeptCallers {
    const known = this.#kept.get(id);
    if (known !== undefined) return known;
    const first = submitted?.caller;
    const kept = new KeptCallers(id, first === undefined ? [] : [first], false, this.#journal);
    this.#kept.set(id, kept);
    return kept;
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
