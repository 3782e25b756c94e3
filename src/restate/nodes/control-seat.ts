/**
 * Which node answers for the fleet's own services: one at a time, any of them.
 *
 * The services keep nothing in memory: their state is in the engine, which gives each object one writer wherever its code
 * runs. So the seat needs no election: a node that finds it without an answer (seat-watch.ts) has the engine send the calls
 * to itself, those in flight included. Two that do so at once do no harm.
 *
 * Each version of the fleet's code has a seat of its own. New calls go to the newest; an older one keeps the calls that
 * began in it.
 *
 * I1  A seat counts as of the version that answers there now: calls in flight have begun, or gone on, under that.
 * I2  A call without an answer is the doing of the newest seat, where new calls go. If this node has that itself, a call
 *     of an older seat may hold it up: any other seat is suspect then.
 * I3  A node that leaves gives its seats to a node of its version, if there is one; never to one that does not answer for
 *     the fleet. That holds for a seat, too, that it was about to take.
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
  /** Whether that node has the same version of the fleet's code as this one. */
  readonly isOwnVersion: boolean;
  /** Whether a call without an answer may be its doing. */
  readonly isSuspect: boolean;
}

/** What came of taking it. */
export interface Taken {
  /** The node that new calls went to, if its seat was taken and the engine knows it. */
  readonly from: string | undefined;
}

const VERSION = 'mabeam.version';
const CONTROL = 'mabeam.control';

/** How a node marks what it registers with the version of its code, and whether it never answers for the fleet. */
export const markOf = (version: string, control = true): Readonly<Record<string, string>> =>
  control ? { [VERSION]: version } : { [VERSION]: version, [CONTROL]: 'never' };

export class ControlSeat {
  readonly #options: ControlSeatOptions;
  /** Seats that are being taken, and settled: looking for an heir takes long, and holds up no taking. */
  readonly #underWay: { take?: Promise<unknown> | undefined; settle?: Promise<unknown> | undefined } = {};

  constructor(options: ControlSeatOptions) {
    this.#options = options;
  }

  /** Takes the seat if no node of its version has it. */
  async ensure(): Promise<void> {
    const { admin, uri, version } = this.#options;
    const seats = seatsOf(await admin.deployments());
    if (seats.some(({ metadata }) => metadata[VERSION] === version)) return;
    await admin.register(uri, { metadata: markOf(version) });
  }

  /** Where other nodes have it. */
  async others(): Promise<readonly HeldSeat[]> {
    return this.#othersAmong(await this.#options.admin.deployments());
  }

  /** Where other nodes have those of older versions, if this node has the newest; else nothing. */
  async older(): Promise<readonly HeldSeat[]> {
    const others = this.#othersAmong(await this.#options.admin.deployments());
    return others.some(({ isNewest }) => isNewest) ? [] : others;
  }

  /**
   * Moves the seat of a node that is no more: to one of its version that is there, else to this one. One that has moved
   * meanwhile stays.
   *
   * @param mayMove asked right before that
   */
  settle(held: HeldSeat, isThere: (uri: string) => Promise<boolean>, mayMove: () => boolean): Promise<void> {
    return this.#alone('settle', () => this.#settle(held, isThere, mayMove));
  }

  async #settle(
    { id, uri }: HeldSeat,
    isThere: (uri: string) => Promise<boolean>,
    mayMove: () => boolean,
  ): Promise<void> {
    const { admin, logger } = this.#options;
    const deployments = await admin.deployments();
    const heldAmong = (all: readonly Deployment[]) =>
      this.#othersAmong(all).find((seat) => seat.id === id && seat.uri === uri);
    const held = heldAmong(deployments);
    if (held === undefined) return;
    const heirs = deployments.filter(
      ({ metadata }) => metadata[VERSION] === held.version && mayAnswer(metadata),
    );
    let to = this.#options.uri;
    for (const heir of heirs) {
      const seat = controlAt(heir);
      if (seat === undefined || !(await isThere(seat))) continue;
      to = seat;
      break;
    }
    // Looking took its time, and this node may have taken it meanwhile.
    if (heldAmong(await admin.deployments()) === undefined || !mayMove()) return;
    logger.warn({ from: uri, to }, 'the node that answered calls of an older version is gone: another does');
    await admin.move(id, to);
  }

  /**
   * Takes the seat where it is free, or nobody has it.
   *
   * @param isFree whether the node that has it is to lose it
   * @returns `undefined` where it stays as it is
   */
  take(isFree: (seat: HeldSeat) => boolean): Promise<Taken | undefined> {
    return this.#alone('take', () => this.#take(isFree));
  }

  async #take(isFree: (seat: HeldSeat) => boolean): Promise<Taken | undefined> {
    const { admin, uri, version, logger } = this.#options;
    const deployments = await admin.deployments();
    const seats = seatsOf(deployments);
    if (seats.length === 0) {
      await admin.register(uri, { metadata: markOf(version) });
      return { from: undefined };
    }
    let taken: Taken | undefined;
    for (const seat of this.#othersAmong(deployments)) {
      if (!isFree(seat)) continue;
      logger.warn(
        { from: seat.uri, to: uri },
        "the fleet's services do not answer: they are here from now on",
      );
      await admin.move(seat.id, uri);
      const from = seat.isNewest ? nodeAt(seat.uri, deployments) : undefined;
      taken = { from: from ?? taken?.from };
    }
    return taken;
  }

  /** Does nothing while another of its kind is under way. */
  async #alone<Value>(what: 'take' | 'settle', move: () => Promise<Value>): Promise<Value | undefined> {
    if (this.#underWay[what] !== undefined) return undefined;
    const moving = move();
    this.#underWay[what] = moving;
    try {
      return await moving;
    } finally {
      this.#underWay[what] = undefined;
    }
  }

  /** Gives its seats to one of these nodes, as the engine knows where their bodies are. */
  async giveToOneOf(nodes: readonly Deployment[]): Promise<void> {
    const { admin, version } = this.#options;
    // That it failed is told to who has begun it.
    await Promise.allSettled([this.#underWay.take, this.#underWay.settle]);
    const heirs = nodes.filter(({ metadata }) => mayAnswer(metadata));
    const [own, others] = [true, false].map((isOwn) =>
      heirs.filter(({ metadata }) => (metadata[VERSION] === version) === isOwn),
    );
    const uris = [...own!, ...others!].map(controlAt).filter((uri) => uri !== undefined);
    if (uris.length === 0) return;
    for (const seat of seatsOf(await admin.deployments())) {
      if (this.#isOwn(seat)) await this.#give(seat, uris);
    }
  }

  /** Moves it to the first that the engine finds there. */
  async #give({ id }: Deployment, uris: readonly string[]): Promise<void> {
    let failure: unknown;
    for (const uri of uris) {
      try {
        return await this.#options.admin.move(id, uri);
      } catch (thrown) {
        failure = thrown;
      }
    }
    throw failure;
  }

  #othersAmong(deployments: readonly Deployment[]) {
    const seats = seatsOf(deployments);
    const revision = Math.max(...seats.map((seat) => seat.revision));
    const hasNewest = seats.some((seat) => seat.revision === revision && this.#isOwn(seat));
    return seats
      .filter((seat) => !this.#isOwn(seat))
      .map((seat) => {
        const isNewest = seat.revision === revision;
        // Where the engine has forgotten the node, the seat alone has a mark.
        const version = hostAt(seat.uri, deployments)?.metadata[VERSION] ?? seat.metadata[VERSION];
        const isOwnVersion = version === this.#options.version;
        const isSuspect = isNewest || hasNewest;
        return { id: seat.id, uri: seat.uri, version, isNewest, isOwnVersion, isSuspect };
      });
  }

  #isOwn({ uri }: Pick<Deployment, 'uri'>): boolean {
    return withoutSlash(uri) === this.#options.uri;
  }
}

function seatsOf(deployments: readonly Deployment[]): readonly Deployment[] {
  return deployments.filter(({ services }) => services.includes(AGENT));
}

const mayAnswer = (metadata: Deployment['metadata']): boolean => metadata[CONTROL] === undefined;

/** Where the node with these bodies has, or would have, the seat; `undefined` for what is no node's bodies. */
function controlAt({ uri }: Deployment): string | undefined {
  const hostUri = withoutSlash(uri);
  return hostUri.endsWith('/host') ? hostUri.replace(/\/host$/, '/control') : undefined;
}

/** The bodies of the node that has a seat: they are at the same address. */
function hostAt(seatUri: string, deployments: readonly Deployment[]): Deployment | undefined {
  const hostUri = withoutSlash(seatUri).replace(/\/control$/, '/host');
  return deployments.find(({ uri }) => withoutSlash(uri) === hostUri);
}

/** The name of the node that has a seat. */
function nodeAt(seatUri: string, deployments: readonly Deployment[]): string | undefined {
  const services = hostAt(seatUri, deployments)?.services;
  return services?.find((service) => service.startsWith(hostOf('')))?.slice(hostOf('').length);
}

const withoutSlash = (uri: string): string => uri.replace(/\/$/, '');
