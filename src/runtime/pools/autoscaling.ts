/**
 * The autoscaler of one pool at work: its chart, and the reading of its metrics.
 *
 * Decides nothing: the chart decides when to look, scaling-decision.ts what the measurements mean.
 *
 * I1  An answer of the signal that comes after its deadline is dropped.
 */
import {
  type AutoscalerContext,
  type AutoscalerEffect,
  type AutoscalerEvent,
  autoscalerMachine,
  type PoolLoad,
  type ScalingAlert,
  type ScalingBounds,
  type ScalingDecision,
  type ScalingMetrics,
  type ScalingPolicy,
} from '../../machines/index.ts';
import type { Alerts } from '../observability/alerts.ts';
import type { ChartWatch } from '../engine/chart-watch.ts';
import { type Chart, type ChartEffect, type ChartOptions, createChart } from '../engine/chart.ts';
import type { RunQueue } from '../engine/run-queue.ts';
import type { SteadyClock } from '../time/clock.ts';
import { errorInfoOf } from '../values/errors.ts';
import { askSignal, type ScalingSignalSource } from './scaling-signal.ts';

/** What an autoscaler did last. */
export interface ScalingRecord {
  /** What its chart does. */
  readonly status: 'watching' | 'reading' | 'scaling' | 'cooling_down' | 'closed';
  /** `scale` of the pool, with its defaults. */
  readonly policy: ScalingPolicy;
  /** The name of its signal, if that has one. */
  readonly signal?: string;
  /** The last measurement. */
  readonly metrics?: ScalingMetrics;
  /** What was decided on it, and why. */
  readonly decision?: ScalingDecision;
  /** Epoch ms. */
  readonly decidedAt?: number;
}

export interface AutoscalingOptions {
  readonly pool: string;
  readonly policy: ScalingPolicy;
  readonly bounds: ScalingBounds;
  readonly signal: ScalingSignalSource;
  /** Of a signal that has one. */
  readonly signalName: string | undefined;
  readonly clock: SteadyClock;
  readonly alerts: Alerts;
  /** The pool's: its charts take their steps one after the other. */
  readonly queue: RunQueue;
  readonly chart: ChartWatch & Pick<ChartOptions, 'clock' | 'onBug'>;
  /** The pool's load since it was asked last. */
  readonly takeLoad: () => PoolLoad;
  readonly resize: (to: number, why: string) => void;
}

export class Autoscaling {
  readonly #options: AutoscalingOptions;
  readonly #chart: Chart<typeof autoscalerMachine>;
  /** The look that is open: earlier ones have had their time. */
  #look = 0;

  constructor(options: AutoscalingOptions) {
    this.#options = options;
    const { pool, policy, bounds, chart } = options;
    const perform = (effect: ChartEffect) => this.#perform(effect as AutoscalerEffect);
    const input = { id: `autoscaler of ${pool}`, policy: { ...policy, ...bounds } };
    this.#chart = createChart(autoscalerMachine, input, { ...chart, perform }, chart.driver);
  }

  /** A task has come to wait, and the pool wants no member at all. */
  demandRose(): void {
    this.#send({ type: 'demand.rose' });
  }

  /** A caller has set another size. */
  sizeSet(from: number, to: number): void {
    const { clock } = this.#options;
    this.#send({ type: 'size.set', at: clock.now(), tick: clock.elapsed(), from, to });
  }

  settled(): void {
    this.#send({ type: 'pool.settled' });
  }

  close(): void {
    this.#send({ type: 'autoscaler.close' });
  }

  record(): ScalingRecord {
    const { policy, signalName } = this.#options;
    return scalingRecordOf({ policy, signal: signalName }, this.#chart.path, this.#chart.context);
  }

  #perform(effect: AutoscalerEffect): void {
    const { alerts, pool, resize } = this.#options;
    switch (effect.type) {
      case 'readMetrics':
        return void this.#read();
      case 'readLoad':
        return this.#readLoad();
      case 'resizePool':
        return resize(effect.params.to, effect.params.why);
      case 'raiseAlert': {
        const { alert, why } = effect.params;
        return alerts.raise(alert, scalingTrouble(pool, alert, why), { pool });
      }
      case 'clearAlert':
        return alerts.clear(effect.params.alert, { pool });
    }
  }

  async #read(): Promise<void> {
    this.#look += 1;
    const look = this.#look;
    const { clock, signal, takeLoad } = this.#options;
    try {
      const load = takeLoad();
      const { waiting = load.waiting, busyShare = load.busyShare, ...strain } = await askSignal(signal, load);
      if (look !== this.#look) return;
      const metrics: ScalingMetrics = { ...load, ...strain, waiting, busyShare };
      this.#send({ type: 'metrics.read', at: clock.now(), tick: clock.elapsed(), metrics });
    } catch (thrown) {
      if (look !== this.#look) return;
      this.#send({
        type: 'metrics.failed',
        at: clock.now(),
        tick: clock.elapsed(),
        why: errorInfoOf(thrown).message,
      });
    }
  }

  #readLoad(): void {
    const { clock, takeLoad } = this.#options;
    this.#send({ type: 'load.read', at: clock.now(), tick: clock.elapsed(), metrics: takeLoad() });
  }

  #send(event: AutoscalerEvent): void {
    this.#options.queue.run(() => this.#chart.send(event));
  }
}

/** What is shown of an autoscaler whose chart stands there. */
export function scalingRecordOf(
  { policy, signal }: { readonly policy: ScalingPolicy; readonly signal?: string | undefined },
  path: string,
  { metrics, decision, decidedAt }: AutoscalerContext,
): ScalingRecord {
  return {
    status: STATUSES[path]!,
    policy,
    ...(signal === undefined ? {} : { signal }),
    ...(metrics ? { metrics } : {}),
    ...(decision ? { decision, decidedAt } : {}),
  };
}

/** What an alert says. */
export function scalingTrouble(pool: string, alert: ScalingAlert, why: string): string {
  return `pool ${pool} ${MESSAGES[alert]}: ${why}`;
}

const MESSAGES = {
  scaling_blocked: 'should grow, and must not',
  scaling_signal_failed: 'is not sized by its signal, which could not be read',
} as const;

const STATUSES: Readonly<Record<string, ScalingRecord['status']>> = {
  watching: 'watching',
  coolingDown: 'cooling_down',
  reading: 'reading',
  unguided: 'reading',
  deciding: 'reading',
  scaling: 'scaling',
  resting: 'watching',
  closed: 'closed',
};
