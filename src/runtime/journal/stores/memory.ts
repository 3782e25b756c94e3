/**
 * Events and states in memory: the default store, gone with the program.
 *
 * Values are held, not copied: what a program changes after it handed it over is changed here, too.
 *
 * I1  At the most `maxEvents` events are held, the newest. What `recover` needs is held beside them, so that a
 *     second system on the same store finds its fleet.
 */
import { z } from 'zod';
import { FleetIndex } from '../fleet-index.ts';
import type { SavedState } from '../../definition/saved-state.ts';
import { parseInput } from '../../values/malformed.ts';
import { assertOrder, type EventQuery, type Recovery, type Store, type StoreBatch } from '../store.ts';
import type { SystemEvent } from '../system-event.ts';

const optionsSchema = z.strictObject({ maxEvents: z.int().min(1).default(100_000) });

/**
 * @param maxEvents events held for `events.read`, a whole number from 1 on; default 100,000
 * @throws AgentSystemError `AGENT_SPEC_INVALID` for options that are none
 */
export function memoryStore(options: { readonly maxEvents?: number } = {}): Store {
  return new MemoryStore(parseInput(optionsSchema, options, { what: 'memoryStore' }).maxEvents);
}

class MemoryStore implements Store {
  readonly isDurable = false;
  readonly #maxEvents: number;
  readonly #fleet = new FleetIndex();
  readonly #states = new Map<string, SavedState>();
  readonly #facts = new Map<string, string>();
  /** A ring: the event with sequence `n` is at `(n - 1) % maxEvents`, unless it was lost and an older one is. */
  readonly #ring: SystemEvent[] = [];
  #last = 0;

  constructor(maxEvents: number) {
    this.#maxEvents = maxEvents;
  }

  recover(): Recovery {
    return { ...this.#fleet.recovery(), facts: new Map(this.#facts), lastSequence: this.#last };
  }

  append({ events, states, facts }: StoreBatch): void {
    assertOrder(events, this.#last);
    for (const event of events) {
      this.#ring[(event.sequence - 1) % this.#maxEvents] = event;
      this.#last = event.sequence;
      this.#fleet.note(event);
      if (event.type === 'agent.forgotten') this.#states.delete(event.agentId);
    }
    if (states) {
      for (const [agentId, state] of states) {
        if (state === null) this.#states.delete(agentId);
        else this.#states.set(agentId, state);
      }
    }
    if (facts) for (const [name, value] of facts) this.#facts.set(name, value);
  }

  read({ agentId, after = 0, limit }: EventQuery): readonly SystemEvent[] {
    const found: SystemEvent[] = [];
    let sequence = Math.max(after, this.#last - this.#maxEvents) + 1;
    for (; sequence <= this.#last && found.length < limit; sequence++) {
      const event = this.#ring[(sequence - 1) % this.#maxEvents];
      if (event?.sequence === sequence && (agentId === undefined || event.agentId === agentId)) {
        found.push(event);
      }
    }
    return found;
  }

  state(agentId: string): SavedState | undefined {
    return this.#states.get(agentId);
  }

  close(): void {}
}
