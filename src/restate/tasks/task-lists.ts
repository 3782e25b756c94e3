/**
 * An agent's tasks as its state keeps them, each kind in its own order: those that wait for their turn, those that wait
 * for their time, and those that run.
 *
 * It begins and ends no task.
 */
import type { AgentState } from '../agent/agent-state.ts';
import { isWorking, type TaskEntry } from './task-entries.ts';

export class TaskLists {
  readonly #owner: { readonly state: AgentState };

  constructor(owner: { readonly state: AgentState }) {
    this.#owner = owner;
  }

  get all(): readonly TaskEntry[] {
    return this.#owner.state.tasks;
  }

  /** How many wait for their turn, or run. */
  get load(): number {
    return this.all.filter(({ where }) => where !== 'delayed').length;
  }

  get workingCount(): number {
    return this.all.filter(isWorking).length;
  }

  /** Those that run, in the order in which they were begun. */
  working(): TaskEntry[] {
    return this.all.filter(isWorking).toSorted((one, other) => (one.begun ?? 0) - (other.begun ?? 0));
  }

  /** Those that wait for their turn, in their order, then those that wait for their time. */
  unbegun(): TaskEntry[] {
    const queued = this.all.filter(({ where }) => where === 'queued');
    const delayed = this.all.filter(({ where }) => where === 'delayed');
    return [...queued.toSorted((one, other) => one.order - other.order), ...delayed];
  }

  workingOn(taskId: string): TaskEntry | undefined {
    return this.all.find((entry) => isWorking(entry) && entry.id === taskId);
  }

  add(entry: TaskEntry): void {
    this.#owner.state.tasks.push(entry);
  }

  remove(entry: TaskEntry): void {
    this.#owner.state.tasks = this.all.filter((other) => other !== entry);
  }

  /** Puts one in another's place, and adds a third. */
  replace(entry: TaskEntry, by: TaskEntry, added: TaskEntry): void {
    this.#owner.state.tasks = [...this.all.map((other) => (other === entry ? by : other)), added];
  }
}
