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
    // Requests from now on, also from the work itself, are for the next turn.
    this.#isAsked = false;
    this.#work();
  };
}
