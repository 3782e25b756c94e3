/** What an inspector is shown of the accounts of a fleet's budgets, and how often they are asked for. */
import { expect, test } from 'vitest';
import type { SystemEvent } from '../../src/index.ts';
import type { BudgetRecord } from '../../src/runtime/limits/budget-rules.ts';
import { ShownBudgets } from '../../src/restate/inspection/shown-budgets.ts';
import { chartWatch } from './chart-watch.ts';

function shownBudgets() {
  let records: readonly BudgetRecord[] = [];
  let asked = 0;
  let isAway = false;
  const { observe, shown, last } = chartWatch();
  const over = new AbortController();
  const budgets = new ShownBudgets(() => {
    asked += 1;
    return isAway ? Promise.reject(new Error('away')) : Promise.resolve(records);
  }, observe);
  const hears = (type: string) => budgets.heard({ type } as SystemEvent);
  return {
    shown,
    last,
    over,
    hears,
    asked: () => asked,
    away: (is: boolean) => void (isAway = is),
    look: () => budgets.look(over.signal),
    lookOf: async (...given: readonly BudgetRecord[]) => {
      records = given;
      hears('budget.settled');
      await budgets.look(over.signal);
    },
  };
}

const account = (more: Partial<BudgetRecord> = {}): BudgetRecord => ({
  name: 'llm',
  scope: 'fleet',
  status: 'ample',
  limits: { calls: 10 },
  spent: {},
  reserved: {},
  left: { calls: 10 },
  share: 0,
  ...more,
});

test('each account is shown on its own chart, each time that it stands elsewhere', async () => {
  const { lookOf, shown, last } = shownBudgets();
  await lookOf(account(), account({ of: 'a' }));
  await lookOf(account(), account({ of: 'a' }));
  await lookOf(account({ reserved: { calls: 1 } }), account({ of: 'a' }));
  await lookOf(account({ status: 'low', spent: { calls: 8 } }), account({ of: 'a' }));
  expect(last().snapshot).toEqual({
    status: 'active',
    value: { open: 'low' },
    context: {
      id: 'budget llm',
      scope: 'fleet',
      limits: { calls: 10 },
      spent: { calls: 8 },
      reserved: {},
      refillAt: undefined,
    },
  });
  expect(shown()).toEqual([
    'started budget llm #1 open.ample by budget.seen',
    'started budget llm of a #2 open.ample by budget.seen',
    'stepped budget llm #1 open.ample by budget.seen',
    'stepped budget llm #1 open.low by budget.seen',
  ]);
});

test('one that is there no more ends as it was seen last', async () => {
  const { lookOf, shown } = shownBudgets();
  await lookOf(account({ of: 't1', status: 'exhausted' }), account());
  await lookOf(account());
  await lookOf(account());
  expect(shown()).toEqual([
    'started budget llm of t1 #1 open.exhausted by budget.seen',
    'started budget llm #2 open.ample by budget.seen',
    'ended budget llm of t1 #1 open.exhausted by budget.seen',
  ]);
});

test('they are asked for at first, when an event has told of one, and after twenty looks without', async () => {
  const { look, hears, asked } = shownBudgets();
  await look();
  hears('task.started');
  for (let time = 0; time < 20; time++) await look();
  expect(asked()).toBe(1);
  await look();
  expect(asked()).toBe(2);
  hears('budget.reserved');
  hears('budget.settled');
  await look();
  await look();
  expect(asked()).toBe(3);
});

test('a look that fails is made again with the next one', async () => {
  const { look, away, asked } = shownBudgets();
  away(true);
  await expect(look()).rejects.toThrow('away');
  away(false);
  await look();
  await look();
  expect(asked()).toBe(2);
});

test('a look that comes back after the end shows nothing', async () => {
  const { lookOf, over, shown } = shownBudgets();
  over.abort();
  await lookOf(account());
  expect(shown()).toEqual([]);
});
