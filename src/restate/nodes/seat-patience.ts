/**
 * How many signs of life in a row have to stay without an answer until a node takes a seat.
 *
 * I1  A seat that answers no more for being busy is not handed to and fro: each hand-over has all calls begin anew. A
 *     node that has taken it twice lately waits twice as long, and so on each time. Once is no sign of that: nodes die.
 */

/** For the seat of its own version, where somebody is at its address. */
export const OWN_MISSES = 4;
/** For that of another: a node of that version needs half of them, unless it has taken it often lately. */
export const OTHER_MISSES = 8;
const MOST_MISSES = 16;
/** A node that has not taken the seat for so long is as quick as at first, ms. */
const CALM_MS = 30_000;

export class SeatPatience {
  readonly #atFirst: number;
  #misses: number;
  #hasTaken = false;
  #takenAt = -Infinity;

  /** @param atFirst after how many misses a node takes it that has not taken it lately */
  constructor(atFirst: number) {
    this.#atFirst = atFirst;
    this.#misses = atFirst;
  }

  /** @param now ms of a steady clock */
  isOver(misses: number, now: number): boolean {
    this.#calmDown(now);
    return misses >= this.#misses;
  }

  /** Whether it waits no longer than at first. */
  isFresh(now: number): boolean {
    this.#calmDown(now);
    return this.#misses === this.#atFirst;
  }

  #calmDown(now: number): void {
    if (now - this.#takenAt < CALM_MS) return;
    this.#misses = this.#atFirst;
    this.#hasTaken = false;
  }

  taken(now: number): void {
    if (this.#hasTaken) this.#misses = Math.min(this.#misses * 2, MOST_MISSES);
    this.#hasTaken = true;
    this.#takenAt = now;
  }
}
