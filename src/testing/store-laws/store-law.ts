/** One law of stores, and the place in which it is tried. */
import type { Recovery, Store } from '../../runtime/journal/store.ts';

/** How a law wants its store. */
export interface OpenStoreOptions {
  /** How many of the newest events to keep, roughly; default all. */
  readonly retainEvents?: number;
}

/**
 * Opens a store, not yet recovered from. Each law has a place of its own, empty at first; a store that it opens after
 * closing one opens the same place again.
 */
export type OpenStore = (options?: OpenStoreOptions) => Store | Promise<Store>;

export interface StoreLaw {
  readonly name: string;
  /** `durable stores`: those that outlive their program, and say so. */
  readonly appliesTo: 'every store' | 'durable stores';
  /** Rejects with an AssertionError when the store does not keep the law. */
  keep(open: OpenStore): Promise<void>;
}

/** A law that every store keeps. */
export function every(name: string, run: (place: Place) => Promise<void>): StoreLaw {
  return law(name, run, 'every store');
}

/** A law of stores that outlive their program. */
export function durable(name: string, run: (place: Place) => Promise<void>): StoreLaw {
  return law(name, run, 'durable stores');
}

function law(name: string, run: (place: Place) => Promise<void>, appliesTo: StoreLaw['appliesTo']): StoreLaw {
  return {
    name,
    appliesTo,
    keep: async (open) => {
      const place = new Place(open);
      try {
        await run(place);
      } finally {
        await place.leave();
      }
    },
  };
}

/** One store at a time, closed at the end whatever happens. */
export class Place {
  readonly #open: OpenStore;
  #store: Store | undefined;

  constructor(open: OpenStore) {
    this.#open = open;
  }

  async enter(options?: OpenStoreOptions): Promise<{ store: Store; recovery: Recovery }> {
    await this.leave();
    const store = await this.#open(options);
    const recovery = await store.recover();
    this.#store = store;
    return { store, recovery };
  }

  async leave(): Promise<void> {
    const store = this.#store;
    this.#store = undefined;
    await store?.close();
  }
}
