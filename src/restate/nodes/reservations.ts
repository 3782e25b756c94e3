/**
 * Which agents have a place on which node, and which wait for one to restart: the state of `mabeam_nodes`, for one step.
 *
 * Reads what a step needs, once, and writes at its end what has changed. Decides nothing: placement.ts does.
 *
 * I1  A reservation is one agent's: a later one of the same agent replaces it, and frees its place.
 * I2  What is read of all agents takes one round trip to the engine, not one for each.
 */
import type { ObjectContext, ObjectSharedContext } from '@restatedev/restate-sdk';
import type { ParsedAgentSpec } from '../../machines/index.ts';
import { bucketOf } from '../engine/names.ts';
import { wire, wireOf } from '../engine/wire.ts';
import {
  decidePlacement,
  leavePlace,
  type NodeEntry,
  type Occupant,
  type Placement,
  takePlace,
} from './placement.ts';

export type Place = { readonly placement: Placement } | { readonly problem: string };

/** A node of the fleet, as it is kept. */
export interface KnownNode extends NodeEntry {
  readonly leaseMs: number;
  /** When it was asked last whether it is there, epoch ms. */
  probedAt?: number | undefined;
}

/** What rounds need to know of one that runs and declared variables. */
export interface Voting {
  readonly variables: readonly string[];
  readonly coordination: ParsedAgentSpec['coordination'];
}

/** One agent on one node. */
export interface Reservation extends Placement, Omit<Occupant, 'agentId'> {
  voter?: Voting | undefined;
}

export interface Roster {
  nodes: KnownNode[];
  /** When the next look is due, epoch ms. */
  sweepAt: number | undefined;
}

export interface Restarts {
  /** Agents that have a permit. */
  readonly out: readonly string[];
  readonly waiting: readonly Occupant[];
}

type Bucket = Record<string, Reservation>;

const BUCKETS = 128;
const ROSTER = 'roster';
const RESTARTS = 'restarts';
const bucketKey = (number: number): string => `bucket ${number}`;
const numberOf = (agentId: string): number => bucketOf(agentId, BUCKETS);

type Reading = Pick<ObjectSharedContext, 'get'>;

export async function rosterOf(ctx: Reading): Promise<Roster> {
  return (await ctx.get(ROSTER, wireOf<Roster>())) ?? { nodes: [], sweepAt: undefined };
}

/** Every reservation there is. */
export async function allReservations(
  ctx: Reading,
): Promise<readonly (readonly [agentId: string, Reservation])[]> {
  return (await readAll(ctx)).flatMap((bucket) => Object.entries(bucket));
}

function readAll(ctx: Reading): Promise<Bucket[]> {
  return Promise.all(Array.from({ length: BUCKETS }, (_, number) => read(ctx, number)));
}

async function read(ctx: Reading, number: number): Promise<Bucket> {
  return (await ctx.get(bucketKey(number), wireOf<Bucket>())) ?? Object.create(null);
}

export class Reservations {
  readonly #ctx: ObjectContext;
  readonly #buckets = new Map<number, Bucket>();
  readonly #changed = new Set<number>();
  readonly roster: Roster;
  #isRosterChanged = false;
  #restarts: Restarts | undefined;

  private constructor(ctx: ObjectContext, roster: Roster) {
    this.#ctx = ctx;
    this.roster = roster;
  }

  static async open(ctx: ObjectContext): Promise<Reservations> {
    return new Reservations(ctx, await rosterOf(ctx));
  }

  nodeOf(epoch: string): KnownNode | undefined {
    return this.roster.nodes.find((node) => node.epoch === epoch);
  }

  /** Has the roster kept at the end of the step. */
  changeRoster(): void {
    this.#isRosterChanged = true;
  }

  async restarts(): Promise<Restarts> {
    return (this.#restarts ??= (await this.#ctx.get(RESTARTS, wireOf<Restarts>())) ?? {
      out: [],
      waiting: [],
    });
  }

  changeRestarts(restarts: Restarts): void {
    this.#restarts = restarts;
    this.#ctx.set(RESTARTS, restarts, wire);
  }

  async get(agentId: string): Promise<Reservation | undefined> {
    return (await this.#bucket(numberOf(agentId)))[agentId];
  }

  /** Puts an agent on the node that fits it best; where none does, it has no place any more. */
  async reserve(occupant: Occupant): Promise<Place> {
    const { agentId, ...asked } = occupant;
    await this.free(agentId);
    const decision = decidePlacement(this.roster.nodes, occupant);
    if ('problem' in decision) return decision;
    const { node } = decision;
    takePlace(node, occupant);
    this.changeRoster();
    const placement = { node: node.name, epoch: node.epoch };
    await this.change(agentId, { ...placement, ...asked });
    return { placement };
  }

  async change(agentId: string, reservation: Reservation): Promise<void> {
    const number = numberOf(agentId);
    (await this.#bucket(number))[agentId] = reservation;
    this.#changed.add(number);
  }

  /** Its place is free. */
  async free(agentId: string): Promise<void> {
    const number = numberOf(agentId);
    const bucket = await this.#bucket(number);
    const reservation = bucket[agentId];
    if (reservation === undefined) return;
    delete bucket[agentId];
    this.#changed.add(number);
    const node = this.nodeOf(reservation.epoch);
    if (node === undefined) return;
    leavePlace(node, reservation);
    this.changeRoster();
  }

  /** All that are on one life of a node. */
  async on(epoch: string): Promise<readonly (readonly [agentId: string, Reservation])[]> {
    if (this.#buckets.size < BUCKETS) {
      const all = await readAll(this.#ctx);
      for (const [number, bucket] of all.entries()) {
        if (!this.#buckets.has(number)) this.#buckets.set(number, bucket);
      }
    }
    return [...this.#buckets.values()]
      .flatMap((bucket) => Object.entries(bucket))
      .filter(([, reservation]) => reservation.epoch === epoch);
  }

  /** Writes what has changed. */
  keep(): void {
    for (const number of this.#changed) this.#ctx.set(bucketKey(number), this.#buckets.get(number)!, wire);
    this.#changed.clear();
    if (this.#isRosterChanged) this.#ctx.set(ROSTER, this.roster, wire);
    this.#isRosterChanged = false;
  }

  async #bucket(number: number): Promise<Bucket> {
    const known = this.#buckets.get(number);
    if (known !== undefined) return known;
    const bucket = await read(this.#ctx, number);
    this.#buckets.set(number, bucket);
    return bucket;
  }
}
