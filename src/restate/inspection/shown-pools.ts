/**
 * The pools of a fleet and their autoscalers, as an inspector is shown them: where their charts stand at each look.
 *
 * I1  Between two looks there may have been several steps: only the newest is shown.
 */
import { autoscalerMachine, poolMachine } from '../../machines/index.ts';
import type { ChartObserver } from '../../runtime/engine/chart.ts';
import type { PoolLook } from '../pools/pool-object.ts';
import { ShownCharts } from './shown-charts.ts';

export class ShownPools {
  readonly #looks: () => Promise<readonly PoolLook[]>;
  readonly #pools: ShownCharts;
  readonly #autoscalers: ShownCharts;

  /** @param looks gives what is listed of all pools */
  constructor(looks: () => Promise<readonly PoolLook[]>, observe: ChartObserver) {
    this.#looks = looks;
    this.#pools = new ShownCharts(poolMachine, observe);
    this.#autoscalers = new ShownCharts(autoscalerMachine, observe);
  }

  async look(signal: AbortSignal): Promise<void> {
    const looks = await this.#looks();
    if (signal.aborted) return;
    const left = new Set(this.#pools.keys());
    for (const { record, states } of looks) {
      const { name, scaling, ...context } = record;
      left.delete(name);
      this.#pools.showChanged(name, { path: states.pool, context: { id: poolId(name), ...context } }, SEEN);
      if (scaling === undefined || states.autoscaler === undefined) continue;
      const id = autoscalerId(name);
      this.#autoscalers.showChanged(name, { path: states.autoscaler, context: { id, ...scaling } }, SEEN);
    }
    for (const name of left) {
      this.#autoscalers.end(name, { path: 'closed', context: { id: autoscalerId(name) } }, SEEN);
      this.#pools.end(name, { path: 'closed', context: { id: poolId(name) } }, SEEN);
    }
  }
}

/** In place of the chart's own event, which a look does not tell. */
const SEEN = 'pool.seen';

// As their charts are called in one program.
const poolId = (name: string): string => `pool ${name}`;
const autoscalerId = (name: string): string => `autoscaler of ${name}`;
