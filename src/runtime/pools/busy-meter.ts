/** The share of a pool's places that is in use, over time: a single look would miss what happened in between. */

export class BusyMeter {
  #busy = 0;
  #places = 0;
  #busyMs = 0;
  #placeMs = 0;
  #since: number;

  /** @param now ms on a clock that is never set, as everywhere here */
  constructor(now: number) {
    this.#since = now;
  }

  /** From now on so many of so many places are in use. */
  set(busy: number, places: number, now: number): void {
    this.#pass(now);
    this.#busy = busy;
    this.#places = places;
  }

  /** The share since the last call, from 0 to 1; 0 where there were no places. */
  take(now: number): number {
    this.#pass(now);
    const isMeasured = this.#placeMs > 0;
    const busy = isMeasured ? this.#busyMs : this.#busy;
    const places = isMeasured ? this.#placeMs : this.#places;
    this.#busyMs = 0;
    this.#placeMs = 0;
    return places === 0 ? 0 : busy / places;
  }

  #pass(now: number): void {
    const passedMs = now - this.#since;
    this.#since = now;
    this.#busyMs += this.#busy * passedMs;
    this.#placeMs += this.#places * passedMs;
  }
}
