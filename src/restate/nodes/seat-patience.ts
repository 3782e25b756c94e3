/**
 * How many signs of life in a row have to stay without an answer until a node takes the seat.
 *
 * I1  A seat that answers no more for being busy is not handed to and fro: each hand-over has all calls begin anew. A
 *     node that has taken it twice lately waits twice as long, and so on each time. Once is no sign of that: nodes die.
 */

const MISSES = 2;
const MOST_MISSES = 16;
/** A node that has not taken the seat for so long is as quick as at first, ms. */
const CALM_MS = 30_000;

export class SeatPatience {
  #misses = MISSES;
  #hasTaken = false;
  #takenAt = -Infinity;

  /** @param now ms of a steady clock */
  isOver(misses: number, now: number): boolean {
    this.#calmDown(now);
    return misses >= this.#misses;
  }

  /** Whether it waits no longer than at first. */
  isFresh(now: number): boolean {
    this.#calmDown(now);
    return this.#misses === MISSES;
  }

  #calmDown(now: number): void {
    if (now - this.#takenAt < CALM_MS) return;
    this.#misses = MISSES;
    this.#hasTaken = false;
  }

  taken(now: number): void {
    if (this.#hasTaken) this.#misses = Math.min(this.#misses * 2, MOST_MISSES);
    this.#hasTaken = true;
    this.#takenAt = now;
  }
}
