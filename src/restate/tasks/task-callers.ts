/**
 * Which tasks wait for those that were asked for under a key: the callers, kept with the called task, and the called
 * tasks, kept with their caller.
 *
 * I1  A called task is cancelled once all of its callers have left it, and no sooner; never one that somebody else has
 *     submitted, too.
 * I2  A caller leaves when it has ended, or has given all of its calls up: not while it only waits to run again. Its own
 *     agent tells that, so no node has to live for it.
 * I3  The node of a called task is told of each that joins or leaves: its next calls carry those that wait for it then. What
 *     it called before is not told, so a circle that only a later caller closes is not noticed there.
 */
import type { LedgerOwner } from './ledger-owner.ts';
import { isWorking, type TaskCaller, type TaskEntry } from './task-entries.ts';
import type { TaskLists } from './task-lists.ts';

export class TaskCallers {
  readonly #owner: LedgerOwner;
  readonly #lists: TaskLists;
  readonly #giveUp: (entry: TaskEntry) => void;

  constructor(owner: LedgerOwner, lists: TaskLists, giveUp: (entry: TaskEntry) => void) {
    this.#owner = owner;
    this.#lists = lists;
    this.#giveUp = giveUp;
  }

  /** One more waits for it; or somebody who is no task has submitted it, and it goes on without its callers. */
  join(entry: TaskEntry, caller: TaskCaller | undefined): void {
    if (caller === undefined) return void (entry.endsWithCallers = undefined);
    const { callers = [] } = entry;
    const others = callers.filter(({ taskId }) => taskId !== caller.taskId);
    this.#wait(entry, [...others, caller]);
    if (others.length < callers.length) return;
    this.#owner.tellTask(caller.taskId, { type: 'calledTask', taskId: caller.taskId, called: entry.id });
  }

  /** A caller no longer waits for it. */
  leave(taskId: string, caller: string): void {
    const entry = this.#find(taskId);
    if (entry?.callers === undefined) return;
    const left = entry.callers.filter((other) => other.taskId !== caller);
    if (left.length === entry.callers.length) return;
    this.#wait(entry, left);
    if (left.length === 0 && entry.endsWithCallers) this.#giveUp(entry);
  }

  /** It has asked for another task under a key: that hears when this one ends, at once where it has ended. */
  called(taskId: string, called: string): void {
    const entry = this.#find(taskId);
    if (entry === undefined) return this.#leave(called, taskId);
    if (!entry.called?.includes(called)) entry.called = [...(entry.called ?? []), called];
  }

  ended({ id, called = [] }: TaskEntry): void {
    for (const other of called) this.#leave(other, id);
  }

  #find(taskId: string): TaskEntry | undefined {
    return this.#lists.all.find(({ id, isAnswered }) => id === taskId && !isAnswered);
  }

  #leave(called: string, caller: string): void {
    this.#owner.tellTask(called, { type: 'leaveTask', taskId: called, caller });
  }

  /** Those wait for it now. */
  #wait(entry: TaskEntry, callers: readonly TaskCaller[]): void {
    entry.callers = callers;
    const chain = [...new Set(callers.flatMap((caller) => caller.chain))];
    if (chain.join() === entry.terms?.chain?.join()) return;
    entry.terms = { ...entry.terms, chain };
    if (isWorking(entry)) this.#owner.post({ type: 'task.awaited', taskId: entry.id, chain });
  }
}
