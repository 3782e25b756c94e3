/**
 * The autoscaler of one pool at work: its chart, and the reading of its metrics.
 *
 * Decides nothing: the chart says when to look, scaling-decision.ts what the measurements mean.
 *
 * I1  An answer of the signal that comes after its deadline is dropped.
 */
import {
  type AutoscalerContext,
  type AutoscalerEffect,
  autoscalerMachine,
  type PoolLoad,
  type ScalingBounds,
  type ScalingDecision,
  type ScalingMetrics,
  type ScalingPolicy,
  scalingSignal,
  type ScalingSignal,
} from '../../machines/index.ts';
import type { Alerts } from '../observability/alerts.ts';
import { type Chart, type ChartOptions, createChart } from '../engine/chart.ts';
import type { Clock } from '../time/clock.ts';
import { errorInfoOf } from '../values/errors.ts';
import { parseInput } from '../values/malformed.ts';

/**
 * Where an autoscaler's measurements come from, beside the pool's own: what it gives stands in place of those.
 *
 * One that throws, gives what is no measurement, or does not answer before the next look is due changes nothing
 * but an alert.
 */
export type ScalingSignalSource = (load: PoolLoad) => ScalingSignal | Promise<ScalingSignal>;

/** What an autoscaler did last. */
export interface ScalingRecord {
  readonly status: 'watching' | 'reading' | 'scaling' | 'cooling_down' | 'closed';
  readonly policy: ScalingPolicy;
  readonly metrics?: ScalingMetrics;
  readonly decision?: ScalingDecision;
  /** Epoch ms. */
  readonly decidedAt?: number;
}

export interface AutoscalingOptions {
  readonly pool: string;
  readonly policy: ScalingPolicy;
  readonly bounds: ScalingBounds;
  readonly signal: ScalingSignalSource;
  readonly clock: Clock;
  readonly alerts: Alerts;
  readonly chart: ChartOptions;
  /** The pool's load since it was asked last. */
  readonly takeLoad: () => PoolLoad;
  readonly resize: (to: number, why: string) => void;
}

type EffectParams<Type extends AutoscalerEffect['type']> = Omit<
  Extract<AutoscalerEffect, { type: Type }>,
  'type'
>;

export class Autoscaling {
  readonly #options: AutoscalingOptions;
  readonly #chart: Chart<typeof autoscalerMachine>;
  /** The look that is open: earlier ones have had their time. */
  #look = 0;

  constructor(options: AutoscalingOptions) {
    this.#options = options;
    const { alerts, pool, policy, bounds } = options;
    const logic = autoscalerMachine.provide({
      actions: {
        readMetrics: () => void this.#read(),
        resizePool: (_, { to, why }: EffectParams<'resizePool'>) => options.resize(to, why),
        raiseAlert: (_, { alert, why }: EffectParams<'raiseAlert'>) =>
          alerts.raise(alert, `pool ${pool} ${MESSAGES[alert]}: ${why}`, { pool }),
        clearAlert: (_, { alert }: EffectParams<'clearAlert'>) => alerts.clear(alert, { pool }),
      },
    });
    const input = { id: `autoscaler of ${pool}`, policy: { ...policy, ...bounds } };
    this.#chart = createChart(logic, input, options.chart);
  }

  /** A task has come to wait, and the pool wants no member at all. */
  demandRose(): void {
    this.#send({ type: 'demand.rose' });
  }

  /** A caller has set another size. */
  sizeSet(from: number, to: number): void {
    this.#send({ type: 'size.set', at: this.#options.clock.now(), from, to });
  }

  settled(): void {
    this.#send({ type: 'pool.settled' });
  }

  close(): void {
    this.#send({ type: 'autoscaler.close' });
  }

  record(): ScalingRecord {
    const { value, context } = this.#chart.snapshot();
    const { metrics, decision, decidedAt }: AutoscalerContext = context;
    return {
      status: STATUSES[value],
      policy: this.#options.policy,
      ...(metrics ? { metrics } : {}),
      ...(decision ? { decision, decidedAt } : {}),
    };
  }

  async #read(): Promise<void> {
    this.#look += 1;
    const look = this.#look;
    const { clock, signal, takeLoad } = this.#options;
    // The chart is on its way to the state in which it hears the answer.
    await Promise.resolve();
    try {
      const load = takeLoad();
      const {
        waiting = load.waiting,
        busyShare = load.busyShare,
        ...strain
      } = readSignal(await signal(load));
      if (look !== this.#look) return;
      const metrics: ScalingMetrics = { ...load, ...strain, waiting, busyShare };
      this.#send({ type: 'metrics.read', at: clock.now(), metrics });
    } catch (thrown) {
      if (look !== this.#look) return;
      this.#send({ type: 'metrics.failed', at: clock.now(), why: errorInfoOf(thrown).message });
    }
  }

  #send(event: Parameters<Chart<typeof autoscalerMachine>['send']>[0]): void {
    if (this.#chart.snapshot().status === 'active') this.#chart.send(event);
  }
}

function readSignal(given: unknown): ScalingSignal {
  return parseInput(scalingSignal, given, { what: 'scale.signal' });
}

const MESSAGES = {
  scaling_blocked: 'should grow, and must not',
  scaling_signal_failed: 'keeps its size, as its signal could not be read',
} as const;

const STATUSES = {
  watching: 'watching',
  coolingDown: 'cooling_down',
  reading: 'reading',
  deciding: 'reading',
  scaling: 'scaling',
  resting: 'watching',
  closed: 'closed',
} as const;
