/**
 * Ids of one kind of thing: `task-1-3` is the third task of the program that began at place 1 of its store's stream.
 *
 * I1  Two programs on one store never give the same id to anything that the store keeps: each begins behind all that
 *     was kept before.
 * I2  What else happens in the stream, and in which order, changes no id.
 * I3  An id of `next` is made at once and not joined: what V8 joins, from 13 characters on, it keeps as a pair of texts,
 *     and a map compares pairs slowly, with each other key that it meets in the same bucket.
 */

const ZERO = '0'.charCodeAt(0);
const NINE = '9'.charCodeAt(0);

export class NewIds {
  /** Sequence of the first event that this program can emit. */
  readonly #began: number;
  readonly #prefix: string;
  #given = 0;
  /** The newest id of `next`, character by character. */
  readonly #codes: number[];

  /** @param lastSequence sequence of the newest event that the store had when the program began */
  constructor(kind: string, lastSequence: number) {
    this.#began = lastSequence + 1;
    this.#prefix = `${kind}-${this.#began}-`;
    this.#codes = Array.from(`${this.#prefix}0`, (character) => character.charCodeAt(0));
  }

  next(): string {
    this.#count();
    return String.fromCharCode(...this.#codes);
  }

  /** As `next`, for a thing with a name of its own: `counter-1-4`. */
  nextOf(name: string): string {
    this.#count();
    return `${name}-${this.#began}-${this.#given}`;
  }

  /** Whether it was given out by this program; what stands behind a `/` is no part of it. */
  wasGiven(id: string): boolean {
    if (!id.startsWith(this.#prefix)) return false;
    const number = Number(id.slice(this.#prefix.length).split('/')[0]);
    return number >= 1 && number <= this.#given;
  }

  #count(): void {
    this.#given += 1;
    const codes = this.#codes;
    const first = this.#prefix.length;
    let at = codes.length - 1;
    while (at >= first && codes[at] === NINE) codes[at--] = ZERO;
    if (at >= first) codes[at]! += 1;
    else codes.splice(first, 0, ZERO + 1);
  }
}
