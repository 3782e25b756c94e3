/**
 * Ids of rounds: of the program that opens them, which is counted on its store, and of a count of its own.
 *
 * Nothing of the event stream is in them: rounds may be opened where nobody knows the next place in it.
 *
 * I1  No two rounds of a store's history have the same id, whatever program opened them. The count of programs is
 *     committed with the first round of a program, or before it.
 */
import type { Journal } from '../../journal/journal.ts';

const FACT = 'rounds.program';

export class RoundIds {
  readonly #journal: Journal;
  /** Programs that opened rounds on this store, with this one. */
  readonly #program: number;
  readonly #prefix: string;
  #opened = 0;

  /** @param facts as they were recovered */
  constructor(journal: Journal, facts: ReadonlyMap<string, string>) {
    this.#journal = journal;
    this.#program = Number(facts.get(FACT) ?? 0) + 1;
    this.#prefix = `round-${this.#program}-`;
  }

  next(): string {
    if (this.#opened === 0) this.#journal.keepFact(FACT, String(this.#program));
    this.#opened += 1;
    return `${this.#prefix}${this.#opened}`;
  }

  /** Whether it was given out in this program; what stands behind a `/` is no part of it. */
  wasGiven(id: string): boolean {
    if (!id.startsWith(this.#prefix)) return false;
    const number = Number(id.slice(this.#prefix.length).split('/')[0]);
    return number >= 1 && number <= this.#opened;
  }
}
