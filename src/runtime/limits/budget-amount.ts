/** Amounts of budgets in whole numbers, whose sums are exact, and as people give them: money in millionths. Pure. */
import { type BudgetAmount, type BudgetUnit, budgetUnits } from '../../machines/index.ts';

/** Whole numbers of one of money. */
const MONEY = 1_000_000;

export function wholeOf(amount: BudgetAmount, round: (value: number) => number): BudgetAmount {
  const whole: Partial<Record<BudgetUnit, number>> = {};
  for (const unit of budgetUnits) {
    const value = amount[unit];
    if (value === undefined) continue;
    // 0.07 * 1e6 is a little more than 70,000: that is no millionth more.
    const exact = unit === 'money' ? Number((value * MONEY).toFixed(3)) : value;
    whole[unit] = round(exact);
  }
  return whole;
}

/** As people give it. */
export function shownAmount(amount: BudgetAmount): BudgetAmount {
  return Object.freeze(
    amount.money === undefined ? { ...amount } : { ...amount, money: amount.money / MONEY },
  );
}
