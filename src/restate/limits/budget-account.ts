/**
 * One account of a fleet's budget: the shipped chart of a budget, kept by an engine on another machine.
 *
 * The rules of runtime/limits/budget-account.ts, over data. Who spends, and what is told, comes and goes with each turn.
 *
 * I1  A refill that comes late is not the beginning of its time: the next one comes when it would have come anyway.
 */
import {
  type BudgetAlert,
  type BudgetAmount,
  type BudgetContext,
  type BudgetEffect,
  budgetMachine,
  type BudgetSpec,
  type BudgetUnit,
} from '../../machines/index.ts';
import { shownAmount, wholeOf } from '../../runtime/limits/budget-amount.ts';
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
} from '../../runtime/limits/budget-rules.ts';
import type { EventBody } from '../../runtime/journal/system-event.ts';
import type { Alert } from '../../runtime/observability/alerts.ts';
import type { AgentSystemError } from '../../runtime/values/errors.ts';
import type { Closing } from './budget-messages.ts';
import { ChartAtWork, earliestOf, isOfThisChart, type KeptChart, takeAllDue } from '../engine/kept-chart.ts';

export interface KeptAccount extends KeptChart<typeof budgetMachine> {
  /** What is spent and reserved, in whole numbers: every version of the code understands it. */
  sums: Pick<BudgetContext, 'spent' | 'reserved'>;
  armed: number;
  alerts: readonly Alert[];
  /** Number of the wake that it waits for, and when that comes, epoch ms. */
  wake: number;
  wakeAt?: number | undefined;
}

const nothing = { spent: {}, reserved: {} };

export class BudgetAccount {
  readonly kept: KeptAccount;
  /** What is told of it: refills and alerts. */
  readonly events: EventBody[] = [];
  readonly #spec: BudgetSpec;
  readonly #of: string;
  readonly #now: number;
  readonly #chart: ChartAtWork<typeof budgetMachine>;
  #lacking: BudgetUnit | undefined;
  #refilledBy: string | undefined;

  /** @param kept nothing of one that is new */
  constructor(spec: BudgetSpec, of: string, kept: KeptAccount | null, now: number) {
    this.#spec = spec;
    this.#of = of;
    this.#now = now;
    this.kept = kept ?? {
      life: undefined as never,
      deadlines: [],
      armed: 0,
      alerts: [],
      wake: 0,
      sums: nothing,
    };
    const since = spec.everyMs === undefined ? now : windowStart(spec.everyMs, now);
    this.#chart = new ChartAtWork(budgetMachine, this.kept, {
      now: since,
      nextOrder: () => (this.kept.armed += 1),
      perform: (effect) => this.#perform(effect as BudgetEffect),
    });
    if (kept === null) this.#chart.begin(budgetInput(spec, {}, since));
    else if (!isOfThisChart(kept, budgetMachine)) this.#takeUp(kept);
    this.wakeUp();
  }

  /**
   * Goes on under the chart of this code with the sums that another version kept. Its limits are those of its budget, and a
   * refill that is due comes now.
   */
  #takeUp(kept: KeptAccount): void {
    const { everyMs = 0 } = this.#spec;
    const since = kept.wakeAt === undefined ? this.#now : kept.wakeAt - everyMs;
    const chart = new ChartAtWork(budgetMachine, kept, {
      now: since,
      nextOrder: () => (kept.armed += 1),
      perform: (effect) => this.#perform(effect as BudgetEffect),
    });
    chart.begin({ ...budgetInput(this.#spec, {}, since), ...kept.sums });
  }

  /** As it is to be kept. */
  toKeep(): KeptAccount {
    const { spent, reserved } = this.kept.life.context;
    return { ...this.kept, sums: { spent, reserved } };
  }

  /** It is refilled where that is due. */
  wakeUp(): void {
    takeAllDue(
      () => this.kept.deadlines,
      this.#now,
      (due) => this.#chart.take(due),
    );
  }

  get nextDueAt(): number | undefined {
    return earliestOf(this.kept.deadlines)?.dueAt;
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
    this.#chart.send({ type: 'budget.limit', limits: wholeOf(limits, Math.floor) });
  }

  event<Type extends 'budget.reserved' | 'budget.settled'>(
    type: Type,
    { agentId, incarnation, taskId }: Spender,
    amount: BudgetAmount,
  ) {
    const sums = budgetSums(this.#spec.name, this.#of, this.kept.life.context);
    return { type, ...sums, agentId, incarnation, taskId, amount: shownAmount(amount) };
  }

  refusal(spender: Spender, unit: BudgetUnit, asked: BudgetAmount): AgentSystemError {
    return budgetRefusal(this.record(), spender, unit, asked);
  }

  record(): BudgetRecord {
    const { value, context } = this.kept.life;
    const [status] = Object.values(value as Readonly<Record<string, BudgetRecord['status']>>);
    return budgetRecord(this.#spec, this.#of, context, status!, this.#now);
  }

  /** Nothing is left of it, nor any alert. @param forgotten the agent that it was of */
  close(forgotten?: Closing['forgotten']): void {
    for (const { alert } of this.kept.alerts) this.#clear(alert as BudgetAlert);
    if (forgotten === undefined) return;
    this.events.push({ type: 'budget.closed', ...forgotten, budget: this.#spec.name, of: this.#of });
  }

  #perform(effect: BudgetEffect): void {
    switch (effect.type) {
      case 'refuse':
        this.#lacking = effect.params.unit;
        return;
      case 'tellRefilled':
        this.events.push(refilledEvent(this.#spec, this.#of, this.kept.life.context, this.#refilledBy));
        return;
      case 'raiseAlert':
        return this.#raise(effect.params.alert);
      case 'clearAlert':
        return this.#clear(effect.params.alert);
    }
  }

  #raise(alert: BudgetAlert): void {
    if (this.kept.alerts.some((other) => other.alert === alert)) return;
    const { name } = this.#spec;
    const told = {
      alert,
      message: budgetAlertText(name, this.#of, alert),
      budget: budgetSubject(name, this.#of),
    };
    this.kept.alerts = [...this.kept.alerts, { ...told, raisedAt: this.#now }];
    this.events.push({ type: 'alert.raised', ...told });
  }

  #clear(alert: BudgetAlert): void {
    const left = this.kept.alerts.filter((other) => other.alert !== alert);
    if (left.length === this.kept.alerts.length) return;
    this.kept.alerts = left;
    const budget = budgetSubject(this.#spec.name, this.#of);
    this.events.push({ type: 'alert.cleared', alert, budget });
  }
}
