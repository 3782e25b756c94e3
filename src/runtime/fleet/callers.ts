/**
 * Which tasks wait for those that were asked for under a key.
 *
 * The event of a called task's acceptance names its first caller. Once others wait for it, that is a state of its own in
 * the store, until its end.
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

/** The callers of one task, as the store has them. */
interface Kept {
  readonly callers: readonly string[];
  /** Somebody who is no task has submitted it. */
  readonly isKept: boolean;
}

export class Callers {
  readonly #known: KnownTasks;
  readonly #journal: Journal;
  readonly #giveUp: (taskId: string) => void;
  /** By the id of the called task, then by their own. */
  readonly #of = new Map<string, Map<string, Caller>>();
  /** Tasks that were submitted under their key, too, after a task had asked for them. */
  readonly #kept = new Set<string>();
  /** What the store has of tasks that have not ended, as JSON. */
  readonly #stored = new Map<string, string>();

  constructor(known: KnownTasks, journal: Journal, giveUp: (taskId: string) => void) {
    this.#known = known;
    this.#journal = journal;
    this.#giveUp = giveUp;
    const ended = (event: SystemEvent) => {
      if (!hasTaskEnd(event) || !this.#stored.delete(event.taskId)) return;
      journal.keepState(ownerOf(event.taskId), null);
    };
    journal.observe((type) => (mayEndTask(type) ? ended : undefined));
  }

  /** Reads what an earlier program has kept of tasks that have not ended. */
  async recall({ tasks }: Pick<Recovery, 'tasks'>, store: Store): Promise<void> {
    for (const { taskId, idempotencyKey } of tasks) {
      if (idempotencyKey === undefined) continue;
      const kept = await store.state(ownerOf(taskId));
      if (kept !== undefined) this.#stored.set(taskId, kept.json);
    }
  }

  /** All tasks of the earlier program are there: callers that go on wait as before, the others have left. */
  restore(): void {
    for (const called of this.#known.all()) {
      if (!called.submitted?.called || hasEnded(called)) continue;
      const kept = this.#keptOf(called);
      // An older program has not said who called it.
      if (kept === undefined) continue;
      if (kept.isKept) this.keep(called);
      const callers = this.#callersOf(called);
      for (const id of kept.callers) {
        const caller = this.#known.has(id) ? this.#known.find(id) : undefined;
        if (caller !== undefined && !hasEnded(caller)) this.#add(called, caller, 0);
      }
      this.#left(called, callers);
    }
  }

  /** Somebody who is no task has submitted it. */
  keep(called: KnownTask): void {
    if (hasEnded(called) || this.#kept.has(called.id)) return;
    this.#kept.add(called.id);
    this.#atEndOf(called, () => this.#kept.delete(called.id));
    this.#store(called);
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
      this.#add(called, caller, 1);
      this.#store(called);
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

  #add(called: KnownTask, caller: KnownTask, calls: number): void {
    const callers = this.#callersOf(called);
    const leave = this.#atEndOf(caller, () => {
      callers.delete(caller.id);
      this.#left(called, callers);
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

  #left(called: KnownTask, callers: ReadonlyMap<string, Caller>): void {
    const { id, submitted } = called;
    if (callers.size === 0 && submitted?.called && !this.#kept.has(id)) this.#giveUp(id);
    else this.#store(called);
  }

  #keptOf({ id, submitted }: KnownTask): Kept | undefined {
    const json = this.#stored.get(id);
    if (json !== undefined) return JSON.parse(json) as Kept;
    const caller = submitted?.caller;
    return caller === undefined ? undefined : { callers: [caller], isKept: false };
  }

  /** With the next commit, where that is another than before. */
  #store(called: KnownTask): void {
    const { id, submitted } = called;
    if (!submitted?.called || hasEnded(called)) return;
    const now: Kept = { callers: [...(this.#of.get(id)?.keys() ?? [])], isKept: this.#kept.has(id) };
    const json = JSON.stringify(now);
    if (json === JSON.stringify(this.#keptOf(called))) return;
    this.#stored.set(id, json);
    this.#journal.keepState(ownerOf(id), { json, stateVersion: 1 });
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

/** The owner of its state in the store. */
function ownerOf(taskId: string): string {
  return `callers\u0000${taskId}`;
}
