/**
 * One account of a budget: what was spent and reserved, held against the limits.
 *
 * Owns the account's chart (machines/budget.ts), and performs its effects. It knows no reservation: `Budgets` keeps them.
 */
import {
  type BudgetAlert,
  type BudgetAmount,
  type BudgetEffect,
  budgetMachine,
  type BudgetScope,
  type BudgetSpec,
  type BudgetUnit,
  budgetUnits,
  plus,
  usedShare,
} from '../../machines/index.ts';
import { shownAmount, wholeOf } from './budget-amount.ts';
import type { ChartWatch } from '../engine/chart-watch.ts';
import { type Chart, type ChartEffect, type ChartOptions, createChart } from '../engine/chart.ts';
import type { Journal } from '../journal/journal.ts';
import type { Recovery } from '../journal/store.ts';
import type { Alerts } from '../observability/alerts.ts';
import type { SteadyClock } from '../time/clock.ts';
import { saidBy } from '../values/act.ts';
import { AgentSystemError } from '../values/errors.ts';

/** Who spends. */
export interface Spender {
  readonly agentId: string;
  readonly incarnation: number;
  readonly type: string;
  readonly quota: string | undefined;
  readonly taskId: string;
}

/** How an account stands. */
export interface BudgetRecord {
  readonly name: string;
  readonly scope: BudgetScope;
  /** The agent's or the task's id, where each has its own. */
  readonly of?: string;
  readonly status: 'ample' | 'low' | 'exhausted';
  readonly limits: BudgetAmount;
  readonly spent: BudgetAmount;
  readonly reserved: BudgetAmount;
  /** What may still be reserved, of each unit that has a limit. */
  readonly left: BudgetAmount;
  /** The share of the limit that is spent, of the unit that is used most. */
  readonly share: number;
  /** When it is refilled by itself, epoch ms. */
  readonly refillAt?: number;
}

export interface BudgetsOptions {
  readonly journal: Journal;
  readonly clock: SteadyClock;
  readonly alerts: Alerts;
  readonly chart: Omit<ChartOptions, 'perform'> & Pick<ChartWatch, 'driver'>;
  readonly recovered: NonNullable<Recovery['budgets']>;
  readonly assertOpen: () => void;
  /** Told of each reservation that is settled, once: what was spent of it, in whole numbers. */
  readonly spent: (agentId: string, amount: BudgetAmount) => void;
}

/** One sum of what was spent and reserved, held against the limits of its budget. */
export class Account {
  readonly #spec: BudgetSpec;
  readonly #of: string;
  readonly #options: BudgetsOptions;
  #chart: Chart<typeof budgetMachine>;
  #lacking: BudgetUnit | undefined = undefined;
  #refilledBy: string | undefined = undefined;

  constructor(spec: BudgetSpec, of: string, options: BudgetsOptions) {
    this.#spec = spec;
    this.#of = of;
    this.#options = options;
    this.#chart = this.#begin({});
  }

  /** What the last event of an earlier program said of it. What was reserved then counts as spent. */
  recover(event: BudgetsOptions['recovered'][number]): void {
    const { everyMs } = this.#spec;
    const isOver = everyMs !== undefined && event.at < this.#windowStart();
    if (isOver) return;
    this.#chart.stop();
    this.#chart = this.#begin(plus(event.spent, event.reserved));
  }

  /** `undefined` once it is granted; else of what there is too little. */
  reserve(amount: BudgetAmount): BudgetUnit | undefined {
    this.#lacking = undefined;
    this.#chart.send({ type: 'budget.reserve', amount });
    return this.#lacking;
  }

  settle(reserved: BudgetAmount, actual: BudgetAmount): void {
    this.#chart.send({ type: 'budget.settle', reserved, actual });
  }

  refill(by: string | undefined): void {
    this.#refilledBy = by;
    this.#chart.send({ type: 'budget.refill' });
    this.#refilledBy = undefined;
  }

  limit(limits: BudgetAmount): void {
    this.#chart.send({ type: 'budget.limit', limits });
  }

  event<Type extends 'budget.reserved' | 'budget.settled'>(
    type: Type,
    spender: Spender,
    amount: BudgetAmount,
  ) {
    const { agentId, incarnation, taskId } = spender;
    return { type, ...this.#sums(), agentId, incarnation, taskId, amount: shownAmount(amount) };
  }

  refusal({ agentId, taskId }: Spender, unit: BudgetUnit, asked: BudgetAmount): AgentSystemError {
    const { name, left, refillAt } = this.record();
    const message = `budget ${name}: ${asked[unit] ?? 0} of ${unit} asked for, ${left[unit] ?? 0} left`;
    return new AgentSystemError('BUDGET_EXHAUSTED', message, {
      agentId,
      details: {
        budget: name,
        unit,
        asked: asked[unit] ?? 0,
        left: left[unit] ?? 0,
        taskId,
        ...(refillAt === undefined ? {} : { refillAt }),
      },
    });
  }

  record(): BudgetRecord {
    const { name, scope, everyMs } = this.#spec;
    const { limits, spent, reserved } = this.#chart.context;
    const left: Partial<Record<BudgetUnit, number>> = {};
    for (const unit of budgetUnits) {
      const limit = limits[unit];
      if (limit !== undefined) left[unit] = Math.max(0, limit - (spent[unit] ?? 0) - (reserved[unit] ?? 0));
    }
    return Object.freeze({
      name,
      scope,
      ...(this.#of === '' ? {} : { of: this.#of }),
      status: this.#chart.path.split('.').at(-1) as BudgetRecord['status'],
      limits: shownAmount(limits),
      spent: shownAmount(spent),
      reserved: shownAmount(reserved),
      left: shownAmount(left),
      share: usedShare(limits, spent),
      ...(everyMs === undefined ? {} : { refillAt: this.#windowStart() + everyMs }),
    });
  }

  stop(): void {
    this.#chart.stop();
  }

  /** Nothing is left of it, nor any alert. */
  close(): void {
    this.stop();
    for (const alert of ['budget_low', 'budget_exhausted'] as const)
      this.#options.alerts.clear(alert, this.#key);
  }

  #begin(spent: BudgetAmount): Chart<typeof budgetMachine> {
    const { everyMs = Infinity, limits } = this.#spec;
    const leftMs =
      everyMs === Infinity ? Infinity : this.#windowStart() + everyMs - this.#options.clock.now();
    const perform = (effect: ChartEffect) => this.#perform(effect as BudgetEffect);
    const input = { limits: wholeOf(limits, Math.floor), spent: wholeOf(spent, Math.ceil), everyMs, leftMs };
    const { chart } = this.#options;
    return createChart(budgetMachine, input, { ...chart, perform }, chart.driver);
  }

  #perform(effect: BudgetEffect): void {
    switch (effect.type) {
      case 'refuse':
        this.#lacking = effect.params.unit;
        return;
      case 'tellRefilled': {
        const by = this.#refilledBy;
        this.#options.journal.emit({
          type: 'budget.refilled',
          ...this.#sums(),
          ...saidBy(by),
        });
        return;
      }
      case 'raiseAlert':
        return this.#options.alerts.raise(
          effect.params.alert,
          this.#alertText(effect.params.alert),
          this.#key,
        );
      case 'clearAlert':
        return this.#options.alerts.clear(effect.params.alert, this.#key);
    }
  }

  get #key(): { readonly budget: string } {
    return { budget: this.#of === '' ? this.#spec.name : `${this.#spec.name} of ${this.#of}` };
  }

  #alertText(alert: BudgetAlert): string {
    const { name } = this.#spec;
    const whose = this.#of === '' ? '' : ` of ${this.#of}`;
    return alert === 'budget_low'
      ? `budget ${name}${whose}: 80 % of a limit is spent`
      : `budget ${name}${whose} is exhausted: nothing of it is granted until it is refilled`;
  }

  #sums() {
    const { spent, reserved } = this.#chart.context;
    return {
      budget: this.#spec.name,
      ...(this.#of === '' ? {} : { of: this.#of }),
      spent: shownAmount(spent),
      reserved: shownAmount(reserved),
    };
  }

  #windowStart(): number {
    const { everyMs = 1 } = this.#spec;
    return Math.floor(this.#options.clock.now() / everyMs) * everyMs;
  }
}
