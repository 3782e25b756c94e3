/**
 * The accounts of a fleet's budgets, as an inspector is shown them: where their charts stand at each look.
 *
 * I1  All accounts come with one call, and only when an event has told of one since, or after a while without: a new limit
 *     has no event.
 * I2  Between two looks there may have been several steps: only the newest is shown.
 */
import { budgetMachine } from '../../machines/index.ts';
import type { ChartObserver } from '../../runtime/engine/chart.ts';
import type { SystemEvent } from '../../runtime/journal/system-event.ts';
import { type BudgetRecord, budgetSubject } from '../../runtime/limits/budget-rules.ts';
import { ShownCharts, type Standing } from './shown-charts.ts';

/** Looks that nothing was told before, until they are asked for all the same. */
const MAX_QUIET = 20;

export class ShownBudgets {
  readonly #looks: () => Promise<readonly BudgetRecord[]>;
  readonly #charts: ShownCharts;
  readonly #last = new Map<string, Standing>();
  #quiet = MAX_QUIET;

  /** @param looks gives all accounts */
  constructor(looks: () => Promise<readonly BudgetRecord[]>, observe: ChartObserver) {
    this.#looks = looks;
    this.#charts = new ShownCharts(budgetMachine, observe);
  }

  heard({ type }: SystemEvent): void {
    if (type.startsWith('budget.')) this.#quiet = MAX_QUIET;
  }

  async look(signal: AbortSignal): Promise<void> {
    this.#quiet += 1;
    if (this.#quiet <= MAX_QUIET) return;
    this.#quiet = 0;
    const records = await this.#asked();
    if (signal.aborted) return;
    const left = new Map(this.#last);
    for (const record of records) {
      const standing = standingOf(record);
      const key = JSON.stringify([record.name, record.of]);
      left.delete(key);
      this.#last.set(key, standing);
      this.#charts.showChanged(key, standing, SEEN);
    }
    // The account of a task goes with its task.
    for (const [key, standing] of left) {
      this.#last.delete(key);
      this.#charts.end(key, standing, SEEN);
    }
  }

  /** What is not answered is asked again with the next look. */
  async #asked(): Promise<readonly BudgetRecord[]> {
    try {
      return await this.#looks();
    } catch (thrown) {
      this.#quiet = MAX_QUIET;
      throw thrown;
    }
  }
}

/** In place of the chart's own event, which a look does not tell. */
const SEEN = 'budget.seen';

function standingOf({ name, of, scope, status, limits, spent, reserved, refillAt }: BudgetRecord): Standing {
  const id = `budget ${budgetSubject(name, of ?? '')}`;
  return { path: `open.${status}`, context: { id, scope, limits, spent, reserved, refillAt } };
}
