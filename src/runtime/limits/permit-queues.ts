/**
 * Whose turn it is: one queue for each kind, and the kinds in turns.
 *
 * I1  Within a kind it is first come, first served; a kind whose turn it was is the last again.
 * I2  Adding one, taking the next and taking one out are steps of constant time.
 */
export class PermitQueues<Waiting> {
  /** The kind whose turn it is comes first. */
  private readonly kinds = new Map<string, Set<Waiting>>();

  has(kind: string): boolean {
    return this.kinds.has(kind);
  }

  add(kind: string, waiting: Waiting): void {
    const queue = this.kinds.get(kind);
    if (queue) queue.add(waiting);
    else this.kinds.set(kind, new Set([waiting]));
  }

  /** Takes the next of a kind; by default, of the kind whose turn it is. */
  next(kind = this.turn()): Waiting | undefined {
    const queue = kind === undefined ? undefined : this.kinds.get(kind);
    if (kind === undefined || queue === undefined) return undefined;
    const first = firstOf(queue);
    queue.delete(first!);
    this.kinds.delete(kind);
    if (queue.size > 0) this.kinds.set(kind, queue);
    return first;
  }

  /** Whether it was there. */
  remove(kind: string, waiting: Waiting): boolean {
    const queue = this.kinds.get(kind);
    if (queue === undefined || !queue.delete(waiting)) return false;
    if (queue.size === 0) this.kinds.delete(kind);
    return true;
  }

  private turn(): string | undefined {
    return firstOf(this.kinds.keys());
  }
}

function firstOf<Item>(items: Iterable<Item>): Item | undefined {
  for (const item of items) return item;
  return undefined;
}
