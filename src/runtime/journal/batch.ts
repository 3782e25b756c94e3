/**
 * What is gathered for one commit: events, states, facts, and who waits for it.
 *
 * A batch is filled again and again, for most hold a handful of things and there are many: its arrays keep their
 * room, and its counts say how much of it is in use. Only stores of this package are given one as it is, and hold on
 * to nothing but what is in it; everybody else gets arrays and maps of their own.
 */
import type { SavedState } from '../definition/saved-state.ts';
import type { AgentSystemError } from '../values/errors.ts';
import { handOut } from './handed-out-event.ts';
import type { StoreBatch } from './store.ts';
import type { SystemEvent } from './system-event.ts';

/** Called once: without an error when the event was committed, with `STORE_FAILED` when it could not be. */
export type CommitListener = (error?: AgentSystemError) => void;

/** The same as an object, which saves making a function. */
export interface CommitObserver {
  committed(error?: AgentSystemError): void;
}

/** Room beyond this is given back. */
const MAX_ROOM = 1_024;

export class Batch {
  eventCount = 0;
  /** Sequence of the newest event; 0 without one. */
  lastSequence = 0;
  /** How many of the events, from the first, were told before they were committed. */
  told = 0;
  stateCount = 0;
  facts: Map<string, string> | undefined;
  // Begun with a place each: V8 takes an empty list for one of numbers, which the next batch would belie once more.
  readonly events: SystemEvent[] = [undefined as never];
  /** Whose the states are, in the order in which they came. */
  readonly stateOwners: string[] = [''];
  readonly states: (SavedState | null)[] = [null];
  private readonly waiting: (CommitListener | CommitObserver)[] = [undefined as never];
  private waitingCount = 0;

  /** Whether there is something to commit. */
  get hasContent(): boolean {
    return this.eventCount > 0 || this.stateCount > 0 || this.facts !== undefined;
  }

  get isAwaited(): boolean {
    return this.waitingCount > 0;
  }

  get isEmpty(): boolean {
    return !this.hasContent && !this.isAwaited;
  }

  /** @param sequence the event's */
  addEvent(event: SystemEvent, sequence: number): void {
    this.events[this.eventCount++] = event;
    this.lastSequence = sequence;
  }

  addState(agentId: string, state: SavedState | null): void {
    this.stateOwners[this.stateCount] = agentId;
    this.states[this.stateCount++] = state;
  }

  addFact(name: string, value: string): void {
    (this.facts ??= new Map()).set(name, value);
  }

  addWaiting(listener: CommitListener | CommitObserver): void {
    this.waiting[this.waitingCount++] = listener;
  }

  /** Takes over what the other one holds, behind its own. */
  takeOver(other: Batch): void {
    for (let at = 0; at < other.eventCount; at++)
      this.addEvent(other.events[at]!, other.events[at]!.sequence);
    for (let at = 0; at < other.stateCount; at++) this.addState(other.stateOwners[at]!, other.states[at]!);
    if (other.facts) for (const [name, value] of other.facts) this.addFact(name, value);
    for (let at = 0; at < other.waitingCount; at++) this.addWaiting(other.waiting[at]!);
  }

  /** Whether it has more of anything than this. */
  isLargerThan(count: number): boolean {
    return this.eventCount > count || this.waitingCount > count;
  }

  /** Tells those who wait, up to `limit` of them from `from` on; whether that were all. What they emit is in another batch. */
  answer(error?: AgentSystemError, from = 0, limit = Infinity): boolean {
    const until = Math.min(from + limit, this.waitingCount);
    for (let at = from; at < until; at++) {
      const listener = this.waiting[at]!;
      if (typeof listener === 'function') listener(error);
      else listener.committed(error);
    }
    return until === this.waitingCount;
  }

  /** Forgets all it held, and says whether it is worth filling again. */
  clear(): boolean {
    const { events, stateOwners, states } = this;
    if (events.length > MAX_ROOM || states.length > MAX_ROOM || this.waiting.length > MAX_ROOM) return false;
    for (let at = 0; at < this.eventCount; at++) events[at] = undefined as never;
    for (let at = 0; at < this.stateCount; at++) {
      stateOwners[at] = '';
      states[at] = null;
    }
    for (let at = 0; at < this.waitingCount; at++) this.waiting[at] = undefined as never;
    this.eventCount = 0;
    this.lastSequence = 0;
    this.told = 0;
    this.stateCount = 0;
    this.facts = undefined;
    this.waitingCount = 0;
    return true;
  }

  /** For any store: nothing that is filled again, and no event that could be changed. */
  forStore(): StoreBatch {
    const events = this.events.slice(0, this.eventCount);
    for (const event of events) handOut(event);
    return { events, states: this.newestStates(), facts: this.facts };
  }

  /** The newest state of an agent in it, `null` where it is to be dropped; `undefined` where there is none. */
  stateOf(agentId: string): SavedState | null | undefined {
    for (let at = this.stateCount - 1; at >= 0; at--) {
      if (this.stateOwners[at] === agentId) return this.states[at];
    }
    return undefined;
  }

  newestStates(): Map<string, SavedState | null> | undefined {
    if (this.stateCount === 0) return undefined;
    const newest = new Map<string, SavedState | null>();
    for (let at = 0; at < this.stateCount; at++) newest.set(this.stateOwners[at]!, this.states[at]!);
    return newest;
  }
}
