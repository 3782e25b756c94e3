/**
 * Which tasks wait for those that were asked for under a key: the callers, kept with the called task, and the called
 * tasks, kept with their caller.
 *
 * I1  A called task is cancelled once all of its callers have left it, and no sooner; never one that somebody else has
 *     submitted, too.
 * I2  A caller leaves when it has ended, or has given all of its calls up: not while it only waits to run again. Its own
 *     agent tells that, so no node has to live for it.
 * I3  Each call has a number, which grows with every call of an agent's tasks. Who leaves says up to which call: one that
 *     it has made since keeps it waiting, in whatever order the two arrive.
 * I4  A caller keeps a called task for as long as it waits for it.
 * I5  Who waits for a caller waits for all that it has called. A called task hears of that from its callers' agents: while
 *     such news is on its way, its node may know too few or too many of those that wait, and miss a circle, or refuse a
 *     call of one that has just left.
 */
import type { OfOtherTask } from '../agent/agent-acts.ts';
import type { LedgerOwner } from './ledger-owner.ts';
import {
  type AskingCaller,
  calledBy,
  type CalledTask,
  isWorking,
  type TaskCaller,
  type TaskEntry,
} from './task-entries.ts';
import type { TaskLists } from './task-lists.ts';

type CallNews = Pick<Extract<OfOtherTask, { type: 'calledTask' }>, 'called' | 'joined' | 'chain'>;

type AwaitedNews = Pick<Extract<OfOtherTask, { type: 'awaitedTask' }>, 'caller' | 'chain' | 'news'>;

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
  join(entry: TaskEntry, asking: AskingCaller | undefined): void {
    if (asking === undefined) return void (entry.endsWithCallers = undefined);
    const { taskId, chain } = asking;
    const joined = this.#owner.nextOrder();
    const { callers = [] } = entry;
    const others = callers.filter((other) => other.taskId !== taskId);
    const news = callers.find((other) => other.taskId === taskId)?.news;
    this.#wait(entry, [...others, { taskId, chain, joined, news }]);
    this.#owner.tellTask(taskId, { type: 'calledTask', taskId, called: entry.id, joined, chain });
  }

  /** A caller no longer waits for it; a call that is newer than `joined` does. */
  leave(taskId: string, caller: string, joined = Infinity): void {
    const entry = this.#find(taskId);
    const left = entry?.callers?.find((other) => other.taskId === caller && (other.joined ?? 0) <= joined);
    if (entry?.callers === undefined || left === undefined) return;
    this.#tellOver(entry, left);
    this.#wait(
      entry,
      entry.callers.filter((other) => other !== left),
    );
    if (entry.callers.length === 0 && entry.endsWithCallers) this.#giveUp(entry);
  }

  /** Others wait for one of its callers. News that it could not take comes again later, and may be older than it knows. */
  awaited(taskId: string, { caller, chain, ...told }: AwaitedNews): void {
    const entry = this.#find(taskId);
    const known = entry?.callers?.find((other) => other.taskId === caller);
    if (entry?.callers === undefined || known === undefined) return;
    const { news = known.news } = told;
    if (news !== undefined && known.news !== undefined && news < known.news) return;
    this.#wait(
      entry,
      entry.callers.map((other) => (other === known ? { ...known, chain, news } : other)),
    );
  }

  /**
   * It has asked for another task under a key: that hears when this one ends, at once where it has ended, and who waits
   * for this one, if that has changed since it asked.
   */
  called(taskId: string, { called, joined, chain }: CallNews): void {
    const entry = this.#find(taskId);
    if (entry === undefined) return this.#leave(taskId, { taskId: called, joined });
    const all = calledBy(entry);
    const known = all.find((other) => other.taskId === called);
    // News that an agent could not take comes again later, and may be older than what it knows.
    if (known !== undefined && known.joined >= joined) return;
    entry.called = [...all.filter((other) => other !== known), { taskId: called, joined }];
    if (!isSame(chain, chainThrough(entry))) this.#tellAwaited(entry, called);
  }

  /** What it has called has ended, or does not count its call any more. */
  over(taskId: string, called: string, joined: number): void {
    const entry = this.#find(taskId);
    if (entry?.called === undefined) return;
    entry.called = calledBy(entry).filter((other) => other.taskId !== called || other.joined > joined);
  }

  ended(entry: TaskEntry): void {
    for (const other of calledBy(entry)) this.#leave(entry.id, other);
    for (const caller of entry.callers ?? []) this.#tellOver(entry, caller);
  }

  #find(taskId: string): TaskEntry | undefined {
    return this.#lists.all.find(({ id, isAnswered }) => id === taskId && !isAnswered);
  }

  #leave(caller: string, { taskId, joined }: CalledTask): void {
    this.#owner.tellTask(taskId, { type: 'leaveTask', taskId, caller, joined });
  }

  #tellOver({ id: called }: TaskEntry, { taskId, joined = 0 }: TaskCaller): void {
    this.#owner.tellTask(taskId, { type: 'calledOver', taskId, called, joined });
  }

  #tellAwaited(entry: TaskEntry, called: string): void {
    const { id: caller } = entry;
    const chain = chainThrough(entry);
    const news = this.#owner.nextOrder();
    this.#owner.tellTask(called, { type: 'awaitedTask', taskId: called, caller, chain, news });
  }

  /** Those wait for it now. */
  #wait(entry: TaskEntry, callers: readonly TaskCaller[]): void {
    entry.callers = callers;
    const chain = [...new Set(callers.flatMap((caller) => caller.chain))];
    if (isSame(chain, entry.terms?.chain ?? [])) return;
    entry.terms = { ...entry.terms, chain };
    if (isWorking(entry)) this.#owner.post({ type: 'task.awaited', taskId: entry.id, chain });
    // In a circle such news would go round for ever.
    if (chain.includes(entry.id)) return;
    for (const { taskId } of calledBy(entry)) this.#tellAwaited(entry, taskId);
  }
}

/** Those that wait for what this one calls: its own callers, and itself. */
function chainThrough({ id, terms }: TaskEntry): readonly string[] {
  return [...(terms?.chain ?? []), id];
}

/** Whether both chains are of the same tasks. */
function isSame(chain: readonly string[], other: readonly string[]): boolean {
  const known = new Set(chain);
  return new Set(other).size === known.size && other.every((taskId) => known.has(taskId));
}
