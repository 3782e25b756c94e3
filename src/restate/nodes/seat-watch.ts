/**
 * What a node does about calls that nobody answers for the fleet: in time it takes the seat.
 *
 * I1  One call without an answer is enough where nobody is at the address of the seat, as this node finds it, either. Where
 *     somebody is, but does not answer calls, it takes several (seat-patience.ts).
 * I2  Time by which this program itself was held up is nobody's silence.
 * I3  A seat that has another holder meanwhile is left to that, which has its whole time to answer: one node takes it.
 * I4  The seat of another version goes to a node of that version first: this one waits for it four times as long, whoever
 *     is at its address. Then it takes it, for there may be no such node.
 * I5  Each seat is counted for itself, and only while the silence may be its doing (control-seat.ts): none is taken merely
 *     because another is silent.
 * I6  While the engine itself stands still, nothing is a seat's silence: one that does not say in time who has the seats
 *     has not sent them the calls either.
 */
import type { Logger } from 'pino';
import type { SteadyClock } from '../../runtime/time/clock.ts';
import { type AddressState, checkAddress } from './address-check.ts';
import type { ControlSeat, HeldSeat } from './control-seat.ts';
import type { Unseated } from './node-watch.ts';
import { OTHER_MISSES, OWN_MISSES, SeatPatience } from './seat-patience.ts';

/** A call without an answer for so long is missed. */
export const MISSED_MS = 750;
/** After so long it is time to see whether somebody is there at all. */
export const DOUBT_MS = 500;
/** Somebody who is there answers sooner than this. */
const SILENT_MS = 500;
/** A timer that comes later than this shows that this program itself was held up. */
const HELD_UP_MS = 500;
/** An engine that answers later stood still itself. */
const ENGINE_AWAY_MS = 2_000;

export interface SeatWatchOptions {
  readonly clock: SteadyClock;
  /** `undefined` for a node that never takes it. */
  readonly seat: () => Pick<ControlSeat, 'others' | 'take'> | undefined;
  /** Whether this node may answer for the fleet now. */
  readonly mayTake: () => boolean;
  readonly logger: Logger;
  readonly check?: typeof checkAddress;
}

/** What a seat has left without an answer since it is where it is. */
interface Silence {
  /** `undefined` where this node has taken it. */
  readonly uri: string | undefined;
  readonly since: number;
  misses: number;
}

export class SeatWatch {
  readonly #options: SeatWatchOptions;
  readonly #check: (url: string, withinMs: number) => Promise<AddressState>;
  readonly #patience = new SeatPatience(OWN_MISSES);
  readonly #patienceWithOthers = new SeatPatience(OTHER_MISSES);
  /** How many calls in a row were missed. */
  #misses = 0;
  /** By the steady clock, ms. */
  #takenAt = -Infinity;
  readonly #silences = new Map<string, Silence>();
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
    const over = new AbortController();
    const timers = [
      clock.setTimeout(() => over.abort(new Error(`no answer in ${timeoutMs} ms`)), timeoutMs),
      clock.setTimeout(() => void this.#doubt(askedAt, over), DOUBT_MS),
    ];
    try {
      const answer = await call(over.signal);
      this.#countAnew();
      return answer;
    } catch (err) {
      if (this.#wasHeldUp(askedAt, timeoutMs)) {
        this.#countAnew();
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

  #countAnew(): void {
    this.#misses = 0;
    this.#silences.clear();
  }

  /** Takes a seat of this version where nobody is. The call is then made again, with who was unseated. */
  async #doubt(askedAt: number, over: AbortController): Promise<void> {
    const { clock, logger } = this.#options;
    if (this.#wasHeldUp(askedAt, DOUBT_MS) || !this.#patience.isFresh(clock.elapsed())) return;
    try {
      const others = await this.#others();
      for (const other of others) this.#silenceOf(other, askedAt);
      const own = others.filter(({ isOwnVersion }) => isOwnVersion);
      const found = await Promise.all(own.map(({ uri }) => this.#check(uri, SILENT_MS)));
      const empty = own.filter((_, index) => found[index] !== 'answers');
      if (empty.length > 0 && (await this.#take(empty))) over.abort(new Error('the seat was taken'));
    } catch (err) {
      logger.debug({ err }, 'it could not be seen who has the seat');
    }
  }

  async #missed(askedAt: number, waitedMs: number): Promise<void> {
    const { clock, logger } = this.#options;
    // It was another's time that this call has waited for.
    if (askedAt < this.#takenAt) return;
    const misses = Math.round(waitedMs / MISSED_MS);
    this.#misses += misses;
    try {
      const others = await this.#others();
      const now = clock.elapsed();
      const lost = others.filter((other) => {
        const silence = this.#silenceOf(other, askedAt);
        if (other.isSuspect && askedAt >= silence.since) silence.misses += misses;
        return this.#patienceWith(other).isOver(silence.misses, now);
      });
      const hasNobody = others.length === 0 && this.#patience.isOver(this.#misses, now);
      if (lost.length > 0 || hasNobody) await this.#take(lost);
    } catch (err) {
      logger.debug({ err }, 'the engine is away');
    }
  }

  /** Who else has a seat. @throws where the engine is away */
  async #others(): Promise<readonly HeldSeat[]> {
    const { clock, seat } = this.#options;
    const askedAt = clock.elapsed();
    try {
      const others = (await seat()?.others()) ?? [];
      if (clock.elapsed() - askedAt > ENGINE_AWAY_MS) throw new Error('the engine stood still');
      return others;
    } catch (err) {
      this.#countAnew();
      throw err;
    }
  }

  #patienceWith({ isOwnVersion }: HeldSeat): SeatPatience {
    return isOwnVersion ? this.#patience : this.#patienceWithOthers;
  }

  /** Begins anew for a seat that has moved. */
  #silenceOf({ id, uri }: HeldSeat, askedAt: number): Silence {
    const before = this.#silences.get(id);
    if (before?.uri === uri) return before;
    const since = before === undefined ? askedAt : this.#options.clock.elapsed();
    const silence = { uri, since, misses: 0 };
    this.#silences.set(id, silence);
    return silence;
  }

  /** Takes these seats, but for those that have moved or answered meanwhile; and that which nobody has. */
  async #take(seats: readonly HeldSeat[]): Promise<boolean> {
    const { clock, seat, mayTake } = this.#options;
    if (!mayTake()) return false;
    const freed: HeldSeat[] = [];
    const beganAt = clock.elapsed();
    const taken = await seat()?.take((held) => {
      const isFree =
        clock.elapsed() - beganAt <= ENGINE_AWAY_MS &&
        seats.some(({ id }) => id === held.id) &&
        this.#silences.get(held.id)?.uri === held.uri;
      if (isFree) freed.push(held);
      return isFree;
    });
    if (taken === undefined) return false;
    const now = clock.elapsed();
    this.#takenAt = now;
    for (const patience of new Set(freed.map((held) => this.#patienceWith(held)))) patience.taken(now);
    const since = Math.max(...freed.map(({ id }) => this.#silences.get(id)?.since ?? now));
    if (taken.from !== undefined) this.#unseated = { name: taken.from, since };
    for (const { id } of freed) this.#silences.set(id, { uri: undefined, since: now, misses: 0 });
    return true;
  }
}
