/** Counts and latencies of an agent's tasks over all its incarnations, and what they spent of budgets. */
import { type BudgetAmount, plus } from '../../machines/index.ts';
import { shownAmount } from '../limits/budget-amount.ts';

/** Figures of one agent's tasks over all its incarnations; latencies in ms, from acceptance to answer. */
export interface TaskMetrics {
  /** Tasks that were done. */
  readonly done: number;
  /** Tasks that failed. */
  readonly failed: number;
  /** Tasks that timed out. */
  readonly timedOut: number;
  /** Tasks that were abandoned or cancelled. */
  readonly abandoned: number;
  /** Tasks that wait in its queue. */
  readonly waiting: number;
  /** Tasks that it works on. */
  readonly running: number;
  /** Time from acceptance to answer, ms. */
  readonly latencyMs: { readonly last: number; readonly mean: number; readonly max: number };
  /** What they spent of budgets in this program: settled, of each unit. Left out as long as that is nothing. */
  readonly spent?: BudgetAmount;
}

/** What the record shows of an agent's tasks. */
export interface TasksAtWork {
  readonly metrics: TaskMetrics;
  /** Ids of the tasks that the last end left undone. */
  readonly abandoned: readonly string[];
}

export class TaskFigures {
  done = 0;
  failed = 0;
  timedOut = 0;
  abandoned = 0;
  private lastMs = 0;
  private totalMs = 0;
  private maxMs = 0;
  /** In whole numbers, so that the sum is exact. */
  private spent: BudgetAmount | undefined;

  spend(amount: BudgetAmount): void {
    this.spent = this.spent === undefined ? amount : plus(this.spent, amount);
  }

  /** A task was answered because its work or its time ended. */
  measure(latencyMs: number): void {
    this.lastMs = latencyMs;
    this.totalMs += latencyMs;
    if (latencyMs > this.maxMs) this.maxMs = latencyMs;
  }

  /** @param waiting tasks that wait now; `running`: those that run */
  metrics(waiting: number, running: number): TaskMetrics {
    const { done, failed, timedOut, abandoned } = this;
    const measured = done + failed + timedOut;
    const mean = measured === 0 ? 0 : this.totalMs / measured;
    const latencyMs = Object.freeze({ last: this.lastMs, mean, max: this.maxMs });
    const metrics = { done, failed, timedOut, abandoned, waiting, running, latencyMs };
    return Object.freeze(this.spent === undefined ? metrics : { ...metrics, spent: shownAmount(this.spent) });
  }
}

/** Of an agent that has been given no task. */
export const noTasks: TasksAtWork = Object.freeze({
  metrics: new TaskFigures().metrics(0, 0),
  abandoned: Object.freeze([]),
});
