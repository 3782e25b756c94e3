/**
 * The fleet's permits to restart: the supervisor chart decides how many are out, this keeps whose turn it is.
 *
 * I1  Permits go out in the order in which they were asked for; taking one back takes constant time.
 */
import { type EffectParams, type SupervisorEffect, supervisorMachine } from '../../machines/index.ts';
import type { Alerts } from '../observability/alerts.ts';
import { type Chart, type ChartOptions, createChart } from '../engine/chart.ts';

export interface RestartPermitsOptions {
  readonly maxConcurrentRestarts: number;
  readonly chart: ChartOptions;
  readonly alerts: Alerts;
  /** Tells an agent that it may restart. */
  readonly grant: (agentId: string) => void;
}

export class RestartPermits {
  readonly #chart: Chart<typeof supervisorMachine>;
  readonly #queue = new Set<string>();
  readonly #holders = new Set<string>();

  constructor({ maxConcurrentRestarts, chart, alerts, grant }: RestartPermitsOptions) {
    const give = (agentId: string) => {
      this.#holders.add(agentId);
      grant(agentId);
    };
    const logic = supervisorMachine.provide({
      actions: {
        grantPermit: (_, { agentId }: EffectParams<SupervisorEffect, 'grantPermit'>) => give(agentId),
        enqueue: (_, { agentId }: EffectParams<SupervisorEffect, 'enqueue'>) => {
          this.#queue.add(agentId);
        },
        grantNextPermit: () => {
          const [next] = this.#queue;
          if (next === undefined) return;
          this.#queue.delete(next);
          give(next);
        },
        raiseStormAlert: () =>
          alerts.raise(
            'restart_storm',
            `more than ${maxConcurrentRestarts} agents are due to restart at once`,
          ),
        clearStormAlert: () => alerts.clear('restart_storm'),
      },
    });
    this.#chart = createChart(logic, { maxConcurrentRestarts }, chart);
  }

  request(agentId: string): void {
    this.#chart.send({ type: 'permit.requested', agentId });
  }

  /** The start has succeeded or failed. Without a permit, as in a start that was asked for, nothing happens. */
  release(agentId: string): void {
    if (this.#holders.delete(agentId)) this.#chart.send({ type: 'permit.released' });
  }

  /** The agent no longer waits. */
  withdraw(agentId: string): void {
    if (this.#queue.delete(agentId)) this.#chart.send({ type: 'permit.withdrawn' });
  }

  close(): void {
    this.#chart.stop();
  }
}
