/**
 * A copy of data that shares nothing which could be changed in passing: plain objects and arrays are copied, at every
 * depth, and all else (a client, a function, a date) is kept by reference. Pure; what it copies may be cyclic.
 */

/** Data of more containers than this is copied with an index of them. */
const FEW = 16;

/** The containers that a copy has come to so far: a list that is used again, for one that grows takes room for sixteen. */
class Seen {
  private readonly containers: (object | undefined)[] = Array.from({ length: FEW }, () => undefined);
  private count = 0;

  /** Whether it is new, and there is room for it. */
  add(container: object): boolean {
    const { containers, count } = this;
    if (count === FEW) return false;
    for (let at = 0; at < count; at++) if (containers[at] === container) return false;
    containers[count] = container;
    this.count = count + 1;
    return true;
  }

  clear(): void {
    for (let at = 0; at < this.count; at++) this.containers[at] = undefined;
    this.count = 0;
  }
}

/** `undefined` while it is in use: a getter in what is copied may have something else copied. */
let spare: Seen | undefined = new Seen();

/** The copy; of what is neither a plain object nor an array, the very same. */
export function dataCopy<Data>(data: Data): Data {
  if (!isContainer(data)) return data;
  return (fewCopied(data, false) ?? copyOf(data)) as Data;
}

/** A frozen copy. */
export function frozenCopy<Data>(data: Data): Data {
  if (!isContainer(data)) return data;
  return (fewCopied(data, true) ?? frozenData(copyOf(data))) as Data;
}

/** Freezes plain objects and arrays, at every depth; gives back the very same. */
export function frozenData<Data>(data: Data): Data {
  if (!isContainer(data)) return data;
  // Those that are found while it is gone through come later in the same loop.
  const containers = new Set<object>([data]);
  for (const container of containers) {
    Object.freeze(container);
    for (const key of Object.keys(container)) {
      const value: unknown = Reflect.get(container, key);
      if (isContainer(value)) containers.add(value);
    }
  }
  return data;
}

/**
 * The ordinary case: few containers, none of them twice, and nothing odd about them; else `undefined`.
 *
 * @param isFrozen whether the copy is, at every depth
 */
function fewCopied(original: object, isFrozen: boolean): object | undefined {
  const seen = spare ?? new Seen();
  spare = undefined;
  try {
    return copyOfFew(original, seen, isFrozen);
  } finally {
    seen.clear();
    spare = seen;
  }
}

function copyOfFew(original: object, seen: Seen, isFrozen: boolean): object | undefined {
  if (!seen.add(original)) return undefined;
  if (Array.isArray(original)) return copyOfList(original, seen, isFrozen);
  if (Object.getPrototypeOf(original) !== Object.prototype) return undefined;
  const copy: Record<string, unknown> = { ...original };
  for (const key in copy) {
    const value = copy[key];
    // Asked here as well: most values are text and numbers, and not to ask for them saves the call.
    if (typeof value !== 'object' || !isContainer(value)) continue;
    const kept = key === '__proto__' ? undefined : copyOfFew(value, seen, isFrozen);
    if (kept === undefined) return undefined;
    copy[key] = kept;
  }
  return isFrozen ? Object.freeze(copy) : copy;
}

function copyOfList(
  original: readonly unknown[],
  seen: Seen,
  isFrozen: boolean,
): readonly unknown[] | undefined {
  // Some lists have holes, or names beside their places: these come last.
  const keys = Object.keys(original);
  const { length } = original;
  if (keys.length !== length || (length > 0 && keys[length - 1] !== String(length - 1))) return undefined;
  const copy = [...original];
  for (let at = 0; at < copy.length; at++) {
    const value = copy[at];
    if (typeof value !== 'object' || !isContainer(value)) continue;
    const kept = copyOfFew(value, seen, isFrozen);
    if (kept === undefined) return undefined;
    copy[at] = kept;
  }
  return isFrozen ? Object.freeze(copy) : copy;
}

/** No recursion: data may be nested more deeply than a stack. */
function copyOf(first: object): object {
  const copies = new Map<object, object>([[first, emptyLike(first)]]);
  // Those that are found while it is gone through come later in the same loop.
  for (const [original, copy] of copies) {
    for (const key of Object.keys(original)) {
      const value: unknown = Reflect.get(original, key);
      let kept = value;
      if (isContainer(value)) {
        kept = copies.get(value) ?? emptyLike(value);
        copies.set(value, kept as object);
      }
      Object.defineProperty(copy, key, { value: kept, writable: true, enumerable: true, configurable: true });
    }
  }
  return copies.get(first)!;
}

function isContainer(value: unknown): value is object {
  if (typeof value !== 'object' || value === null) return false;
  if (Array.isArray(value)) return true;
  const prototype: unknown = Object.getPrototypeOf(value);
  if (prototype === Object.prototype) return true;
  // The prototype of plain objects has none itself, in whatever realm it is.
  return prototype === null || Object.getPrototypeOf(prototype) === null;
}

function emptyLike(original: object): object {
  // A list can be very long without having much in it: it is not filled.
  if (Array.isArray(original)) return Object.assign([], { length: original.length });
  return Object.create(Object.getPrototypeOf(original) as object | null) as object;
}
