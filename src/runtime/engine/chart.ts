/**
 * What drives a chart: the one module that needs the runtime half of XState.
 *
 * Each chart is the root of a small actor system of its own, so that its cost never depends on how many others
 * there are. Pure `transition()` on another engine, or a compiled table, would stand here instead.
 *
 * I1  A bug in a chart (a throwing guard or action) reaches `onBug` and nothing else: other charts go on.
 * I2  An observer that throws, or rejects, does no harm.
 */
import {
  type AnyActorLogic,
  createActor,
  type EventFromLogic,
  type InputFrom,
  type InspectionEvent,
  type SnapshotFrom,
} from 'xstate';
import type { SteadyClock } from '../time/clock.ts';
import { tellListener } from '../values/thenable.ts';

/** One step of any chart, as XState tells it; the shape may change with XState's major version. */
export type ChartInspectionEvent = InspectionEvent;
export type ChartObserver = (event: ChartInspectionEvent) => void;

export interface Chart<Logic extends AnyActorLogic> {
  send(event: EventFromLogic<Logic>): void;
  snapshot(): SnapshotFrom<Logic>;
  stop(): void;
}

export interface ChartOptions {
  readonly clock: SteadyClock;
  readonly inspect?: ChartObserver | undefined;
  readonly onBug: (error: unknown) => void;
  /** Told of what the observer throws, or rejects with: that is no bug of the chart. */
  readonly onObserverFault?: (thrown: unknown) => void;
}

export function createChart<Logic extends AnyActorLogic>(
  logic: Logic,
  input: InputFrom<Logic>,
  { clock, inspect, onBug, onObserverFault }: ChartOptions,
): Chart<Logic> {
  const actor = createActor(logic as AnyActorLogic, {
    input,
    clock,
    ...(inspect ? { inspect: harmless(inspect, onObserverFault) } : {}),
  });
  actor.subscribe({ error: onBug });
  actor.start();
  return {
    send: (event) => actor.send(event),
    snapshot: () => actor.getSnapshot() as SnapshotFrom<Logic>,
    stop: () => {
      actor.stop();
    },
  };
}

function harmless(inspect: ChartObserver, onFault: (thrown: unknown) => void = ignore): ChartObserver {
  return (event) => tellListener(inspect, event, onFault);
}

const ignore = (): void => {};
