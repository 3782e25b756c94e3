/**
 * The limits that a fleet's agents work under, as an inspector is shown them: those that are shared at each look, and an
 * agent's own after each of its events.
 *
 * I1  Between two looks there may have been several steps: only the newest is shown.
 * I2  An agent that never waited for a limit of its own costs nothing here.
 */
import { quotaMachine } from '../../machines/index.ts';
import type { AgentRecord } from '../../runtime/agent/agent-record.ts';
import type { ChartObserver } from '../../runtime/engine/chart.ts';
import type { QuotaRecord } from '../../runtime/limits/quotas.ts';
import { ShownCharts, type Standing } from './shown-charts.ts';

export class ShownQuotas {
  readonly #looks: () => Promise<readonly QuotaRecord[]>;
  readonly #shared: ShownCharts;
  readonly #own: ShownCharts;

  /** @param looks gives those that are shared */
  constructor(looks: () => Promise<readonly QuotaRecord[]>, observe: ChartObserver) {
    this.#looks = looks;
    this.#shared = new ShownCharts(quotaMachine, observe);
    this.#own = new ShownCharts(quotaMachine, observe);
  }

  async look(signal: AbortSignal): Promise<void> {
    const looks = await this.#looks();
    if (signal.aborted) return;
    for (const { name, status, parked, waiting } of looks) {
      const context = { id: `quota ${name}`, quota: name, parked, waiting };
      this.#shared.showChanged(name, { path: status, context }, 'quota.seen');
    }
  }

  /** How an agent stands after an event of it: what it waits for says whether the limit is its own. */
  agentSeen({ id, parked }: Pick<AgentRecord, 'id' | 'parked'>, event: string): void {
    const own = parked?.quota === undefined ? parked : undefined;
    if (own === undefined && !this.#own.has(id)) return;
    this.#own.showChanged(id, ownStanding(id, own), event);
  }

  agentForgotten(id: string, event: string): void {
    this.#own.end(id, ownStanding(id, undefined), event);
  }
}

function ownStanding(id: string, parked: QuotaRecord['parked'] | undefined): Standing {
  const context = { id: `quota of ${id}`, parked, waiting: parked === undefined ? [] : [id] };
  return { path: parked === undefined ? 'open' : 'parked', context };
}
