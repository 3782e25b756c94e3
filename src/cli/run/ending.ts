/**
 * When a program that runs a fleet is to end: the first signal asks for it, the second wants it at once.
 *
 * I1  A signal is never lost: one that comes before the program waits for it still counts.
 * I2  Once it is disposed of, signals do again what they do by default.
 * I3  Until then the program lives, also when no agent of its fleet does: an operator may start one.
 */

/** What asked for the end. */
export type EndingSignal = 'SIGTERM' | 'SIGINT' | 'SIGHUP';

const SIGNALS: readonly EndingSignal[] = ['SIGTERM', 'SIGINT', 'SIGHUP'];

/** The longest that a timer of Node takes; ms. */
const LONGEST_MS = 2_147_483_647;

export class Ending implements Disposable {
  readonly #asked = Promise.withResolvers<EndingSignal>();
  readonly #again = Promise.withResolvers<EndingSignal>();
  readonly #abort = new AbortController();
  readonly #listeners: readonly (readonly [EndingSignal, () => void])[];
  readonly #held = setInterval(() => {}, LONGEST_MS);
  #first: EndingSignal | undefined;

  constructor() {
    this.#listeners = SIGNALS.map((name) => [name, () => this.ask(name)]);
    for (const [name, listener] of this.#listeners) process.on(name, listener);
  }

  /** As a signal does: from a key, say. */
  ask(signal: EndingSignal): void {
    if (this.#first !== undefined) return this.#again.resolve(signal);
    this.#first = signal;
    this.#asked.resolve(signal);
  }

  /** Resolves when the end is asked for. */
  get asked(): Promise<EndingSignal> {
    return this.#asked.promise;
  }

  /** Resolves when it is asked for again. */
  get again(): Promise<EndingSignal> {
    return this.#again.promise;
  }

  get isInterrupt(): boolean {
    return this.#first === 'SIGINT';
  }

  /** The signal that the fleet's own `run` gets. */
  get signal(): AbortSignal {
    return this.#abort.signal;
  }

  begin(): void {
    this.#abort.abort(new Error('the fleet ends'));
  }

  [Symbol.dispose](): void {
    clearInterval(this.#held);
    for (const [name, listener] of this.#listeners) process.off(name, listener);
  }
}
