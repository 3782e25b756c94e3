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
  type PoolLoad,
  type ScalingAlert,
  type ScalingBounds,
  type ScalingPolicy,
  type ScalingSignal,
} from '../../machines/index.ts';
import { type ScalingRecord, scalingRecordOf, scalingTrouble } from '../../runtime/pools/autoscaling.ts';
import { type BusyFigures, BusyMeter, noFigures } from '../../runtime/pools/busy-meter.ts';
import { type ArmedDeadline, ChartAtWork, isOfThisChart, type KeptChart } from '../engine/kept-chart.ts';
import { pathOf } from '../engine/state-path.ts';

/** As it is kept with its pool. */
export interface KeptScaling extends KeptChart<typeof autoscalerMachine> {
  readonly policy: ScalingPolicy;
  /** Name of the signal that it is sized by, if not by how strained the nodes are. */
  readonly signal?: string | undefined;
  readonly busy: BusyFigures;
  /** The look that is open, or was. */
  look: number;
}

/** The part of the interval in which a signal answers: then the pool hears also of one that does not. */
const ANSWER_SHARE = 0.75;

/** The answer to a measurement: of the nodes, or of a signal. */
export type Measured =
  | { readonly look: number; readonly admissible: number; readonly strain: ScalingSignal }
  /** `admissible`: left out where the nodes did not say it either. */
  | { readonly look: number; readonly why: string; readonly admissible?: number };

/** A signal to ask, and what it is told: all but what the nodes have room for. */
export interface SignalQuestion {
  readonly name: string;
  readonly load: Omit<PoolLoad, 'admissible'>;
  readonly withinMs: number;
}

/** The pool's load, but for what the nodes have room for. */
export type OwnLoad = Omit<PoolLoad, 'admissible' | 'busyShare'>;

export interface ScalingOwner {
  readonly name: string;
  readonly now: number;
  nextOrder(): number;
  load(): OwnLoad;
  /** @param question left out where the nodes say how strained they are */
  measure(look: number, question?: SignalQuestion): void;
  scaleTo(wanted: number, why: string): void;
  raise(alert: ScalingAlert, message: string): void;
  clear(alert: ScalingAlert): void;
}

export class PoolScaling {
  readonly #kept: KeptScaling;
  readonly #owner: ScalingOwner;
  readonly #chart: ChartAtWork<typeof autoscalerMachine>;
  readonly #meter: BusyMeter;
  /** What the nodes have room for: none until they have said so. */
  #room = 0;

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

  static kept(policy: ScalingPolicy, signal: string | undefined, now: number): KeptScaling {
    return { policy, signal, life: undefined as never, deadlines: [], busy: noFigures(now), look: 0 };
  }

  begin(bounds: ScalingBounds): void {
    const { name } = this.#owner;
    this.#chart.begin({ id: `autoscaler of ${name}`, policy: { ...this.#kept.policy, ...bounds } });
  }

  /** Watches anew where its snapshot is of another version's chart: what it had measured is not known. */
  takeUp(bounds: ScalingBounds, isClosing: boolean): void {
    if (isOfThisChart(this.#kept, autoscalerMachine)) return;
    this.begin(bounds);
    if (isClosing) this.send({ type: 'autoscaler.close' });
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
    if ('why' in told) {
      this.#room = told.admissible ?? 0;
      return this.#chart.send({ type: 'metrics.failed', at, why: told.why });
    }
    const { admissible } = told;
    const load = { ...this.#owner.load(), busyShare: this.#meter.take(at), admissible };
    const { waiting = load.waiting, busyShare = load.busyShare, ...strain } = told.strain;
    this.#chart.send({ type: 'metrics.read', at, metrics: { ...load, ...strain, waiting, busyShare } });
  }

  record(): ScalingRecord {
    const { life } = this.#kept;
    return scalingRecordOf(this.#kept, pathOf(life.value), life.context);
  }

  #question(): SignalQuestion | undefined {
    const { signal: name, policy } = this.#kept;
    if (name === undefined) return undefined;
    const load = { ...this.#owner.load(), busyShare: this.#meter.share(this.#owner.now) };
    return { name, load, withinMs: policy.intervalMs * ANSWER_SHARE };
  }

  #perform(effect: AutoscalerEffect): void {
    const owner = this.#owner;
    switch (effect.type) {
      case 'readMetrics':
        this.#kept.look += 1;
        return owner.measure(this.#kept.look, this.#question());
      case 'readLoad': {
        const metrics = { ...owner.load(), busyShare: 0, admissible: this.#room };
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
