/**
 * The one ordered stream of events: gives each its place, commits it, then tells who listens.
 *
 * Owns sequence numbers, the batch that is being gathered, and what waits for a store that fails.
 *
 * I1  Sequences grow by one. Commits are in that order, one append at a time.
 * I2  Subscribers and callers hear of an event after it was committed, and hear it once.
 * I3  While the store fails, callers hear the failure at once and subscribers hear the events all the same; what
 *     was not committed is kept, up to a bound, and appended when the store is back, unless it turns out to have
 *     been kept after all.
 * I4  A listener that throws, or rejects, harms nobody. One that was taken off hears nothing more.
 */
import type { Logger } from 'pino';
import { z } from 'zod';
import type { ErrorInfo } from '../../machines/index.ts';
import type { Clock } from '../time/clock.ts';
import { AgentSystemError, errorInfoOf } from '../values/errors.ts';
import type { SavedState } from '../definition/saved-state.ts';
import { parseInput } from '../values/malformed.ts';
import type { Store, StoreBatch } from './store.ts';
import type { EventBody, SystemEvent } from './system-event.ts';
import { isThenable, tellListener } from '../values/thenable.ts';

export type EventListener = (event: SystemEvent) => void;
/** Called once: without an error when the event was committed, with `STORE_FAILED` when it could not be. */
export type CommitListener = (error?: AgentSystemError) => void;

export interface ReadOptions {
  readonly agentId?: string;
  /** Only events with a greater sequence; default 0, all that are kept. */
  readonly after?: number;
  /** At the most so many; default all. */
  readonly limit?: number;
}

export interface JournalOptions {
  readonly store: Store;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly lastSequence: number;
  /** Told when the store begins to fail. */
  readonly onDegraded?: (error: ErrorInfo) => void;
  /** Told when it is back. */
  readonly onRecovered?: () => void;
  /** A commit that takes longer counts as failed; ms. */
  readonly commitTimeoutMs?: number;
  /** Time between attempts to reach a store that failed; ms. */
  readonly retryMs?: number;
  /** Events kept for a store that failed. */
  readonly maxBacklog?: number;
}

interface Batch {
  events: SystemEvent[];
  /** How many of them, from the first, subscribers have heard already. */
  told: number;
  states: Map<string, SavedState | null> | undefined;
  facts: Map<string, string> | undefined;
  waiting: CommitListener[] | undefined;
}

interface Subscription {
  readonly listener: EventListener;
  isActive: boolean;
}

const PAGE = 500;

const readSchema = z.strictObject({
  agentId: z.string().optional(),
  after: z.int().min(0).default(0),
  limit: z
    .custom<number>(
      (value) => value === Infinity || (Number.isSafeInteger(value) && (value as number) >= 0),
      {
        error: 'expected a whole number, 0 or more, or Infinity',
      },
    )
    .default(Infinity),
});

export class Journal {
  readonly #options: JournalOptions;
  readonly #store: Store;
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #commitTimeoutMs: number;
  readonly #retryMs: number;
  readonly #maxBacklog: number;
  /** Replaced, never changed: whoever subscribes while an event is told hears the next one first. */
  #subscriptions: readonly Subscription[] = [];
  #last: number;
  #gathering: Batch = emptyBatch();
  #isScheduled = false;
  #isCommitting = false;
  /** An append that did not answer in time, and still has not. */
  #isUnanswered = false;
  #isClosed = false;
  #isDiscarded = false;
  /** What the store did not take, while it fails. */
  #backlog: Batch | undefined;
  #cause: unknown;
  #lost = 0;
  #retry: unknown;
  #retrying: Promise<void> | undefined;

  constructor(options: JournalOptions) {
    this.#options = options;
    this.#store = options.store;
    this.#clock = options.clock;
    this.#logger = options.logger;
    this.#last = options.lastSequence;
    this.#commitTimeoutMs = options.commitTimeoutMs ?? 10_000;
    this.#retryMs = options.retryMs ?? 1_000;
    this.#maxBacklog = options.maxBacklog ?? 100_000;
  }

  /** Sequence that the next event will have. */
  get nextSequence(): number {
    return this.#last + 1;
  }

  get isDegraded(): boolean {
    return this.#backlog !== undefined;
  }

  /** Adds an event to the stream. `state`, if any, becomes durable with it; `null` drops the agent's. */
  emit(body: EventBody, onCommitted?: CommitListener, state?: SavedState | null): SystemEvent {
    this.#last += 1;
    // What happened stays so: listeners and readers share the one event.
    const event = Object.freeze({ sequence: this.#last, at: this.#clock.now(), ...body }) as SystemEvent;
    const batch = this.#gathering;
    batch.events.push(event);
    if (onCommitted) (batch.waiting ??= []).push(onCommitted);
    if (state !== undefined && event.agentId !== undefined) {
      (batch.states ??= new Map()).set(event.agentId, state);
    }
    this.#schedule();
    return event;
  }

  /** Keeps a fact about the system with the next commit. */
  keepFact(name: string, value: string): void {
    (this.#gathering.facts ??= new Map()).set(name, value);
    this.#schedule();
  }

  /** Returns how to stop listening. */
  subscribe(listener: EventListener): () => void {
    const subscription: Subscription = { listener, isActive: true };
    this.#subscriptions = [...this.#subscriptions, subscription];
    return () => {
      subscription.isActive = false;
      this.#subscriptions = this.#subscriptions.filter((other) => other !== subscription);
    };
  }

  /**
   * The events that are kept, in order, up to the newest at the moment of the call.
   *
   * @throws AgentSystemError `AGENT_SPEC_INVALID` for options that are none; `STORE_FAILED` while it is read
   */
  read(options: ReadOptions = {}): AsyncGenerator<SystemEvent, void, undefined> {
    return this.#read(parseInput(readSchema, options, { what: 'events.read' }));
  }

  /** Resolves when everything that was emitted so far was committed, or could not be. */
  async settled(): Promise<void> {
    if (this.#isSettled) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    (this.#gathering.waiting ??= []).push(() => resolve());
    this.#schedule();
    await promise;
  }

  /** Commits what is left and stops trying; gives how many events were not kept. Later ones are not waited for. */
  async close(): Promise<number> {
    await this.settled();
    this.#isClosed = true;
    this.#clock.clearTimeout(this.#retry);
    if (this.#backlog) await this.#tryBacklog();
    await this.settled();
    // The last attempt may have failed after its commit.
    if (this.#backlog && !this.#isUnanswered) await this.#dropKept(this.#backlog).catch(() => undefined);
    const left = this.#backlog?.events.length ?? 0;
    const unkept = left + this.#lost;
    if (unkept > 0) {
      this.#logger.error(
        { events: left, lost: this.#lost },
        'closed while the store fails: events were not kept',
      );
    }
    return unkept;
  }

  /** Its system did not come to be: of what was gathered nothing is committed, or told. */
  discard(): void {
    this.#isDiscarded = true;
  }

  get #isSettled(): boolean {
    return !this.#isCommitting && !hasContent(this.#gathering) && this.#gathering.waiting === undefined;
  }

  async *#read({ agentId, after, limit }: z.output<typeof readSchema>) {
    await this.settled();
    const newest = this.#last;
    for (let from = after, left = limit; left > 0; ) {
      const asked = Math.min(PAGE, left);
      const page = await this.#readPage({ agentId, after: from, limit: asked });
      for (const event of page) {
        if (event.sequence > newest) return;
        yield event;
      }
      const last = page.at(-1);
      if (last === undefined || page.length < asked) return;
      from = last.sequence;
      left -= page.length;
    }
  }

  async #readPage(query: Parameters<Store['read']>[0]): Promise<readonly SystemEvent[]> {
    try {
      return await this.#store.read(query);
    } catch (thrown) {
      throw new AgentSystemError('STORE_FAILED', `events could not be read: ${errorInfoOf(thrown).message}`, {
        cause: thrown,
      });
    }
  }

  #schedule(): void {
    if (this.#isScheduled || this.#isCommitting) return;
    this.#isScheduled = true;
    queueMicrotask(() => {
      this.#isScheduled = false;
      this.#commit();
    });
  }

  #schedulePending(): void {
    if (!this.#isSettled) this.#schedule();
  }

  #commit(): void {
    if (this.#isDiscarded) return;
    const batch = this.#gathering;
    this.#gathering = emptyBatch();
    if (this.#backlog) return this.#refuse(batch);
    if (!hasContent(batch)) return answer(batch);
    this.#isCommitting = true;
    this.#append(
      batch,
      () => this.#committed(batch),
      (thrown, settled) => this.#failed(batch, thrown, settled),
    );
  }

  /** Appends; a promise that does not settle in time counts as failed, and is then awaited before all else. */
  #append(
    batch: StoreBatch,
    done: () => void,
    failed: (thrown: unknown, settled?: Promise<boolean>) => void,
  ): void {
    let result: unknown;
    let isPromised: boolean;
    try {
      result = this.#store.append(batch);
      isPromised = isThenable(result);
    } catch (thrown) {
      return failed(thrown);
    }
    if (!isPromised) return done();
    const promise = Promise.resolve(result);
    let isOver = false;
    const timer = this.#clock.setTimeout(() => {
      isOver = true;
      const late = new Error(`the store did not answer within ${this.#commitTimeoutMs} ms`);
      failed(
        late,
        promise.then(
          () => true,
          () => false,
        ),
      );
    }, this.#commitTimeoutMs);
    const isInTime = () => {
      this.#clock.clearTimeout(timer);
      return !isOver;
    };
    promise.then(
      () => isInTime() && done(),
      (thrown: unknown) => isInTime() && failed(thrown),
    );
  }

  #committed(batch: Batch): void {
    this.#isCommitting = false;
    this.#deliver(batch);
    answer(batch);
    this.#schedulePending();
  }

  #failed(batch: Batch, thrown: unknown, settled: Promise<boolean> | undefined): void {
    this.#isCommitting = false;
    this.#logger.error({ err: thrown }, 'the store failed; events wait until it is back');
    this.#backlog = emptyBatch();
    this.#cause = thrown;
    const error = errorInfoOf(thrown);
    this.#refuse(batch);
    this.emit({ type: 'store.degraded', error });
    this.#options.onDegraded?.(error);
    this.#retryAfter(settled);
  }

  /** The store fails: what was asked for is kept for it, and refused. */
  #refuse(batch: Batch): void {
    const backlog = this.#backlog!;
    for (const event of batch.events) backlog.events.push(event);
    const excess = backlog.events.length - this.#maxBacklog;
    if (excess > 0) {
      backlog.events.splice(0, excess);
      this.#lost += excess;
    }
    if (batch.states) addAll((backlog.states ??= new Map()), batch.states);
    if (batch.facts) addAll((backlog.facts ??= new Map()), batch.facts);
    this.#deliver(batch);
    if (batch.waiting) {
      const message = 'the store failed: what was asked for was not made durable';
      answer(batch, new AgentSystemError('STORE_FAILED', message, { cause: this.#cause }));
    }
    this.#schedulePending();
  }

  #retryAfter(settled: Promise<boolean> | undefined): void {
    if (settled === undefined) return this.#retryLater();
    // Until it has answered it may yet keep what it was given: to append that again now could keep it twice.
    this.#isUnanswered = true;
    void settled.then((wasKept) => {
      this.#isUnanswered = false;
      if (wasKept && !this.#isClosed) void this.#tryBacklog();
      else this.#retryLater();
    });
  }

  #retryLater(): void {
    this.#clock.clearTimeout(this.#retry);
    if (this.#isClosed) return;
    this.#retry = this.#clock.setTimeout(() => void this.#tryBacklog(), this.#retryMs);
  }

  /** Resolves when the attempt that is under way, or a new one, is over. */
  #tryBacklog(): Promise<void> {
    if (this.#backlog === undefined || this.#isUnanswered) return Promise.resolve();
    this.#retrying ??= this.#appendBacklog(this.#backlog).finally(() => {
      this.#retrying = undefined;
    });
    return this.#retrying;
  }

  async #appendBacklog(backlog: Batch): Promise<void> {
    try {
      await this.#dropKept(backlog);
    } catch (thrown) {
      this.#cause = thrown;
      return this.#retryLater();
    }
    const { events, states, facts } = backlog;
    const sent = { events: [...events], states: states && new Map(states), facts: facts && new Map(facts) };
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#append(
      sent,
      () => {
        this.#recovered(sent);
        resolve();
      },
      (thrown, settled) => {
        this.#cause = thrown;
        this.#retryAfter(settled);
        resolve();
      },
    );
    return promise;
  }

  /** A failure may have come after the commit: what the store holds is not appended again. */
  async #dropKept(backlog: Batch): Promise<void> {
    for (;;) {
      const [first] = backlog.events;
      if (first === undefined) return;
      const page = await this.#store.read({ after: first.sequence - 1, limit: PAGE });
      const last = page.at(-1);
      if (last === undefined) return;
      backlog.events = backlog.events.filter(({ sequence }) => sequence > last.sequence);
    }
  }

  /** What came while the backlog was appended is committed with what comes next. */
  #recovered(sent: StoreBatch): void {
    const newest = sent.events.at(-1)?.sequence ?? 0;
    const { events, states, facts } = this.#backlog!;
    const rest = events.filter(({ sequence }) => sequence > newest);
    const next = this.#gathering;
    this.#gathering = {
      events: [...rest, ...next.events],
      told: rest.length,
      states: states && addAll(new Map(states), next.states),
      facts: facts && addAll(new Map(facts), next.facts),
      waiting: next.waiting,
    };
    const lost = this.#lost;
    this.#backlog = undefined;
    this.#cause = undefined;
    this.#lost = 0;
    this.#logger.info({ events: sent.events.length, lost }, 'the store is back');
    this.emit({ type: 'store.recovered', lost });
    this.#options.onRecovered?.();
  }

  #deliver({ events, told }: Batch): void {
    for (let place = told; place < events.length; place++) {
      const event = events[place]!;
      for (const subscription of this.#subscriptions) {
        if (subscription.isActive) tellListener(subscription.listener, event, this.#complain);
      }
    }
  }

  readonly #complain = (thrown: unknown): void => {
    this.#logger.error({ err: thrown }, 'a listener of events threw');
  };
}

function emptyBatch(): Batch {
  return { events: [], told: 0, states: undefined, facts: undefined, waiting: undefined };
}

function hasContent({ events, facts }: Batch): boolean {
  return events.length > 0 || facts !== undefined;
}

function answer({ waiting }: Batch, error?: AgentSystemError): void {
  if (waiting) for (const listener of waiting) listener(error);
}

function addAll<Value>(
  to: Map<string, Value>,
  from: ReadonlyMap<string, Value> | undefined,
): Map<string, Value> {
  if (from) for (const [key, value] of from) to.set(key, value);
  return to;
}
