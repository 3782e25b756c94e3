/**
 * Who watches the charts of a system, and what drives them for it.
 *
 * A plain function, or an observer as XState takes one, is given XState's own inspection events, for which XState's
 * interpreter has to drive the charts. An observer that was made here is told the same by every driver: watching costs
 * the watched no other driver.
 */
import type {
  ChartDriverName,
  ChartInspectionEvent,
  ChartObservation,
  ChartObserver,
  ChartOptions,
} from './chart.ts';

/** Given to the options of every chart of a system. */
export interface ChartWatch extends Pick<ChartOptions, 'observe' | 'xstateInspect'> {
  readonly onObserverFault: (thrown: unknown) => void;
  /** Default: what `createChart` takes. */
  readonly driver?: ChartDriverName | undefined;
  /** Given XState's inspection events of charts that are XState's own actors: those of chart agents. */
  readonly inspectActors?: ((event: ChartInspectionEvent) => unknown) | undefined;
}

/** The options of a system's chart, but for what is done for it. */
export type WatchedChart = Omit<ChartOptions, 'perform'> & Pick<ChartWatch, 'driver'>;

const DRIVER = Symbol.for('mabeam.chartObserver');
const HIDES = Symbol.for('mabeam.chartObserver.hides');

/**
 * An observer of charts as the engine tells of them, whatever drives them.
 *
 * Of a chart that is XState's own actor it is given XState's inspection events: it may stand wherever XState wants
 * somebody to inspect.
 */
export interface ChartWatcher {
  (event: ChartInspectionEvent): unknown;
  readonly [DRIVER]: ChartDriverName;
  /** Told how what it shows is to be shown: without the secrets of agents. */
  readonly [HIDES]?: ((hiding: TextHiding) => void) | undefined;
}

/** Gives a text as it may be shown. */
export interface TextHiding {
  hideText(text: string): string;
}

/** An observer as XState takes one: `inspect` of an inspector of `@statelyai/inspect` is such. */
export interface InspectionObserver {
  next?(event: ChartInspectionEvent): unknown;
}

/** What may be given as `inspect`. */
export type Inspect = ((event: ChartInspectionEvent) => unknown) | ChartWatcher | InspectionObserver;

/**
 * Marks a function as an observer for `createAgentSystem({ inspect })`.
 *
 * @param driver what drives the charts; default `table`
 * @param hides told by each system that it watches what must not be shown
 */
export function chartObserver(
  observe: (told: ChartObservation | ChartInspectionEvent) => unknown,
  driver: ChartDriverName = 'table',
  hides?: (hiding: TextHiding) => void,
): ChartWatcher {
  // A function of its own: the mark is not left on one that somebody else has.
  return Object.assign((told: ChartObservation | ChartInspectionEvent) => observe(told), {
    [DRIVER]: driver,
    [HIDES]: hides,
  } as const);
}

/** Whether a function was made by `chartObserver`. */
export function isChartObserver(inspect: object): inspect is ChartWatcher {
  return DRIVER in inspect;
}

/** The function that is told of steps, whatever drives the charts. */
export function observerIn(watcher: ChartWatcher): ChartObserver {
  return watcher as unknown as ChartObserver;
}

/** Tells an observer of a system's charts which secrets it must not show. */
export function hideIn(inspect: Inspect | undefined, hiding: TextHiding): void {
  if (inspect !== undefined && HIDES in inspect) inspect[HIDES]?.(hiding);
}

export function chartWatch(
  inspect: Inspect | undefined,
  onObserverFault: (thrown: unknown) => void,
): ChartWatch {
  if (inspect === undefined) return { onObserverFault };
  if (DRIVER in inspect) {
    const observe = observerIn(inspect);
    return { observe, driver: inspect[DRIVER], inspectActors: inspect, onObserverFault };
  }
  const told =
    typeof inspect === 'function' ? inspect : (event: ChartInspectionEvent) => inspect.next?.(event);
  return { xstateInspect: told, inspectActors: told, onObserverFault };
}
