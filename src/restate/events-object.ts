/**
 * What happened in the fleet, in one order: the audit log, kept in the engine itself.
 *
 * Owns the sequence. Each agent numbers its own events, so that their order is the agent's, and nothing is kept twice.
 *
 * I1  Events of one agent are in the order in which they happened. Between agents the order is that of their arrival.
 * I2  A sequence is never used twice; readers go on from any.
 * I3  The newest `MAX_EVENTS` are kept; a store that follows (event-archive.ts) keeps what it has taken.
 */
import { handlers, object, type ObjectContext, type ObjectSharedContext } from '@restatedev/restate-sdk';
import type { SystemEvent } from '../runtime/journal/system-event.ts';
import { EVENTS, type EventBatch } from './names.ts';
import { fleetOptions } from './service-options.ts';
import { wire, wireOf } from './wire.ts';

const SEGMENT = 64;
const MAX_EVENTS = 100_000;

const HEAD = 'head';
const segmentKey = (sequence: number): string => `segment ${Math.floor((sequence - 1) / SEGMENT)}`;
const numberKey = (agentId: string): string => `told ${agentId}`;

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
    append: handlers.object.exclusive(
      { input: wire, output: wire, enableLazyState: true },
      async (ctx: ObjectContext, given: unknown) => {
        const { agentId, first, events } = given as EventBatch;
        let fresh = events;
        if (agentId !== undefined) {
          const told = (await ctx.get(numberKey(agentId), wireOf<number>())) ?? 0;
          // One that was forgotten and registered anew numbers its events from 1 again.
          const isAnew = first === 1 && events[0]?.type === 'agent.registered';
          fresh = isAnew ? events : events.slice(Math.max(0, told + 1 - first));
          if (fresh.length === 0) return;
          if (fresh.at(-1)!.type === 'agent.forgotten') ctx.clear(numberKey(agentId));
          else ctx.set(numberKey(agentId), first + events.length - 1, wire);
        }
        let last = (await ctx.get(HEAD, wireOf<number>())) ?? 0;
        let key = segmentKey(last + 1);
        let segment = (await ctx.get(key, wireOf<SystemEvent[]>())) ?? [];
        for (const event of fresh) {
          last += 1;
          if (segmentKey(last) !== key) {
            ctx.set(key, segment, wire);
            key = segmentKey(last);
            segment = [];
            if (last > MAX_EVENTS) ctx.clear(segmentKey(last - MAX_EVENTS));
          }
          segment.push({ ...event, sequence: last });
        }
        ctx.set(key, segment, wire);
        ctx.set(HEAD, last, wire);
      },
    ),

    read: handlers.object.shared(
      { input: wire, output: wire, enableLazyState: true },
      async (ctx: ObjectSharedContext, given: unknown): Promise<EventPage> => {
        const { agentId, after, limit } = given as EventQuestion;
        const last = (await ctx.get(HEAD, wireOf<number>())) ?? 0;
        const events: SystemEvent[] = [];
        const from = Math.max(after + 1, last - MAX_EVENTS);
        for (let start = from; start <= last && events.length < limit; ) {
          const segment = (await ctx.get(segmentKey(start), wireOf<SystemEvent[]>())) ?? [];
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
