/**
 * Those who listen to one variable, in the order in which they began to.
 *
 * I1  One comes or goes in constant time, and looks at nobody but its neighbours.
 * I2  Nothing leads from one that has gone to those that stay: V8 would keep all of them through its collections of
 *     young memory, as it keeps what a `Set` that was outgrown holds.
 */

/** One that knows its neighbours. */
export interface Neighbour<Item> {
  isListed: boolean;
  before: Item | undefined;
  after: Item | undefined;
}

export class Listeners<Item extends Neighbour<Item>> {
  private first: Item | undefined = undefined;
  private last: Item | undefined = undefined;
  size = 0;

  add(item: Item): void {
    item.isListed = true;
    item.before = this.last;
    if (this.last === undefined) this.first = item;
    else this.last.after = item;
    this.last = item;
    this.size += 1;
  }

  /** Whether it was there. */
  delete(item: Item): boolean {
    if (!item.isListed) return false;
    const { before, after } = item;
    if (before === undefined) this.first = after;
    else before.after = after;
    if (after === undefined) this.last = before;
    else after.before = before;
    item.isListed = false;
    item.before = undefined;
    item.after = undefined;
    this.size -= 1;
    return true;
  }

  /** Those of this moment: whoever goes through them may meet one that has gone meanwhile. */
  now(): Item[] {
    const items: Item[] = [];
    for (let item = this.first; item !== undefined; item = item.after) items.push(item);
    return items;
  }
}
