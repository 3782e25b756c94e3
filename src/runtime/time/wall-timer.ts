/**
 * Waits for a time of the wall clock, which may be set meanwhile.
 *
 * I1  It fires no earlier than that clock says, and at the most `LOOK_EVERY_MS` late where it was set ahead.
 */
import { LOOK_EVERY_MS, type SteadyClock } from './clock.ts';

export class WallTimer {
  readonly #clock: SteadyClock;
  /** Epoch ms. */
  readonly #at: number;
  readonly #run: () => void;
  #handle: unknown;

  constructor(clock: SteadyClock, at: number, run: () => void) {
    this.#clock = clock;
    this.#at = at;
    this.#run = run;
    this.#wait();
  }

  clear(): void {
    this.#clock.clearTimeout(this.#handle);
  }

  readonly #look = (): void => {
    if (this.#clock.now() < this.#at) this.#wait();
    else this.#run();
  };

  #wait(): void {
    const leftMs = Math.max(0, this.#at - this.#clock.now());
    this.#handle = this.#clock.setTimeout(this.#look, Math.min(leftMs, LOOK_EVERY_MS));
  }
}
