/**
 * A time in which the store fails: what it does not take is kept for it, up to a bound, and appended when it is back.
 *
 * Owns the backlog, and when the store is tried again. Tells nobody anything: it says what has become of what.
 *
 * I1  The backlog is appended once, in order, as one batch; what the store turns out to have kept in spite of its
 *     failure is not appended again.
 * I2  While an append has not been answered nothing else is: it could be kept twice.
 * I3  Beyond the bounds the oldest events are lost, and counted. States and facts are kept, the newest of each.
 */
import type { Logger } from 'pino';
import type { SavedState } from '../definition/saved-state.ts';
import type { SteadyClock } from '../time/clock.ts';
import type { AppendFailure, Appender } from './appender.ts';
import { Batch } from './batch.ts';
import { eventBytes } from './event-bytes.ts';
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

export class Outage {
  readonly #parts: OutageParts;
  /** Why the store fails; `undefined` as long as it does not. */
  #failure: AppendFailure | undefined;
  #events: SystemEvent[] = [];
  /** Those before this place are gone. */
  #first = 0;
  #bytes = 0;
  #lost = 0;
  readonly #states = new Map<string, SavedState | null>();
  readonly #facts = new Map<string, string>();
  #retry: unknown;
  #retrying: Promise<void> | undefined;
  /** An append that did not answer in time, and still has not. */
  #isUnanswered = false;
  #isClosed = false;

  constructor(parts: OutageParts) {
    this.#parts = parts;
  }

  get isOn(): boolean {
    return this.#failure !== undefined;
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
      const event = batch.events[at]!;
      this.#events.push(event);
      this.#bytes += eventBytes(event);
    }
    for (let at = 0; at < batch.stateCount; at++) {
      this.#states.set(batch.stateOwners[at]!, batch.states[at]!);
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
    const left = this.#events.length - this.#first;
    if (left + this.#lost > 0) {
      this.#parts.logger.error(
        { events: left, lost: this.#lost },
        'closed while the store fails: events were not kept',
      );
    }
    return left + this.#lost;
  }

  #bound(): void {
    const { maxEvents, maxBytes } = this.#parts;
    while (
      this.#events.length - this.#first > maxEvents ||
      (this.#bytes > maxBytes && this.#events.length - this.#first > 1)
    ) {
      this.#bytes -= eventBytes(this.#events[this.#first]!);
      this.#first += 1;
      this.#lost += 1;
    }
    if (this.#first > this.#events.length / 2) this.#drop(this.#first);
  }

  /** Lets go of so many, from the first. */
  #drop(count: number): void {
    this.#events = this.#events.slice(count);
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
    const ended = (sent: Batch, failure?: AppendFailure) => {
      if (failure) this.#failed(failure);
      else this.#recovered(sent);
      resolve();
    };
    const sent = this.#batch();
    let isDone: boolean;
    try {
      isDone = this.#parts.appender.append(sent, ended);
    } catch (thrown) {
      return this.#failed({ thrown });
    }
    if (isDone) ended(sent);
    return promise;
  }

  #failed(failure: AppendFailure): void {
    this.#failure = failure;
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
    this.#drop(at);
  }

  #batch(): Batch {
    const batch = new Batch();
    for (let at = this.#first; at < this.#events.length; at++) batch.addEvent(this.#events[at]!);
    for (const [agentId, state] of this.#states) batch.addState(agentId, state);
    for (const [name, value] of this.#facts) batch.addFact(name, value);
    return batch;
  }

  /** What came while it was appended is committed with what comes next. */
  #recovered(sent: Batch): void {
    if (sent.eventCount > 0) this.#take(sent.events[sent.eventCount - 1]!.sequence);
    // The states are not told apart: those that were sent are kept once more, and are the newest still.
    const rest = this.#batch();
    const lost = this.#lost;
    this.#failure = undefined;
    this.#drop(this.#events.length);
    this.#states.clear();
    this.#facts.clear();
    this.#bytes = 0;
    this.#lost = 0;
    this.#parts.logger.info({ events: sent.eventCount, lost }, 'the store is back');
    this.#parts.recovered(rest, lost);
  }
}
