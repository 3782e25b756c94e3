/**
 * Ids of one kind of thing: `task-1-3` is the third task of the program that began at place 1 of its store's stream.
 *
 * I1  Two programs on one store never give the same id to anything that the store keeps: each begins behind all that
 *     was kept before.
 * I2  What else happens in the stream, and in which order, changes no id.
 */
export class NewIds {
  /** Sequence of the first event that this program can emit. */
  readonly #began: number;
  readonly #prefix: string;
  #given = 0;

  /** @param lastSequence sequence of the newest event that the store had when the program began */
  constructor(kind: string, lastSequence: number) {
    this.#began = lastSequence + 1;
    this.#prefix = `${kind}-${this.#began}-`;
  }

  next(): string {
    this.#given += 1;
    return `${this.#prefix}${this.#given}`;
  }

  /** As `next`, for a thing with a name of its own: `counter-1-4`. */
  nextOf(name: string): string {
    this.#given += 1;
    return `${name}-${this.#began}-${this.#given}`;
  }

  /** Whether it was given out by this program; what stands behind a `/` is no part of it. */
  wasGiven(id: string): boolean {
    if (!id.startsWith(this.#prefix)) return false;
    const number = Number(id.slice(this.#prefix.length).split('/')[0]);
    return number >= 1 && number <= this.#given;
  }
}
