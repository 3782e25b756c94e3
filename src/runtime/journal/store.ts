/**
 * Where events and states are kept: the contract of every store (stores/*.ts), whose suite is in `mabeam/testing`.
 *
 * I1  A batch is kept whole or not at all; when `append` has returned (or its promise resolved), it is kept.
 * I2  Events keep their order, and come back value for value as they went in.
 * I3  Retention drops old events, oldest first, and never what `recover` needs: what `read` then gives is the end
 *     of the history, complete. Where bytes run out, what belongs to agents that were forgotten may go before.
 * I4  A store that cannot be read is a clear error, never an empty one.
 */
import type { SavedState } from '../definition/saved-state.ts';
import { havingAs } from '../values/malformed.ts';
import type { SystemEvent } from './system-event.ts';

/** What becomes durable together. */
export interface StoreBatch {
  readonly events: readonly SystemEvent[];
  /** The newest state of an agent, or `null` to drop it. */
  readonly states?: ReadonlyMap<string, SavedState | null> | undefined;
  /** Facts about the system itself: the charts' identities, say. */
  readonly facts?: ReadonlyMap<string, string> | undefined;
}

export interface EventQuery {
  readonly agentId?: string | undefined;
  /** Only events with a greater sequence. */
  readonly after?: number | undefined;
  /** At the most so many, 1 or more. */
  readonly limit: number;
}

/**
 * What is known of one agent: how it was registered, or its spec changed the last time, and the last event of its life,
 * which may be the same.
 */
export interface StoredAgent {
  readonly registered: Extract<SystemEvent, { type: 'agent.registered' | 'agent.updated' }>;
  readonly latest: SystemEvent;
}

/** The newest event of a task that has been begun, and has not ended. */
export type TaskProgress = Extract<
  SystemEvent,
  { type: 'task.started' | 'task.parked' | 'task.retry_scheduled' }
>;

/** A schedule, and the last time that it was due and that was dealt with. */
export interface StoredSchedule {
  readonly set: Extract<SystemEvent, { type: 'schedule.set' }>;
  readonly fired: Extract<SystemEvent, { type: 'schedule.fired' }> | undefined;
}

/** A task that was submitted, and how it ended. */
export interface EndedTask {
  readonly accepted: Extract<SystemEvent, { type: 'task.accepted' }>;
  readonly end: Extract<
    SystemEvent,
    { type: 'task.completed' | 'task.failed' | 'task.timed_out' | 'task.abandoned' | 'task.unknown' }
  >;
}

/** What a system needs to go on from where its predecessor ended. */
export interface Recovery {
  /** Sequence of the newest event, 0 when there is none. */
  readonly lastSequence: number;
  readonly facts: ReadonlyMap<string, string>;
  /** All that were registered and not forgotten, in the order of their registration. */
  readonly agents: readonly StoredAgent[];
  /** `task.accepted` of every task that has no end, oldest first, as the following are, too. */
  readonly tasks: readonly Extract<SystemEvent, { type: 'task.accepted' }>[];
  /** How far those of them have come that have been begun, by their ids; left out by a store that does not tell. */
  readonly taskProgress?: ReadonlyMap<string, TaskProgress>;
  /** Tasks that were submitted and have ended, and were not forgotten, oldest first. */
  readonly endedTasks?: readonly EndedTask[];
  /** Those that were set and not removed; left out by a store that does not tell. */
  readonly schedules?: readonly StoredSchedule[];
  /** The last `variable.changed` of every variable. */
  readonly variables: readonly Extract<SystemEvent, { type: 'variable.changed' }>[];
  /** `round.opened` of every round that was not closed. */
  readonly rounds: readonly Extract<SystemEvent, { type: 'round.opened' }>[];
  /** The last event of every account of a budget, but for those of single tasks; left out by a store that does not tell. */
  readonly budgets?: readonly Extract<
    SystemEvent,
    { type: 'budget.reserved' | 'budget.settled' | 'budget.refilled' }
  >[];
}

export interface Store {
  /** Whether what it keeps outlives the program. */
  readonly isDurable: boolean;
  /** Opens it, once, before all else. @throws Error that names what was expected, what came, and the way out */
  recover(): Recovery | Promise<Recovery>;
  /** @throws Error when nothing of the batch was kept */
  append(batch: StoreBatch): void | Promise<void>;
  /** Events in order, as they were at the moment of the call. They are the reader's own, or immutable. */
  read(query: EventQuery): readonly SystemEvent[] | Promise<readonly SystemEvent[]>;
  /** The newest saved state of an agent. */
  state(agentId: string): SavedState | undefined | Promise<SavedState | undefined>;
  /**
   * Whether it can still keep what it is given, where it may lose that without being asked for anything: that its file
   * is gone, say. Asked about once a second.
   *
   * @throws Error that says what is wrong
   */
  check?(): void | Promise<void>;
  close(): void | Promise<void>;
}

/** A store as options may give it. */
export const storeShape = havingAs<Store>(
  ', as sqliteStore("fleet.db") gives',
  'recover',
  'append',
  'read',
  'state',
  'close',
);

/**
 * What a store asks of events before it keeps any: sequences that grow, where those of lost events may be missing.
 *
 * @throws RangeError that names both sequences
 */
export function assertOrder(events: readonly SystemEvent[], lastSequence: number): void {
  let last = lastSequence;
  for (const { sequence, type } of events) {
    if (!(Number.isSafeInteger(sequence) && sequence > last)) {
      throw new RangeError(
        `event ${type}: expected a sequence beyond ${last}, the last one kept, got ${sequence}`,
      );
    }
    last = sequence;
  }
}
