/** A doubly linked list: adding at either end, and removing anything, takes constant time. */

export interface Link<Item> {
  readonly item: Item;
  previous: Link<Item> | undefined;
  next: Link<Item> | undefined;
}

export class LinkedList<Item> {
  #first: Link<Item> | undefined;
  #last: Link<Item> | undefined;
  #size = 0;

  get size(): number {
    return this.#size;
  }

  get first(): Item | undefined {
    return this.#first?.item;
  }

  /** The link is for `remove` alone. */
  push(item: Item): Link<Item> {
    const link: Link<Item> = { item, previous: this.#last, next: undefined };
    if (this.#last) this.#last.next = link;
    else this.#first = link;
    this.#last = link;
    this.#size += 1;
    return link;
  }

  unshift(item: Item): Link<Item> {
    const link: Link<Item> = { item, previous: undefined, next: this.#first };
    if (this.#first) this.#first.previous = link;
    else this.#last = link;
    this.#first = link;
    this.#size += 1;
    return link;
  }

  /** @param link one that is in this list */
  remove({ previous, next }: Link<Item>): void {
    if (previous) previous.next = next;
    else this.#first = next;
    if (next) next.previous = previous;
    else this.#last = previous;
    this.#size -= 1;
  }

  *[Symbol.iterator](): Generator<Item, void, undefined> {
    for (let link = this.#first; link !== undefined; link = link.next) yield link.item;
  }
}
