/**
 * The contract between a chart and its runtime. The engine drives a chart, and never knows what an effect means, who a
 * child is, or which chart it drives.
 *
 * E1  Run to completion. One event is one step; the effects of a step are collected as data, their params resolved
 *     where they stand in the step, and performed after it, in order. What is sent meanwhile queues, first in,
 *     first out. Reading the chart inside an effect gives the state after the step.
 * E2  Effects name their chart's own things; who the chart is, its options know.
 * E3  Every driver gives the same values, contexts, effects, deadlines and children for the same events. A chart
 *     that a driver cannot drive is refused when it is made, by name.
 * E4  Deadlines and children are started and ended by the engine, in their places among the effects. An id names
 *     one child: when it is spawned again, the earlier one is stopped first.
 * E5  A bug (a throw of a guard, an assign, params, `perform` or a stop; an unhandled `xstate.error.actor.*`; a
 *     chart that never settles) ends that chart alone. It then has the status `error`; what the step had changed is
 *     taken back, unless it was already being performed; its deadlines are cancelled, its children stopped, what is
 *     queued or sent later is dropped; and `onBug` is told, once.
 * E6  `stop` ends a chart without its exit actions: children are stopped, deadlines cancelled. Inside a step it
 *     waits until the effects of that step are performed.
 */
import type {
  AnyStateMachine,
  ContextFrom,
  EventFromLogic,
  EventObject,
  InspectionEvent,
  OutputFrom,
  SnapshotFrom,
} from 'xstate';

/** What a chart asks for, as data: performed after the step, in order. */
export interface ChartEffect<Type extends string = string, Params = unknown> {
  readonly type: Type;
  readonly params: Params;
}

export type ChartStatus = 'active' | 'done' | 'error' | 'stopped';

export interface ChartSnapshot<Machine extends AnyStateMachine> {
  readonly value: SnapshotFrom<Machine>['value'];
  readonly context: ContextFrom<Machine>;
  readonly status: ChartStatus;
  /** Of a chart that is done. */
  readonly output: OutputFrom<Machine> | undefined;
}

/** How a child speaks to its chart; what it says after its end, or after it was stopped, is dropped. */
export interface ChildReport {
  /** It has ended: `xstate.done.actor.<id>`. */
  done(output: unknown): void;
  /** It has failed: `xstate.error.actor.<id>`. */
  error(error: unknown): void;
  send(event: EventObject): void;
}

export interface Child {
  /** Not called for one that has reported its end. */
  stop(): void;
  /** Told what the chart sends to it; without this, that is dropped. */
  send?(event: EventObject): void;
}

export interface ChildInvocation {
  readonly id: string;
  /** The name by which the definition invokes or spawns it. */
  readonly src: string;
  readonly input: unknown;
}

/** One thing that happened to a chart, for observers: told after the step, before its effects. */
export interface ChartObservation {
  readonly type: 'started' | 'stepped' | 'ended';
  /** The same object for all observations of one chart. */
  readonly chart: object;
  readonly definition: AnyStateMachine;
  readonly snapshot: ChartSnapshot<AnyStateMachine>;
  /** What led to the snapshot; `xstate.init` at the start, `xstate.stop` after `stop`. */
  readonly event: EventObject;
  /** The bug that ended it. */
  readonly error?: unknown;
}

/** What it throws, or its promise rejects with, does no harm. */
export type ChartObserver = (observation: ChartObservation) => unknown;

/** One step of any chart, as XState tells it; the shape may change with XState's major version. */
export type ChartInspectionEvent = InspectionEvent;

/** The clock of a chart: Node's own timers will do. Whether a delay of 0 is a turn of the program is the clock's. */
export interface ChartClock {
  setTimeout(run: () => void, delayMs: number): unknown;
  clearTimeout(handle: unknown): void;
}

/**
 * The options of a chart. Its members are called as methods, so it may be an instance of a class.
 *
 * Nothing of it is called after the chart has ended, but what ends it.
 */
export interface ChartOptions {
  /** Does what the chart asks for; `emit` and `log` come as `xstate.emit` and `xstate.log`. */
  perform(effect: ChartEffect): void;
  /** Told of each step, before its effects: what was read from the chart may be out of date. */
  changed?(): void;
  /** Brings a child to life; a throw is that child's error. A chart that has children is refused without it. */
  child?(invocation: ChildInvocation, report: ChildReport): Child;
  readonly clock: ChartClock;
  onBug(error: unknown): void;
  /** Told, with its output, when the chart has reached its top-level final state. */
  onDone?(output: unknown): void;
  readonly observe?: ChartObserver | undefined;
  /** XState's own inspection: the chart is then driven by XState's interpreter. */
  readonly xstateInspect?: ((event: ChartInspectionEvent) => unknown) | undefined;
  /** Told of what an observer throws, or rejects with: that is no bug of the chart. */
  onObserverFault?(thrown: unknown): void;
  /** Transitions that one event may cause before the chart counts as one that never settles; default 1,000. */
  readonly maxIterations?: number | undefined;
}

export interface Chart<Machine extends AnyStateMachine> {
  send(event: EventFromLogic<Machine>): void;
  snapshot(): ChartSnapshot<Machine>;
  readonly context: ContextFrom<Machine>;
  /** Dotted path of the active state, the same string for the same state; parallel: `a.(b.c|d.e)`. */
  readonly path: string;
  readonly status: ChartStatus;
  stop(): void;
}
