/**
 * A copy of data that shares nothing which could be changed in passing: plain objects and arrays are copied, at every
 * depth, and all else (a client, a function, a date) is kept by reference. Pure; what it copies may be cyclic.
 */

/** The copy; of what is neither a plain object nor an array, the very same. */
export function dataCopy<Data>(data: Data): Data {
  if (!isContainer(data)) return data;
  return (isFlat(data) ? { ...data } : copyOf(data)) as Data;
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

/** The ordinary case: a plain object without containers in it. */
function isFlat(data: object): boolean {
  if (Object.getPrototypeOf(data) !== Object.prototype) return false;
  for (const key in data) {
    const value: unknown = Reflect.get(data, key);
    if (typeof value === 'object' && value !== null) return false;
  }
  return true;
}

function isContainer(value: unknown): value is object {
  if (typeof value !== 'object' || value === null) return false;
  if (Array.isArray(value)) return true;
  const prototype: unknown = Object.getPrototypeOf(value);
  // The prototype of plain objects has none itself, in whatever realm it is.
  return prototype === null || Object.getPrototypeOf(prototype) === null;
}

function emptyLike(original: object): object {
  if (Array.isArray(original)) return Array.from({ length: original.length });
  return Object.create(Object.getPrototypeOf(original) as object | null) as object;
}
