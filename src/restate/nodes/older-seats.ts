/**
 * The seats of older versions. New calls do not go there, so nobody misses an answer when the node that has one dies, and the
 * calls that began in it would wait for ever: the node with the newest seat sees to them.
 *
 * I1  A seat is moved once nobody was at its address twice in a row, some time apart: a node that is busy is silent for
 *     a while, too.
 * I2  It goes to a node of its version, if one is there, and else to this one (control-seat.ts).
 * I3  A node that may not answer for the fleet any more, such as one that leaves, moves none.
 */
import type { Logger } from 'pino';
import type { SteadyClock } from '../../runtime/time/clock.ts';
import { checkAddress } from './address-check.ts';
import type { ControlSeat } from './control-seat.ts';

/** How often they are looked at, ms. */
export const LOOK_EVERY_MS = 2_000;
/** Somebody who is there answers sooner than this. */
const SILENT_MS = 500;

export interface OlderSeatsOptions {
  readonly clock: SteadyClock;
  readonly seat: Pick<ControlSeat, 'older' | 'settle'>;
  /** Whether this node may answer for the fleet now. */
  readonly mayTake: () => boolean;
  readonly logger: Logger;
  readonly check?: typeof checkAddress;
}

export class OlderSeats {
  readonly #options: OlderSeatsOptions;
  readonly #check: typeof checkAddress;
  /** When the last look was over; `Infinity` during one. */
  #lookedAt: number;
  /** Where nobody was at the last look. */
  #empty: ReadonlySet<string> = new Set();

  constructor(options: OlderSeatsOptions) {
    this.#options = options;
    this.#check = options.check ?? checkAddress;
    this.#lookedAt = options.clock.elapsed();
  }

  /** Looks at them if it is time for that. Called with each call of the fleet's services that this node answers. */
  async look(): Promise<void> {
    const { clock, seat, mayTake, logger } = this.#options;
    if (clock.elapsed() - this.#lookedAt < LOOK_EVERY_MS || !mayTake()) return;
    this.#lookedAt = Infinity;
    try {
      const seats = await seat.older();
      const areThere = await Promise.all(seats.map(({ uri }) => this.#isThere(uri)));
      const absent = seats.filter((_, index) => !areThere[index]);
      const before = this.#empty;
      this.#empty = new Set(absent.map(({ uri }) => uri));
      for (const held of absent)
        if (before.has(held.uri)) await seat.settle(held, (uri) => this.#isThere(uri), mayTake);
    } catch (err) {
      logger.debug({ err }, 'it could not be seen who has the seats of older versions');
    } finally {
      this.#lookedAt = clock.elapsed();
    }
  }

  async #isThere(uri: string): Promise<boolean> {
    return (await this.#check(uri, SILENT_MS)) === 'answers';
  }
}
