/**
 * When a program that runs a fleet is to end: the first signal asks for it, the second wants it at once.
 *
 * I1  A signal is never lost: one that comes before the program waits for it still counts.
 * I2  Once it is disposed of, signals do again what they do by default.
 * I3  Until then the program lives, also when no agent of its fleet does: an operator may start one.
 * I4  npm starts the program by a shell, to which it passes signals on. The end of that shell asks for the end, too:
 *     some die of SIGTERM, and the program has heard nothing. Some are replaced by the program, which then hears Ctrl-C
 *     twice, from the terminal and from npm: signals that come together count as one.
 */

/** What asked for the end. */
export type EndingSignal = 'SIGTERM' | 'SIGINT' | 'SIGHUP';

const SIGNALS: readonly EndingSignal[] = ['SIGTERM', 'SIGINT', 'SIGHUP'];

/** How often the program looks for its shell; ms. */
const LOOK_EVERY_MS = 500;
/** Signals of npm come together within this; ms. */
const TOGETHER_MS = 500;

export class Ending implements Disposable {
  readonly #asked = Promise.withResolvers<EndingSignal>();
  readonly #again = Promise.withResolvers<EndingSignal>();
  readonly #abort = new AbortController();
  readonly #listeners: readonly (readonly [EndingSignal, () => void])[];
  readonly #isOfNpm: boolean;
  readonly #held: NodeJS.Timeout;
  #first: EndingSignal | undefined;
  #askedAt = 0;

  /** @param env in which npm says that it has started the program */
  constructor(env: NodeJS.ProcessEnv) {
    this.#isOfNpm = env['npm_command'] !== undefined;
    const shell = process.ppid;
    this.#held = setInterval(() => {
      if (this.#isOfNpm && process.ppid !== shell && this.#first === undefined) this.ask('SIGTERM');
    }, LOOK_EVERY_MS);
    this.#listeners = SIGNALS.map((name) => [name, () => this.ask(name)]);
    for (const [name, listener] of this.#listeners) process.on(name, listener);
  }

  /** As a signal does: from a key, say. */
  ask(signal: EndingSignal): void {
    if (this.#first !== undefined) {
      if (!this.#isOfNpm || performance.now() - this.#askedAt > TOGETHER_MS) this.#again.resolve(signal);
      return;
    }
    this.#first = signal;
    this.#askedAt = performance.now();
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
