/** Laws of one account of a fleet's budget, between whose turns it is data. */
import { describe, expect, it } from 'vitest';
import { type BudgetSpecInput, budgetSpec } from '../../src/machines/index.ts';
import { BudgetAccount, type KeptAccount } from '../../src/restate/limits/budget-account.ts';

/** An account, of which each turn is another object over what was kept. */
function rig(fields: Partial<BudgetSpecInput> = {}, of = '') {
  const spec = budgetSpec.parse({ name: 'daily', limits: { tokens: 100, calls: 10 }, ...fields });
  let kept: KeptAccount | null = null;
  return (now = 1_000): BudgetAccount => {
    const account = new BudgetAccount(spec, of, structuredClone(kept), now);
    kept = account.kept;
    return account;
  };
}

describe('an account of a budget', () => {
  it('says of which unit there is too little, of each reservation anew', () => {
    const account = rig()();
    expect(account.reserve({ tokens: 101 })).toBe('tokens');
    expect(account.reserve({ tokens: 100, calls: 11 })).toBe('calls');
    expect(account.reserve({ tokens: 100, calls: 10 })).toBeUndefined();
    expect(account.reserve({ tokens: 1 })).toBe('tokens');
    expect(account.reserve({ calls: 1 })).toBe('calls');
    expect(account.record()).toMatchObject({
      reserved: { tokens: 100, calls: 10 },
      left: { tokens: 0, calls: 0 },
    });
  });

  it('raises its alerts as it is spent, once, and clears them when it is refilled', () => {
    const turn = rig({}, 'ann');
    const account = turn();
    account.reserve({ tokens: 80 });
    expect(account.events).toEqual([]);
    account.settle({ tokens: 80 }, { tokens: 80 });
    expect(account.record().status).toBe('low');
    const low = {
      alert: 'budget_low',
      message: 'budget daily of ann: 80 % of a limit is spent',
      budget: 'daily of ann',
    };
    expect(account.events).toEqual([{ type: 'alert.raised', ...low }]);
    expect(account.kept.alerts).toEqual([{ ...low, raisedAt: 1_000 }]);
    const later = turn(2_000);
    later.settle({}, { tokens: 5 });
    expect(later.events).toEqual([]);
    later.settle({}, { tokens: 15 });
    expect(later.record().status).toBe('exhausted');
    expect(later.events.map((event) => 'alert' in event && event.alert)).toContain('budget_exhausted');
    const last = turn(3_000);
    last.refill('bob');
    const { alerts } = last.kept;
    expect(alerts).toEqual([]);
    expect(last.events).toContainEqual({
      type: 'budget.refilled',
      budget: 'daily',
      of: 'ann',
      spent: {},
      reserved: {},
      by: 'bob',
    });
    expect(last.events).toContainEqual({
      type: 'alert.cleared',
      alert: 'budget_exhausted',
      budget: 'daily of ann',
    });
    expect(last.record()).toMatchObject({ status: 'ample', spent: {} });
  });

  it('is refilled by itself where that is due, and by nobody', () => {
    const turn = rig({ everyMs: 1_000 });
    expect(turn(1_300).nextDueAt).toBe(2_000);
    turn(1_400).settle({}, { tokens: 50 });
    expect(turn(1_999).record().spent).toEqual({ tokens: 50 });
    const due = turn(2_000);
    expect(due.record()).toMatchObject({ spent: {}, refillAt: 3_000 });
    expect(due.events).toEqual([{ type: 'budget.refilled', budget: 'daily', spent: {}, reserved: {} }]);
    expect(due.nextDueAt).toBe(3_000);
  });

  it.each([
    ['comes late', 2_400],
    ['was missed twice, and comes late', 4_400],
  ])('is refilled at multiples of its time, also after a refill that %s', (_, lateAt) => {
    const turn = rig({ everyMs: 1_000 });
    turn(1_300);
    const late = turn(lateAt);
    expect(late.events).toHaveLength(1);
    expect(late.nextDueAt).toBe(late.record().refillAt);
    const next = turn(late.record().refillAt);
    expect(next.events).toHaveLength(1);
    expect(next.nextDueAt! % 1_000).toBe(0);
  });

  it('has other limits from now on, and nothing left of its alerts once it is closed', () => {
    const account = rig()();
    account.settle({}, { tokens: 60 });
    account.limit({ tokens: 60.9 });
    expect(account.record()).toMatchObject({ limits: { tokens: 60 }, status: 'exhausted' });
    expect(account.reserve({ tokens: 1 })).toBe('tokens');
    expect(account.reserve({ calls: 1_000 })).toBeUndefined();
    account.limit({ tokens: 1_000 });
    expect(account.record().status).toBe('ample');
    account.settle({}, { tokens: 900 });
    expect(account.kept.alerts).toHaveLength(1);
    account.close();
    expect(account.kept.alerts).toEqual([]);
    expect(account.events.at(-1)).toEqual({ type: 'alert.cleared', alert: 'budget_low', budget: 'daily' });
  });

  it('tells its sums with each reservation, and refuses one by what is left', () => {
    const account = rig({ limits: { money: 2 } })();
    const spender = { agentId: 'ann', incarnation: 3, type: 'writer', quota: undefined, taskId: 't1' };
    expect(account.reserve({ money: 1_500_000 })).toBeUndefined();
    expect(account.event('budget.reserved', spender, { money: 1_500_000 })).toEqual({
      type: 'budget.reserved',
      budget: 'daily',
      spent: {},
      reserved: { money: 1.5 },
      agentId: 'ann',
      incarnation: 3,
      taskId: 't1',
      amount: { money: 1.5 },
    });
    expect(account.reserve({ money: 500_001 })).toBe('money');
    expect(account.refusal(spender, 'money', { money: 0.6 }).message).toBe(
      'budget daily: 0.6 of money asked for, 0.5 left',
    );
  });
});
