/**
 * What may be spent: tokens, money, calls and time, reserved before a call and settled after it.
 *
 * A reservation is granted as a whole or not at all, and only if what is spent, reserved and asked for stays within
 * every limit: in any order of calls, no more is ever granted than the limits allow. If a call uses more than it reserved,
 * all of it is counted, and the next calls get that much less.
 *
 * A reservation is granted unless the chart refuses it. Amounts are whole numbers (money in millionths). The chart
 * knows no clock and no single reservation: the runtime keeps them, and gives back what was granted.
 */
import { assign, setup } from 'xstate';
import { z } from 'zod';
import type { EffectParams, EffectsOf } from './effect.ts';
import { positiveDurationMs } from './duration.ts';
import { givenFields } from './given-fields.ts';

export const budgetUnits = ['tokens', 'money', 'calls', 'wallMs'] as const;
export type BudgetUnit = (typeof budgetUnits)[number];

/** An amount of each unit. A unit that is left out counts as 0; in a limit, as unlimited. */
export interface BudgetAmount {
  /** Tokens of a model: a whole number. */
  readonly tokens?: number;
  /** Money, in whatever currency you count: to six digits. */
  readonly money?: number;
  /** Calls: a whole number. */
  readonly calls?: number;
  /** Time that calls take, ms: a whole number. */
  readonly wallMs?: number;
}

const amount = z.number().min(0).max(1e15);
const use = z.strictObject({
  tokens: amount.exactOptional(),
  money: amount.max(1e9).exactOptional(),
  calls: amount.exactOptional(),
  wallMs: amount.exactOptional(),
});
/** What was used; money with at most six decimals. */
export const budgetUse = givenFields(use);
/** A limit, or an amount to reserve: at least one unit is named. */
export const budgetAmount = givenFields(
  use.refine((given) => Object.keys(given).length > 0, {
    error: `expected one of ${budgetUnits.join(', ')}`,
  }),
);

export const budgetScope = z.union(
  [
    z.enum(['fleet', 'agent', 'task']),
    z.strictObject({ agent: z.string().min(1) }),
    z.strictObject({ type: z.string().min(1) }),
    z.strictObject({ quota: z.string().min(1) }),
  ],
  { error: 'expected fleet, agent, task, { agent }, { type } or { quota }' },
);
/** Who shares it: one account for all, one for each agent or each task, or one for those that are named. */
export type BudgetScope = z.output<typeof budgetScope>;

export const budgetSpec = givenFields(
  z.strictObject({
    name: z.string().min(1).max(256),
    scope: budgetScope.default('fleet'),
    limits: budgetAmount,
    everyMs: positiveDurationMs.exactOptional(),
  }),
);
/** A budget as it is defined. */
export interface BudgetSpecInput {
  /** Its name, 1 to 256 characters: another definition of the same name changes it. */
  readonly name: string;
  /** What may be spent until the next refill; at least one unit. Units left out have no limit. */
  readonly limits: BudgetAmount;
  /**
   * `fleet` (the default): one account. `agent` or `task`: one account for each. `{ agent }`, `{ type }`, `{ quota }`: one
   * account for the agents that match.
   */
  readonly scope?: BudgetScope | undefined;
  /**
   * It is refilled at every multiple of this, ms, counted from 1970 in UTC: 86,400,000 is every day at midnight. Without
   * it people refill it.
   */
  readonly everyMs?: number;
}
/** A budget with its defaults. */
export type BudgetSpec = z.output<typeof budgetSpec>;

/** Budgets that are defined together: no two have one name. */
export const budgetSpecs = z.array(budgetSpec).superRefine((specs, issues) => {
  const names = new Set<string>();
  for (const [index, { name }] of specs.entries()) {
    if (names.has(name))
      issues.addIssue({
        code: 'custom',
        path: [index, 'name'],
        message: `expected a name that no other budget has, got ${JSON.stringify(name)}`,
      });
    names.add(name);
  }
});

export type BudgetAlert = 'budget_low' | 'budget_exhausted';

export interface BudgetInput {
  readonly limits: BudgetAmount;
  readonly spent: BudgetAmount;
  /** Time between two refills, ms; `Infinity` if only people refill it. */
  readonly everyMs: number;
  /** Time to the next refill, ms. */
  readonly leftMs: number;
  /** What is reserved already; default nothing. */
  readonly reserved?: BudgetAmount;
}

export interface BudgetContext extends BudgetInput {
  readonly reserved: BudgetAmount;
}

export type BudgetEvent =
  | { type: 'budget.reserve'; amount: BudgetAmount }
  /** `reserved`: what had been granted; `actual`: what was used of it, or beyond. */
  | { type: 'budget.settle'; reserved: BudgetAmount; actual: BudgetAmount }
  | { type: 'budget.refill' }
  | { type: 'budget.limit'; limits: BudgetAmount };

/** All effects of this chart. */
export type BudgetEffect = EffectsOf<{
  refuse: { readonly unit: BudgetUnit };
  tellRefilled: undefined;
  raiseAlert: { readonly alert: BudgetAlert };
  clearAlert: { readonly alert: BudgetAlert };
}>;

/** The share of a limit from which on the budget is low. */
export const LOW_SHARE = 0.8;

/** The sum of two amounts. Pure. */
export function plus(one: BudgetAmount, other: BudgetAmount): BudgetAmount {
  return combined(one, other, (a, b) => a + b);
}

/** The difference of two amounts, never below 0. Pure. */
export function minus(one: BudgetAmount, other: BudgetAmount): BudgetAmount {
  return combined(one, other, (a, b) => Math.max(0, a - b));
}

/** The share of its limits that is used, of the unit that is used most. Pure. */
export function usedShare(limits: BudgetAmount, used: BudgetAmount): number {
  let share = 0;
  for (const unit of budgetUnits) {
    const limit = limits[unit];
    if (limit === undefined) continue;
    // A limit of 0 is used up from the start.
    const here = limit === 0 ? 1 : (used[unit] ?? 0) / limit;
    if (here > share) share = here;
  }
  return share;
}

/** The first unit of which less is left than is asked for. Pure. */
export function lackingUnit(
  { limits, spent, reserved }: Pick<BudgetContext, 'limits' | 'spent' | 'reserved'>,
  asked: BudgetAmount,
): BudgetUnit | undefined {
  return budgetUnits.find((unit) => {
    const limit = limits[unit];
    if (limit === undefined) return false;
    return (spent[unit] ?? 0) + (reserved[unit] ?? 0) + (asked[unit] ?? 0) > limit;
  });
}

function combined(
  one: BudgetAmount,
  other: BudgetAmount,
  combine: (a: number, b: number) => number,
): BudgetAmount {
  const sum: Partial<Record<BudgetUnit, number>> = {};
  for (const unit of budgetUnits) {
    const value = combine(one[unit] ?? 0, other[unit] ?? 0);
    if (value !== 0) sum[unit] = value;
  }
  return sum;
}

const refuse = {
  type: 'refuse' as const,
  params: ({ context, event }: { context: BudgetContext; event: BudgetEvent }) => ({
    unit: (event.type === 'budget.reserve' && lackingUnit(context, event.amount)) || ('calls' as const),
  }),
};
const raise = (alert: BudgetAlert) => ({ type: 'raiseAlert' as const, params: { alert } });
const clear = (alert: BudgetAlert) => ({ type: 'clearAlert' as const, params: { alert } });

export const budgetMachine = setup({
  types: {} as { context: BudgetContext; input: BudgetInput; events: BudgetEvent },
  actions: {
    refuse: (_, _params: EffectParams<BudgetEffect, 'refuse'>) => {},
    tellRefilled: () => {},
    raiseAlert: (_, _params: EffectParams<BudgetEffect, 'raiseAlert'>) => {},
    clearAlert: (_, _params: EffectParams<BudgetEffect, 'clearAlert'>) => {},

    noteReserved: assign({
      reserved: ({ context, event }) =>
        event.type === 'budget.reserve' ? plus(context.reserved, event.amount) : context.reserved,
    }),
    noteSettled: assign(({ context, event }) =>
      event.type === 'budget.settle'
        ? { reserved: minus(context.reserved, event.reserved), spent: plus(context.spent, event.actual) }
        : {},
    ),
    noteRefilled: assign({ spent: {} }),
    noteNextRefill: assign({ leftMs: ({ context }) => context.everyMs }),
    noteLimits: assign({
      limits: ({ context, event }) => (event.type === 'budget.limit' ? event.limits : context.limits),
    }),
  },
  guards: {
    isWithin: ({ context, event }) =>
      event.type === 'budget.reserve' && lackingUnit(context, event.amount) === undefined,
    isExhausted: ({ context }) => usedShare(context.limits, context.spent) >= 1,
    isLow: ({ context }) => usedShare(context.limits, context.spent) >= LOW_SHARE,
  },
  delays: { refillTime: ({ context }) => context.leftMs },
}).createMachine({
  id: 'budget',
  context: ({ input }) => ({ reserved: {}, ...input }),
  initial: 'open',
  states: {
    open: {
      initial: 'weighing',
      after: {
        refillTime: {
          target: 'open',
          reenter: true,
          actions: ['noteRefilled', 'noteNextRefill', 'tellRefilled'],
        },
      },
      on: {
        'budget.reserve': [{ guard: 'isWithin', actions: 'noteReserved' }, { actions: refuse }],
        'budget.settle': { target: '.weighing', actions: 'noteSettled' },
        'budget.refill': { target: '.weighing', actions: ['noteRefilled', 'tellRefilled'] },
        'budget.limit': { target: '.weighing', actions: 'noteLimits' },
      },
      states: {
        weighing: {
          description: 'Compares what is spent with the limits.',
          always: [
            { guard: 'isExhausted', target: 'exhausted' },
            { guard: 'isLow', target: 'low' },
            { target: 'ample' },
          ],
        },
        ample: {
          description: 'Less than 80 % of every limit is spent.',
          entry: [clear('budget_low'), clear('budget_exhausted')],
        },
        low: {
          description: '80 % of a limit is spent, or more.',
          entry: [clear('budget_exhausted'), raise('budget_low')],
        },
        exhausted: {
          description:
            'All of a limit is spent: nothing is granted of it until it is refilled, by a person or when its time has come.',
          entry: [clear('budget_low'), raise('budget_exhausted')],
        },
      },
    },
  },
});
