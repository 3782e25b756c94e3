/**
 * Asks a store once in a while whether it can still keep what it is given: that it cannot is then known also where
 * nothing is committed.
 *
 * I1  It keeps no program alive, and leaves no timer when it is over.
 */
import type { Clock } from '../time/clock.ts';
import type { Store } from './store.ts';

export interface StoreCheckParts {
  readonly store: Store;
  readonly clock: Clock;
  readonly everyMs: number;
  /** Whether no append is open, and the store is not known to fail. */
  readonly isIdle: () => boolean;
  readonly failed: (thrown: unknown) => void;
}

export class StoreCheck {
  readonly #parts: StoreCheckParts;
  #timer: unknown;
  #isOver = false;

  constructor(parts: StoreCheckParts) {
    this.#parts = parts;
    if (parts.store.check !== undefined) this.#arm();
  }

  end(): void {
    this.#isOver = true;
    this.#parts.clock.clearTimeout(this.#timer);
  }

  #arm(): void {
    const { clock, everyMs } = this.#parts;
    this.#timer = clock.setTimeout(() => void this.#check(), everyMs);
    (this.#timer as { unref?(): void } | undefined)?.unref?.();
  }

  async #check(): Promise<void> {
    const { store, isIdle, failed } = this.#parts;
    try {
      if (isIdle()) await store.check?.();
    } catch (thrown) {
      if (!this.#isOver && isIdle()) failed(thrown);
    }
    if (!this.#isOver) this.#arm();
  }
}
