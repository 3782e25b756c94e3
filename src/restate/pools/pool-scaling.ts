/**
 * The autoscaler of a pool of a fleet: the shipped chart takes its steps, between which it is kept with the pool.
 *
 * Pure, but that it changes the state it is given. The nodes' answers come from the crew (pool-object.ts).
 *
 * I1  An answer to a look that is no longer open is dropped.
 */
import {
  type AutoscalerEffect,
  type AutoscalerEvent,
  autoscalerMachine,
  type MachineStrain,
  type PoolLoad,
  type ScalingAlert,
  type ScalingBounds,
  type ScalingPolicy,
} from '../../machines/index.ts';
import { type ScalingRecord, scalingRecordOf, scalingTrouble } from '../../runtime/pools/autoscaling.ts';
import { type BusyFigures, BusyMeter, noFigures } from '../../runtime/pools/busy-meter.ts';
import { type ArmedDeadline, ChartAtWork, type KeptChart } from '../engine/kept-chart.ts';
import { pathOf } from '../engine/state-path.ts';

/** As it is kept with its pool. */
export interface KeptScaling extends KeptChart<typeof autoscalerMachine> {
  readonly policy: ScalingPolicy;
  readonly busy: BusyFigures;
  /** The look that is open, or was. */
  look: number;
}

/** The nodes' answers to a measurement. */
export type Measured =
  | { readonly look: number; readonly admissible: number; readonly strain: MachineStrain }
  | { readonly look: number; readonly why: string };

/** The pool's load, but for what the nodes have room for. */
export type OwnLoad = Omit<PoolLoad, 'admissible' | 'busyShare'>;

export interface ScalingOwner {
  readonly name: string;
  readonly now: number;
  nextOrder(): number;
  load(): OwnLoad;
  measure(look: number): void;
  scaleTo(wanted: number, why: string): void;
  raise(alert: ScalingAlert, message: string): void;
  clear(alert: ScalingAlert): void;
}

export class PoolScaling {
  readonly #kept: KeptScaling;
  readonly #owner: ScalingOwner;
  readonly #chart: ChartAtWork<typeof autoscalerMachine>;
  readonly #meter: BusyMeter;

  constructor(kept: KeptScaling, owner: ScalingOwner) {
    this.#kept = kept;
    this.#owner = owner;
    this.#meter = new BusyMeter(kept.busy);
    this.#chart = new ChartAtWork(autoscalerMachine, kept, {
      now: owner.now,
      nextOrder: () => owner.nextOrder(),
      perform: (effect) => this.#perform(effect as AutoscalerEffect),
    });
  }

  static kept(policy: ScalingPolicy, now: number): KeptScaling {
    return { policy, life: undefined as never, deadlines: [], busy: noFigures(now), look: 0 };
  }

  begin(bounds: ScalingBounds): void {
    const { name } = this.#owner;
    this.#chart.begin({ id: `autoscaler of ${name}`, policy: { ...this.#kept.policy, ...bounds } });
  }

  get deadlines(): readonly ArmedDeadline[] {
    return this.#kept.deadlines;
  }

  take(deadline: ArmedDeadline): void {
    this.#chart.take(deadline);
  }

  send(
    event: Exclude<AutoscalerEvent, { type: 'metrics.read' | 'metrics.failed' | 'load.read' | 'size.set' }>,
  ): void {
    this.#chart.send(event);
  }

  sizeSet(from: number, to: number): void {
    this.#chart.send({ type: 'size.set', at: this.#owner.now, from, to });
  }

  /** From now on so many of so many places are in use. */
  meter(busy: number, places: number): void {
    this.#meter.set(busy, places, this.#owner.now);
  }

  measured(told: Measured): void {
    if (told.look !== this.#kept.look) return;
    const { now: at } = this.#owner;
    if ('why' in told) return this.#chart.send({ type: 'metrics.failed', at, why: told.why });
    const { admissible, strain } = told;
    const load = { ...this.#owner.load(), busyShare: this.#meter.take(at), admissible };
    this.#chart.send({ type: 'metrics.read', at, metrics: { ...load, ...strain } });
  }

  record(): ScalingRecord {
    const { policy, life } = this.#kept;
    return scalingRecordOf(policy, pathOf(life.value), life.context);
  }

  #perform(effect: AutoscalerEffect): void {
    const owner = this.#owner;
    switch (effect.type) {
      case 'readMetrics':
        this.#kept.look += 1;
        return owner.measure(this.#kept.look);
      case 'readLoad': {
        // The nodes have not said what they have room for: nothing can be started.
        const metrics = { ...owner.load(), busyShare: 0, admissible: 0 };
        return this.#chart.send({ type: 'load.read', at: owner.now, metrics });
      }
      case 'resizePool':
        return owner.scaleTo(effect.params.to, effect.params.why);
      case 'raiseAlert': {
        const { alert, why } = effect.params;
        return owner.raise(alert, scalingTrouble(owner.name, alert, why));
      }
      case 'clearAlert':
        return owner.clear(effect.params.alert);
    }
  }
}
