/**
 * Who is told of events: observers of the runtime, which may be trusted with an event as it is, and subscribers.
 *
 * I1  An observer hears of the types of events that it asked for, and of no others: most events concern few of them.
 * I2  A listener that subscribes during an event gets the next event first. A removed listener gets nothing more.
 * I3  A listener that throws, or rejects, does not affect others.
 * I4  To subscribe, and to stop, takes the same time however many there are.
 * I5  An event that no subscriber hears is not frozen, nor copied.
 */
import { z } from 'zod';
import { parseInput } from '../values/malformed.ts';
import { isThenable } from '../values/thenable.ts';
import { handOut } from './handed-out-event.ts';
import type { SystemEvent, SystemEventType } from './system-event.ts';

/** How an event is told. */
export interface Delivery {
  /**
   * `false` for an event that is told while the store fails. It is committed when the store is back; should the
   * program end before, it never is, and the next program gives its sequence to another event.
   */
  readonly isCommitted: boolean;
}

/** A part of the runtime that hears of events, and leaves them as they are. It gives no promise. */
export type EventObserver = (event: SystemEvent) => void;

/**
 * Who hears of events of a type; `undefined` where nobody does. Asked once for each type. One function for each type
 * that is frequent costs least: it meets events of one shape.
 */
export type ObserverOf = (type: SystemEventType) => EventObserver | undefined;

export type EventListener = (event: SystemEvent, delivery: Delivery) => void;

/** Which events a listener is told of, and when. */
export interface SubscribeOptions {
  /** Whether events of a time in which the store fails are told when they were committed, and not before. */
  readonly committedOnly?: boolean | undefined;
  /** Events of these types alone; default all. Others cost this listener nothing. */
  readonly types?: readonly SystemEventType[] | undefined;
}

export const subscribeOptions = z.strictObject({
  committedOnly: z.boolean().default(false),
  types: z.array(z.string().min(1)).optional(),
});

const COMMITTED: Delivery = Object.freeze({ isCommitted: true });
const UNCOMMITTED: Delivery = Object.freeze({ isCommitted: false });

interface Subscription {
  readonly listener: EventListener;
  readonly committedOnly: boolean;
  readonly types: ReadonlySet<string> | undefined;
  /** It hears what is told after so many. */
  readonly after: number;
}

export class Subscriptions {
  private readonly complain: (thrown: unknown) => void;
  private readonly observers: ObserverOf[] = [];
  /** Those of each type of event, asked for when one is told the first time. */
  private readonly observersOf = new Map<SystemEventType, readonly EventObserver[]>();
  private lastType: SystemEventType | undefined = undefined;
  private ofLastType: readonly EventObserver[] = [];
  private readonly subscribers = new Set<Subscription>();
  /** How many events were told, the one that is being told included. */
  private told = 0;

  constructor(complain: (thrown: unknown) => void) {
    this.complain = complain;
  }

  /** For parts of the runtime: they hear before any subscriber does, and are never taken off. */
  observe(observerOf: ObserverOf): void {
    this.observers.push(observerOf);
    this.observersOf.clear();
    this.lastType = undefined;
  }

  /** @throws AgentSystemError `AGENT_SPEC_INVALID` for invalid options */
  add(listener: EventListener, options: SubscribeOptions = {}): () => void {
    const { committedOnly, types } = parseInput(subscribeOptions, options, { what: 'events.subscribe' });
    const subscription: Subscription = {
      listener,
      committedOnly,
      types: types && new Set(types),
      after: this.told,
    };
    this.subscribers.add(subscription);
    return () => void this.subscribers.delete(subscription);
  }

  /** Tells an event that was committed. */
  tell(event: SystemEvent): void {
    this.tellObservers(event);
    if (this.subscribers.size > 0) this.tellSubscribers(event, COMMITTED, undefined);
  }

  /** An event was not committed. */
  tellUncommitted(event: SystemEvent): void {
    this.tellObservers(event);
    this.tellSubscribers(event, UNCOMMITTED, false);
  }

  /** An event that had been told before was committed. */
  tellCommitted(event: SystemEvent): void {
    this.tellSubscribers(event, COMMITTED, true);
  }

  private tellObservers(event: SystemEvent): void {
    const { type } = event;
    const observers = type === this.lastType ? this.ofLastType : this.observersFor(type);
    for (let at = 0; at < observers.length; at++) {
      try {
        observers[at]!(event);
      } catch (thrown) {
        this.complain(thrown);
      }
    }
  }

  /** Events of one type come one after another: those of a change that many agents are told of. */
  private observersFor(type: SystemEventType): readonly EventObserver[] {
    const observers = this.observersOf.get(type) ?? this.findObservers(type);
    this.lastType = type;
    this.ofLastType = observers;
    return observers;
  }

  private findObservers(type: SystemEventType): readonly EventObserver[] {
    const found = this.observers
      .map((observerOf) => observerOf(type))
      .filter((observer) => observer !== undefined);
    this.observersOf.set(type, found);
    return found;
  }

  private tellSubscribers(event: SystemEvent, delivery: Delivery, committedOnly: boolean | undefined): void {
    this.told += 1;
    for (const subscription of this.subscribers) {
      if (subscription.after >= this.told) continue;
      if (committedOnly !== undefined && subscription.committedOnly !== committedOnly) continue;
      if (subscription.types !== undefined && !subscription.types.has(event.type)) continue;
      try {
        const { listener } = subscription;
        const result: unknown = listener(handOut(event), delivery);
        if (isThenable(result)) Promise.resolve(result).catch(this.complain);
      } catch (thrown) {
        this.complain(thrown);
      }
    }
  }
}
