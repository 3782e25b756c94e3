/**
 * The fleet's permits to restart: the supervisor chart decides how many are out, this keeps whose turn it is.
 *
 * I1  Permits go out in the order in which they were asked for within a kind, and to the kinds that wait in turns.
 * I2  Of a kind that waits at least one restarts: no other kind can hold it back.
 * I3  Only the agent that asked is told: an agent is never looked up by its id.
 */
import { type SupervisorEffect, supervisorMachine } from '../../machines/index.ts';
import { type Chart, type ChartEffect, type ChartOptions, createChart } from '../engine/chart.ts';
import type { Alerts } from '../observability/alerts.ts';
import { PermitQueues } from './permit-queues.ts';

/** An agent that is due to restart. */
export interface PermitTaker {
  readonly id: string;
  /** Agents of one kind wait for each other: those of one pool, or of one type. */
  readonly kind: string;
  permitGranted(): void;
}

export interface RestartPermitsOptions {
  readonly maxConcurrentRestarts: number;
  readonly chart: Omit<ChartOptions, 'perform'>;
  readonly alerts: Alerts;
}

export class RestartPermits {
  private readonly options: RestartPermitsOptions;
  private readonly chart: Chart<typeof supervisorMachine>;
  /** Those whose request the chart has yet to decide, by id; `undefined` of one that no longer wants it. */
  private readonly asking = new Map<string, PermitTaker | undefined>();
  private readonly queues = new PermitQueues<PermitTaker>();
  /** Who has a permit, by kind. */
  private readonly holders = new Map<string, Set<PermitTaker>>();

  constructor(options: RestartPermitsOptions) {
    this.options = options;
    const { maxConcurrentRestarts, chart } = options;
    const perform = (effect: ChartEffect) => this.perform(effect as SupervisorEffect);
    this.chart = createChart(supervisorMachine, { maxConcurrentRestarts }, { ...chart, perform });
  }

  request(taker: PermitTaker): void {
    this.asking.set(taker.id, taker);
    const isFirst = !this.holders.has(taker.kind);
    this.chart.send({ type: 'permit.requested', agentId: taker.id, isFirst });
  }

  /** The start has succeeded or failed. Without a permit, as in a start that was asked for, nothing happens. */
  release(taker: PermitTaker): void {
    const { kind } = taker;
    const holders = this.holders.get(kind);
    if (holders === undefined || !holders.delete(taker)) return;
    if (holders.size === 0) this.holders.delete(kind);
    this.released(kind);
  }

  /** The agent no longer waits. */
  withdraw(taker: PermitTaker): void {
    if (this.asking.get(taker.id) === taker) this.asking.set(taker.id, undefined);
    else if (this.queues.remove(taker.kind, taker)) this.chart.send({ type: 'permit.withdrawn' });
  }

  close(): void {
    this.chart.stop();
  }

  private perform(effect: SupervisorEffect): void {
    const { alerts, maxConcurrentRestarts } = this.options;
    switch (effect.type) {
      case 'grantPermit': {
        const taker = this.taken(effect.params.agentId);
        if (taker) this.grant(taker);
        else this.chart.send({ type: 'permit.released' });
        return;
      }
      case 'enqueue': {
        const taker = this.taken(effect.params.agentId);
        if (taker) this.queues.add(taker.kind, taker);
        else this.chart.send({ type: 'permit.withdrawn' });
        return;
      }
      case 'grantNextPermit': {
        const next = this.queues.next(effect.params.kind);
        if (next) this.grant(next);
        return;
      }
      case 'raiseStormAlert':
        return alerts.raise(
          'restart_storm',
          `more than ${maxConcurrentRestarts} agents are due to restart at once`,
        );
      case 'clearStormAlert':
        return alerts.clear('restart_storm');
    }
  }

  private taken(agentId: string): PermitTaker | undefined {
    const taker = this.asking.get(agentId);
    this.asking.delete(agentId);
    return taker;
  }

  private released(kind: string): void {
    const isOwed = !this.holders.has(kind) && this.queues.has(kind);
    this.chart.send(isOwed ? { type: 'permit.released', owedTo: kind } : { type: 'permit.released' });
  }

  private grant(taker: PermitTaker): void {
    const holders = this.holders.get(taker.kind);
    if (holders) holders.add(taker);
    else this.holders.set(taker.kind, new Set<PermitTaker>().add(taker));
    taker.permitGranted();
  }
}
