/** Tasks under way, by id: few are looked for one by one, many through an index. */

interface Named {
  readonly taskId: string;
}

/** More than so many are indexed. */
const FEW = 8;

export class OpenTasks<Task extends Named> {
  readonly #few: Task[] = [];
  #many: Map<string, Task> | undefined = undefined;

  get size(): number {
    return this.#many?.size ?? this.#few.length;
  }

  get(taskId: string): Task | undefined {
    if (this.#many) return this.#many.get(taskId);
    for (const task of this.#few) if (task.taskId === taskId) return task;
    return undefined;
  }

  add(task: Task): void {
    if (this.#many === undefined && this.#few.length === FEW) {
      this.#many = new Map(this.#few.map((open) => [open.taskId, open]));
      this.#few.length = 0;
    }
    if (this.#many) this.#many.set(task.taskId, task);
    else this.#few.push(task);
  }

  remove(task: Task): void {
    if (this.#many) this.#many.delete(task.taskId);
    else this.#few.splice(this.#few.indexOf(task), 1);
  }

  clear(): void {
    this.#few.length = 0;
    this.#many = undefined;
  }

  /** Oldest first. */
  *[Symbol.iterator](): Iterator<Task> {
    yield* this.#many ? [...this.#many.values()] : [...this.#few];
  }
}
