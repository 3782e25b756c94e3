/**
 * What a node does about calls that nobody answers for the fleet: in time it takes the seat.
 *
 * I1  One call without an answer is enough where nobody is at the address of the seat, as this node finds it, either. Where
 *     somebody is, but does not answer calls, it takes several (seat-patience.ts).
 * I2  Time by which this program itself was held up is nobody's silence.
 * I3  A seat that has another holder meanwhile is left to that, which has its whole time to answer: one node takes it.
 */
import type { Logger } from 'pino';
import type { SteadyClock } from '../../runtime/time/clock.ts';
import { type AddressState, checkAddress } from './address-check.ts';
import type { ControlSeat, HeldSeat } from './control-seat.ts';
import type { Unseated } from './node-watch.ts';
import { SeatPatience } from './seat-patience.ts';

/** A call without an answer for so long is missed. */
export const MISSED_MS = 750;
/** After so long it is time to see whether somebody is there at all. */
export const DOUBT_MS = 500;
/** Somebody who is there answers sooner than this. */
const SILENT_MS = 500;
/** A timer that comes later than this shows that this program itself was held up. */
const HELD_UP_MS = 500;

export interface SeatWatchOptions {
  readonly clock: SteadyClock;
  /** `undefined` for a node that never takes it. */
  readonly seat: () => Pick<ControlSeat, 'others' | 'take'> | undefined;
  /** Whether this node may answer for the fleet now. */
  readonly mayTake: () => boolean;
  readonly logger: Logger;
  readonly check?: typeof checkAddress;
}

export class SeatWatch {
  readonly #options: SeatWatchOptions;
  readonly #check: (url: string, withinMs: number) => Promise<AddressState>;
  readonly #patience = new SeatPatience();
  #misses = 0;
  /** Since when those who have the seat have answered nothing, by the steady clock, ms. */
  #silentSince: number | undefined;
  /** Where the seats were then. */
  readonly #seen = new Map<string, string>();
  #unseated: { readonly name: string; readonly since: number } | undefined;

  constructor(options: SeatWatchOptions) {
    this.#options = options;
    this.#check = options.check ?? checkAddress;
  }

  /** The node that this one has taken the seat from, until `told`. */
  get unseated(): Unseated | undefined {
    if (this.#unseated === undefined) return undefined;
    const { name, since } = this.#unseated;
    return { name, silentMs: this.#options.clock.elapsed() - since };
  }

  /** The fleet knows who was unseated. */
  told(): void {
    this.#unseated = undefined;
  }

  /**
   * Waits for the answer to a call of the fleet's services.
   *
   * @throws what the call has failed with; by then the seat was taken, if it was time for that
   */
  async answerTo<Answer>(
    call: (signal: AbortSignal) => Promise<Answer>,
    timeoutMs = MISSED_MS,
  ): Promise<Answer> {
    const { clock } = this.#options;
    const askedAt = clock.elapsed();
    this.#silentSince ??= askedAt;
    const over = new AbortController();
    const timers = [
      clock.setTimeout(() => over.abort(new Error(`no answer in ${timeoutMs} ms`)), timeoutMs),
      clock.setTimeout(() => void this.#doubt(askedAt, over), DOUBT_MS),
    ];
    try {
      const answer = await call(over.signal);
      this.#countAnew(undefined);
      return answer;
    } catch (err) {
      if (this.#wasHeldUp(askedAt, timeoutMs)) {
        this.#countAnew(undefined);
        this.told();
      } else await this.#missed(askedAt, timeoutMs);
      throw err;
    } finally {
      for (const timer of timers) clock.clearTimeout(timer);
    }
  }

  #wasHeldUp(since: number, dueMs: number): boolean {
    return this.#options.clock.elapsed() - since > dueMs + HELD_UP_MS;
  }

  #countAnew(silentSince: number | undefined): void {
    this.#misses = 0;
    this.#silentSince = silentSince;
    this.#seen.clear();
  }

  /** Takes the seat where nobody is. The call is then made again, with who was unseated. */
  async #doubt(askedAt: number, over: AbortController): Promise<void> {
    const { clock, seat, logger } = this.#options;
    if (this.#wasHeldUp(askedAt, DOUBT_MS) || !this.#patience.isFresh(clock.elapsed())) return;
    try {
      const others = (await seat()?.others()) ?? [];
      for (const other of others) this.#isWhereItWas(other);
      const found = await Promise.all(others.map(({ uri }) => this.#check(uri, SILENT_MS)));
      const empty = others.filter((_, index) => found[index] !== 'answers').map(({ id }) => id);
      // An answer may have come meanwhile, and another holder.
      if (empty.length === 0 || this.#silentSince === undefined) return;
      const isTaken = await this.#take((held) => this.#isWhereItWas(held) && empty.includes(held.id));
      if (isTaken) over.abort(new Error('the seat was taken'));
    } catch (err) {
      logger.debug({ err }, 'it could not be seen who has the seat');
    }
  }

  async #missed(askedAt: number, waitedMs: number): Promise<void> {
    // It was another's time that this call has waited for.
    if (this.#silentSince !== undefined && askedAt < this.#silentSince) return;
    this.#misses += Math.round(waitedMs / MISSED_MS);
    if (!this.#patience.isOver(this.#misses, this.#options.clock.elapsed())) return;
    await this.#take((held) => this.#isWhereItWas(held));
  }

  #isWhereItWas({ id, uri }: HeldSeat): boolean {
    const before = this.#seen.get(id) ?? uri;
    if (before !== uri) this.#countAnew(this.#options.clock.elapsed());
    this.#seen.set(id, uri);
    return before === uri;
  }

  async #take(isFree: (seat: HeldSeat) => boolean): Promise<boolean> {
    const { clock, seat, mayTake, logger } = this.#options;
    if (!mayTake()) return false;
    try {
      const taken = await seat()?.take(isFree);
      if (taken === undefined) return false;
      const now = clock.elapsed();
      this.#patience.taken(now);
      if (taken.from !== undefined) this.#unseated = { name: taken.from, since: this.#silentSince ?? now };
      this.#countAnew(now);
      return true;
    } catch (err) {
      logger.debug({ err }, 'the engine is away');
      return false;
    }
  }
}
