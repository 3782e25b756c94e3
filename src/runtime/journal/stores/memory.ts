/**
 * Events and states in memory: the default store, gone with the program.
 *
 * Values are held, not copied: what a program changes after it handed it over is changed here, too.
 *
 * I1  At the most `maxEvents` events are read, the newest, and about `maxBytes` of them are held. When bytes run out,
 *     what belongs to agents that were forgotten goes first, then the oldest; the newest event always stays.
 * I2  What `recover` needs is held whatever the bounds, so that a second system on the same store finds its fleet.
 * I3  To append costs the same whatever is held: what is dropped is dropped by the segment.
 */
import { z } from 'zod';
import type { SavedState } from '../../definition/saved-state.ts';
import { parseInput } from '../../values/malformed.ts';
import type { Batch } from '../batch.ts';
import { eventBytes } from '../event-bytes.ts';
import { FleetIndex } from '../fleet-index.ts';
import { handOut } from '../handed-out-event.ts';
import { appendsInPlace, type InPlaceStore } from '../in-place-append.ts';
import { assertOrder, type EventQuery, type Recovery, type Store, type StoreBatch } from '../store.ts';
import type { SystemEvent } from '../system-event.ts';
import { EventSegments, SEGMENT_ROOM } from './memory/event-segments.ts';

export interface MemoryStoreOptions {
  /** Events held for `events.read`; default 10,000. */
  readonly maxEvents?: number;
  /** About how many bytes these may hold, estimated from above; default 64 MiB. */
  readonly maxBytes?: number;
}

const optionsSchema = z.strictObject({
  maxEvents: z.int().min(1).default(10_000),
  maxBytes: z
    .union([z.int().min(1), z.literal(Infinity)], {
      error: 'expected a whole number of bytes, 1 or more, or Infinity',
    })
    .default(64 * 1024 * 1024),
});

/**
 * Makes a store in memory, the default of a system: gone with the program.
 *
 * @throws AgentSystemError `AGENT_SPEC_INVALID` for invalid options
 */
export function memoryStore(options: MemoryStoreOptions = {}): Store {
  return new MemoryStore(parseInput(optionsSchema, options, { what: 'memoryStore' }));
}

/** Once bytes run out, so much is left: the next time is then some way off. */
const SHARE_KEPT = 0.9;

class MemoryStore implements InPlaceStore {
  readonly isDurable = false;
  private readonly maxEvents: number;
  private readonly maxBytes: number;
  private readonly events = new EventSegments();
  private readonly states = new Map<string, SavedState>();
  private readonly facts = new Map<string, string>();
  /** What a recovery needs of the events up to `noted`, held or not. */
  private readonly fleet = new FleetIndex();
  private noted = 0;
  private last = 0;

  constructor({ maxEvents, maxBytes }: Required<MemoryStoreOptions>) {
    this.maxEvents = maxEvents;
    this.maxBytes = maxBytes;
  }

  recover(): Recovery {
    this.note();
    const { agents, taskProgress, endedTasks, schedules, ...others } = this.fleet.recovery();
    for (const { registered, latest } of agents) {
      handOut(registered);
      handOut(latest);
    }
    for (const { accepted, end } of endedTasks) {
      handOut(accepted);
      handOut(end);
    }
    for (const event of taskProgress.values()) handOut(event);
    for (const { set, fired } of schedules) {
      handOut(set);
      if (fired) handOut(fired);
    }
    for (const events of Object.values(others)) for (const event of events) handOut(event);
    return {
      agents,
      taskProgress,
      endedTasks,
      schedules,
      ...others,
      facts: new Map(this.facts),
      lastSequence: this.last,
    };
  }

  append({ events, states, facts }: StoreBatch): void {
    assertOrder(events, this.last);
    for (const event of events) {
      this.keep(event);
      if (event.type === 'agent.forgotten') this.states.delete(event.agentId);
    }
    this.last = events.at(-1)?.sequence ?? this.last;
    if (states) for (const [agentId, state] of states) this.keepState(agentId, state);
    if (facts) for (const [name, value] of facts) this.facts.set(name, value);
    this.bound();
  }

  /** As the journal gathered it: with the event of an agent that was forgotten comes a state of `null`. */
  appendInPlace(batch: Batch): void {
    const { events, eventCount, stateOwners, states, stateCount, facts } = batch;
    if (eventCount > 0 && !(events[0]!.sequence > this.last)) {
      assertOrder(events.slice(0, eventCount), this.last);
    }
    for (let at = 0; at < eventCount; at++) this.keep(events[at]!);
    this.last = Math.max(this.last, batch.lastSequence);
    for (let at = 0; at < stateCount; at++) this.keepState(stateOwners[at]!, states[at]!);
    if (facts) for (const [name, value] of facts) this.facts.set(name, value);
    this.bound();
  }

  read({ agentId, after = 0, limit }: EventQuery): readonly SystemEvent[] {
    const found: SystemEvent[] = [];
    const beyond = Math.max(0, this.events.size - this.maxEvents);
    for (const event of this.events.after(after, beyond)) {
      if (agentId !== undefined && event.agentId !== agentId) continue;
      found.push(handOut(event));
      if (found.length >= limit) break;
    }
    return found;
  }

  state(agentId: string): SavedState | undefined {
    return this.states.get(agentId);
  }

  close(): void {}

  private keep(event: SystemEvent): void {
    this.events.push(event, eventBytes(event));
  }

  private keepState(agentId: string, state: SavedState | null): void {
    if (state === null) this.states.delete(agentId);
    else this.states.set(agentId, state);
  }

  private readonly noteOne = (event: SystemEvent): void => this.fleet.note(event);

  /** Notes what a recovery needs of the events that were not noted yet: before any is dropped, and in order. */
  private note(): void {
    this.events.forEach(this.noted, this.noteOne);
    this.noted = this.last;
  }

  private bound(): void {
    const events = this.events;
    if (events.size >= this.maxEvents + SEGMENT_ROOM) {
      this.note();
      events.shrinkTo(this.maxEvents);
    }
    if (events.bytes > this.maxBytes) this.freeBytes();
  }

  private freeBytes(): void {
    this.note();
    const events = this.events;
    const forgottenAt = new Map<string, number>();
    events.forEach(0, (event) => {
      if (event.type === 'agent.forgotten') forgottenAt.set(event.agentId, event.sequence);
    });
    let excess = events.bytes - this.maxBytes * SHARE_KEPT;
    if (forgottenAt.size > 0) {
      events.filter(({ agentId, sequence }, bytes) => {
        const isForgotten = agentId !== undefined && sequence <= (forgottenAt.get(agentId) ?? 0);
        if (!isForgotten || excess <= 0 || sequence === this.last) return true;
        excess -= bytes;
        return false;
      });
    }
    for (; excess > 0 && events.size > 1; excess -= events.shift());
  }
}

appendsInPlace(MemoryStore);
