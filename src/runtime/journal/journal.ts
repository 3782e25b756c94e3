/**
 * The one ordered stream of events: gives each its place, commits it, then tells who listens.
 *
 * Owns sequence numbers, and the batch that is being gathered. What happens while the store fails is outage.ts's, who
 * is told is subscriptions.ts's, and how events are read again is reading.ts's.
 *
 * I1  Sequences grow by one. Commits are in that order, one append at a time.
 * I2  Callers are answered after their event was committed. Subscribers hear of an event after it was committed, and
 *     hear it once.
 * I3  While the store fails, callers hear the failure at once. Subscribers hear the events all the same, and are told
 *     that these are not committed, unless they asked for committed events only: these hear them when they are.
 * I4  However much there is to commit, the event loop has a turn every few milliseconds.
 */
import type { Logger } from 'pino';
import type { ErrorInfo } from '../../machines/index.ts';
import type { SavedState } from '../definition/saved-state.ts';
import type { SteadyClock } from '../time/clock.ts';
import { LoopTurn } from '../time/loop-turn.ts';
import { AgentSystemError, errorInfoOf } from '../values/errors.ts';
import { parseInput } from '../values/malformed.ts';
import type { SecretNet } from '../values/secret-net.ts';
import { type AppendFailure, Appender } from './appender.ts';
import { Batch, type CommitListener, type CommitObserver } from './batch.ts';
import { Outage } from './outage.ts';
import { readEvents, type ReadOptions, readSchema } from './reading.ts';
import type { Store } from './store.ts';
import { StoreCheck } from './store-check.ts';
import {
  type EventListener,
  type ObserverOf,
  type SubscribeOptions,
  Subscriptions,
} from './subscriptions.ts';
import type { EventDraft, SystemEvent } from './system-event.ts';

export type { CommitListener, CommitObserver } from './batch.ts';

export interface JournalOptions {
  readonly store: Store;
  readonly clock: SteadyClock;
  readonly logger: Logger;
  readonly lastSequence: number;
  /** What is in no event. */
  readonly secrets?: SecretNet;
  /** Told when the store begins to fail. */
  readonly onDegraded?: (error: ErrorInfo) => void;
  /** Told when it is back. */
  readonly onRecovered?: () => void;
  /** A commit that takes longer counts as failed; ms. */
  readonly commitTimeoutMs?: number;
  /** Time between attempts to reach a store that failed; ms. */
  readonly retryMs?: number;
  /** Time between two questions to a store that says by itself whether it fails; ms. */
  readonly checkMs?: number;
  /** Events kept for a store that failed. */
  readonly maxBacklog?: number;
  /** About how many bytes these may hold. */
  readonly maxBacklogBytes?: number;
}

/** So many events, or callers, have a turn of the event loop of their own: each may have much to do with its answer. */
const PART = 256;

/** What follows it is a microtask, at two thirds of the cost of Node's `queueMicrotask`, and a third in an async context. */
const settledBefore = Promise.resolve();

export class Journal {
  private readonly options: JournalOptions;
  private readonly store: Store;
  private readonly clock: SteadyClock;
  private readonly logger: Logger;
  private readonly appender: Appender;
  private readonly outage: Outage;
  private readonly check: StoreCheck;
  private readonly subscriptions: Subscriptions;
  private readonly turn = new LoopTurn();
  private last: number;
  /** Sequence of the newest event that was committed. */
  private lastKept: number;
  /** What the store was given, and has not answered. */
  private committing: Batch | undefined;
  /** When the newest event was emitted; `undefined` before the first. */
  private at: number | undefined = undefined;
  private gathering = new Batch();
  /** A batch that was committed, to be filled again. */
  private spare: Batch | undefined;
  private isScheduled = false;
  private isCommitting = false;
  private isDiscarded = false;

  constructor(options: JournalOptions) {
    const { store, clock, logger, lastSequence, commitTimeoutMs = 10_000, retryMs = 1_000 } = options;
    const { checkMs = 1_000, maxBacklog = 100_000, maxBacklogBytes = 128 * 1024 * 1024 } = options;
    this.options = options;
    this.store = store;
    this.clock = clock;
    this.logger = logger;
    this.last = lastSequence;
    this.lastKept = lastSequence;
    this.appender = new Appender(store, clock, commitTimeoutMs);
    this.subscriptions = new Subscriptions((err) => logger.error({ err }, 'a listener of events threw'));
    this.outage = new Outage({
      store,
      appender: this.appender,
      clock,
      logger,
      retryMs,
      maxEvents: maxBacklog,
      maxBytes: maxBacklogBytes,
      committed: (event) => {
        this.lastKept = event.sequence;
        this.subscriptions.tellCommitted(event);
      },
      recovered: (rest, lost) => this.recovered(rest, lost),
    });
    this.check = new StoreCheck({
      store,
      clock,
      everyMs: checkMs,
      isIdle: () => !this.isCommitting && !this.outage.isOn,
      failed: (thrown) => this.failed(new Batch(), { thrown }),
    });
  }

  get isDegraded(): boolean {
    return this.outage.isOn;
  }

  /** Sequence of the newest event that was emitted. */
  get lastSequence(): number {
    return this.last;
  }

  /** Whether the event with this sequence was committed. */
  hasKept(sequence: number): boolean {
    return sequence <= this.lastKept;
  }

  /**
   * The newest state of an agent, as long as the store has not said that it has it; `null` where it is to be dropped,
   * `undefined` where the store has all that there is.
   */
  stateOnItsWay(agentId: string): SavedState | null | undefined {
    const gathered = this.gathering.stateOf(agentId);
    if (gathered !== undefined) return gathered;
    const given = this.committing?.stateOf(agentId);
    return given === undefined ? this.outage.stateOf(agentId) : given;
  }

  /**
   * Adds an event to the stream, and gives it back with its place. `state`, if any, becomes durable with it; `null`
   * drops the agent's.
   *
   * @param draft the journal's from now on: it becomes the event
   * @param at when it was, where an event of the same act has said so; epoch ms, default now
   */
  emit(
    draft: EventDraft,
    onCommitted?: CommitListener | CommitObserver,
    state?: SavedState | null,
    at?: number,
  ): SystemEvent {
    const { secrets } = this.options;
    if (secrets?.isEmpty === false) hideSecrets(draft, secrets);
    const sequence = (this.last += 1);
    draft.sequence = sequence;
    draft.at = at ?? this.now();
    const event = draft as SystemEvent;
    const batch = this.gathering;
    batch.addEvent(event, sequence);
    if (onCommitted !== undefined) batch.addWaiting(onCommitted);
    if (state !== undefined && event.agentId !== undefined) batch.addState(event.agentId, state);
    this.schedule();
    return event;
  }

  /** Keeps a state that is no agent's, or drops it, with the next commit: that of the event emitted next, say. */
  keepState(owner: string, state: SavedState | null): void {
    this.gathering.addState(owner, state);
    this.schedule();
  }

  /** Keeps a fact about the system with the next commit. */
  keepFact(name: string, value: string): void {
    this.gathering.addFact(name, value);
    this.schedule();
  }

  /** For parts of the runtime, which leave events as they are: told of each before any subscriber is. */
  observe(observerOf: ObserverOf): void {
    this.subscriptions.observe(observerOf);
  }

  /** Returns how to stop listening. */
  subscribe(listener: EventListener, options?: SubscribeOptions): () => void {
    return this.subscriptions.add(listener, options);
  }

  /**
   * The events that are kept, in order, up to the newest at the moment of the call.
   *
   * @throws AgentSystemError `AGENT_SPEC_INVALID` for invalid options; `STORE_FAILED` while it is read
   */
  read(options: ReadOptions = {}): AsyncGenerator<SystemEvent, void, undefined> {
    return this.readAll(parseInput(readSchema, options, { what: 'events.read' }));
  }

  /** Resolves when everything that was emitted so far was committed, or could not be. */
  async settled(): Promise<void> {
    if (this.isSettled()) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.gathering.addWaiting(() => resolve());
    this.schedule();
    await promise;
  }

  /** Resolves when everything that was emitted so far was committed. @throws AgentSystemError `STORE_FAILED` */
  async kept(): Promise<void> {
    if (this.isSettled() && !this.outage.isOn) return;
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    this.gathering.addWaiting((error) => (error === undefined ? resolve() : reject(error)));
    this.schedule();
    await promise;
  }

  /** Commits what is left and stops trying; gives how many events were not kept. Later ones are not waited for. */
  async close(): Promise<number> {
    this.check.end();
    await this.settled();
    return this.outage.close(() => this.settled());
  }

  /** Its system was not created: of what was gathered nothing is committed, or told. */
  discard(): void {
    this.check.end();
    this.isDiscarded = true;
  }

  private isSettled(): boolean {
    return !this.isCommitting && this.gathering.isEmpty;
  }

  private async *readAll(options: Parameters<typeof readEvents>[1]) {
    await this.settled();
    yield* readEvents({ store: this.store, clock: this.clock }, options, this.last);
  }

  /** The same number for all events of a millisecond: a number of its own for each is a third of what is kept of them. */
  private now(): number {
    const now = this.clock.now();
    if (now !== this.at) this.at = now;
    return this.at;
  }

  private schedule(): void {
    if (this.isScheduled || this.isCommitting) return;
    this.isScheduled = true;
    // Work that is awaited, commit by commit, is one chain of microtasks: now and then others have their turn.
    if (this.turn.isOver(this.at ?? this.clock.now())) setImmediate(this.commit);
    else void settledBefore.then(this.commit);
  }

  private readonly commit = (): void => {
    this.isScheduled = false;
    if (this.isDiscarded) return;
    const batch = this.gathering;
    this.gathering = this.spare ?? new Batch();
    this.spare = undefined;
    if (this.outage.isOn) return this.refuse(batch);
    if (!batch.hasContent) return this.answer(batch);
    this.isCommitting = true;
    this.committing = batch;
    let isDone: boolean;
    try {
      isDone = this.appender.append(batch, this.ended);
    } catch (thrown) {
      return this.failed(batch, { thrown });
    }
    if (isDone) this.committed(batch);
  };

  private readonly ended = (batch: Batch, failure?: AppendFailure): void => {
    if (failure) this.failed(batch, failure);
    else this.committed(batch);
  };

  private committed(batch: Batch): void {
    this.committing = undefined;
    if (batch.eventCount > 0) this.lastKept = batch.lastSequence;
    if (batch.isLargerThan(PART)) return this.tellParts(batch, 0);
    this.isCommitting = false;
    this.tell(batch, 0, batch.eventCount);
    this.answer(batch);
  }

  private tell(batch: Batch, from: number, until: number): void {
    const { told } = batch;
    for (let at = from; at < until; at++) {
      const event = batch.events[at]!;
      if (at < told) this.subscriptions.tellCommitted(event);
      else this.subscriptions.tell(event);
    }
  }

  /** Nothing else is committed before all of it was told, and answered. */
  private tellParts(batch: Batch, from: number): void {
    this.isCommitting = true;
    const until = Math.min(from + PART, batch.eventCount);
    this.tell(batch, from, until);
    if (until < batch.eventCount) setImmediate(() => this.tellParts(batch, until));
    else this.answerParts(batch, 0);
  }

  private answerParts(batch: Batch, from: number): void {
    if (!batch.answer(undefined, from, PART)) {
      setImmediate(() => this.answerParts(batch, from + PART));
      return;
    }
    this.isCommitting = false;
    this.answered(batch);
  }

  private failed(batch: Batch, failure: AppendFailure): void {
    this.isCommitting = false;
    this.committing = undefined;
    this.logger.error({ err: failure.thrown }, 'the store failed; events wait until it is back');
    this.outage.begin(failure);
    const error = errorInfoOf(failure.thrown);
    this.refuse(batch);
    this.emit({ type: 'store.degraded', error });
    this.options.onDegraded?.(error);
  }

  /** The store fails: what was asked for is kept for it, and refused. */
  private refuse(batch: Batch): void {
    this.outage.add(batch);
    for (let at = batch.told; at < batch.eventCount; at++) {
      this.subscriptions.tellUncommitted(batch.events[at]!);
    }
    const message = 'the store failed: what was asked for was not made durable';
    this.answer(
      batch,
      batch.isAwaited
        ? new AgentSystemError('STORE_FAILED', message, { cause: this.outage.cause })
        : undefined,
    );
  }

  /** The store is back; what came meanwhile was told already, and is committed before what comes next. */
  private recovered(rest: Batch, lost: number): void {
    rest.told = rest.eventCount;
    rest.takeOver(this.gathering);
    this.gathering = rest;
    this.emit({ type: 'store.recovered', lost });
    this.options.onRecovered?.();
  }

  private answer(batch: Batch, error?: AgentSystemError): void {
    batch.answer(error);
    this.answered(batch);
  }

  private answered(batch: Batch): void {
    if (batch.clear()) this.spare = batch;
    if (!this.isSettled()) this.schedule();
  }
}

/** Of an event that is no agent's the secrets of all are taken out. */
function hideSecrets(draft: EventDraft, secrets: SecretNet): void {
  Object.assign(draft, secrets.hide(draft, 'agentId' in draft ? draft.agentId : undefined));
}
