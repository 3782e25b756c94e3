/**
 * A map whose entries come and go, mostly the newest first.
 *
 * V8 links the table that a `Map` has outgrown, also by its deleted entries, to the one that takes its place. Once one
 * of them is old, every table after it survives the collections of young memory, and with it all that its entries hold,
 * long after they were deleted. Here a new `Map` takes the place of one that has had as many deletions as it holds
 * entries: nothing leads from the old one to it. The newest entry is kept beside it until another one comes: an entry
 * that goes before that costs no step in a table. Where several come before one goes, the next ones go to the table
 * directly: each look at the newest would compare two texts in vain.
 *
 * I1  Entries are in the order in which their keys were added, as in a `Map`.
 */

/** Fewer deletions are not worth a new map: filling it costs more than a table that stays linked a little longer. */
const MIN_DELETIONS = 512;
/** So many go to the table directly, once two have come before one has gone. */
const CROWD = 64;

export class RenewedMap<Key, Value> {
  private map = new Map<Key, Value>();
  private deletions = 0;
  /** How many of the next ones go to the table directly. */
  private crowd = 0;
  private hasNewest = false;
  private newestKey: Key | undefined = undefined;
  private newest: Value | undefined = undefined;

  get size(): number {
    return this.map.size + (this.hasNewest ? 1 : 0);
  }

  get(key: Key): Value | undefined {
    if (this.isNewest(key)) return this.newest;
    // An empty map would hash the key all the same.
    return this.map.size === 0 ? undefined : this.map.get(key);
  }

  has(key: Key): boolean {
    return this.isNewest(key) || (this.map.size > 0 && this.map.has(key));
  }

  /** Adds an entry whose key is not there. */
  add(key: Key, value: Value): void {
    if (this.hasNewest) {
      this.settle();
      this.crowd = CROWD;
    }
    if (this.crowd > 0) {
      this.crowd -= 1;
      this.map.set(key, value);
      return;
    }
    this.hasNewest = true;
    this.newestKey = key;
    this.newest = value;
  }

  delete(key: Key): boolean {
    if (this.isNewest(key)) {
      this.forgetNewest();
      return true;
    }
    if (this.map.size === 0 || !this.map.delete(key)) return false;
    this.deletions += 1;
    if (this.deletions >= MIN_DELETIONS && this.deletions >= this.map.size) this.renew();
    return true;
  }

  /** As they are now; what comes or goes meanwhile may be missed. */
  values(): MapIterator<Value> {
    this.settle();
    return this.map.values();
  }

  private isNewest(key: Key): boolean {
    return this.hasNewest && this.newestKey === key;
  }

  /** The newest becomes one of the others. */
  private settle(): void {
    if (!this.hasNewest) return;
    this.map.set(this.newestKey as Key, this.newest as Value);
    this.forgetNewest();
  }

  private forgetNewest(): void {
    this.hasNewest = false;
    this.newestKey = undefined;
    this.newest = undefined;
  }

  private renew(): void {
    const map = new Map<Key, Value>();
    // An iterator would make a list of two for each entry.
    this.map.forEach((value, key) => map.set(key, value));
    this.map = map;
    this.deletions = 0;
  }
}
