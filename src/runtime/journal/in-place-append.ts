/**
 * Stores that take a batch as it was gathered: those of this package. They change nothing of it, and hold on to none
 * of its arrays. Every other store is given what is its own.
 *
 * I1  A store whose `append` was replaced, or that stands in front of another one, is one of the others.
 */
import type { Batch } from './batch.ts';
import type { Store } from './store.ts';

export interface InPlaceStore extends Store {
  appendInPlace(batch: Batch): void | Promise<void>;
}

const prototypes = new WeakSet();

/** Stores of this class, and of none that extends it, take batches as they were gathered. */
export function appendsInPlace({ prototype }: { readonly prototype: InPlaceStore }): void {
  prototypes.add(prototype);
}

/** How to append to a store: its `append` is looked for anew each time, for it may be replaced. */
export function appenderOf(store: Store): (batch: Batch) => void | Promise<void> {
  const prototype = Object.getPrototypeOf(store) as object;
  // A store may have no prototype: then it is none of them.
  if (!prototypes.has(prototype)) return (batch) => store.append(batch.forStore());
  const inPlace = store as InPlaceStore;
  const { append } = prototype as { readonly append?: unknown };
  return (batch) => (store.append === append ? inPlace.appendInPlace(batch) : store.append(batch.forStore()));
}
