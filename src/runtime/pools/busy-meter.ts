/** The share of a pool's places that is in use, over time: a single look would miss what happened in between. */

/** What is kept between two moments. All ms are on a clock that is never set, as everywhere here. */
export interface BusyFigures {
  busy: number;
  places: number;
  busyMs: number;
  placeMs: number;
  since: number;
}

export function noFigures(now: number): BusyFigures {
  return { busy: 0, places: 0, busyMs: 0, placeMs: 0, since: now };
}

export class BusyMeter {
  readonly #figures: BusyFigures;

  /** @param figures which it changes */
  constructor(figures: BusyFigures) {
    this.#figures = figures;
  }

  /** From now on so many of so many places are in use. */
  set(busy: number, places: number, now: number): void {
    this.#pass(now);
    this.#figures.busy = busy;
    this.#figures.places = places;
  }

  /** The share since it was last taken, from 0 to 1; 0 where there were no places. */
  share(now: number): number {
    this.#pass(now);
    const figures = this.#figures;
    const isMeasured = figures.placeMs > 0;
    const busy = isMeasured ? figures.busyMs : figures.busy;
    const places = isMeasured ? figures.placeMs : figures.places;
    return places === 0 ? 0 : busy / places;
  }

  /** That share; from now on another is measured. */
  take(now: number): number {
    const share = this.share(now);
    this.#figures.busyMs = 0;
    this.#figures.placeMs = 0;
    return share;
  }

  #pass(now: number): void {
    const figures = this.#figures;
    const passedMs = now - figures.since;
    figures.since = now;
    figures.busyMs += figures.busy * passedMs;
    figures.placeMs += figures.places * passedMs;
  }
}
