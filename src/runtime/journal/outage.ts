/**
 * A time in which the store fails: what it does not take is kept for it, up to a bound, and appended when it is back.
 *
 * Owns the backlog, and when the store is tried again. It notifies no listener: its owner does.
 *
 * I1  The backlog is appended once, in order, some thousand events at a time, each state with or after its event;
 *     what the store turns out to have kept in spite of its failure is not appended again.
 * I2  While an append has not been answered nothing else is: it could be kept twice.
 * I3  An event, or a state, that no store could keep does not keep the others from it.
 * I4  Beyond the bounds the oldest events are lost, and counted. States and facts are kept, the newest of each.
 */
import type { Logger } from 'pino';
import type { SavedState } from '../definition/saved-state.ts';
import type { SteadyClock } from '../time/clock.ts';
import type { AppendFailure, Appender } from './appender.ts';
import { Batch } from './batch.ts';
import { eventBytes } from './event-bytes.ts';
import { keepableEvent, keepableState } from './keepable-event.ts';
import type { Store } from './store.ts';
import type { SystemEvent } from './system-event.ts';

export interface OutageParts {
  readonly store: Store;
  readonly appender: Appender;
  readonly clock: SteadyClock;
  readonly logger: Logger;
  /** Time between attempts to reach the store; ms. */
  readonly retryMs: number;
  readonly maxEvents: number;
  readonly maxBytes: number;
  /** Told of every event of the backlog once the store has it, in order. */
  readonly committed: (event: SystemEvent) => void;
  /** Told when the store is back: what has come while the backlog was appended, and how many events were lost. */
  readonly recovered: (rest: Batch, lost: number) => void;
}

const PAGE = 500;
/** Events that are appended at once: a store that answers at all answers in time. */
const SLICE = 2_000;

interface WaitingState {
  readonly state: SavedState | null;
  /** Sequence of the last event of the batch that it came with. */
  readonly sequence: number;
}

export class Outage {
  readonly #parts: OutageParts;
  /** Why the store fails; `undefined` as long as it does not. */
  #failure: AppendFailure | undefined;
  #events: SystemEvent[] = [];
  /** Those before this place are gone. */
  #first = 0;
  #bytes = 0;
  #lost = 0;
  readonly #states = new Map<string, WaitingState>();
  readonly #facts = new Map<string, string>();
  #retry: unknown;
  #retrying: Promise<void> | undefined;
  /** A part of the backlog is given to the store. */
  #isAppending = false;
  /** An append that did not answer in time, and still has not. */
  #isUnanswered = false;
  #isClosed = false;

  constructor(parts: OutageParts) {
    this.#parts = parts;
  }

  get isOn(): boolean {
    return this.#failure !== undefined;
  }

  /** How many events wait. */
  get #waiting(): number {
    return this.#events.length - this.#first;
  }

  /** The state of an agent that waits, `null` where it is to be dropped; `undefined` where none does. */
  stateOf(agentId: string): SavedState | null | undefined {
    return this.#states.get(agentId)?.state;
  }

  get cause(): unknown {
    return this.#failure?.thrown;
  }

  /** The store has failed, and is tried again in a while. */
  begin(failure: AppendFailure): void {
    this.#failure = failure;
    this.#retryAfter(failure);
  }

  /** Keeps a batch for when the store is back. */
  add(batch: Batch): void {
    for (let at = 0; at < batch.eventCount; at++) {
      const event = keepableEvent(batch.events[at]!);
      this.#events.push(event);
      this.#bytes += eventBytes(event);
    }
    for (let at = 0; at < batch.stateCount; at++) {
      // With no event it cannot be told whether the store has it: it is kept once more, which does no harm.
      const sequence = batch.events[batch.eventCount - 1]?.sequence ?? Infinity;
      this.#states.set(batch.stateOwners[at]!, { state: keepableState(batch.states[at]!), sequence });
    }
    if (batch.facts) for (const [name, value] of batch.facts) this.#facts.set(name, value);
    this.#bound();
  }

  /** Tries the store once more, and never again; how many events it does not have. */
  async close(settled: () => Promise<void>): Promise<number> {
    this.#isClosed = true;
    this.#parts.clock.clearTimeout(this.#retry);
    if (this.isOn) await this.#try();
    await settled();
    // The last attempt may have failed after its commit.
    if (this.isOn && !this.#isUnanswered) await this.#dropKept().catch(() => undefined);
    const left = this.#waiting;
    if (left + this.#lost > 0) {
      this.#parts.logger.error(
        { events: left, lost: this.#lost },
        'closed while the store fails: events were not kept',
      );
    }
    return left + this.#lost;
  }

  #bound(): void {
    // What is being appended may be kept in this very moment.
    if (this.#isAppending) return;
    const { maxEvents, maxBytes } = this.#parts;
    while (this.#waiting > maxEvents || (this.#bytes > maxBytes && this.#waiting > 1)) {
      this.#bytes -= eventBytes(this.#events[this.#first]!);
      this.#first += 1;
      this.#lost += 1;
    }
    this.#compact();
  }

  /** Gives back the room of those that are gone, once it is worth it. */
  #compact(): void {
    if (this.#first <= this.#events.length / 2) return;
    this.#events = this.#events.slice(this.#first);
    this.#first = 0;
  }

  #retryAfter({ settled }: AppendFailure): void {
    if (settled === undefined) return this.#retryLater();
    this.#isUnanswered = true;
    void settled.then((wasKept) => {
      this.#isUnanswered = false;
      if (wasKept && !this.#isClosed) void this.#try();
      else this.#retryLater();
    });
  }

  #retryLater(): void {
    const { clock, retryMs } = this.#parts;
    clock.clearTimeout(this.#retry);
    if (this.#isClosed) return;
    this.#retry = clock.setTimeout(() => void this.#try(), retryMs);
  }

  /** Resolves when the attempt that is under way, or a new one, is over. */
  #try(): Promise<void> {
    if (!this.isOn || this.#isUnanswered) return Promise.resolve();
    this.#retrying ??= this.#append().finally(() => {
      this.#retrying = undefined;
    });
    return this.#retrying;
  }

  async #append(): Promise<void> {
    try {
      await this.#dropKept();
    } catch (thrown) {
      return this.#failed({ thrown });
    }
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#appendSlices(0, resolve);
    return promise;
  }

  /** Appends what is left, a part at a time; others have their turn in between. */
  #appendSlices(sent: number, over: () => void): void {
    const count = Math.min(this.#waiting, SLICE);
    const isLast = count === this.#waiting;
    // What has come of it holds from this moment on: what is gathered in this very turn is committed already.
    const ended = (slice: Batch, failure?: AppendFailure) => {
      this.#isAppending = false;
      if (failure) this.#failed(failure);
      else this.#kept(slice);
      if (!failure && isLast) this.#recovered(sent + count);
      if (failure || isLast) over();
      else setImmediate(() => this.#appendSlices(sent + count, over));
    };
    const slice = this.#slice(count, isLast);
    this.#isAppending = true;
    let isDone: boolean;
    try {
      isDone = this.#parts.appender.append(slice, ended);
    } catch (thrown) {
      return ended(slice, { thrown });
    }
    if (isDone) ended(slice);
  }

  #failed(failure: AppendFailure): void {
    this.#failure = failure;
    this.#bound();
    this.#retryAfter(failure);
  }

  /** A failure may have come after the commit: what the store holds is not appended again. */
  async #dropKept(): Promise<void> {
    while (this.#first < this.#events.length) {
      const after = this.#events[this.#first]!.sequence - 1;
      const page = await this.#parts.store.read({ after, limit: PAGE });
      const last = page.at(-1);
      if (last === undefined) return;
      this.#take(last.sequence);
    }
  }

  /** The store has all up to this event. */
  #take(sequence: number): void {
    let at = this.#first;
    for (; at < this.#events.length && this.#events[at]!.sequence <= sequence; at++) {
      const event = this.#events[at]!;
      this.#bytes -= eventBytes(event);
      this.#parts.committed(event);
    }
    this.#first = at;
    this.#compact();
  }

  /** So many events, from the first, and the states that came with them or before; facts at the end. */
  #slice(count: number, isLast: boolean): Batch {
    const slice = new Batch();
    for (let at = this.#first; at < this.#first + count; at++)
      slice.addEvent(this.#events[at]!, this.#events[at]!.sequence);
    const last = isLast ? Infinity : slice.events[count - 1]!.sequence;
    for (const [agentId, { state, sequence }] of this.#states) {
      if (sequence <= last) slice.addState(agentId, state);
    }
    if (isLast) for (const [name, value] of this.#facts) slice.addFact(name, value);
    return slice;
  }

  /** The store has it: but for what is newer, it waits no more. */
  #kept(slice: Batch): void {
    if (slice.eventCount > 0) this.#take(slice.events[slice.eventCount - 1]!.sequence);
    for (let at = 0; at < slice.stateCount; at++) {
      const agentId = slice.stateOwners[at]!;
      if (this.#states.get(agentId)?.state === slice.states[at]) this.#states.delete(agentId);
    }
    if (slice.facts === undefined) return;
    for (const [name, value] of slice.facts) if (this.#facts.get(name) === value) this.#facts.delete(name);
  }

  /** What came while the last of it was appended is committed with what comes next. */
  #recovered(sent: number): void {
    const rest = this.#slice(this.#waiting, true);
    const lost = this.#lost;
    this.#failure = undefined;
    this.#events = [];
    this.#first = 0;
    this.#states.clear();
    this.#facts.clear();
    this.#bytes = 0;
    this.#lost = 0;
    this.#parts.logger.info({ events: sent, lost }, 'the store is back');
    this.#parts.recovered(rest, lost);
  }
}
