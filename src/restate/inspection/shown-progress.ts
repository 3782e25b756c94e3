/**
 * The watch over a task's progress, as an inspector is shown it: from the first time that the task stalls on, by events.
 *
 * Until then nothing is told of it: it is its node that watches.
 */
import { progressMachine } from '../../machines/index.ts';
import type { ChartObserver } from '../../runtime/engine/chart.ts';
import type { SystemEvent } from '../../runtime/journal/system-event.ts';
import { ShownCharts, type Standing } from './shown-charts.ts';

export class ShownProgress {
  readonly #charts: ShownCharts;
  readonly #last = new Map<string, Standing>();

  constructor(observe: ChartObserver) {
    this.#charts = new ShownCharts(progressMachine, observe);
  }

  heard(event: SystemEvent): void {
    const { type } = event;
    if (type === 'task.stalled') {
      const { agentId, taskId, task, stalledAfterMs, onStall } = event;
      const context = { id: `progress of ${taskId}`, agentId, task, stalledAfterMs, onStall };
      this.#show(taskId, { path: onStall === 'warn' ? 'stalled' : 'ended', context }, type);
      return;
    }
    const taskId = 'taskId' in event ? event.taskId : undefined;
    const known = taskId === undefined ? undefined : this.#last.get(taskId);
    if (taskId === undefined || known === undefined) return;
    if (type === 'task.progressed') this.#show(taskId, { ...known, path: 'moving' }, type);
    else if (OVER.has(type)) this.#end(taskId, { ...known, path: 'ended' }, type);
  }

  #show(taskId: string, standing: Standing, event: string): void {
    this.#last.set(taskId, standing);
    this.#charts.show(taskId, standing, event);
  }

  #end(taskId: string, standing: Standing, event: string): void {
    this.#last.delete(taskId);
    this.#charts.end(taskId, standing, event);
  }
}

/** Its attempt is over, and with it the watch. */
const OVER: ReadonlySet<SystemEvent['type']> = new Set([
  'task.completed',
  'task.failed',
  'task.timed_out',
  'task.abandoned',
  'task.unknown',
  'task.retry_scheduled',
  'task.parked',
] as const);
