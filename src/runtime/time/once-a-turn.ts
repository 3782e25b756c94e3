/** Work that may be asked for many times and is done once: in the next microtask, for all who have asked until then. */
export class OnceATurn {
  readonly #work: () => void;
  #isAsked = false;

  constructor(work: () => void) {
    this.#work = work;
  }

  ask(): void {
    if (this.#isAsked) return;
    this.#isAsked = true;
    queueMicrotask(this.#turn);
  }

  readonly #turn = (): void => {
    // Whoever asks from now on, in the work too, asks for the next.
    this.#isAsked = false;
    this.#work();
  };
}
