/**
 * Which node answers for the fleet's own services: one at a time, any of them.
 *
 * The services keep nothing in memory: their state is in the engine, which gives each object one writer wherever its code
 * runs. So the seat needs no election: a node that finds it without an answer has the engine send the calls to itself,
 * those in flight included. Two that do so at once do no harm.
 */
import type { Logger } from 'pino';
import type { EngineAdmin } from '../engine/engine-admin.ts';
import { AGENT } from '../engine/names.ts';

export interface ControlSeatOptions {
  readonly admin: EngineAdmin;
  /** Where this node offers the fleet's services. */
  readonly uri: string;
  /** Tells one version of the fleet's code from another. */
  readonly version: string;
  readonly logger: Logger;
}

const VERSION = 'mabeam.version';

export class ControlSeat {
  readonly #options: ControlSeatOptions;
  #isTaking = false;

  constructor(options: ControlSeatOptions) {
    this.#options = options;
  }

  /** Takes the seat if no node of its version has it. */
  async ensure(): Promise<void> {
    const { admin, uri, version } = this.#options;
    const seats = await this.#seats();
    if (seats.some(({ metadata }) => metadata[VERSION] === version)) return;
    await admin.register(uri, { metadata: { [VERSION]: version } });
  }

  /** Takes the seat: the node that had it does not answer. @returns whether it was elsewhere, and is here now */
  async take(): Promise<boolean> {
    if (this.#isTaking) return false;
    this.#isTaking = true;
    const { admin, uri, version, logger } = this.#options;
    try {
      const seats = await this.#seats();
      if (seats.length === 0) {
        await admin.register(uri, { metadata: { [VERSION]: version } });
        return true;
      }
      let hasMoved = false;
      for (const seat of seats) {
        if (seat.uri === uri || seat.uri === `${uri}/`) continue;
        logger.warn(
          { from: seat.uri, to: uri },
          "the fleet's services do not answer: they are here from now on",
        );
        await admin.move(seat.id, uri);
        hasMoved = true;
      }
      return hasMoved;
    } finally {
      this.#isTaking = false;
    }
  }

  /** Gives it to another node. */
  async giveTo(uri: string): Promise<void> {
    const own = this.#options.uri;
    for (const seat of await this.#seats()) {
      if (seat.uri === own || seat.uri === `${own}/`) await this.#options.admin.move(seat.id, uri);
    }
  }

  async #seats() {
    const deployments = await this.#options.admin.deployments();
    return deployments.filter(({ services }) => services.includes(AGENT));
  }
}
