/**
 * Asynchronous reads, kept for reports that need their results synchronously.
 *
 * I1  A report is made again until everything it reads is there and fresh; all its reads run at the same time.
 * I2  A slow read is repeated seldom: its result is fresh for some times as long as it took.
 * I3  A failed read throws where its result is used, until it is read again.
 */

/** The least time that a result is fresh, ms. */
const NEW_MS = 1_000;
const COST_SHARE = 5;
const MAX_REST_MS = 5_000;
/** Results that are kept before old ones are dropped. */
const MAX_KEPT = 1_000;

interface Kept {
  value: unknown;
  thrown: { readonly error: unknown } | undefined;
  isThere: boolean;
  /** Until when it is fresh, by the steady clock, ms; and until when it is not read again in spite of events. */
  newUntil: number;
  restUntil: number;
  reading: Promise<void> | undefined;
  /** An event concerned it while it was read. */
  isTold: boolean;
}

export class KeptReads {
  readonly #kept = new Map<string, Kept>();
  /** Reads that the current report waits for, and those that it has waited for. */
  #awaited: Set<Promise<void>> | undefined;
  #had: Set<string> | undefined;

  /** The last result under a name, or `meanwhile` before the first one. */
  read<Value>(name: string, load: () => Promise<Value>, meanwhile: Value): Value {
    const kept = this.#of(name);
    this.#want(name, kept, load);
    if (kept.thrown !== undefined) throw kept.thrown.error;
    return kept.isThere ? (kept.value as Value) : meanwhile;
  }

  /** The report that is being made waits for this, too. */
  await(work: Promise<void>): void {
    this.#awaited?.add(work);
  }

  /** Whether a report is being made, and can wait. */
  get isReporting(): boolean {
    return this.#awaited !== undefined;
  }

  /** Whether the report that is being made asks for this for the first time. */
  isFirst(name: string): boolean {
    if (this.#had?.has(name) !== false) return false;
    this.#had.add(name);
    return true;
  }

  /** Makes a report, once all that it reads is there. */
  async settled<Report>(report: () => Report): Promise<Report> {
    const had = new Set<string>();
    for (;;) {
      const awaited = new Set<Promise<void>>();
      let made: { readonly value: Report } | { readonly thrown: unknown };
      [this.#awaited, this.#had] = [awaited, had];
      try {
        made = { value: report() };
      } catch (thrown) {
        made = { thrown };
      } finally {
        this.#awaited = this.#had = undefined;
      }
      if (awaited.size > 0) await Promise.all(awaited);
      else if ('value' in made) return made.value;
      else throw made.thrown;
    }
  }

  /** Nothing is fresh any more, not even what is being read. */
  outdate(): void {
    for (const kept of this.#kept.values()) {
      kept.newUntil = 0;
      kept.reading = undefined;
    }
  }

  /** An event makes this out of date, and everything whose name begins with it. */
  told(name: string): void {
    for (const [known, kept] of this.#kept) {
      if (known !== name && !known.startsWith(`${name} `)) continue;
      kept.newUntil = Math.min(kept.newUntil, kept.restUntil);
      // The read in progress may have begun before the event.
      kept.isTold = true;
    }
  }

  #of(name: string): Kept {
    const known = this.#kept.get(name);
    if (known !== undefined) return known;
    if (this.#kept.size >= MAX_KEPT) this.#dropOld();
    const kept = {
      value: undefined,
      thrown: undefined,
      isThere: false,
      newUntil: 0,
      restUntil: 0,
      reading: undefined,
      isTold: false,
    };
    this.#kept.set(name, kept);
    return kept;
  }

  #dropOld(): void {
    const now = performance.now();
    for (const [name, { newUntil, reading }] of this.#kept) {
      if (reading === undefined && newUntil < now && this.#had?.has(name) !== true) this.#kept.delete(name);
    }
  }

  #want(name: string, kept: Kept, load: () => Promise<unknown>): void {
    // A result that this report has waited for is fresh enough for it.
    const isNew = kept.newUntil > performance.now() || this.#had?.has(name) === true;
    if (isNew && (kept.isThere || kept.thrown !== undefined)) return;
    this.#had?.add(name);
    if (kept.reading === undefined) {
      const reading = this.#load(kept, load, () => kept.reading === reading);
      kept.reading = reading;
    }
    this.await(kept.reading);
  }

  async #load(kept: Kept, load: () => Promise<unknown>, isWanted: () => boolean): Promise<void> {
    const begunAt = performance.now();
    kept.isTold = false;
    let told: { readonly value: unknown } | { readonly error: unknown };
    try {
      told = { value: await load() };
    } catch (error) {
      told = { error };
    }
    if (!isWanted()) return;
    kept.thrown = 'error' in told ? told : undefined;
    if ('value' in told) [kept.value, kept.isThere] = [told.value, true];
    const now = performance.now();
    kept.restUntil = now + Math.min(MAX_REST_MS, (now - begunAt) * COST_SHARE);
    kept.newUntil = kept.isTold ? kept.restUntil : Math.max(now + NEW_MS, kept.restUntil);
    kept.reading = undefined;
  }
}
