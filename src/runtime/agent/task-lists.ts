/**
 * The tasks of one agent: those that wait for their turn, those that wait for their time, and those that run.
 *
 * Owns the lists. It begins and ends no task.
 *
 * I1  A task is in one list at a time. Only work that ignores its end runs on while its task waits for another
 *     attempt.
 */
import { OpenTasks } from '../values/open-tasks.ts';
import type { TaskEntry } from './task-entry.ts';
import { TaskOrder } from './task-order.ts';

export class TaskLists {
  readonly waiting = new TaskOrder<TaskEntry>();
  readonly running = new OpenTasks<TaskEntry>();
  /** They wait for their time, or for the agent's next life. */
  private delayed: Set<TaskEntry> | undefined = undefined;

  /** Tasks that wait for their turn, or run. */
  get load(): number {
    return this.waiting.size + this.running.size;
  }

  /** How many wait for their turn, or for their time. */
  get unbegunCount(): number {
    return this.waiting.size + (this.delayed?.size ?? 0);
  }

  unbegun(): TaskEntry[] {
    return [...this.waiting.all(), ...(this.delayed ?? [])];
  }

  /** Those that wait for the agent's next life, and not for a timer. */
  heldBack(): TaskEntry[] {
    return [...(this.delayed ?? [])].filter(({ attemptTimer }) => attemptTimer === undefined);
  }

  /** It waits for its time, or for the agent's next life. */
  holdBack(entry: TaskEntry): void {
    (this.delayed ??= new Set()).add(entry);
  }

  /** From here on it waits for its turn. */
  due(entry: TaskEntry): void {
    this.delayed?.delete(entry);
    this.waiting.add(entry);
  }

  begin(entry: TaskEntry): void {
    this.waiting.begin(entry);
    this.running.add(entry);
  }

  /** Its work has ended, or its body has. @param isKept it waits for a person, and for the next body */
  ended(entry: TaskEntry, isKept: boolean): void {
    this.running.remove(entry);
    this.waiting.ended(entry);
    entry.isUnderWay = false;
    entry.asksNothing(isKept);
  }

  /** Removes a waiting task. Returns whether it was there. */
  remove(entry: TaskEntry): boolean {
    return this.waiting.remove(entry) || this.delayed?.delete(entry) === true;
  }
}
