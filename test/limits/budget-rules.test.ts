/** Laws of the rules of budgets, over data: figures and boundaries. */
import { describe, expect, it, test } from 'vitest';
import { budgetSpec } from '../../src/machines/index.ts';
import {
  accountIn,
  budgetAlertText,
  budgetInput,
  budgetRecord,
  budgetRefusal,
  budgetSubject,
  budgetSums,
  hasOneAccount,
  refuseOtherBudget,
  settleArgs,
  unknownBudget,
  unknownReservation,
  usedOf,
  windowStart,
} from '../../src/runtime/limits/budget-rules.ts';

const spender = { agentId: 'ann', incarnation: 2, type: 'writer', quota: 'model', taskId: 't1' };
const daily = budgetSpec.parse({ name: 'daily', limits: { tokens: 100 }, everyMs: 1_000 });
const free = budgetSpec.parse({ name: 'free', limits: { tokens: 100.9, money: 1.5 } });

describe('the account that one spends of', () => {
  test.each([
    ['fleet', '', true],
    ['agent', 'ann', false],
    ['task', 't1', false],
    [{ agent: 'ann' }, '', true],
    [{ agent: 'bob' }, undefined, true],
    [{ type: 'writer' }, '', true],
    [{ type: 'reader' }, undefined, true],
    [{ quota: 'model' }, '', true],
    [{ quota: 'other' }, undefined, true],
  ] as const)('of scope %j is %j, and whether it is the only one: %j', (scope, account, isOnly) => {
    expect(accountIn(scope, spender)).toBe(account);
    expect(hasOneAccount({ ...daily, scope })).toBe(isOnly);
  });

  it('has no share of a quota for who has none', () => {
    expect(accountIn({ quota: 'model' }, { ...spender, quota: undefined })).toBeUndefined();
  });
});

describe('a budget that is defined again', () => {
  it('may have other limits, and neither another scope nor another time', () => {
    refuseOtherBudget(daily, { ...daily, limits: { tokens: 1 } });
    expect(() => refuseOtherBudget(daily, { ...daily, scope: 'agent' })).toThrow(
      'budgets.define: scope: expected that of the budget "daily", "fleet", got "agent"',
    );
    expect(() => refuseOtherBudget(daily, { ...daily, everyMs: 2_000 })).toThrow(
      'budgets.define: everyMs: expected that of the budget "daily", 1000, got 2000',
    );
    expect(() => refuseOtherBudget(daily, free)).toThrow(/everyMs: .* 1000, got undefined$/);
  });
});

describe('what was used of a reservation', () => {
  it('is what was reserved, but the time that went by, and what is said', () => {
    expect(usedOf({ tokens: 10, wallMs: 500 }, {}, 12.2)).toEqual({ tokens: 10, wallMs: 13 });
    expect(usedOf({ tokens: 10 }, {}, 12.2)).toEqual({ tokens: 10 });
    expect(usedOf({ tokens: 10, calls: 1 }, { tokens: 2.1, money: 0.07 }, 0)).toEqual({
      tokens: 3,
      calls: 1,
      money: 70_000,
    });
    expect(usedOf({ wallMs: 500 }, { wallMs: 7 }, 12)).toEqual({ wallMs: 7 });
  });

  it('is told with the number of a reservation, from 0 on', () => {
    expect(settleArgs.safeParse({ id: 0, actual: 'released' }).success).toBe(true);
    expect(settleArgs.safeParse({ id: 0, actual: { tokens: 0 } }).success).toBe(true);
    expect(settleArgs.safeParse({ id: -1, actual: 'released' }).success).toBe(false);
    expect(settleArgs.safeParse({ id: 1.5, actual: 'released' }).success).toBe(false);
    expect(settleArgs.safeParse({ id: 1, actual: 'kept' }).error?.issues[0]?.message).toBe(
      'expected what was used: { tokens?, money?, calls?, wallMs? }',
    );
  });
});

describe('the time that limits are for', () => {
  test('begins at a multiple of its length', () => {
    expect([999, 1_000, 1_001, 1_999].map((now) => windowStart(1_000, now))).toEqual([
      0, 1_000, 1_000, 1_000,
    ]);
  });

  test('is told to the chart as what is left of it, with limits rounded down and what was spent rounded up', () => {
    const spent = { tokens: 1.2, money: 0.0000011 };
    expect(budgetInput(daily, spent, 1_300)).toEqual({
      limits: { tokens: 100 },
      spent: { tokens: 2, money: 2 },
      everyMs: 1_000,
      leftMs: 700,
    });
    expect(budgetInput(daily, {}, 2_000).leftMs).toBe(1_000);
    expect(budgetInput(free, {}, 1_300)).toEqual({
      limits: { tokens: 100, money: 1_500_000 },
      spent: {},
      everyMs: Infinity,
      leftMs: Infinity,
    });
  });
});

describe('the record of an account', () => {
  const sums = {
    limits: { tokens: 100, money: 2_000_000 },
    spent: { tokens: 30, calls: 4 },
    reserved: { tokens: 80, money: 500_000 },
  };

  it('shows what is left of each unit with a limit, never less than nothing, and money as people count it', () => {
    const record = budgetRecord(daily, 'ann', sums, 'ample', 1_300);
    expect(record).toStrictEqual({
      name: 'daily',
      scope: 'fleet',
      of: 'ann',
      status: 'ample',
      limits: { tokens: 100, money: 2 },
      spent: { tokens: 30, calls: 4 },
      reserved: { tokens: 80, money: 0.5 },
      left: { tokens: 0, money: 1.5 },
      share: 0.3,
      refillAt: 2_000,
    });
    expect(Object.isFrozen(record)).toBe(true);
    const bare = budgetRecord(free, '', { limits: { calls: 5 }, spent: {}, reserved: {} }, 'low', 0);
    expect(bare).not.toHaveProperty('of');
    expect(bare).not.toHaveProperty('refillAt');
    expect(bare.left).toEqual({ calls: 5 });
  });

  it('is what a refusal says: unit, amount, what is left, when more comes', () => {
    const record = budgetRecord(daily, '', sums, 'low', 1_300);
    const refusal = budgetRefusal(record, spender, 'money', { money: 3 });
    expect(refusal.message).toBe('budget daily: 3 of money asked for, 1.5 left');
    expect(refusal).toMatchObject({ code: 'BUDGET_EXHAUSTED', agentId: 'ann' });
    expect(refusal.details).toStrictEqual({
      budget: 'daily',
      unit: 'money',
      asked: 3,
      left: 1.5,
      taskId: 't1',
      refillAt: 2_000,
    });
    const { refillAt: _, ...rest } = record;
    const calls = budgetRefusal(rest, spender, 'calls', {});
    expect(calls.message).toBe('budget daily: 0 of calls asked for, 0 left');
    expect(calls.details).toStrictEqual({ budget: 'daily', unit: 'calls', asked: 0, left: 0, taskId: 't1' });
  });

  it('gives its sums to events, with the account where there are several', () => {
    expect(budgetSums('daily', '', sums)).toStrictEqual({
      budget: 'daily',
      spent: { tokens: 30, calls: 4 },
      reserved: { tokens: 80, money: 0.5 },
    });
    expect(budgetSums('daily', 'ann', sums)).toMatchObject({ budget: 'daily', of: 'ann' });
  });
});

describe('what is said of an account', () => {
  it.each([
    ['', 'daily', 'budget daily: 80 % of a limit is spent', 'no budget "daily" is known'],
    [
      'ann',
      'daily of ann',
      'budget daily of ann: 80 % of a limit is spent',
      'no budget "daily" of "ann" is known',
    ],
  ])('names whose it is, where it is of one: %j', (of, subject, low, unknown) => {
    expect(budgetSubject('daily', of)).toBe(subject);
    expect(budgetAlertText('daily', of, 'budget_low')).toBe(low);
    expect(budgetAlertText('daily', of, 'budget_exhausted')).toBe(
      `budget ${subject} is exhausted: nothing of it is granted until it is refilled`,
    );
    expect(unknownBudget('daily', of)).toMatchObject({ code: 'BUDGET_UNKNOWN', message: unknown });
  });

  it('names the reservation that is not known', () => {
    expect(unknownReservation('t1', 7)).toMatchObject({
      code: 'REQUEST_INVALID',
      message: 'budget.settle: expected a reservation of task t1 that is not settled, got 7',
    });
  });
});
