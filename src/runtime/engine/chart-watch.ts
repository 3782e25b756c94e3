/**
 * Who watches the charts of a system, and what drives them for it.
 *
 * A plain function is given XState's own inspection events, for which XState's interpreter has to drive the charts. An
 * observer that was made here is told the same by every driver: watching costs the watched no other driver.
 */
import type {
  ChartDriverName,
  ChartInspectionEvent,
  ChartObservation,
  ChartObserver,
  ChartOptions,
} from './create-chart.ts';

/** Given to the options of every chart of a system. */
export interface ChartWatch extends Pick<ChartOptions, 'observe' | 'xstateInspect'> {
  readonly onObserverFault: (thrown: unknown) => void;
  /** Default: what `createChart` takes. */
  readonly driver?: ChartDriverName | undefined;
}

const DRIVER = Symbol.for('mabeam.chartObserver');

/** An observer of charts as the engine tells of them, whatever drives them. */
export interface ChartWatcher {
  readonly [DRIVER]: ChartDriverName;
}

/** What may be given as `inspect`. */
export type Inspect = ((event: ChartInspectionEvent) => unknown) | ChartWatcher;

/**
 * Marks a function as an observer for `createAgentSystem({ inspect })`.
 *
 * @param driver what drives the charts; default `table`
 */
export function chartObserver(
  observe: (observation: ChartObservation) => unknown,
  driver: ChartDriverName = 'table',
): ChartWatcher {
  // A function, as every `inspect` is.
  return Object.assign((observation: ChartObservation) => observe(observation), {
    [DRIVER]: driver,
  } as const);
}

export function chartWatch(
  inspect: Inspect | undefined,
  onObserverFault: (thrown: unknown) => void,
): ChartWatch {
  if (inspect === undefined) return { onObserverFault };
  return DRIVER in inspect
    ? { observe: inspect as unknown as ChartObserver, driver: inspect[DRIVER], onObserverFault }
    : { xstateInspect: inspect, onObserverFault };
}
