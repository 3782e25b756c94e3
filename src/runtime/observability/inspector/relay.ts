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
import type { ChartInspectionEvent, ChartObservation } from '../../engine/chart.ts';
import type { SteadyClock } from '../../time/clock.ts';
import { ignoreRejection, isThenable } from '../../values/thenable.ts';
import { type ChartStep, chartStepOf } from './chart-step.ts';
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
  readonly filter: (step: ChartStep) => boolean;
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
  /** Who has changed since they were last told. */
  readonly changed: Set<object>;
  /** Of whom they were told who they are. */
  readonly introduced: WeakSet<object>;
}

const MAX_WAITING_BYTES = 1_000_000;

export class Relay {
  readonly #options: RelayOptions;
  /** By what tells one chart from another. */
  readonly #actors = new Map<object, SeenActor>();
  /** Those that have ended, oldest end first. */
  readonly #ended = new Set<object>();
  readonly #audience = new Set<Audience>();
  #timer: unknown;
  #leftOut = 0;
  #admitted = 0;
  #isClosed = false;

  constructor(options: RelayOptions) {
    this.#options = options;
  }

  status(): RelayStatus {
    return { actors: this.#actors.size, viewers: this.#audience.size, leftOut: this.#leftOut };
  }

  observe(told: ChartObservation | ChartInspectionEvent): void {
    if (this.#isClosed) return;
    try {
      const step = chartStepOf(told);
      if (step === undefined) return;
      const isWanted: unknown = this.#options.filter(step);
      if (isThenable(isWanted)) {
        ignoreRejection(isWanted);
        throw new TypeError('the filter gave a promise, expected true or false');
      }
      if (isWanted) this.#note(step);
    } catch (thrown) {
      this.#options.onFault(thrown);
    }
  }

  /** Lets a viewer watch. Returns how it leaves. */
  join(viewer: Viewer): () => void {
    const member: Audience = { viewer, changed: new Set(this.#actors.keys()), introduced: new WeakSet() };
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

  #note(step: ChartStep): void {
    const { chart, snapshot, event, isLast } = step;
    const actor = this.#actors.get(chart) ?? this.#admit(step);
    if (actor === undefined) {
      this.#leftOut += 1;
      return;
    }
    actor.snapshot = snapshot;
    actor.event = event;
    actor.lastSeenAt = this.#options.clock.now();
    if (isLast) this.#ended.add(chart);
    if (this.#audience.size === 0) return;
    for (const { changed } of this.#audience) changed.add(chart);
    this.#arm();
  }

  #admit({ chart, definition, snapshot, event, actor: ref }: ChartStep): SeenActor | undefined {
    if (this.#actors.size >= this.#options.maxActors && !this.#makeRoom()) return undefined;
    const at = this.#options.clock.now();
    const sessionId = ref?.sessionId ?? `chart:${(this.#admitted += 1)}`;
    const actor: SeenActor = {
      sessionId,
      rootId: ref?.rootId ?? sessionId,
      ownId: ref?.id,
      definition,
      firstSeenAt: at,
      lastSeenAt: at,
      event,
      snapshot,
    };
    this.#actors.set(chart, actor);
    return actor;
  }

  #makeRoom(): boolean {
    for (const chart of this.#ended) {
      this.#ended.delete(chart);
      this.#actors.delete(chart);
      for (const { changed } of this.#audience) changed.delete(chart);
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
    for (const chart of changed) {
      if (viewer.waitingBytes() > MAX_WAITING_BYTES) return;
      changed.delete(chart);
      const actor = this.#actors.get(chart);
      if (actor === undefined) continue;
      try {
        if (!introduced.has(chart)) viewer.send(actorMessage(actor));
        introduced.add(chart);
        viewer.send(snapshotMessage(actor));
      } catch (thrown) {
        this.#options.onFault(thrown);
      }
    }
  }
}
