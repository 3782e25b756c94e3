/** Tasks under way, by id: the only one has no list, few are looked for one by one, many through an index. */

interface Named {
  readonly taskId: string;
}

/** More than so many are indexed. */
const FEW = 8;

export class OpenTasks<Task extends Named> {
  /** The oldest, as long as there are few. */
  private only: Task | undefined = undefined;
  /** Those behind it. */
  private few: Task[] | undefined = undefined;
  private many: Map<string, Task> | undefined = undefined;

  get size(): number {
    if (this.many) return this.many.size;
    return this.only === undefined ? 0 : 1 + (this.few?.length ?? 0);
  }

  get(taskId: string): Task | undefined {
    if (this.many) return this.many.get(taskId);
    if (this.only?.taskId === taskId) return this.only;
    return this.few?.find((task) => task.taskId === taskId);
  }

  add(task: Task): void {
    if (this.many) this.many.set(task.taskId, task);
    else if (this.only === undefined) this.only = task;
    else if (this.few === undefined) this.few = [task];
    else if (this.few.length < FEW - 1) this.few.push(task);
    else {
      const all = [...this, task].map((open) => [open.taskId, open] as const);
      this.clear();
      this.many = new Map(all);
    }
  }

  remove(task: Task): void {
    if (this.many) this.many.delete(task.taskId);
    else if (this.only === task) this.only = this.few?.shift();
    else if (this.few?.includes(task)) this.few.splice(this.few.indexOf(task), 1);
  }

  clear(): void {
    this.only = undefined;
    this.few = undefined;
    this.many = undefined;
  }

  /** Oldest first; tasks that are added or removed during the loop do not change it. */
  [Symbol.iterator](): Iterator<Task> {
    const few = this.only === undefined ? [] : [this.only, ...(this.few ?? [])];
    return (this.many ? [...this.many.values()] : few)[Symbol.iterator]();
  }
}
