/**
 * One thing at a time: what a chart asks for, and what is to be told to one, happens after what is going on, in the
 * order in which it came.
 *
 * Charts are told things from here alone, and their effects are done here: so no effect sees a chart in the middle
 * of a step, and code of an agent that calls back into the system finds every chart at rest.
 *
 * I1  What was asked for is done in order, each to its end before the next begins.
 * I2  A throw ends what threw it and nothing else; it is reported.
 */
export class Turns {
  readonly #failed: (thrown: unknown) => void;
  #waiting: (() => void)[] = [];
  #depth = 0;
  #isScheduled = false;

  constructor(failed: (thrown: unknown) => void) {
    this.#failed = failed;
  }

  /** Does something now, and what comes of it right after. */
  take(act: () => void): void {
    this.begin(act);
    if (this.#depth === 0) this.#run();
  }

  /** Does something now; what comes of it follows when the caller's own turn is over. */
  begin(act: () => void): void {
    this.#depth += 1;
    try {
      act();
    } catch (thrown) {
      this.#report(thrown);
    } finally {
      this.#depth -= 1;
    }
    this.#schedule();
  }

  /** Does something after what is going on. */
  later(act: () => void): void {
    this.#waiting.push(act);
    this.#schedule();
  }

  /** What waits is done now, unless something is going on. */
  flush(): void {
    if (this.#depth === 0) this.#run();
  }

  #schedule(): void {
    if (this.#isScheduled || this.#depth > 0 || this.#waiting.length === 0) return;
    this.#isScheduled = true;
    queueMicrotask(() => {
      this.#isScheduled = false;
      this.#run();
    });
  }

  #run(): void {
    while (this.#waiting.length > 0) {
      const acts = this.#waiting;
      this.#waiting = [];
      this.#depth += 1;
      for (const act of acts) {
        try {
          act();
        } catch (thrown) {
          this.#report(thrown);
        }
      }
      this.#depth -= 1;
    }
  }

  #report(thrown: unknown): void {
    try {
      this.#failed(thrown);
    } catch {
      // Whoever reports a failure by failing is not asked again: what was going on is not at fault.
    }
  }
}
