/**
 * A run-to-completion queue: what is asked for while an act runs is done after it, first in, first out.
 *
 * A chart has such a queue of its own. This one is for rooms in which several charts and the code of users have to
 * do with each other: an act is one event for all of them.
 *
 * I1  Acts run one at a time, each to its end, in the order in which they were asked for.
 * I2  A throw ends the act that threw, and no other; it is reported.
 */
import type { ChartClock } from './chart-contract.ts';

export class RunQueue {
  readonly #failed: (thrown: unknown) => void;
  readonly #waiting: (() => void)[] = [];
  #isRunning = false;

  /** @param failed told of what an act threw; what it throws itself is dropped */
  constructor(failed: (thrown: unknown) => void) {
    this.#failed = failed;
  }

  /** Runs an act now, or after those that run and wait. */
  run(act: () => void): void {
    this.#waiting.push(act);
    if (this.#isRunning) return;
    this.#isRunning = true;
    for (let at = 0; at < this.#waiting.length; at++) this.#take(this.#waiting[at]!);
    this.#waiting.length = 0;
    this.#isRunning = false;
  }

  /** A clock whose timers fire as acts. */
  clockOf(clock: ChartClock): ChartClock {
    return {
      setTimeout: (run, delayMs) => clock.setTimeout(() => this.run(run), delayMs),
      clearTimeout: (handle) => clock.clearTimeout(handle),
    };
  }

  #take(act: () => void): void {
    try {
      act();
    } catch (thrown) {
      this.#report(thrown);
    }
  }

  #report(thrown: unknown): void {
    try {
      this.#failed(thrown);
    } catch {
      // Nobody is left to be told.
    }
  }
}
