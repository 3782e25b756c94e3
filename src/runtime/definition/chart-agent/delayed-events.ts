/**
 * The delayed events of a chart and of its children, as data: who sends what to whom, and when it is due.
 *
 * XState keeps none of them in a persisted snapshot. They are read from its scheduler, and given back to it before
 * the chart starts again, so that a state that is left cancels them as it would have.
 *
 * I1  What was saved is due when it was due: downtime counts, and what is overdue comes at once, in order.
 */
import type { AnyActorRef, EventObject } from 'xstate';
import type { SteadyClock } from '../../time/clock.ts';

/** An actor, by the ids that lead to it from the root; the root itself is `[]`. */
export type ActorPath = readonly string[];

export interface DelayedEvent {
  readonly source: ActorPath;
  readonly target: ActorPath;
  /** By which it can be cancelled. */
  readonly id: string;
  readonly event: EventObject;
  /** Epoch ms; `null` for one that is never due. */
  readonly dueAt: number | null;
  /** In place of `dueAt` for one that begins with the start, as a state's delay does that was not there before. */
  readonly delayMs?: number;
}

type Scheduled = ReturnType<AnyActorRef['system']['getSnapshot']>['_scheduledEvents'][string];

export class DelayedEvents {
  /** The clock that XState is given. */
  readonly clock: {
    setTimeout(run: () => void, delayMs: number): unknown;
    clearTimeout(timer: unknown): void;
  };
  readonly #clock: SteadyClock;
  readonly #dueAt = new WeakMap<Scheduled, number>();
  #root: AnyActorRef | undefined;
  #isStarted = false;

  constructor(clock: SteadyClock) {
    this.#clock = clock;
    this.clock = {
      setTimeout: (run, delayMs) => {
        this.#noteDue();
        // Before the start XState only notes what it will arm then.
        return this.#isStarted ? clock.setTimeout(run, Math.max(0, delayMs)) : undefined;
      },
      clearTimeout: (timer) => clock.clearTimeout(timer),
    };
  }

  /** To be called with the root actor before it is started, once. */
  begin(root: AnyActorRef, saved: readonly DelayedEvent[] = []): void {
    this.#root = root;
    const actors = new Map([...pathsOf(root)].map(([actor, path]) => [nameOf(path), actor]));
    const now = this.#clock.now();
    const due = saved.map(({ dueAt, delayMs, ...entry }) => ({
      ...entry,
      dueAt: delayMs === undefined ? (dueAt ?? Infinity) : now + delayMs,
    }));
    for (const { source, target, id, event, dueAt } of due.toSorted((a, b) => a.dueAt - b.dueAt || 0)) {
      const [from, to] = [actors.get(nameOf(source)), actors.get(nameOf(target))];
      if (from && to) root.system.scheduler.schedule(from, to, event, Math.max(0, dueAt - now), id);
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
      const dueAt = this.#dueAt.get(entry) ?? Infinity;
      return { source: from, target: to, id, event, dueAt: Number.isFinite(dueAt) ? dueAt : null };
    });
  }

  #noteDue(): void {
    const now = this.#clock.now();
    for (const entry of this.#scheduled()) {
      if (!this.#dueAt.has(entry)) this.#dueAt.set(entry, now + Math.max(0, entry.delay));
    }
  }

  #scheduled(): readonly Scheduled[] {
    return this.#root ? Object.values(this.#root.system.getSnapshot()._scheduledEvents) : [];
  }
}

/** An actor and all below it, each with its path. */
function pathsOf(root: AnyActorRef): Map<AnyActorRef, ActorPath> {
  const paths = new Map<AnyActorRef, ActorPath>();
  const walk = (actor: AnyActorRef, path: ActorPath): void => {
    paths.set(actor, path);
    const { children } = actor.getSnapshot() as { readonly children?: Record<string, AnyActorRef> };
    for (const [id, child] of Object.entries(children ?? {})) walk(child, [...path, id]);
  };
  walk(root, []);
  return paths;
}

function nameOf(path: ActorPath): string {
  return JSON.stringify(path);
}
