/**
 * The fleet's permits to restart: the supervisor chart decides how many are out, this keeps whose turn it is.
 *
 * I1  Permits go out in the order in which they were asked for within a kind, and to the kinds that wait in turns.
 * I2  Of a kind that waits at least one restarts: no other kind can hold it back.
 * I3  A permit that is reclaimed is out no longer: what its agent gives back later is nothing.
 * I4  Only the agent that asked is told: an agent is never looked up by its id.
 */
import { type SupervisorEffect, supervisorMachine } from '../../machines/index.ts';
import type { WatchedChart } from '../engine/chart-watch.ts';
import { type Chart, type ChartEffect, createChart } from '../engine/chart.ts';
import type { Alerts } from '../observability/alerts.ts';
import { RenewedMap } from '../values/renewed-map.ts';
import { PermitQueues } from './permit-queues.ts';

/** An agent that is due to restart. */
export interface PermitTaker {
  readonly id: string;
  /** Agents of one kind wait for each other: those of one pool, or of one type. */
  readonly kind: string;
  /** The period in which it was given its permit, as long as it has one: `RestartPermits` alone says so. */
  permitPeriod: number | undefined;
  permitGranted(): void;
}

export interface RestartPermitsOptions {
  readonly maxConcurrentRestarts: number;
  readonly chart: WatchedChart;
  readonly alerts: Alerts;
}

/** Kinds that are remembered when none of theirs restarts: most programs have a few, again and again. */
const KEPT_KINDS = 64;

export class RestartPermits {
  private readonly options: RestartPermitsOptions;
  private readonly chart: Chart<typeof supervisorMachine>;
  /**
   * Those whose request the chart has yet to decide, from `decided` to `asked`, in the order of asking; `undefined` for
   * one that no longer wants it. The room is used again.
   */
  private readonly asking: (PermitTaker | undefined)[] = [];
  private asked = 0;
  private decided = 0;
  private readonly queues = new PermitQueues<PermitTaker>();
  /** How many have a permit, by kind. */
  private readonly holders = new Map<string, number>();
  /** Who has a permit: the oldest first. Most restarts are over before the next one begins. */
  private readonly granted = new RenewedMap<PermitTaker, PermitTaker>();
  private period = 0;

  constructor(options: RestartPermitsOptions) {
    this.options = options;
    const { maxConcurrentRestarts, chart } = options;
    const perform = (effect: ChartEffect) => this.perform(effect as SupervisorEffect);
    this.chart = createChart(
      supervisorMachine,
      { maxConcurrentRestarts },
      { ...chart, perform },
      chart.driver,
    );
  }

  request(taker: PermitTaker): void {
    this.asking[this.asked++] = taker;
    const isFirst = this.holdersOf(taker.kind) === 0;
    this.chart.send({ type: 'permit.requested', agentId: taker.id, isFirst });
  }

  /** The start has succeeded or failed. Without a permit, as in a start that was asked for, nothing happens. */
  release(taker: PermitTaker): void {
    if (taker.permitPeriod === undefined) return;
    taker.permitPeriod = undefined;
    this.granted.delete(taker);
    const { kind } = taker;
    const left = this.holdersOf(kind) - 1;
    if (left > 0 || this.holders.size <= KEPT_KINDS) this.holders.set(kind, left);
    else this.holders.delete(kind);
    this.released(kind, left);
  }

  /** The agent no longer waits. */
  withdraw(taker: PermitTaker): void {
    const place = this.asked === 0 ? -1 : this.asking.indexOf(taker);
    if (place >= 0) this.asking[place] = undefined;
    else if (this.queues.remove(taker.kind, taker)) this.chart.send({ type: 'permit.withdrawn' });
  }

  close(): void {
    this.chart.stop();
  }

  private perform(effect: SupervisorEffect): void {
    const { alerts, maxConcurrentRestarts } = this.options;
    switch (effect.type) {
      case 'grantPermit': {
        const taker = this.next();
        if (taker) this.grant(taker);
        else this.chart.send({ type: 'permit.released' });
        return;
      }
      case 'enqueue': {
        const taker = this.next();
        if (taker) this.queues.add(taker.kind, taker);
        else this.chart.send({ type: 'permit.withdrawn' });
        return;
      }
      case 'grantNextPermit': {
        const { kind } = effect.params;
        // When several are given back at once, the kind that is owed one may have been served in its turn.
        const next = this.queues.next(kind !== undefined && this.queues.has(kind) ? kind : undefined);
        if (next) this.grant(next);
        return;
      }
      case 'reclaimPermits':
        return this.reclaim();
      case 'raiseStormAlert':
        // A storm begins, and its first period with it.
        this.period += 1;
        return alerts.raise(
          'restart_storm',
          `more than ${maxConcurrentRestarts} agents are due to restart at once`,
        );
      case 'clearStormAlert':
        return alerts.clear('restart_storm');
    }
  }

  /** Whose request the chart has decided now: it takes them in their order. */
  private next(): PermitTaker | undefined {
    const taker = this.asking[this.decided];
    this.asking[this.decided++] = undefined;
    if (this.decided === this.asked) {
      this.asked = 0;
      this.decided = 0;
    }
    return taker;
  }

  private reclaim(): void {
    for (const taker of this.granted.values()) {
      if (taker.permitPeriod === this.period) break;
      this.release(taker);
    }
    this.period += 1;
  }

  private holdersOf(kind: string): number {
    return this.holders.get(kind) ?? 0;
  }

  private released(kind: string, left: number): void {
    const isOwed = left === 0 && this.queues.has(kind);
    this.chart.send(isOwed ? { type: 'permit.released', owedTo: kind } : { type: 'permit.released' });
  }

  private grant(taker: PermitTaker): void {
    taker.permitPeriod = this.period;
    this.granted.add(taker, taker);
    this.holders.set(taker.kind, this.holdersOf(taker.kind) + 1);
    taker.permitGranted();
  }
}
