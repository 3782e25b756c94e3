/**
 * The tasks of one agent: those that wait for their turn, those that wait for their time, and those that run.
 *
 * Owns the lists: it is the order of those that wait for their turn, and has the others beside. It begins and ends no
 * task.
 *
 * I1  A task is in one list at a time. Only work that ignores its end runs on while its task waits for another
 *     attempt.
 */
import { OpenTasks } from '../values/open-tasks.ts';
import type { TaskEntry } from './task-entry.ts';
import { TaskOrder } from './task-order.ts';

export class TaskLists extends TaskOrder<TaskEntry> {
  readonly running = new OpenTasks<TaskEntry>();
  /** They wait for their time, or for the agent's next life. */
  private delayed: Set<TaskEntry> | undefined = undefined;

  /** Tasks that wait for their turn, or run. */
  get load(): number {
    return this.size + this.running.size;
  }

  /** How many wait for their turn, or for their time. */
  get unbegunCount(): number {
    return this.size + (this.delayed?.size ?? 0);
  }

  unbegun(): TaskEntry[] {
    // At the end of a life there is mostly none.
    if (this.unbegunCount === 0) return [];
    return [...this.all(), ...(this.delayed ?? [])];
  }

  /** One that has not begun, by its id: cancels by an id are rare. */
  unbegunBy(taskId: string): TaskEntry | undefined {
    const waiting = this.find((entry) => entry.taskId === taskId);
    if (waiting !== undefined || this.delayed === undefined) return waiting;
    for (const entry of this.delayed) if (entry.taskId === taskId) return entry;
    return undefined;
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
    this.add(entry);
  }

  override begin(entry: TaskEntry): void {
    super.begin(entry);
    this.running.add(entry);
  }

  override ended(entry: TaskEntry): void {
    super.ended(entry);
    this.running.remove(entry);
    entry.isUnderWay = false;
  }

  /** Removes a task whose work has not begun. Returns whether it was there. */
  override remove(entry: TaskEntry): boolean {
    return super.remove(entry) || this.delayed?.delete(entry) === true;
  }
}
