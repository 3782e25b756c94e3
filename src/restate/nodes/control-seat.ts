/**
 * Which node answers for the fleet's own services: one at a time, any of them.
 *
 * The services keep nothing in memory: their state is in the engine, which gives each object one writer wherever its code
 * runs. So the seat needs no election: a node that finds it without an answer (seat-watch.ts) has the engine send the calls
 * to itself, those in flight included. Two that do so at once do no harm.
 */
import type { Logger } from 'pino';
import type { Deployment, EngineAdmin } from '../engine/engine-admin.ts';
import { AGENT, hostOf } from '../engine/names.ts';

export interface ControlSeatOptions {
  readonly admin: Pick<EngineAdmin, 'deployments' | 'register' | 'move'>;
  /** Where this node offers the fleet's services. */
  readonly uri: string;
  /** Tells one version of the fleet's code from another. */
  readonly version: string;
  readonly logger: Logger;
}

/** Where another node answers for the fleet. */
export interface HeldSeat {
  readonly id: string;
  readonly uri: string;
}

/** What came of taking it. */
export interface Taken {
  /** The node that new calls went to, if its seat was taken and the engine knows it. */
  readonly from: string | undefined;
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
    const seats = seatsOf(await admin.deployments());
    if (seats.some(({ metadata }) => metadata[VERSION] === version)) return;
    await admin.register(uri, { metadata: { [VERSION]: version } });
  }

  /** Where other nodes have it. */
  async others(): Promise<readonly HeldSeat[]> {
    return seatsOf(await this.#options.admin.deployments()).filter((seat) => !this.#isOwn(seat));
  }

  /**
   * Takes the seat where it is free, or nobody has it.
   *
   * @param isFree whether the node that has it is to lose it
   * @returns `undefined` where it stays as it is
   */
  async take(isFree: (seat: HeldSeat) => boolean): Promise<Taken | undefined> {
    if (this.#isTaking) return undefined;
    this.#isTaking = true;
    const { admin, uri, version, logger } = this.#options;
    try {
      const deployments = await admin.deployments();
      const seats = seatsOf(deployments);
      if (seats.length === 0) {
        await admin.register(uri, { metadata: { [VERSION]: version } });
        return { from: undefined };
      }
      const current = Math.max(...seats.map(({ revision }) => revision));
      let taken: Taken | undefined;
      for (const seat of seats) {
        if (this.#isOwn(seat) || !isFree(seat)) continue;
        logger.warn(
          { from: seat.uri, to: uri },
          "the fleet's services do not answer: they are here from now on",
        );
        await admin.move(seat.id, uri);
        const from = seat.revision === current ? nodeAt(seat.uri, deployments) : undefined;
        taken = { from: from ?? taken?.from };
      }
      return taken;
    } finally {
      this.#isTaking = false;
    }
  }

  /** Gives it to another node. */
  async giveTo(uri: string): Promise<void> {
    const { admin } = this.#options;
    for (const seat of seatsOf(await admin.deployments())) {
      if (this.#isOwn(seat)) await admin.move(seat.id, uri);
    }
  }

  #isOwn({ uri }: HeldSeat): boolean {
    return withoutSlash(uri) === this.#options.uri;
  }
}

function seatsOf(deployments: readonly Deployment[]): readonly Deployment[] {
  return deployments.filter(({ services }) => services.includes(AGENT));
}

/** The name of the node whose bodies are at the same address. */
function nodeAt(seatUri: string, deployments: readonly Deployment[]): string | undefined {
  const hostUri = withoutSlash(seatUri).replace(/\/control$/, '/host');
  const node = deployments.find(({ uri }) => withoutSlash(uri) === hostUri);
  return node?.services.find((service) => service.startsWith(hostOf('')))?.slice(hostOf('').length);
}

const withoutSlash = (uri: string): string => uri.replace(/\/$/, '');
