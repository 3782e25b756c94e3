/**
 * A copy of data that shares nothing which could be changed in passing: plain objects and arrays are copied, at every
 * depth, and all else (a client, a function, a date) is kept by reference. Pure; what it copies may be cyclic.
 */

/** The copy; of what is neither a plain object nor an array, the very same. */
export function dataCopy<Data>(data: Data): Data {
  return isContainer(data) ? (copyOf(data) as Data) : data;
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
  // The prototype of plain objects has none itself, in whatever realm it is.
  return prototype === null || Object.getPrototypeOf(prototype) === null;
}

function emptyLike(original: object): object {
  if (Array.isArray(original)) return Array.from({ length: original.length });
  return Object.create(Object.getPrototypeOf(original) as object | null) as object;
}
