/**
 * The one ordered stream of events: gives each its place, commits it, then tells who listens.
 *
 * Owns sequence numbers, the batch that is being gathered, and what waits for a store that fails.
 *
 * I1  Sequences grow by one. Commits are in that order, one append at a time.
 * I2  Subscribers and callers hear of an event after it was committed.
 * I3  While the store fails, callers hear the failure at once and subscribers hear the events all the same; what
 *     was not committed is kept, up to a bound, and appended when the store is back.
 * I4  A listener that throws, or rejects, harms nobody.
 */
import type { Logger } from 'pino';
import type { Clock } from './clock.ts';
import { AgentSystemError, errorInfoOf } from './errors.ts';
import type { SavedState } from './host.ts';
import type { Store, StoreBatch } from './store.ts';
import type { EventBody, SystemEvent } from './system-event.ts';

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
  /** A commit that takes longer counts as failed; ms. */
  readonly commitTimeoutMs?: number;
  /** Time between attempts to reach a store that failed; ms. */
  readonly retryMs?: number;
  /** Events kept for a store that failed. */
  readonly maxBacklog?: number;
}

interface Batch {
  events: SystemEvent[];
  states: Map<string, SavedState | null> | undefined;
  facts: Map<string, string> | undefined;
  waiting: CommitListener[] | undefined;
}

const PAGE = 500;

export class Journal {
  readonly #store: Store;
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #commitTimeoutMs: number;
  readonly #retryMs: number;
  readonly #maxBacklog: number;
  readonly #listeners = new Set<EventListener>();
  #last: number;
  #gathering: Batch = emptyBatch();
  #isScheduled = false;
  #isCommitting = false;
  /** An append that did not answer in time, and still has not. */
  #isUnanswered = false;
  #isClosed = false;
  /** What the store did not take, while it fails. */
  #backlog: Batch | undefined;
  #lost = 0;
  #retry: unknown;
  #idle: PromiseWithResolvers<void> | undefined;

  constructor(options: JournalOptions) {
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
    const event = { sequence: this.#last, at: this.#clock.now(), ...body } as SystemEvent;
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

  subscribe(listener: EventListener): () => void {
    this.#listeners.add(listener);
    return () => {
      this.#listeners.delete(listener);
    };
  }

  /** The events that are kept, in order, up to the newest at the moment of the call. */
  async *read({
    agentId,
    after = 0,
    limit = Infinity,
  }: ReadOptions = {}): AsyncGenerator<SystemEvent, void, undefined> {
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

  /** Resolves when everything that was emitted so far was committed, or could not be. */
  async settled(): Promise<void> {
    if (!this.#isScheduled && !this.#isCommitting) return;
    this.#idle ??= Promise.withResolvers<void>();
    await this.#idle.promise;
  }

  /** Commits what is left and stops trying. */
  async close(): Promise<void> {
    await this.settled();
    this.#isClosed = true;
    this.#clock.clearTimeout(this.#retry);
    if (this.#backlog) await this.#tryBacklog();
    await this.settled();
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
    if (this.#gathering.events.length > 0 || this.#gathering.facts) this.#schedule();
  }

  #commit(): void {
    const batch = this.#gathering;
    this.#gathering = emptyBatch();
    if (this.#backlog) {
      this.#keepForLater(batch);
      return this.#finish();
    }
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
    let result: void | Promise<void>;
    try {
      result = this.#store.append(batch);
    } catch (thrown) {
      return failed(thrown);
    }
    if (!(result instanceof Promise)) return done();
    let isOver = false;
    const once = (then: () => void) => {
      if (isOver) return;
      isOver = true;
      this.#clock.clearTimeout(timer);
      then();
    };
    const timer = this.#clock.setTimeout(
      () =>
        once(() =>
          failed(
            new Error(`the store did not answer within ${this.#commitTimeoutMs} ms`),
            result.then(
              () => true,
              () => false,
            ),
          ),
        ),
      this.#commitTimeoutMs,
    );
    result.then(
      () => once(done),
      (thrown: unknown) => once(() => failed(thrown)),
    );
  }

  #committed(batch: Batch): void {
    this.#isCommitting = false;
    this.#deliver(batch.events);
    if (batch.waiting) for (const listener of batch.waiting) listener();
    this.#schedulePending();
    this.#finish();
  }

  #failed(batch: Batch, thrown: unknown, settled?: Promise<boolean>): void {
    this.#isCommitting = false;
    this.#logger.error({ err: thrown }, 'the store failed; events wait until it is back');
    this.#backlog = emptyBatch();
    this.#keepForLater(batch, thrown);
    this.emit({ type: 'store.degraded', error: errorInfoOf(thrown) });
    this.#retryAfter(batch, settled);
  }

  /** A batch that was not answered for may yet have been kept: only its answer says whether to append it again. */
  #retryAfter(batch: Batch, settled: Promise<boolean> | undefined): void {
    if (settled === undefined) return this.#retryLater();
    this.#isUnanswered = true;
    void settled.then((wasKept) => {
      this.#isUnanswered = false;
      if (wasKept) this.#dropKept(batch);
      this.#retryLater();
    });
  }

  #keepForLater(batch: Batch, cause?: unknown): void {
    const backlog = this.#backlog!;
    for (const event of batch.events) backlog.events.push(event);
    const excess = backlog.events.length - this.#maxBacklog;
    if (excess > 0) {
      backlog.events.splice(0, excess);
      this.#lost += excess;
    }
    if (batch.states) backlog.states = new Map([...(backlog.states ?? []), ...batch.states]);
    if (batch.facts) backlog.facts = new Map([...(backlog.facts ?? []), ...batch.facts]);
    this.#deliver(batch.events);
    if (!batch.waiting) return;
    const error = new AgentSystemError(
      'STORE_FAILED',
      'the store failed: what was asked for was not made durable',
      {
        cause,
      },
    );
    for (const listener of batch.waiting) listener(error);
  }

  #dropKept(batch: Batch): void {
    const kept = new Set(batch.events);
    const backlog = this.#backlog!;
    backlog.events = backlog.events.filter((event) => !kept.has(event));
  }

  #retryLater(): void {
    this.#clock.clearTimeout(this.#retry);
    if (this.#isClosed) return;
    this.#retry = this.#clock.setTimeout(() => void this.#tryBacklog(), this.#retryMs);
  }

  #tryBacklog(): Promise<void> {
    const backlog = this.#backlog;
    if (!backlog || this.#isCommitting || this.#isUnanswered) return Promise.resolve();
    this.#isCommitting = true;
    const { promise, resolve } = Promise.withResolvers<void>();
    const sent = { ...backlog, events: [...backlog.events] };
    this.#append(
      sent,
      () => {
        this.#isCommitting = false;
        const lost = this.#lost;
        this.#backlog = undefined;
        this.#lost = 0;
        this.#logger.info({ events: sent.events.length, lost }, 'the store is back');
        this.emit({ type: 'store.recovered', lost });
        resolve();
      },
      (_, settled) => {
        this.#isCommitting = false;
        this.#retryAfter(sent, settled);
        this.#schedulePending();
        this.#finish();
        resolve();
      },
    );
    return promise;
  }

  #deliver(events: readonly SystemEvent[]): void {
    if (this.#listeners.size === 0) return;
    for (const event of events) {
      for (const listener of this.#listeners) this.#tell(listener, event);
    }
  }

  #tell(listener: EventListener, event: SystemEvent): void {
    try {
      const result: unknown = listener(event);
      if (result instanceof Promise) result.catch((thrown: unknown) => this.#complain(thrown));
    } catch (thrown) {
      this.#complain(thrown);
    }
  }

  #complain(thrown: unknown): void {
    this.#logger.error({ err: thrown }, 'a listener of events threw');
  }

  #finish(): void {
    if (this.#isScheduled || this.#isCommitting) return;
    this.#idle?.resolve();
    this.#idle = undefined;
  }
}

function emptyBatch(): Batch {
  return { events: [], states: undefined, facts: undefined, waiting: undefined };
}
