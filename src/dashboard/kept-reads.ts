/**
 * Reads by promises, kept for reports that want them at once.
 *
 * I1  A report is made again until all that it read was there, and new enough; what it reads is read at the same time.
 * I2  What takes long is read seldom: it is new for some times as long as it took.
 * I3  What failed is thrown where it is read, until it is read again.
 */

/** How long what was read is new at the least, ms. */
const NEW_MS = 1_000;
const COST_SHARE = 5;
const MAX_REST_MS = 5_000;
/** Reads that are kept before old ones are dropped. */
const MAX_KEPT = 1_000;

interface Kept {
  value: unknown;
  thrown: { readonly error: unknown } | undefined;
  isThere: boolean;
  /** Until when it is new, by the steady clock, ms; and until when it is not read again, whatever events say. */
  newUntil: number;
  restUntil: number;
  reading: Promise<void> | undefined;
  /** An event has named it while it was read. */
  isTold: boolean;
}

export class KeptReads {
  readonly #kept = new Map<string, Kept>();
  /** What the report that is being made waits for, and what it has waited for. */
  #awaited: Set<Promise<void>> | undefined;
  #had: Set<string> | undefined;

  /** What was read last under a name, or `meanwhile` before the first time. */
  read<Value>(name: string, load: () => Promise<Value>, meanwhile: Value): Value {
    const kept = this.#of(name);
    this.#want(name, kept, load);
    if (kept.thrown !== undefined) throw kept.thrown.error;
    return kept.isThere ? (kept.value as Value) : meanwhile;
  }

  /** What a report reads now has to be there first. */
  await(work: Promise<void>): void {
    this.#awaited?.add(work);
  }

  /** Whether a report is being made, which can wait. */
  get isReporting(): boolean {
    return this.#awaited !== undefined;
  }

  /** Once in the course of one report. */
  isFirst(name: string): boolean {
    if (this.#had?.has(name) !== false) return false;
    this.#had.add(name);
    return true;
  }

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

  /** Nothing is new any more, what is just being read neither. */
  outdate(): void {
    for (const kept of this.#kept.values()) {
      kept.newUntil = 0;
      kept.reading = undefined;
    }
  }

  /** An event has said that this is not new any more, and all whose names go on from it. */
  told(name: string): void {
    for (const [known, kept] of this.#kept) {
      if (known !== name && !known.startsWith(`${name} `)) continue;
      kept.newUntil = Math.min(kept.newUntil, kept.restUntil);
      // What is just being read may have been read before.
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
    // What was awaited once in the course of a report is new enough for it.
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
