/**
 * What happened in the fleet, in one order: the audit log, kept in the engine itself.
 *
 * Owns the sequence. Agents send their events without waiting: the engine brings each batch once, in the agent's order.
 *
 * I1  Events of one agent are in the order in which they happened. Between agents the order is that of their arrival.
 * I2  A sequence is never used twice; readers go on from any.
 * I3  The newest `MAX_EVENTS` are kept; a store that follows (event-archive.ts) keeps what it has taken.
 */
import { object, type ObjectContext, type ObjectSharedContext } from '@restatedev/restate-sdk';
import { exclusive, shared } from '../engine/handlers.ts';
import type { SystemEvent } from '../../runtime/journal/system-event.ts';
import { EVENTS, type EventBatch } from '../engine/names.ts';
import { fleetOptions } from '../engine/service-options.ts';
import { wire, wireOf } from '../engine/wire.ts';

/** Events in one full segment. Events since the last full one are kept with the head. */
const SEGMENT = 32;
const MAX_EVENTS = 100_000;

const HEAD = 'head';
const segmentKey = (sequence: number): string => `segment ${Math.floor((sequence - 1) / SEGMENT)}`;

interface Head {
  /** Sequence of the newest event. */
  readonly last: number;
  /** Events since the last full segment. */
  readonly newest: readonly SystemEvent[];
}

const NO_EVENTS: Head = { last: 0, newest: [] };

export interface EventPage {
  readonly events: readonly SystemEvent[];
  /** The newest there is. */
  readonly last: number;
}

export interface EventQuestion {
  readonly agentId?: string | undefined;
  readonly after: number;
  readonly limit: number;
}

export const eventsObject = object({
  name: EVENTS,
  handlers: {
    append: exclusive(
      { input: wire, output: wire, enableLazyState: true },
      async (ctx: ObjectContext, given: unknown) => {
        const { events } = given as EventBatch;
        const head = (await ctx.get(HEAD, wireOf<Head>())) ?? NO_EVENTS;
        let { last } = head;
        let newest = [...head.newest];
        for (const event of events) {
          last += 1;
          newest.push({ ...event, sequence: last });
          if (last % SEGMENT > 0) continue;
          ctx.set(segmentKey(last), newest, wire);
          if (last > MAX_EVENTS) ctx.clear(segmentKey(last - MAX_EVENTS));
          newest = [];
        }
        ctx.set(HEAD, { last, newest } satisfies Head, wire);
      },
    ),

    read: shared(
      { input: wire, output: wire, enableLazyState: true },
      async (ctx: ObjectSharedContext, given: unknown): Promise<EventPage> => {
        const { agentId, after, limit } = given as EventQuestion;
        const { last, newest } = (await ctx.get(HEAD, wireOf<Head>())) ?? NO_EVENTS;
        const events: SystemEvent[] = [];
        const from = Math.max(after + 1, last - MAX_EVENTS);
        for (let start = from; start <= last && events.length < limit; ) {
          const isNewest = start > last - newest.length;
          const segment = isNewest
            ? newest
            : ((await ctx.get(segmentKey(start), wireOf<SystemEvent[]>())) ?? []);
          for (const event of segment) {
            if (event.sequence < start || events.length >= limit) continue;
            if (agentId === undefined || event.agentId === agentId) events.push(event);
          }
          start = (Math.floor((start - 1) / SEGMENT) + 1) * SEGMENT + 1;
        }
        return { events, last };
      },
    ),
  },
  options: fleetOptions,
});
