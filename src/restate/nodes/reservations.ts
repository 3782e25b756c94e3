/**
 * Which agents have a place on which node: the state of `mabeam_nodes`, for one step.
 *
 * Reads what a step needs, once, and writes at its end what has changed. Decides nothing: placement.ts does. Those that
 * wait for a place to restart are kept by restart-queue.ts.
 *
 * I1  A reservation is one agent's: a later one of the same agent replaces it, and frees its place.
 * I2  What is read of several agents takes one round trip to the engine, not one for each.
 * I3  A permit to restart goes with its reservation: it is free again when the place is, at the latest.
 * I4  One that was taken back is out no longer: what its agent gives back later is nothing.
 */
import type { ObjectContext, ObjectSharedContext } from '@restatedev/restate-sdk';
import type { ParsedAgentSpec } from '../../machines/index.ts';
import { bucketOf } from '../engine/names.ts';
import { getAll } from '../engine/state-reads.ts';
import { wire, wireOf } from '../engine/wire.ts';
import {
  decidePlacement,
  leavePlace,
  type NodeEntry,
  type Occupant,
  type Placement,
  takePlace,
} from './placement.ts';
import { RestartQueue } from './restart-queue.ts';

export type Place = { readonly placement: Placement } | { readonly problem: string };

/** A node of the fleet, as it is kept. */
export interface KnownNode extends NodeEntry {
  readonly leaseMs: number;
  /** How much later `beatAt` is than its last sign of life: the watch was late. */
  forgivenMs?: number;
  /** When the engine reached it last, epoch ms. */
  reachedAt?: number;
  /** It says itself when the engine reached it. */
  tellsReach?: true;
  /** When it was sent a message to tell of, epoch ms; nothing once it was reached. */
  askedAt?: number | undefined;
  /** When it was probed, epoch ms; nothing once it has answered, or the engine was refused. */
  probedAt?: number | undefined;
  /** How many probes in a row had no answer. */
  probes?: number | undefined;
  /** When it answered a probe first since it was heard of, epoch ms. */
  answeredAt?: number | undefined;
  /** When it was first asked or probed since it was reached last, epoch ms. */
  doubtedAt?: number | undefined;
  /** How many changes of variables it did not answer for. */
  missed?: number;
}

/** What rounds need to know of one that runs and declared variables. */
export interface Voting {
  readonly variables: readonly string[];
  readonly coordination: ParsedAgentSpec['coordination'];
}

/** One agent on one node. */
export interface Reservation extends Placement, Omit<Occupant, 'agentId'> {
  voter?: Voting | undefined;
  /** It is on its way back. */
  hasPermit?: true | undefined;
  /** Since about when, epoch ms. */
  permitAt?: number | undefined;
}

export interface Roster {
  nodes: KnownNode[];
  /** When the next look is due, epoch ms. */
  sweepAt: number | undefined;
  /** How many have a permit to restart. */
  permits: number;
  /** Since when none was free while agents waited for one, or for which time permits were taken back last, epoch ms. */
  stormAt?: number | undefined;
  /** Parts of the queue of those that wait for one. */
  queue: readonly number[];
  /** Nodes that have left, or died, and since when, epoch ms. */
  gone: readonly GoneNode[];
  /** How often coordination has gone, or come back: those who get a place are told. */
  turns?: number;
  /** Buckets whose voters have changed since they were listed (voter-list.ts); nothing while there is no list. */
  unlisted?: readonly number[];
}

/** A node that is no more: it left of its own accord, or was lost. */
export interface GoneNode {
  readonly name: string;
  /** Epoch ms. */
  readonly at: number;
  readonly how: 'left' | 'lost';
}

/** Made anew each time: a step changes its lists. */
const noNodes = (): Roster => ({ nodes: [], sweepAt: undefined, permits: 0, queue: [], gone: [] });

export type Bucket = Record<string, Reservation>;

const BUCKETS = 128;
export const ROSTER = 'roster';
const bucketKey = (number: number): string => `bucket ${number}`;
const numberOf = (agentId: string): number => bucketOf(agentId, BUCKETS);

type Reading = Pick<ObjectSharedContext, 'get'>;

export async function rosterOf(ctx: Reading): Promise<Roster> {
  return { ...noNodes(), ...(await ctx.get(ROSTER, wireOf<Roster>())) };
}

/** Every reservation there is. */
export async function allReservations(
  ctx: Reading,
): Promise<readonly (readonly [agentId: string, Reservation])[]> {
  return (await readBuckets(ctx, ALL_BUCKETS)).flatMap((bucket) => Object.entries(bucket));
}

export const ALL_BUCKETS: readonly number[] = Array.from({ length: BUCKETS }, (_, number) => number);

export async function readBuckets(ctx: Reading, numbers: readonly number[]): Promise<Bucket[]> {
  const kept = await getAll<Bucket>(ctx, numbers.map(bucketKey));
  return kept.map((bucket) => bucket ?? Object.create(null));
}

export class Reservations {
  readonly #ctx: ObjectContext;
  readonly #buckets = new Map<number, Bucket>();
  readonly #changed = new Set<number>();
  readonly roster: Roster;
  /** Those that wait for a place to restart. */
  readonly queue: RestartQueue;
  #isRosterChanged = false;

  private constructor(ctx: ObjectContext, roster: Roster) {
    this.#ctx = ctx;
    this.roster = roster;
    this.queue = new RestartQueue(ctx, roster.queue);
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

  /** Reads what is kept of these, in one round trip. */
  async prepare(agentIds: readonly string[]): Promise<void> {
    const numbers = [...new Set(agentIds.map(numberOf))].filter((number) => !this.#buckets.has(number));
    if (numbers.length === 0) return;
    const buckets = await readBuckets(this.#ctx, numbers);
    for (const [index, number] of numbers.entries()) this.#buckets.set(number, buckets[index]!);
  }

  async get(agentId: string): Promise<Reservation | undefined> {
    return (await this.#bucket(numberOf(agentId)))[agentId];
  }

  /**
   * Puts an agent on the node that fits it best; where none does, it has no place any more.
   *
   * @param hasPermit whether it restarts
   */
  async reserve(occupant: Occupant, hasPermit?: true): Promise<Place> {
    const { agentId, ...asked } = occupant;
    await this.free(agentId);
    const decision = decidePlacement(this.roster.nodes, occupant);
    if ('problem' in decision) return decision;
    const { node } = decision;
    takePlace(node, occupant);
    this.changeRoster();
    const placement = { node: node.name, epoch: node.epoch };
    if (hasPermit) this.roster.permits += 1;
    // The time of the next look is near enough, and costs no question.
    const permitAt = hasPermit && this.roster.sweepAt;
    await this.change(agentId, { ...placement, ...asked, hasPermit, permitAt });
    const { turns } = this.roster;
    return { placement: turns === undefined ? placement : { ...placement, turns } };
  }

  /** Its start is over. */
  async release(agentId: string): Promise<void> {
    const { hasPermit, permitAt: _, ...reservation } = (await this.get(agentId)) ?? {};
    if (hasPermit === undefined) return;
    this.roster.permits -= 1;
    this.changeRoster();
    await this.change(agentId, reservation as Reservation);
  }

  async change(agentId: string, reservation: Reservation): Promise<void> {
    const number = numberOf(agentId);
    const bucket = await this.#bucket(number);
    this.#unlist(number, bucket[agentId]?.voter ?? reservation.voter);
    bucket[agentId] = reservation;
    this.#changed.add(number);
  }

  /** Its place is free. */
  async free(agentId: string): Promise<void> {
    const number = numberOf(agentId);
    const bucket = await this.#bucket(number);
    const reservation = bucket[agentId];
    if (reservation === undefined) return;
    this.#unlist(number, reservation.voter);
    delete bucket[agentId];
    this.#changed.add(number);
    if (reservation.hasPermit) this.roster.permits -= 1;
    const node = this.nodeOf(reservation.epoch);
    if (node !== undefined) leavePlace(node, reservation);
    this.changeRoster();
  }

  /** Permits that were out at that time, epoch ms, count no longer. Their agents go on starting. */
  async reclaim(until: number): Promise<void> {
    for (const [agentId, { hasPermit, permitAt = 0 }] of await this.#all())
      if (hasPermit && permitAt <= until) await this.release(agentId);
  }

  /** All that are on one life of a node. */
  async on(epoch: string): Promise<readonly (readonly [agentId: string, Reservation])[]> {
    return (await this.#all()).filter(([, reservation]) => reservation.epoch === epoch);
  }

  async #all(): Promise<readonly (readonly [agentId: string, Reservation])[]> {
    if (this.#buckets.size < BUCKETS) {
      const all = await readBuckets(this.#ctx, ALL_BUCKETS);
      for (const [number, bucket] of all.entries()) {
        if (!this.#buckets.has(number)) this.#buckets.set(number, bucket);
      }
    }
    return [...this.#buckets.values()].flatMap((bucket) => Object.entries(bucket));
  }

  /** Writes what has changed: once, at the end of the step. */
  keep(): void {
    for (const number of this.#changed) this.#ctx.set(bucketKey(number), this.#buckets.get(number)!, wire);
    this.queue.keep();
    const { roster, queue } = this;
    if (this.#isRosterChanged || queue.parts !== roster.queue) {
      this.#ctx.set(ROSTER, { ...roster, queue: queue.parts } satisfies Roster, wire);
    }
  }

  /** What is listed of a bucket with this voter is no longer so. */
  #unlist(number: number, voter: Voting | undefined): void {
    const { unlisted } = this.roster;
    if (voter === undefined || unlisted === undefined || unlisted.includes(number)) return;
    this.roster.unlisted = [...unlisted, number];
    this.changeRoster();
  }

  async #bucket(number: number): Promise<Bucket> {
    const known = this.#buckets.get(number);
    if (known !== undefined) return known;
    const bucket = (await this.#ctx.get(bucketKey(number), wireOf<Bucket>())) ?? Object.create(null);
    this.#buckets.set(number, bucket);
    return bucket;
  }
}
