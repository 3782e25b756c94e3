/** Watches the progress of one running task: runs its chart. */
import { type ProgressEffect, type ProgressInput, progressMachine } from '../../machines/index.ts';
import type { WatchedChart } from '../engine/chart-watch.ts';
import { type Chart, type ChartEffect, createChart } from '../engine/chart.ts';

export interface ProgressWatcher {
  stalled(): void;
  progressed(): void;
  abort(): void;
  crash(): void;
}

export class ProgressWatch {
  readonly #chart: Chart<typeof progressMachine>;

  constructor(policy: ProgressInput, watcher: ProgressWatcher, options: WatchedChart) {
    const perform = (given: ChartEffect): void => {
      switch ((given as ProgressEffect).type) {
        case 'tellStalled':
          return watcher.stalled();
        case 'tellProgressed':
          return watcher.progressed();
        case 'abortTask':
          return watcher.abort();
        case 'crashAgent':
          return watcher.crash();
      }
    };
    this.#chart = createChart(progressMachine, policy, { ...options, perform }, options.driver);
  }

  /** The task has reported progress, or a chunk. */
  progressed(): void {
    this.#chart.send({ type: 'task.progressed' });
  }

  /** The task has ended, or was answered. */
  end(): void {
    this.#chart.stop();
  }
}
