/**
 * The calls of tools that are at work: under way, and not waiting for what goes on without them.
 *
 * A person's answer and a task of another agent, asked for by a key, go on when the asking task makes way, and are
 * waited for again when it runs again: nothing is lost if their wait is broken off.
 */
export class ToolsAtWork {
  #atWork = 0;
  #rested: PromiseWithResolvers<void> | undefined;

  begin(): CallAtWork {
    return new CallAtWork((change) => this.#change(change));
  }

  /** Resolves once none is at work. */
  async rest(): Promise<void> {
    while (this.#atWork > 0) await (this.#rested ??= Promise.withResolvers<void>()).promise;
  }

  #change(change: 1 | -1): void {
    this.#atWork += change;
    if (this.#atWork > 0) return;
    this.#rested?.resolve();
    this.#rested = undefined;
  }
}

export class CallAtWork {
  readonly #change: (change: 1 | -1) => void;
  #waits = 0;
  #hasEnded = false;
  /** Its wait was broken off: whatever its tool makes of that is no result. */
  isBrokenOff = false;

  constructor(change: (change: 1 | -1) => void) {
    this.#change = change;
    change(1);
  }

  /**
   * Until it has that, the call is not at work.
   *
   * @param signal breaks the wait off
   */
  async waitFor<Value>(kept: Promise<Value>, signal: AbortSignal | undefined): Promise<Value> {
    this.#waits += 1;
    if (this.#waits === 1 && !this.#hasEnded) this.#change(-1);
    const broken = Promise.withResolvers<never>();
    const breakOff = () => {
      this.isBrokenOff = true;
      broken.reject(signal?.reason);
    };
    if (signal?.aborted) breakOff();
    else signal?.addEventListener('abort', breakOff, { once: true });
    try {
      return await Promise.race([kept, broken.promise]);
    } finally {
      signal?.removeEventListener('abort', breakOff);
      this.#waits -= 1;
      if (this.#waits === 0 && !this.#hasEnded) this.#change(1);
    }
  }

  end(): void {
    if (!this.#hasEnded && this.#waits === 0) this.#change(-1);
    this.#hasEnded = true;
  }
}
