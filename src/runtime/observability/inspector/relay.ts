/**
 * Between the charts of a program and those who watch them.
 *
 * Owns the newest snapshot of each actor, and for each viewer who has yet to be sent what. Knows no socket.
 *
 * I1  `observe` does next to nothing: no text is made before a viewer is there to be sent it, nor more often than
 *     once per actor and `coalesceMs`.
 * I2  A viewer is told of every actor that is kept, first who it is and then how it stands, whenever it comes.
 * I3  What is kept is bounded by `maxActors`: those that have ended make room, oldest first. What is sent is
 *     bounded by what a viewer has read: one that is slow misses steps, and never the newest.
 * I4  Nothing that an observer, a filter or a viewer does throws in a chart.
 */
import type { ChartInspectionEvent } from '../../engine/chart.ts';
import type { SteadyClock } from '../../time/clock.ts';
import { ignoreRejection, isThenable } from '../../values/thenable.ts';
import { actorMessage, type SeenActor, snapshotMessage } from './stately-message.ts';

/** Who watches. */
export interface Viewer {
  send(message: string): void;
  /** What was sent and has not left yet. */
  waitingBytes(): number;
}

export interface RelayOptions {
  readonly clock: SteadyClock;
  /** An actor's newest snapshot is sent once in so many ms at the most. */
  readonly coalesceMs: number;
  readonly maxActors: number;
  /** Asked before anything else is done; what it throws on is left out. */
  readonly filter: (event: ChartInspectionEvent) => boolean;
  readonly onFault: (thrown: unknown) => void;
}

export interface RelayStatus {
  /** Actors that a viewer would be shown now. */
  readonly actors: number;
  readonly viewers: number;
  /** Steps of actors that there was no room for. */
  readonly leftOut: number;
}

interface Audience {
  readonly viewer: Viewer;
  /** Who has changed since he was last told. */
  readonly changed: Set<string>;
  /** Of whom he was told who they are. */
  readonly introduced: Set<string>;
}

const MAX_WAITING_BYTES = 1_000_000;

export class Relay {
  readonly #options: RelayOptions;
  readonly #actors = new Map<string, SeenActor>();
  /** Ids of those that have ended, oldest end first. */
  readonly #ended = new Set<string>();
  readonly #audience = new Set<Audience>();
  #timer: unknown;
  #leftOut = 0;
  #isClosed = false;

  constructor(options: RelayOptions) {
    this.#options = options;
  }

  status(): RelayStatus {
    return { actors: this.#actors.size, viewers: this.#audience.size, leftOut: this.#leftOut };
  }

  observe(event: ChartInspectionEvent): void {
    if (this.#isClosed || (event.type !== '@xstate.snapshot' && event.type !== '@xstate.actor')) return;
    try {
      const isWanted: unknown = this.#options.filter(event);
      if (isThenable(isWanted)) {
        ignoreRejection(isWanted);
        throw new TypeError('the filter gave a promise, expected true or false');
      }
      if (isWanted) this.#note(event);
    } catch (thrown) {
      this.#options.onFault(thrown);
    }
  }

  /** Lets a viewer watch. Returns how it leaves. */
  join(viewer: Viewer): () => void {
    const member: Audience = { viewer, changed: new Set(this.#actors.keys()), introduced: new Set() };
    this.#audience.add(member);
    if (member.changed.size > 0) this.#arm();
    return () => {
      this.#audience.delete(member);
    };
  }

  close(): void {
    this.#isClosed = true;
    this.#options.clock.clearTimeout(this.#timer);
    this.#actors.clear();
    this.#ended.clear();
    this.#audience.clear();
  }

  #note(event: Extract<ChartInspectionEvent, { type: '@xstate.snapshot' | '@xstate.actor' }>): void {
    const { sessionId } = event.actorRef;
    const actor = this.#actors.get(sessionId) ?? this.#admit(event);
    if (actor === undefined) {
      this.#leftOut += 1;
      return;
    }
    if (event.type === '@xstate.snapshot') {
      actor.snapshot = event.snapshot;
      actor.event = event.event;
      actor.lastSeenAt = this.#options.clock.now();
      if (event.snapshot.status !== 'active') this.#ended.add(sessionId);
    }
    if (this.#audience.size === 0) return;
    for (const { changed } of this.#audience) changed.add(sessionId);
    this.#arm();
  }

  #admit({ actorRef, rootId }: ChartInspectionEvent): SeenActor | undefined {
    if (this.#actors.size >= this.#options.maxActors && !this.#makeRoom()) return undefined;
    const at = this.#options.clock.now();
    const actor: SeenActor = {
      ref: actorRef,
      rootId,
      firstSeenAt: at,
      lastSeenAt: at,
      event: { type: 'xstate.init' },
      snapshot: undefined,
    };
    this.#actors.set(actorRef.sessionId, actor);
    return actor;
  }

  #makeRoom(): boolean {
    for (const sessionId of this.#ended) {
      this.#ended.delete(sessionId);
      this.#actors.delete(sessionId);
      for (const { changed, introduced } of this.#audience) {
        changed.delete(sessionId);
        introduced.delete(sessionId);
      }
      return true;
    }
    return false;
  }

  #arm(): void {
    this.#timer ??= this.#options.clock.setTimeout(() => this.#tellAll(), this.#options.coalesceMs);
  }

  #tellAll(): void {
    this.#timer = undefined;
    for (const member of this.#audience) this.#tell(member);
    for (const { changed } of this.#audience) if (changed.size > 0) return this.#arm();
  }

  #tell({ viewer, changed, introduced }: Audience): void {
    for (const sessionId of changed) {
      if (viewer.waitingBytes() > MAX_WAITING_BYTES) return;
      changed.delete(sessionId);
      const actor = this.#actors.get(sessionId);
      if (actor === undefined) continue;
      try {
        // An actor is inspected before it has a snapshot: the one it begins with is read when it is first told of.
        actor.snapshot ??= actor.ref.getSnapshot();
        if (!introduced.has(sessionId)) viewer.send(actorMessage(actor));
        introduced.add(sessionId);
        viewer.send(snapshotMessage(actor));
      } catch (thrown) {
        this.#options.onFault(thrown);
      }
    }
  }
}
