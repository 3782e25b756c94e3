/**
 * The nodes of the fleet: who is alive, what is reserved where, and who may restart.
 *
 * Owns the reservations (reservations.ts) and the queue of those that restart (restart-queue.ts). placement.ts decides
 * where a body goes, node-watch.ts which nodes are gone, and the agent's object everything about its life.
 *
 * I1  A node that is gone is gone for good: its agents are told, and later messages of it belong to an ended epoch.
 * I2  At most `RESTARTS_OF_NODE` agents for each node are on their way back at once; the others wait.
 *     A permit that has been out for a whole period while others wait counts no longer, as in one program.
 * I3  An agent that is told of the loss of its node has a place already, or waits for one: it asks for neither.
 * I4  No step looks at more agents than the one it is for, but for the end of a node, the list of voters, when
 *     coordination goes or comes back, and once a period in which no permit was free.
 */
import {
  object,
  type ObjectContext,
  type ObjectSharedContext,
  TerminalError,
  TimeoutError,
} from '@restatedev/restate-sdk';
import { exclusive, shared } from '../engine/handlers.ts';
import type { ParsedAgentSpec } from '../../machines/index.ts';
import { send, type Target, toAgent, toNodes } from '../engine/calls.ts';
import type { LossOffer } from '../agent/agent-places.ts';
import { type Command, isAway, type LostNode, NODES, nodeOf, type Turned } from '../engine/names.ts';
import { fleetOptions } from '../engine/service-options.ts';
import { wire, wireOf } from '../engine/wire.ts';
import { heardOf, LOOK_MS, reached, refused, type Unseated, watchNodes } from './node-watch.ts';
import type { ModuleVersions, NodeDescription, NodeEntry, Occupant, Placement } from './placement.ts';
import {
  allReservations,
  type GoneNode,
  type Place,
  Reservations,
  rosterOf,
  type Voting,
} from './reservations.ts';
import { readVoters, VOTERS } from './voter-list.ts';

/** As many as one program restarts at once, for each node. */
const RESTARTS_OF_NODE = 32;
/** Beyond what a start may take by default: as the supervisor chart has it, ms. */
const PERMIT_PERIOD_MS = 60_000;
/** A live node answers sooner than this, ms, or within its lease if that is longer. */
const PROBE_MS = 2_000;
const MAX_PROBE_MS = 60_000;
/** How long a gone node is remembered, ms: by then nobody calls it any more. */
const FORGOTTEN_AFTER_MS = 600_000;

/** A node that asks to be one of the fleet. */
export interface JoiningNode extends NodeDescription {
  readonly leaseMs: number;
  /** It takes no agents: it was taken for gone while it drained. */
  readonly isDraining?: boolean;
}

export interface SignOfLife {
  readonly name: string;
  readonly epoch: string;
  /** How long ago the engine reached it last. */
  readonly reachedMsAgo: number;
  /** Modules that have run on it, if that has changed since it told. */
  readonly moduleVersions?: ModuleVersions | undefined;
  /** It has taken the seat, from a node that did not answer. */
  readonly unseated?: Unseated | undefined;
}

/** The answer to a node's sign of life. */
export interface BeatAnswer {
  /** `false` for a node that was taken for gone. */
  readonly isKnown: boolean;
  /** Another node has its name by now. */
  readonly isReplaced?: boolean;
  /** How many changes of variables it was asked to spread and has not answered. */
  readonly missed: number;
}

/** A node is asked whether it is there. */
interface Probe {
  readonly name: string;
  readonly epoch: string;
  /** When, epoch ms; unknown in a message of an earlier version. */
  readonly at?: number | undefined;
}

interface Probed extends Pick<Probe, 'epoch'> {
  readonly isThere: boolean;
  /** When it was asked. */
  readonly at?: number | undefined;
}

/** An agent runs, or no longer does. */
export interface Standing {
  readonly agentId: string;
  readonly incarnation: number;
  /** What rounds need to know of a running agent; absent if it takes no part in any, or no longer runs. */
  readonly voter?: Voting | undefined;
  /** Its start is over, and its permit is free. */
  readonly hasPermit: boolean;
}

/** A voter of a round, and where it is. */
export interface SeatedVoter {
  readonly agentId: string;
  readonly incarnation: number;
  readonly node: string;
  readonly coordination: ParsedAgentSpec['coordination'];
}

/** The agents that may lead, and whether an election is allowed now. */
export interface Eligible {
  readonly seated: readonly SeatedVoter[];
  readonly isAway: boolean;
}

/** How many permits to restart are free. */
function freePermits({ roster }: Reservations): number {
  return RESTARTS_OF_NODE * Math.max(1, roster.nodes.length) - roster.permits;
}

function isFull(book: Reservations): boolean {
  return freePermits(book) <= 0;
}

/** Gives out the free permits and places. */
async function grant(ctx: ObjectContext, book: Reservations): Promise<void> {
  await book.queue.serve({
    isOver: () => isFull(book),
    // Mostly one permit is free: the whole queue is not read for it.
    prepare: (next) => book.prepare(next.slice(0, freePermits(book)).map(({ agentId }) => agentId)),
    take: async (occupant) => {
      const place = await book.reserve(occupant, true);
      if ('problem' in place) return false;
      const { agentId, incarnation } = occupant;
      send(ctx, toAgent(agentId, 'permit'), { placement: place.placement, incarnation });
      return true;
    },
  });
}

/** A node is gone: every agent on it is told, with its next place, or waits for one. */
async function endNode(
  ctx: ObjectContext,
  book: Reservations,
  gone: NodeEntry,
  at: number,
  how: GoneNode['how'] = 'lost',
): Promise<void> {
  const { roster } = book;
  roster.nodes = roster.nodes.filter(({ epoch }) => epoch !== gone.epoch);
  roster.gone = [...roster.gone.filter(({ name }) => name !== gone.name), { name: gone.name, at, how }];
  book.changeRoster();
  const lost = await book.on(gone.epoch);
  // Agents that were starting there have lost their permits.
  for (const [agentId] of lost) await book.free(agentId);
  for (const [agentId, { node, epoch: _, voter: __, hasPermit: ___, permitAt: ____, ...asked }] of lost) {
    const { incarnation } = asked;
    const occupant = { ...asked, agentId, incarnation: incarnation + 1 };
    const mustWait = isFull(book) || book.queue.parts.length > 0;
    const found = mustWait ? undefined : await book.reserve(occupant, true);
    let place: LossOffer['place'] = 'queued';
    if (found !== undefined && 'placement' in found) place = found.placement;
    else await book.queue.push(occupant);
    const told: LostNode = {
      node,
      incarnation,
      offer: { occupant, place },
      at,
    };
    send(ctx, toAgent(agentId, 'lost'), told);
  }
}

async function sweep(
  ctx: ObjectContext,
  book: Reservations,
  dueAt: number | undefined,
  unseated?: Unseated,
): Promise<void> {
  const { roster } = book;
  if (dueAt === undefined || roster.sweepAt !== dueAt) return;
  const now = await ctx.date.now();
  const { gone, asked, probed } = watchNodes(roster.nodes, { dueAt, now, unseated });
  for (const node of gone) {
    await endNode(ctx, book, node, now);
    // One that is reached, and does not reach the engine, would not hear of it otherwise.
    send(ctx, toNode(node.name), { what: 'gone', parameter: { epoch: node.epoch } });
  }
  for (const { name, epoch } of asked) send(ctx, toNode(name), isItThere(epoch));
  for (const { name, epoch } of probed) send(ctx, toNodes('probe'), { name, epoch, at: now } satisfies Probe);
  roster.sweepAt = undefined;
  await reclaimPermits(book, now);
  look(ctx, book, now);
  await grant(ctx, book);
}

const toNode = (name: string): Target => ({ service: nodeOf(name), method: 'serve' });
const isItThere = (epoch: string) => ({ what: 'alive', parameter: { epoch } });

/** Starts that hang hold up nobody for ever. */
async function reclaimPermits(book: Reservations, now: number): Promise<void> {
  const { roster } = book;
  const isStorm = isFull(book) && book.queue.parts.length > 0;
  if (!isStorm) roster.stormAt = undefined;
  else if (now - (roster.stormAt ??= now) >= PERMIT_PERIOD_MS) {
    await book.reclaim(roster.stormAt);
    roster.stormAt = now;
  }
}

/** Keeps the watch going while there is a node. */
function look(ctx: ObjectContext, book: Reservations, now: number): void {
  const { roster } = book;
  book.changeRoster();
  if (roster.sweepAt !== undefined || roster.nodes.length === 0) return;
  roster.sweepAt = now + LOOK_MS;
  send(ctx, toNodes('sweep'), { at: roster.sweepAt }, LOOK_MS);
}

async function seatedWhere(
  ctx: ObjectSharedContext,
  isWanted: (voting: Voting) => boolean,
): Promise<readonly SeatedVoter[]> {
  const { list, isStale } = await readVoters(ctx);
  if (isStale) send(ctx, toNodes('listVoters'), null);
  return Object.values(list)
    .flat()
    .filter(({ voter }) => isWanted(voter))
    .map(({ agentId, incarnation, node, voter: { coordination } }) => ({
      agentId,
      incarnation,
      node,
      coordination,
    }));
}

const codec = { input: wire, output: wire, enableLazyState: true } as const;

/**
 * A step takes a few ms, and the watch waits for one that was sent to a node that is frozen now. A server that checks its
 * connections (docs/scale.md) gives it up after 1.75 s; any other after these times at the soonest: 6 s were measured.
 */
const SHORT = { inactivityTimeout: 750, abortTimeout: 500 } as const;

/** One step: what it changes is kept at its end. */
function step<Answer>(take: (ctx: ObjectContext, book: Reservations, given: never) => Promise<Answer>) {
  return exclusive({ ...codec, ...SHORT }, async (ctx: ObjectContext, given: unknown): Promise<Answer> => {
    const book = await Reservations.open(ctx);
    const answer = await take(ctx, book, given as never);
    book.keep();
    return answer;
  });
}

export const nodesObject = object({
  name: NODES,
  handlers: {
    /**
     * A node begins a life. What an earlier one of its name had is lost.
     *
     * Gives the names of nodes that are gone for so long that the engine need not know them any more: who still asks one
     * that it does not know would wait for it.
     */
    join: step(async (ctx, book, joining: JoiningNode): Promise<readonly string[]> => {
      const now = await ctx.date.now();
      const earlier = book.roster.nodes.find(({ name }) => name === joining.name);
      if (earlier?.epoch !== joining.epoch) {
        const fresh = { beatAt: now, reachedAt: now, agents: 0, memoryBytes: 0 };
        book.roster.nodes.push({ isDraining: false, ...joining, ...fresh });
        book.roster.nodes.sort((one, other) => (one.name < other.name ? -1 : 1));
        if (earlier !== undefined) await endNode(ctx, book, earlier, now);
      }
      look(ctx, book, now);
      await grant(ctx, book);
      const gone = book.roster.gone.filter(({ name }) => name !== joining.name);
      book.roster.gone = gone.filter(({ at }) => now - at <= FORGOTTEN_AFTER_MS);
      return gone.filter(({ at }) => now - at > FORGOTTEN_AFTER_MS).map(({ name }) => name);
    }),

    /** A sign of life. */
    beat: step(async (ctx, book, sign: SignOfLife): Promise<BeatAnswer> => {
      const { epoch, name, reachedMsAgo, moduleVersions, unseated } = sign;
      const node = book.nodeOf(epoch);
      if (node === undefined) {
        const isReplaced = book.roster.nodes.some((other) => other.name === name);
        return { isKnown: false, isReplaced, missed: 0 };
      }
      const now = await ctx.date.now();
      heardOf(node, now, reachedMsAgo);
      if (moduleVersions !== undefined) node.moduleVersions = moduleVersions;
      if (unseated !== undefined) await sweep(ctx, book, book.roster.sweepAt, unseated);
      look(ctx, book, now);
      return { isKnown: true, missed: node.missed ?? 0 };
    }),

    /** Nodes that did not answer for the change of a variable: they hear of it with their next sign of life. */
    missed: step((_, book, { names }: { names: readonly string[] }) => {
      for (const node of book.roster.nodes)
        if (names.includes(node.name)) node.missed = (node.missed ?? 0) + 1;
      book.changeRoster();
      return Promise.resolve();
    }),

    /** Coordination has gone, or come back: whoever has a place is told; whoever gets one hears it with that. */
    coordinate: step(async (ctx, book, { turns }: Turned) => {
      if (turns <= (book.roster.turns ?? 0)) return;
      book.roster.turns = turns;
      book.changeRoster();
      for (const [agentId] of await allReservations(ctx))
        send(ctx, toAgent(agentId, 'command'), { type: 'coordinate', turns } satisfies Command);
    }),

    sweep: step((ctx, book, { at }: { at: number }) => sweep(ctx, book, at)),

    /** Probes a node; no other call waits for this. */
    probe: shared(
      { ...codec, retryPolicy: { maxAttempts: 3, onMaxAttempts: 'kill' } },
      async (ctx: ObjectSharedContext, given: unknown): Promise<void> => {
        const { name, epoch, at } = given as Probe;
        const known = (await rosterOf(ctx)).nodes.find((node) => node.epoch === epoch);
        if (known === undefined) return;
        const asked = ctx.genericCall<unknown, boolean>({
          ...toNode(name),
          parameter: isItThere(epoch),
          inputSerde: wire,
          outputSerde: wireOf<boolean>(),
        });
        let isThere: boolean;
        try {
          isThere = await asked.orTimeout(Math.max(PROBE_MS, Math.min(known.leaseMs, MAX_PROBE_MS)));
        } catch (thrown) {
          if (thrown instanceof TimeoutError) return;
          // The engine has given up on it.
          if (!(thrown instanceof TerminalError)) throw thrown;
          isThere = false;
        }
        send(ctx, toNodes('probed'), { epoch, isThere, at } satisfies Probed);
      },
    ),

    probed: step(async (ctx, book, { epoch, isThere, at }: Probed) => {
      const node = book.nodeOf(epoch);
      if (node === undefined) return;
      const now = await ctx.date.now();
      book.changeRoster();
      if (isThere) return reached(node, now);
      if (!refused(node, now, at)) return;
      await endNode(ctx, book, node, now);
      await grant(ctx, book);
    }),

    /** A place for an agent that somebody starts. */
    place: step(async (_, book, occupant: Occupant): Promise<Place> => {
      await book.queue.remove(occupant.agentId);
      return book.reserve(occupant);
    }),

    /** A permit and a place for an agent that restarts; nothing while there is none: it is then told by `permit`. */
    requestRestart: step(async (_, book, occupant: Occupant): Promise<Placement | null> => {
      // An offer from before this request is void.
      await book.queue.remove(occupant.agentId);
      await book.free(occupant.agentId);
      const place = isFull(book) ? undefined : await book.reserve(occupant, true);
      if (place !== undefined && 'placement' in place) return place.placement;
      await book.queue.push(occupant);
      return null;
    }),

    /** It no longer waits. */
    withdraw: step((_, book, { agentId }: { agentId: string }) => book.queue.remove(agentId)),

    /** It gives back its place, or no longer waits for one. */
    giveBack: step(async (ctx, book, { agentId, incarnation }: { agentId: string; incarnation: number }) => {
      await book.queue.remove(agentId);
      if ((await book.get(agentId))?.incarnation === incarnation) await book.free(agentId);
      await grant(ctx, book);
    }),

    /** It runs, or no longer does: rounds ask those that run. A permit that it had for its start is free. */
    stands: step(async (ctx, book, { agentId, incarnation, voter, hasPermit }: Standing) => {
      const reservation = await book.get(agentId);
      const isItsOwn = reservation?.incarnation === incarnation;
      if (isItsOwn && (voter ?? reservation.voter) !== undefined) {
        await book.change(agentId, { ...reservation, voter });
      }
      if (!hasPermit) return;
      if (isItsOwn) await book.release(agentId);
      await grant(ctx, book);
    }),

    /** Rounds have read the buckets of many agents that could be listed. */
    listVoters: step(async (ctx, book) => {
      const { list, isStale } = await readVoters(ctx);
      if (!isStale) return;
      ctx.set(VOTERS, list, wire);
      book.roster.unlisted = [];
      book.changeRoster();
    }),

    /** A body has ended: its place is free, unless a later one has it. */
    vacate: step(async (ctx, book, { agentId, incarnation }: Pick<Standing, 'agentId' | 'incarnation'>) => {
      if ((await book.get(agentId))?.incarnation === incarnation) await book.free(agentId);
      await grant(ctx, book);
    }),

    /** It takes no more agents; those it has go elsewhere. Gives their ids. */
    drain: step(async (ctx, book, { epoch }: { epoch: string }): Promise<readonly string[]> => {
      const node = book.nodeOf(epoch);
      if (node === undefined) return [];
      node.isDraining = true;
      book.changeRoster();
      const moving = (await book.on(epoch)).map(([agentId]) => agentId);
      for (const agentId of moving) send(ctx, toAgent(agentId, 'command'), { type: 'move' });
      return moving;
    }),

    /** It leaves, and has no living body left. */
    leave: step(async (ctx, book, { epoch }: { epoch: string }) => {
      const node = book.nodeOf(epoch);
      if (node === undefined) return;
      await endNode(ctx, book, node, await ctx.date.now(), 'left');
      await grant(ctx, book);
    }),

    /** The time of the node with the seat, epoch ms. */
    time: shared(codec, () => Promise.resolve(Date.now())),

    list: shared(codec, async (ctx: ObjectSharedContext) => (await rosterOf(ctx)).nodes),

    /** Nodes that have left or were lost in the last ten minutes or so; of each name the last one. */
    gone: shared(codec, async (ctx: ObjectSharedContext) => (await rosterOf(ctx)).gone),

    /** Agents that run and declared a variable, and where they are. */
    voters: shared(codec, (ctx: ObjectSharedContext, given: unknown) => {
      const { variable } = given as { variable: string };
      return seatedWhere(ctx, ({ variables }) => variables.includes(variable));
    }),

    /** Agents that run and may lead, and where they are. */
    eligible: shared(
      codec,
      async (ctx: ObjectSharedContext): Promise<Eligible> => ({
        seated: await seatedWhere(ctx, ({ coordination }) => coordination.leadershipEligible),
        isAway: isAway((await rosterOf(ctx)).turns ?? 0),
      }),
    ),
  },
  options: fleetOptions,
});
