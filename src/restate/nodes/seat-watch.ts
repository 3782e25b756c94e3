/**
 * What a node does about calls that nobody answers for the fleet: in time it takes the seat.
 *
 * I1  One call without an answer is enough where nobody is at the address of the seat, as this node finds it, either. Where
 *     somebody is, but does not answer calls, it takes several (seat-patience.ts): mostly such a node is only busy.
 * I2  Time by which this program itself was held up is nobody's silence. That an address refuses is no silence: it counts
 *     also then.
 * I3  A seat that has another holder meanwhile is left to that, which has its whole time to answer: one node takes it.
 * I4  The seat of another version goes to a node of that version first: this one waits for it twice as long, whoever is at
 *     its address. Then it takes it, for there may be no such node.
 * I5  Each seat is counted for itself, and only while the silence may be its doing (control-seat.ts): none is taken merely
 *     because another is silent.
 * I6  While the engine itself stands still, nothing is a seat's silence: one that does not say in time who has the seats
 *     has not sent them the calls either.
 * I7  A node that has taken the seat twice lately looks twice whether nobody is at its address: one that is busy is silent
 *     for a while, too. One whose address refuses is no more, and loses the seat at once, however often that happens.
 * I8  A call that is made again is waited for twice as long as the one before, until there is an answer: those that were given
 *     up are still in the engine's queue, and where that takes longer than a call is waited for none would ever be answered.
 */
import type { Logger } from 'pino';
import type { SteadyClock } from '../../runtime/time/clock.ts';
import { type AddressState, checkAddress } from './address-check.ts';
import type { ControlSeat, HeldSeat } from './control-seat.ts';
import type { Unseated } from './node-watch.ts';
import { OTHER_MISSES, OWN_MISSES, SeatPatience } from './seat-patience.ts';

/** A call without an answer for so long is a miss, and for twice as long two. */
export const MISSED_MS = 750;
/** After so long it is time to see whether somebody is there at all, and again with each miss. */
export const DOUBT_MS = 500;
/** After so many misses the call is made again: it may be lost. */
const LOST_MISSES = 5;
const MOST_LOST_MISSES = 16 * LOST_MISSES;
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
  /** How often, one time after the other, its address was silent, too. */
  silentLooks: number;
}

export class SeatWatch {
  readonly #options: SeatWatchOptions;
  readonly #check: (url: string, withinMs: number) => Promise<AddressState>;
  readonly #patience = new SeatPatience(OWN_MISSES);
  readonly #patienceWithOthers = new SeatPatience(OTHER_MISSES);
  /** How many calls in a row were missed. */
  #misses = 0;
  /** After how many misses the call under way is made again. */
  #lostMisses = LOST_MISSES;
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

  /** The fleet knows that this node was unseated. Another may have been meanwhile. */
  told(name: string): void {
    if (this.#unseated?.name === name) this.#unseated = undefined;
  }

  /**
   * Waits for the answer to a call of the fleet's services, and takes the seat once it is time for that.
   *
   * @throws what the call has failed with, or that it is to be made again
   */
  async answerTo<Answer>(call: (signal: AbortSignal) => Promise<Answer>): Promise<Answer> {
    const over = new AbortController();
    const waiting = this.#begin(over);
    try {
      const answer = await call(over.signal);
      this.#countAnew();
      this.#lostMisses = LOST_MISSES;
      return answer;
    } catch (err) {
      // The engine has refused it: that is a miss, too.
      if (!over.signal.aborted) await this.#missed(waiting.since, over);
      throw err;
    } finally {
      for (const timer of waiting.timers) this.#options.clock.clearTimeout(timer);
    }
  }

  /** Counts the misses of a call until that is over. */
  #begin(over: AbortController) {
    const { clock } = this.#options;
    const waiting = {
      /** When what may become the next miss began. */
      since: 0,
      timers: [] as readonly unknown[],
    };
    const wait = (misses: number): void => {
      const since = clock.elapsed();
      const miss = (): void => {
        void this.#missed(since, over);
        if (misses + 1 < this.#lostMisses) return wait(misses + 1);
        over.abort(new Error(`no answer in ${this.#lostMisses * MISSED_MS} ms`));
        this.#lostMisses = Math.min(this.#lostMisses * 2, MOST_LOST_MISSES);
      };
      waiting.since = since;
      waiting.timers = [
        clock.setTimeout(() => void this.#doubt(since, over), DOUBT_MS),
        clock.setTimeout(miss, MISSED_MS),
      ];
    };
    wait(0);
    return waiting;
  }

  #wasHeldUp(since: number, dueMs: number): boolean {
    return this.#options.clock.elapsed() - since > dueMs + HELD_UP_MS;
  }

  #countAnew(): void {
    this.#misses = 0;
    this.#silences.clear();
  }

  /** What was missed so far may be this program's own doing. */
  #forgive(): void {
    this.#misses = 0;
    this.#unseated = undefined;
    const since = this.#options.clock.elapsed();
    for (const [id, { uri }] of this.#silences)
      this.#silences.set(id, { uri, since, misses: 0, silentLooks: 0 });
  }

  /** Takes a seat of this version where nobody is. The call is then made again, with who was unseated. */
  async #doubt(since: number, over: AbortController): Promise<void> {
    const { clock, logger } = this.#options;
    const wasHeldUp = this.#wasHeldUp(since, DOUBT_MS);
    try {
      const others = await this.#others();
      const before = new Map(others.map((other) => [other.id, this.#silenceOf(other, since)]));
      const own = others.filter(({ isOwnVersion }) => isOwnVersion);
      const found = await Promise.all(own.map(({ uri }) => this.#check(uri, SILENT_MS)));
      const dead = own.filter((_, index) => found[index] === 'refuses');
      const silentLooks = this.#patience.isFresh(clock.elapsed()) ? 1 : 2;
      const silent = own.filter(({ id, uri }, index) => {
        // There is none where the call was answered meanwhile, and another where the seat has moved, or this node was held up.
        const silence = this.#silences.get(id);
        if (wasHeldUp || silence?.uri !== uri || silence !== before.get(id)) return false;
        silence.silentLooks = found[index] === 'silent' ? silence.silentLooks + 1 : 0;
        return silence.silentLooks >= silentLooks;
      });
      const empty = [...dead, ...silent];
      if (empty.length > 0 && (await this.#take(empty, dead))) over.abort(new Error('the seat was taken'));
    } catch (err) {
      logger.debug({ err }, 'it could not be seen who has the seat');
    }
  }

  async #missed(since: number, over: AbortController): Promise<void> {
    const { clock, logger } = this.#options;
    if (this.#wasHeldUp(since, MISSED_MS)) return this.#forgive();
    // It was another's time that this call has waited for.
    if (since < this.#takenAt) return;
    this.#misses += 1;
    try {
      const others = await this.#others();
      const now = clock.elapsed();
      const lost = others.filter((other) => {
        const silence = this.#silenceOf(other, since);
        if (other.isSuspect && since >= silence.since) silence.misses += 1;
        return this.#patienceWith(other).isOver(silence.misses, now);
      });
      const hasNobody = others.length === 0 && this.#patience.isOver(this.#misses, now);
      if ((lost.length > 0 || hasNobody) && (await this.#take(lost)))
        over.abort(new Error('the seat was taken'));
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
    const silence = { uri, since, misses: 0, silentLooks: 0 };
    this.#silences.set(id, silence);
    return silence;
  }

  /**
   * Takes these seats, but for those that have moved or answered meanwhile; and that which nobody has.
   *
   * @param dead whose node is no more: that it lost the seat says nothing of how busy it was
   */
  async #take(seats: readonly HeldSeat[], dead: readonly HeldSeat[] = []): Promise<boolean> {
    const { clock, seat, mayTake } = this.#options;
    if (!mayTake()) return false;
    const freed: HeldSeat[] = [];
    const beganAt = clock.elapsed();
    const taken = await seat()?.take((held) => {
      const isFree =
        mayTake() &&
        clock.elapsed() - beganAt <= ENGINE_AWAY_MS &&
        seats.some(({ id, uri }) => id === held.id && uri === held.uri) &&
        this.#silences.get(held.id)?.uri === held.uri;
      if (isFree) freed.push(held);
      return isFree;
    });
    if (taken === undefined) return false;
    const now = clock.elapsed();
    this.#takenAt = now;
    const busy = freed.filter((held) => !dead.some(({ id }) => id === held.id));
    for (const patience of new Set(busy.map((held) => this.#patienceWith(held)))) patience.taken(now);
    const since = Math.max(...freed.map(({ id }) => this.#silences.get(id)?.since ?? now));
    if (taken.from !== undefined) this.#unseated = { name: taken.from, since };
    for (const { id } of freed)
      this.#silences.set(id, { uri: undefined, since: now, misses: 0, silentLooks: 0 });
    return true;
  }
}
