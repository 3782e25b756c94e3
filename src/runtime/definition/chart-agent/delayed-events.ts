/**
 * The delayed events of a chart and of its children, as data: who sends what to whom, and when it is due.
 *
 * XState keeps none of them in a persisted snapshot. They are read from its scheduler, and given back to it before
 * the chart starts again, so that a state that is left cancels them as it would have.
 *
 * I1  What was saved is due when it was due: downtime counts, and what is overdue comes at once, in order.
 * I2  None waits longer than it was to wait when it was scheduled, wherever the wall clock stood then.
 */
import type { AnyActorRef, EventObject } from 'xstate';
import type { SteadyClock } from '../../time/clock.ts';
import { type ActorPath, nameOf, pathsOf } from './actor-paths.ts';
import { eventWithActors } from './actor-references.ts';

export interface DelayedEvent {
  readonly source: ActorPath;
  readonly target: ActorPath;
  /** By which it can be cancelled. */
  readonly id: string;
  readonly event: EventObject;
  /** Epoch ms; `null` for one that is never due. */
  readonly dueAt: number | null;
  /** What was to be waited when it was scheduled; states that were saved without it have none. `null` as for `dueAt`. */
  readonly scheduledMs?: number | null;
  /** In place of `dueAt` for one that begins with the start, as a state's delay does that was not there before. */
  readonly delayMs?: number;
}

/** When an event is due, by the wall clock, and what was to be waited when it was scheduled. */
interface Due {
  readonly at: number;
  readonly scheduledMs: number;
}

type Scheduled = ReturnType<AnyActorRef['system']['getSnapshot']>['_scheduledEvents'][string];

export class DelayedEvents {
  /** The clock that XState is given. */
  readonly clock: {
    setTimeout(run: () => void, delayMs: number): unknown;
    clearTimeout(timer: unknown): void;
  };
  readonly #clock: SteadyClock;
  readonly #due = new WeakMap<Scheduled, Due>();
  /** Of events that were given back, of which only a part is left to be waited, by actor and id. */
  readonly #givenBack = new Map<string, Due>();
  #root: AnyActorRef | undefined;
  #isStarted = false;

  constructor(clock: SteadyClock) {
    this.#clock = clock;
    this.clock = {
      setTimeout: (run, delayMs) => {
        // Before the start XState only notes what it will arm then.
        if (!this.#isStarted) return undefined;
        this.#noteDue();
        return clock.setTimeout(run, Math.max(0, delayMs));
      },
      clearTimeout: (timer) => clock.clearTimeout(timer),
    };
  }

  /** To be called with the root actor before it is started, once. */
  begin(root: AnyActorRef, saved: readonly DelayedEvent[] = []): void {
    this.#root = root;
    const actors = new Map([...pathsOf(root)].map(([actor, path]) => [nameOf(path), actor]));
    const now = this.#clock.now();
    const due = saved.map(({ dueAt, scheduledMs, delayMs, ...entry }) => ({
      ...entry,
      scheduledMs: scheduledMs ?? delayMs ?? Infinity,
      dueAt: delayMs === undefined ? (dueAt ?? Infinity) : now + delayMs,
    }));
    for (const entry of due.toSorted((a, b) => a.dueAt - b.dueAt || 0)) {
      const { source, target, id, event, dueAt, scheduledMs } = entry;
      const [from, to] = [actors.get(nameOf(source)), actors.get(nameOf(target))];
      if (from === undefined || to === undefined) continue;
      const at = Math.min(dueAt, now + scheduledMs);
      if (scheduledMs !== Infinity) this.#givenBack.set(keyOf(from, id), { at, scheduledMs });
      root.system.scheduler.schedule(from, to, eventWithActors(event, root), Math.max(0, at - now), id);
    }
    this.#isStarted = true;
  }

  /** @throws Error for an event of an actor that its parent does not know, or has lost to another of its id */
  saved(): readonly DelayedEvent[] {
    const scheduled = this.#scheduled();
    if (scheduled.length === 0) return [];
    const paths = pathsOf(this.#root!);
    return scheduled.map((entry) => {
      const { source, target, id, event } = entry;
      const [from, to] = [paths.get(source), paths.get(target)];
      if (from === undefined || to === undefined) {
        throw new Error(
          `the delayed event ${event.type} is of an actor that is no child of the chart: spawn it under an id of its own`,
        );
      }
      const { at, scheduledMs } = this.#due.get(entry) ?? { at: Infinity, scheduledMs: Infinity };
      return { source: from, target: to, id, event, dueAt: kept(at), scheduledMs: kept(scheduledMs) };
    });
  }

  #noteDue(): void {
    const now = this.#clock.now();
    for (const entry of this.#scheduled()) {
      if (this.#due.has(entry)) continue;
      const delayMs = Math.max(0, entry.delay);
      const key = keyOf(entry.source, entry.id);
      this.#due.set(entry, this.#givenBack.get(key) ?? { at: now + delayMs, scheduledMs: delayMs });
      this.#givenBack.delete(key);
    }
  }

  #scheduled(): readonly Scheduled[] {
    return this.#root ? Object.values(this.#root.system.getSnapshot()._scheduledEvents) : [];
  }
}

function keyOf({ sessionId }: AnyActorRef, id: string): string {
  return `${sessionId}.${id}`;
}

/** As JSON has it. */
function kept(timeMs: number): number | null {
  return Number.isFinite(timeMs) ? timeMs : null;
}
