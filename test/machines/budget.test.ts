/** A budget as a chart: what it grants and what it counts, in every state. */
import fc from 'fast-check';
import { describe, expect, it, test } from 'vitest';
import { initialTransition, type SnapshotFrom, transition } from 'xstate';
import { type BudgetAmount, type BudgetEvent, budgetMachine } from '../../src/machines/index.ts';
import { drivenBy, drivers, type Watching } from '../kit/drivers.ts';
import { budgetTours, judgeBudget } from '../models/budget/tour.ts';
import { chartCoverage } from '../models/life/chart-coverage.ts';

/** Before anything is driven: what drives a chart takes its guards as they are then. */
const coverage = chartCoverage(budgetMachine);
const { tours, states } = budgetTours();

async function sendOnTours(watching: Watching): Promise<void> {
  for (const tour of tours) await judgeBudget(tour, watching);
}
let inspected: Promise<void> | undefined;
/** With XState looking on; once. */
const inspectTours = (): Promise<void> => (inspected ??= sendOnTours(coverage.inspect));

describe.each(drivers)('a budget does in every state what its sums say (%s)', (driver) => {
  it('in every move of every tour', async () => {
    expect(states).toBeGreaterThan(50);
    await (driver === 'interpreter' ? inspectTours() : sendOnTours(drivenBy(driver)));
  });
});

test('every transition of the chart was taken, and every guard has answered yes and no', async () => {
  await inspectTours();
  expect(coverage.total).toBeGreaterThan(10);
  expect(coverage.untaken()).toEqual([]);
});

/** A budget's chart as data: what is granted and settled stays with whoever asked. */
interface Standing {
  readonly snapshot: SnapshotFrom<typeof budgetMachine>;
  /** Granted and not settled, sorted: who holds which does not matter. */
  readonly open: readonly number[];
  readonly asked: number;
}

test('no order of calls is ever granted more than there is: every order of every call, on the chart', () => {
  const LIMIT = 5;
  const MOST_CALLS = 5;
  const [begun] = initialTransition(budgetMachine, {
    limits: { tokens: LIMIT },
    spent: {},
    everyMs: 60_000,
    leftMs: 60_000,
  });
  const seen = new Set<string>();
  let grants = 0;
  let refusals = 0;
  const queue: Standing[] = [{ snapshot: begun, open: [], asked: 0 }];
  for (let at = queue.pop(); at !== undefined; at = queue.pop()) {
    const { snapshot, open, asked } = at;
    const { spent, reserved } = snapshot.context;
    const held = open.reduce((total, one) => total + one, 0);
    expect(reserved.tokens ?? 0).toBe(held);
    // Settled as it was granted or with less, so that nothing is gone that was not granted.
    expect((spent.tokens ?? 0) + held).toBeLessThanOrEqual(LIMIT);
    const share = (spent.tokens ?? 0) / LIMIT;
    expect(snapshot.value).toEqual({ open: share >= 1 ? 'exhausted' : share >= 0.8 ? 'low' : 'ample' });
    const key = JSON.stringify([snapshot.value, spent, open, asked]);
    if (seen.has(key)) continue;
    seen.add(key);
    const after = (event: BudgetEvent): SnapshotFrom<typeof budgetMachine> =>
      transition(budgetMachine, snapshot, event)[0];
    const go = (next: SnapshotFrom<typeof budgetMachine>, held: readonly number[], more = 0): void => {
      queue.push({ snapshot: next, open: held.toSorted((one, other) => one - other), asked: asked + more });
    };
    for (const tokens of asked < MOST_CALLS ? [1, 2, 3, 4] : []) {
      const next = after({ type: 'budget.reserve', amount: { tokens } });
      const isGranted = (next.context.reserved.tokens ?? 0) > held;
      expect(isGranted).toBe((spent.tokens ?? 0) + held + tokens <= LIMIT);
      if (isGranted) grants += 1;
      else refusals += 1;
      go(next, isGranted ? [...open, tokens] : open, 1);
    }
    for (const [place, tokens] of open.entries()) {
      for (let used = 0; used <= tokens; used++) {
        const settle = { reserved: { tokens }, actual: { tokens: used } };
        go(after({ type: 'budget.settle', ...settle }), open.toSpliced(place, 1));
      }
    }
    go(after({ type: 'budget.refill' }), open);
  }
  expect([seen.size > 150, grants > 150, refusals > 150]).toEqual([true, true, true]);
});

test('whatever callers do, in whatever order, no more is granted than there is, and all of it is accounted for', () => {
  const amount = fc.record({ tokens: fc.nat(40), money: fc.nat(30) }, { requiredKeys: [] });
  const act = fc.oneof(
    fc.record({ type: fc.constant('reserve' as const), amount }),
    fc.record({ type: fc.constant('settle' as const), which: fc.nat(9), share: fc.nat(100) }),
    fc.record({ type: fc.constant('refill' as const) }),
    fc.record({ type: fc.constant('limit' as const), limits: amount }),
  );
  fc.assert(
    fc.property(amount, fc.array(act, { maxLength: 60 }), (limits, acts) => {
      let [snapshot] = initialTransition(budgetMachine, {
        limits,
        spent: {},
        everyMs: Infinity,
        leftMs: Infinity,
      });
      const open: BudgetAmount[] = [];
      const units = ['tokens', 'money'] as const;
      const sum = (unit: 'tokens' | 'money') => open.reduce((total, one) => total + (one[unit] ?? 0), 0);
      const send = (event: BudgetEvent) => ([snapshot] = transition(budgetMachine, snapshot, event));
      const spent = { tokens: 0, money: 0 };
      for (const one of acts) {
        const before = snapshot.context;
        if (one.type === 'reserve') {
          send({ type: 'budget.reserve', amount: one.amount });
          if (snapshot.context.reserved !== before.reserved) open.push(one.amount);
          for (const unit of units) {
            const limit = snapshot.context.limits[unit];
            const isGranted = open.at(-1) === one.amount && snapshot.context.reserved !== before.reserved;
            if (limit !== undefined && isGranted) expect(spent[unit] + sum(unit)).toBeLessThanOrEqual(limit);
          }
        } else if (one.type === 'settle' && open.length > 0) {
          const [reserved] = open.splice(one.which % open.length, 1) as [BudgetAmount];
          const actual: { tokens?: number; money?: number } = {};
          for (const unit of units) {
            const used = Math.floor(((reserved[unit] ?? 0) * one.share) / 100);
            actual[unit] = used;
            spent[unit] += used;
          }
          send({ type: 'budget.settle', reserved, actual });
        } else if (one.type === 'refill') {
          send({ type: 'budget.refill' });
          Object.assign(spent, { tokens: 0, money: 0 });
        } else if (one.type === 'limit') send({ type: 'budget.limit', limits: one.limits });
        for (const unit of units) {
          expect(snapshot.context.reserved[unit] ?? 0).toBe(sum(unit));
          expect(snapshot.context.spent[unit] ?? 0).toBe(spent[unit]);
        }
      }
    }),
    { numRuns: 300 },
  );
});
