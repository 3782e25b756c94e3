/**
 * Appends to a store that may answer at once, later, or not in time.
 *
 * I1  An append that did not answer in time counts as failed. It may yet be kept: `settled` tells.
 */
import type { SteadyClock } from '../time/clock.ts';
import { isThenable } from '../values/thenable.ts';
import type { Batch } from './batch.ts';
import { appenderOf } from './in-place-append.ts';
import type { Store } from './store.ts';

/** Why a batch is not known to be kept. */
export interface AppendFailure {
  readonly thrown: unknown;
  /** For one that was not answered in time: whether it was kept, once that is known. */
  readonly settled?: Promise<boolean>;
}

export class Appender {
  private readonly appendTo: (batch: Batch) => unknown;
  private readonly clock: SteadyClock;
  private readonly timeoutMs: number;

  /** @param timeoutMs for the store to answer */
  constructor(store: Store, clock: SteadyClock, timeoutMs: number) {
    this.appendTo = appenderOf(store);
    this.clock = clock;
    this.timeoutMs = timeoutMs;
  }

  /** Whether it was done at once; if not, `ended` is called once. @throws what the store throws at once */
  append(batch: Batch, ended: (batch: Batch, failure?: AppendFailure) => void): boolean {
    const result = this.appendTo(batch);
    if (!isThenable(result)) return true;
    this.wait(Promise.resolve(result), batch, ended);
    return false;
  }

  private wait(
    kept: Promise<unknown>,
    batch: Batch,
    ended: (batch: Batch, failure?: AppendFailure) => void,
  ): void {
    let isOver = false;
    const timer = this.clock.setTimeout(() => {
      isOver = true;
      const thrown = new Error(`the store did not answer within ${this.timeoutMs} ms`);
      const settled = kept.then(
        () => true,
        () => false,
      );
      ended(batch, { thrown, settled });
    }, this.timeoutMs);
    const isInTime = () => {
      this.clock.clearTimeout(timer);
      return !isOver;
    };
    kept.then(
      () => isInTime() && ended(batch),
      (thrown: unknown) => isInTime() && ended(batch, { thrown }),
    );
  }
}
