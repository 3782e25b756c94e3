/**
 * The nodes of the fleet: who is alive, what is reserved where, and who may restart.
 *
 * Owns the reservations. What is decided is placement.ts'; an agent's life is the agent's.
 *
 * I1  A node that has not been heard of for its lease is gone: its agents are told, and what it says from then on is
 *     of an epoch that has ended.
 * I2  Time in which nothing was heard of anybody, because the engine or this service was away, counts for nobody's end.
 * I3  At most `MAX_RESTARTS` agents are on their way back at once; the others wait, first in, first out.
 * I4  No step looks at more agents than the one it is for, but for the end of a node and the list of voters.
 */
import { handlers, object, type ObjectContext, type ObjectSharedContext } from '@restatedev/restate-sdk';
import type { ParsedAgentSpec } from '../../machines/index.ts';
import { send, toAgent, toNodes } from '../engine/calls.ts';
import { bucketOf, NODES } from '../engine/names.ts';
import { decidePlacement, type NodeEntry, type Occupant, type Placement } from './placement.ts';
import { fleetOptions } from '../engine/service-options.ts';
import { wire, wireOf } from '../engine/wire.ts';

/** How often ends are looked for, ms. */
const SWEEP_MS = 250;
/** A look that is later than this was held up, and so may all that it looks for. */
const HELD_UP_MS = 1_500;
/** Every node that lives has said so within this, once it can be heard again. */
const GRACE_MS = 800;
const MAX_RESTARTS = 32;
const BUCKETS = 128;

export type Place = { readonly placement: Placement } | { readonly problem: string };

/** A node as it says itself. */
export interface JoiningNode {
  readonly name: string;
  readonly epoch: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly types: readonly string[];
  readonly maxAgents: number;
  readonly maxMemoryBytes: number;
  readonly leaseMs: number;
}

type KnownNode = NodeEntry & { readonly leaseMs: number };

/** One agent on one node. */
interface Reservation extends Placement {
  readonly incarnation: number;
  readonly memoryBytes: number;
  /** Of one that runs and declared variables: what rounds need to know. */
  voter?:
    | { readonly variables: readonly string[]; readonly coordination: ParsedAgentSpec['coordination'] }
    | undefined;
}

type Bucket = Record<string, Reservation>;

/** A voter of a round, and where it is. */
export interface SeatedVoter {
  readonly agentId: string;
  readonly incarnation: number;
  readonly node: string;
  readonly coordination: ParsedAgentSpec['coordination'];
}

interface Roster {
  nodes: KnownNode[];
  /** When the next look is due, epoch ms. */
  sweepAt: number | undefined;
}

interface Restarts {
  /** Agents that have a permit. */
  readonly out: string[];
  readonly waiting: Occupant[];
}

const ROSTER = 'roster';
const RESTARTS = 'restarts';
const bucketKey = (agentId: string): string => `bucket ${bucketOf(agentId, BUCKETS)}`;

type Shared = ObjectSharedContext;

async function rosterOf(ctx: Shared): Promise<Roster> {
  return (await ctx.get(ROSTER, wireOf<Roster>())) ?? { nodes: [], sweepAt: undefined };
}

async function restartsOf(ctx: Shared): Promise<Restarts> {
  return (await ctx.get(RESTARTS, wireOf<Restarts>())) ?? { out: [], waiting: [] };
}

async function bucketFor(ctx: Shared, agentId: string): Promise<Bucket> {
  return (await ctx.get(bucketKey(agentId), wireOf<Bucket>())) ?? Object.create(null);
}

async function reserve(ctx: ObjectContext, roster: Roster, occupant: Occupant): Promise<Place> {
  const { agentId, incarnation, memoryBytes } = occupant;
  const bucket = await bucketFor(ctx, agentId);
  free(roster, bucket[agentId]);
  const decision = decidePlacement(roster.nodes, occupant);
  if ('problem' in decision) {
    delete bucket[agentId];
    ctx.set(bucketKey(agentId), bucket, wire);
    return decision;
  }
  const { node } = decision;
  node.agents += 1;
  node.memoryBytes += memoryBytes;
  const placement = { node: node.name, epoch: node.epoch };
  bucket[agentId] = { ...placement, incarnation, memoryBytes };
  ctx.set(bucketKey(agentId), bucket, wire);
  return { placement };
}

function free({ nodes }: Roster, reservation: Reservation | undefined): void {
  if (reservation === undefined) return;
  const node = nodes.find(({ epoch }) => epoch === reservation.epoch);
  if (node === undefined) return;
  node.agents -= 1;
  node.memoryBytes -= reservation.memoryBytes;
}

/** Gives out the permits, and the places, that there are. */
async function grant(ctx: ObjectContext, roster: Roster): Promise<void> {
  const restarts = await restartsOf(ctx);
  if (restarts.waiting.length === 0) return;
  const left: Occupant[] = [];
  for (const occupant of restarts.waiting) {
    const isFull = restarts.out.length >= MAX_RESTARTS;
    const place = isFull ? undefined : await reserve(ctx, roster, occupant);
    if (place === undefined || 'problem' in place) {
      left.push(occupant);
      continue;
    }
    const { agentId, incarnation } = occupant;
    restarts.out.push(agentId);
    send(ctx, toAgent(agentId, 'permit'), { placement: place.placement, incarnation });
  }
  ctx.set(RESTARTS, { ...restarts, waiting: left }, wire);
}

/** A node is gone: every agent on it is told. Those that were on their way there have no permit any more. */
async function endNode(ctx: ObjectContext, roster: Roster, gone: NodeEntry, at?: number): Promise<void> {
  roster.nodes = roster.nodes.filter(({ epoch }) => epoch !== gone.epoch);
  const ids = new Set<string>();
  for (let number = 0; number < BUCKETS; number++) {
    const key = `bucket ${number}`;
    const bucket = await ctx.get(key, wireOf<Bucket>());
    const lost = Object.entries(bucket ?? {}).filter(([, { epoch }]) => epoch === gone.epoch);
    if (bucket === null || lost.length === 0) continue;
    for (const [agentId, { node, incarnation }] of lost) {
      delete bucket[agentId];
      ids.add(agentId);
      send(ctx, toAgent(agentId, 'lost'), { node, incarnation, at });
    }
    ctx.set(key, bucket, wire);
  }
  const restarts = await restartsOf(ctx);
  const out = restarts.out.filter((agentId) => !ids.has(agentId));
  if (out.length < restarts.out.length) ctx.set(RESTARTS, { ...restarts, out }, wire);
}

async function sweep(ctx: ObjectContext, dueAt: number): Promise<void> {
  const roster = await rosterOf(ctx);
  if (roster.sweepAt !== dueAt) return;
  const now = await ctx.date.now();
  if (now - dueAt > HELD_UP_MS) {
    for (const node of roster.nodes) node.beatAt = Math.max(node.beatAt, now - node.leaseMs + GRACE_MS);
  }
  for (const node of roster.nodes) {
    if (now - node.beatAt > node.leaseMs) await endNode(ctx, roster, node, now);
  }
  roster.sweepAt = undefined;
  keep(ctx, roster, now);
  await grant(ctx, roster);
  ctx.set(ROSTER, roster, wire);
}

/** Keeps the roster, and sees to it that ends are looked for as long as there is a node. */
function keep(ctx: ObjectContext, roster: Roster, now: number): void {
  if (roster.sweepAt === undefined && roster.nodes.length > 0) {
    roster.sweepAt = now + SWEEP_MS;
    send(ctx, toNodes('sweep'), { at: roster.sweepAt }, SWEEP_MS);
  }
  ctx.set(ROSTER, roster, wire);
}

const codec = { input: wire, output: wire, enableLazyState: true } as const;
const exclusive = handlers.object.exclusive;
const shared = handlers.object.shared;

export const nodesObject = object({
  name: NODES,
  handlers: {
    /** A node begins a life. What an earlier one of its name had is lost. */
    join: exclusive(codec, async (ctx: ObjectContext, given: unknown) => {
      const joining = given as JoiningNode;
      const roster = await rosterOf(ctx);
      const now = await ctx.date.now();
      const earlier = roster.nodes.find(({ name }) => name === joining.name);
      if (earlier?.epoch !== joining.epoch) {
        if (earlier !== undefined) await endNode(ctx, roster, earlier, now);
        roster.nodes.push({ ...joining, beatAt: now, isDraining: false, agents: 0, memoryBytes: 0 });
        roster.nodes.sort((one, other) => (one.name < other.name ? -1 : 1));
      }
      await grant(ctx, roster);
      keep(ctx, roster, now);
    }),

    /** A sign of life. Whether the node is known: one that was taken for gone is not. */
    beat: exclusive(codec, async (ctx: ObjectContext, given: unknown) => {
      const { epoch: beating } = given as { epoch: string };
      const roster = await rosterOf(ctx);
      const node = roster.nodes.find(({ epoch }) => epoch === beating);
      if (node === undefined) return { isKnown: false };
      const now = await ctx.date.now();
      node.beatAt = now;
      keep(ctx, roster, now);
      return { isKnown: true };
    }),

    /** A place for an agent that somebody starts. */
    place: exclusive(codec, async (ctx: ObjectContext, given: unknown): Promise<Place> => {
      const roster = await rosterOf(ctx);
      const place = await reserve(ctx, roster, given as Occupant);
      ctx.set(ROSTER, roster, wire);
      return place;
    }),

    /** A permit and a place for an agent that restarts; nothing while there is none: it is then told by `permit`. */
    requestRestart: exclusive(
      codec,
      async (ctx: ObjectContext, given: unknown): Promise<Placement | null> => {
        const occupant = given as Occupant;
        const roster = await rosterOf(ctx);
        const restarts = await restartsOf(ctx);
        const isFull = restarts.out.length >= MAX_RESTARTS;
        const place = isFull ? undefined : await reserve(ctx, roster, occupant);
        if (place !== undefined && 'placement' in place) {
          restarts.out.push(occupant.agentId);
          ctx.set(RESTARTS, restarts, wire);
          ctx.set(ROSTER, roster, wire);
          return place.placement;
        }
        const waiting = restarts.waiting.filter(({ agentId }) => agentId !== occupant.agentId);
        ctx.set(RESTARTS, { ...restarts, waiting: [...waiting, occupant] }, wire);
        return null;
      },
    ),

    /** Its start is over. */
    release: exclusive(codec, async (ctx: ObjectContext, given: unknown) => {
      const { agentId } = given as { agentId: string };
      const restarts = await restartsOf(ctx);
      if (!restarts.out.includes(agentId)) return;
      ctx.set(RESTARTS, { ...restarts, out: restarts.out.filter((id) => id !== agentId) }, wire);
      const roster = await rosterOf(ctx);
      await grant(ctx, roster);
      ctx.set(ROSTER, roster, wire);
    }),

    /** It no longer waits. */
    withdraw: exclusive(codec, async (ctx: ObjectContext, given: unknown) => {
      const { agentId: id } = given as { agentId: string };
      const restarts = await restartsOf(ctx);
      const waiting = restarts.waiting.filter(({ agentId }) => agentId !== id);
      if (waiting.length < restarts.waiting.length) ctx.set(RESTARTS, { ...restarts, waiting }, wire);
    }),

    /** A body has ended: its place is free, unless a later one has it. */
    vacate: exclusive(codec, async (ctx: ObjectContext, given: unknown) => {
      const { agentId, incarnation } = given as { agentId: string; incarnation: number };
      const bucket = await bucketFor(ctx, agentId);
      const reservation = bucket[agentId];
      if (reservation?.incarnation !== incarnation) return;
      delete bucket[agentId];
      ctx.set(bucketKey(agentId), bucket, wire);
      const roster = await rosterOf(ctx);
      free(roster, reservation);
      await grant(ctx, roster);
      ctx.set(ROSTER, roster, wire);
    }),

    /** It runs, or no longer does: rounds ask those that run. */
    serves: exclusive(codec, async (ctx: ObjectContext, given: unknown) => {
      const { agentId, incarnation, serves, variables, coordination } = given as {
        agentId: string;
        incarnation: number;
        serves: boolean;
        variables: readonly string[];
        coordination: ParsedAgentSpec['coordination'];
      };
      const bucket = await bucketFor(ctx, agentId);
      const reservation = bucket[agentId];
      if (reservation?.incarnation !== incarnation) return;
      reservation.voter = serves ? { variables, coordination } : undefined;
      ctx.set(bucketKey(agentId), bucket, wire);
    }),

    sweep: exclusive(codec, (ctx: ObjectContext, given: unknown) => sweep(ctx, (given as { at: number }).at)),

    /** It takes no more agents; those it has go elsewhere. Gives their ids. */
    drain: exclusive(codec, async (ctx: ObjectContext, given: unknown): Promise<readonly string[]> => {
      const { epoch } = given as { epoch: string };
      const roster = await rosterOf(ctx);
      const node = roster.nodes.find((other) => other.epoch === epoch);
      if (node === undefined) return [];
      node.isDraining = true;
      ctx.set(ROSTER, roster, wire);
      const moving: string[] = [];
      for (let number = 0; number < BUCKETS; number++) {
        const bucket = await ctx.get(`bucket ${number}`, wireOf<Bucket>());
        for (const [agentId, reservation] of Object.entries(bucket ?? {})) {
          if (reservation.epoch !== epoch) continue;
          moving.push(agentId);
          send(ctx, toAgent(agentId, 'command'), { type: 'move' });
        }
      }
      return moving;
    }),

    /** It goes of its own accord, and has no body left that lives. */
    leave: exclusive(codec, async (ctx: ObjectContext, given: unknown) => {
      const { epoch } = given as { epoch: string };
      const roster = await rosterOf(ctx);
      const node = roster.nodes.find((other) => other.epoch === epoch);
      if (node === undefined) return;
      await endNode(ctx, roster, node);
      await grant(ctx, roster);
      ctx.set(ROSTER, roster, wire);
    }),

    /** What time it is here. */
    time: shared(codec, () => Promise.resolve(Date.now())),

    list: shared(codec, async (ctx: ObjectSharedContext) => (await rosterOf(ctx)).nodes),

    /** Agents that run and declared a variable, and where they are. */
    voters: shared(codec, async (ctx: ObjectSharedContext, given: unknown): Promise<SeatedVoter[]> => {
      const { variable } = given as { variable: string };
      const voters: SeatedVoter[] = [];
      for (let number = 0; number < BUCKETS; number++) {
        const bucket = await ctx.get(`bucket ${number}`, wireOf<Bucket>());
        for (const [agentId, { node, incarnation, voter }] of Object.entries(bucket ?? {})) {
          if (!voter?.variables.includes(variable)) continue;
          voters.push({ agentId, incarnation, node, coordination: voter.coordination });
        }
      }
      return voters;
    }),
  },
  options: fleetOptions,
});
