/**
 * The events of a fleet, as its clients read them: `fleet.events`.
 *
 * I1  A subscriber gets every event once, in the order of the log, from its subscription on.
 * I2  A reader can begin at any sequence.
 * I3  After a time in which the log could not be read, subscribers get what was kept meanwhile, if the log still has it.
 */
import { z } from 'zod';
import { parseInput } from '../../runtime/values/malformed.ts';
import { AgentSystemError } from '../../runtime/values/errors.ts';
import type { ReadOptions } from '../../runtime/journal/reading.ts';
import { type SubscribeOptions, subscribeOptions } from '../../runtime/journal/subscriptions.ts';
import type { SystemEvent } from '../../runtime/journal/system-event.ts';
import type { LifeStep } from '../../runtime/journal/replay.ts';
import { replayed } from '../../runtime/journal/replayed.ts';
import { type EngineClient, REPEATABLE } from '../engine/engine-client.ts';
import type { EventPage, EventQuestion } from '../events/events-object.ts';
import { EVENTS, FLEET } from '../engine/names.ts';

const PAGE = 500;
/** Between two reads for subscribers, ms. */
const LOOK_MS = 100;
/** Until the log is read again after a failure, ms. */
const AGAIN_MS = 1_000;

const readSchema = z.strictObject({
  agentId: z.string().optional(),
  after: z.int().min(0).default(0),
  limit: z.union([z.literal(Infinity), z.int().min(0)]).default(Infinity),
});

interface Listener {
  readonly hear: (event: SystemEvent) => void;
  /** All where there are none. */
  readonly types: ReadonlySet<string> | undefined;
}

export class FleetEvents {
  readonly #engine: EngineClient;
  readonly #reportFault: (message: string, thrown: unknown) => void;
  readonly #listeners = new Set<Listener>();
  #isLooking = false;
  #isClosed = false;

  constructor(engine: EngineClient, reportFault: (message: string, thrown: unknown) => void) {
    this.#engine = engine;
    this.#reportFault = reportFault;
  }

  /** The events that the log still holds, in order. @throws AgentSystemError `AGENT_SPEC_INVALID`, `SYSTEM_CLOSED` */
  async *read(options: ReadOptions = {}): AsyncGenerator<SystemEvent> {
    this.#engine.assertOpen();
    const { agentId, after, limit } = parseInput(readSchema, options, { what: 'events.read' });
    const until = (await this.#page({ agentId, after: 0, limit: 0 })).last;
    let [from, left] = [after, limit];
    while (left > 0 && from < until) {
      const { events } = await this.#page({ agentId, after: from, limit: Math.min(PAGE, left) });
      for (const event of events) {
        if (event.sequence > until) return;
        yield event;
      }
      left -= events.length;
      from = events.at(-1)?.sequence ?? until;
    }
  }

  /** An agent's life from its events, as `system.events.replay`. @throws AgentSystemError `AGENT_SPEC_INVALID`, `SYSTEM_CLOSED` */
  async replay(agentId: string, untilSequence?: number): Promise<readonly LifeStep[]> {
    this.#engine.assertOpen();
    return replayed((query) => this.read(query), agentId, untilSequence);
  }

  /**
   * Passes on every event from now on, in order, about `LOOK_MS` after it was kept; with `types`, only those. All events of a
   * fleet are committed. Returns how to stop listening.
   *
   * @throws AgentSystemError `AGENT_SPEC_INVALID`
   */
  subscribe(listener: (event: SystemEvent) => void, options: SubscribeOptions = {}): () => void {
    if (typeof listener !== 'function') {
      const message = `events.subscribe: expected a function, got ${typeof listener}`;
      throw new AgentSystemError('AGENT_SPEC_INVALID', message);
    }
    const { types } = parseInput(subscribeOptions, options, { what: 'events.subscribe' });
    const added: Listener = { hear: listener, types: types === undefined ? undefined : new Set(types) };
    this.#listeners.add(added);
    if (!this.#isLooking) void this.#look();
    return () => this.#listeners.delete(added);
  }

  close(): void {
    this.#isClosed = true;
    this.#listeners.clear();
  }

  #page(question: EventQuestion): Promise<EventPage> {
    return this.#engine.call<EventPage>(
      { service: EVENTS, key: FLEET, method: 'read' },
      question,
      REPEATABLE,
    );
  }

  async #look(): Promise<void> {
    this.#isLooking = true;
    let last: number | undefined;
    while (!this.#isClosed && this.#listeners.size > 0) {
      let waitMs = LOOK_MS;
      try {
        if (last === undefined) last = (await this.#page({ after: 0, limit: 0 })).last;
        else {
          const { events } = await this.#page({ after: last, limit: PAGE });
          for (const event of events) this.#tell(event);
          last = events.at(-1)?.sequence ?? last;
          if (events.length === PAGE) continue;
        }
      } catch (thrown) {
        if (!this.#isClosed) this.#reportFault('events could not be read', thrown);
        waitMs = AGAIN_MS;
      }
      if (!this.#isClosed) await new Promise((resolve) => setTimeout(resolve, waitMs));
    }
    this.#isLooking = false;
  }

  #tell(event: SystemEvent): void {
    for (const { hear, types } of this.#listeners) {
      if (types?.has(event.type) === false) continue;
      try {
        hear(event);
      } catch (thrown) {
        this.#reportFault('a listener of events threw', thrown);
      }
    }
  }
}
