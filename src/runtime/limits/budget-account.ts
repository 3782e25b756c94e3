/**
 * One account of a budget: what was spent and reserved, held against the limits.
 *
 * Owns the account's chart (machines/budget.ts), and performs its effects. It knows no reservation: `Budgets` keeps them.
 */
import {
  type BudgetAmount,
  type BudgetContext,
  type BudgetEffect,
  budgetMachine,
  type BudgetSpec,
  type BudgetUnit,
  plus,
} from '../../machines/index.ts';
import { shownAmount } from './budget-amount.ts';
import {
  budgetAlertText,
  budgetInput,
  type BudgetRecord,
  budgetRecord,
  budgetRefusal,
  budgetSubject,
  budgetSums,
  refilledEvent,
  type Spender,
  windowStart,
} from './budget-rules.ts';
import type { WatchedChart } from '../engine/chart-watch.ts';
import { type Chart, type ChartEffect, createChart } from '../engine/chart.ts';
import type { Journal } from '../journal/journal.ts';
import type { Recovery } from '../journal/store.ts';
import type { Alerts } from '../observability/alerts.ts';
import type { SteadyClock } from '../time/clock.ts';
import type { AgentSystemError } from '../values/errors.ts';

export interface BudgetsOptions {
  readonly journal: Journal;
  readonly clock: SteadyClock;
  readonly alerts: Alerts;
  readonly chart: WatchedChart;
  readonly recovered: NonNullable<Recovery['budgets']>;
  readonly assertOpen: () => void;
  /** Told of each reservation that is settled, once: what was spent of it, in whole numbers. */
  readonly spent: (agentId: string, amount: BudgetAmount) => void;
}

/** The timer of a refill and the wall clock may be that far apart, ms: machines put theirs right by less all the time. */
const MAX_OFF_MS = 1_000;

/** One sum of what was spent and reserved, held against the limits of its budget. */
export class Account {
  readonly #spec: BudgetSpec;
  readonly #of: string;
  readonly #options: BudgetsOptions;
  #chart: Chart<typeof budgetMachine>;
  #lacking: BudgetUnit | undefined = undefined;
  #refilledBy: string | undefined = undefined;
  /** A person refills it at this moment. */
  #isAskedFor = false;
  #isStopped = false;
  /** When the time began that its limits are for, epoch ms. */
  #from = -Infinity;
  /** When its chart refills it, by `elapsed` of the clock. */
  #refillTick = Infinity;

  constructor(spec: BudgetSpec, of: string, options: BudgetsOptions) {
    this.#spec = spec;
    this.#of = of;
    this.#options = options;
    this.#chart = this.#begin({});
  }

  /**
   * What the last event of an earlier program said of it. What was reserved then counts as spent; a refill that was
   * done is not done again, as below.
   */
  recover(event: BudgetsOptions['recovered'][number]): void {
    const { everyMs } = this.#spec;
    let from: number | undefined;
    if (everyMs !== undefined) {
      const current = windowStart(everyMs, this.#options.clock.now());
      from = windowStart(everyMs, event.at);
      if (from < current) return;
      if (from - current > everyMs) from = current;
    }
    this.#chart.stop();
    this.#chart = this.#begin(plus(event.spent, event.reserved), undefined, from);
  }

  /** `undefined` once it is granted; else of what there is too little. */
  reserve(amount: BudgetAmount): BudgetUnit | undefined {
    this.#look();
    this.#lacking = undefined;
    this.#chart.send({ type: 'budget.reserve', amount });
    return this.#lacking;
  }

  settle(reserved: BudgetAmount, actual: BudgetAmount): void {
    this.#look();
    this.#chart.send({ type: 'budget.settle', reserved, actual });
  }

  refill(by: string | undefined): void {
    this.#refilledBy = by;
    this.#isAskedFor = true;
    this.#chart.send({ type: 'budget.refill' });
    this.#isAskedFor = false;
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

  refusal(spender: Spender, unit: BudgetUnit, asked: BudgetAmount): AgentSystemError {
    return budgetRefusal(this.record(), spender, unit, asked);
  }

  record(): BudgetRecord {
    this.#look();
    const status = this.#chart.path.split('.').at(-1) as BudgetRecord['status'];
    const now = Math.max(this.#from, this.#options.clock.now());
    return budgetRecord(this.#spec, this.#of, this.#chart.context, status, now);
  }

  stop(): void {
    this.#isStopped = true;
    this.#chart.stop();
  }

  /** Nothing is left of it, nor any alert. */
  close(): void {
    this.stop();
    for (const alert of ['budget_low', 'budget_exhausted'] as const)
      this.#options.alerts.clear(alert, this.#key);
  }

  /**
   * Refills come by the wall clock, and the chart's timer does not: where the clock was set, or the two have come apart
   * little by little, the chart begins again with what is left until the next refill. One that was done is not done
   * again, unless the clock was put back by more than `everyMs`: then it was wrong when it was done.
   */
  #look(): void {
    const { everyMs } = this.#spec;
    if (everyMs === undefined || this.#isStopped) return;
    const { clock } = this.#options;
    const now = clock.now();
    let from = windowStart(everyMs, now);
    if (from < this.#from && this.#from - from <= everyMs) from = this.#from;
    const isOver = from > this.#from;
    const timerIsOffMs = Math.abs(from + everyMs - now - (this.#refillTick - clock.elapsed()));
    if (!isOver && timerIsOffMs <= Math.min(MAX_OFF_MS, everyMs / 2)) return;
    const { spent, reserved, limits } = this.#chart.context;
    this.#chart.stop();
    this.#chart = this.#begin({}, { spent: isOver ? {} : spent, reserved, limits }, from);
    if (isOver) this.#tellRefilled();
  }

  /** @param kept of the chart before, in whole numbers: its limits may be other than they were at first */
  #begin(
    spent: BudgetAmount,
    kept?: Pick<BudgetContext, 'spent' | 'reserved' | 'limits'>,
    from?: number,
  ): Chart<typeof budgetMachine> {
    const perform = (effect: ChartEffect) => this.#perform(effect as BudgetEffect);
    const { chart, clock } = this.#options;
    const { everyMs = Infinity } = this.#spec;
    const now = clock.now();
    this.#from = from ?? (everyMs === Infinity ? -Infinity : windowStart(everyMs, now));
    const leftMs = everyMs === Infinity ? Infinity : this.#from + everyMs - now;
    this.#refillTick = clock.elapsed() + leftMs;
    const input = { ...budgetInput(this.#spec, spent, now), ...kept, leftMs };
    return createChart(budgetMachine, input, { ...chart, perform }, chart.driver);
  }

  #perform(effect: BudgetEffect): void {
    switch (effect.type) {
      case 'refuse':
        this.#lacking = effect.params.unit;
        return;
      case 'tellRefilled':
        if (!this.#isAskedFor) this.#noteTimer();
        return this.#tellRefilled();
      case 'raiseAlert':
        return this.#options.alerts.raise(
          effect.params.alert,
          budgetAlertText(this.#spec.name, this.#of, effect.params.alert),
          this.#key,
        );
      case 'clearAlert':
        return this.#options.alerts.clear(effect.params.alert, this.#key);
    }
  }

  #noteTimer(): void {
    const { everyMs = Infinity } = this.#spec;
    const { clock } = this.#options;
    this.#from = Math.max(this.#from + everyMs, windowStart(everyMs, clock.now()));
    this.#refillTick = clock.elapsed() + everyMs;
  }

  #tellRefilled(): void {
    this.#options.journal.emit(refilledEvent(this.#spec, this.#of, this.#chart.context, this.#refilledBy));
  }

  get #key(): { readonly budget: string } {
    return { budget: budgetSubject(this.#spec.name, this.#of) };
  }

  #sums() {
    return budgetSums(this.#spec.name, this.#of, this.#chart.context);
  }
}
