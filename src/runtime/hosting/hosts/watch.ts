/** Looks at all children of a host at one interval, with one timer, as long as there are any. */
import type { SteadyClock } from '../../time/clock.ts';

export class Watch<Watched extends { watch(): void }> {
  readonly #clock: SteadyClock;
  readonly #everyMs: number;
  readonly #watched = new Set<Watched>();
  #timer: unknown;

  constructor(clock: SteadyClock, everyMs: number) {
    this.#clock = clock;
    this.#everyMs = everyMs;
  }

  get watched(): ReadonlySet<Watched> {
    return this.#watched;
  }

  add(watched: Watched): void {
    this.#watched.add(watched);
    if (this.#watched.size === 1) this.#arm();
  }

  delete(watched: Watched): void {
    this.#watched.delete(watched);
    if (this.#watched.size === 0) this.#clock.clearTimeout(this.#timer);
  }

  #arm(): void {
    this.#timer = this.#clock.setTimeout(() => {
      for (const watched of this.#watched) watched.watch();
      if (this.#watched.size > 0) this.#arm();
    }, this.#everyMs);
  }
}
