/**
 * What may be spent: tokens, money, calls and time, reserved before a call and settled after it.
 *
 * A reservation is granted only as a whole, and only where all that is spent and reserved, and this, stays within every
 * limit: whatever the order in which calls begin and end, no more is ever granted than there is. What a call turns out
 * to have used beyond its reservation is counted in full all the same, for it is gone; the next ones get that much less.
 *
 * Whoever asks for a reservation has it unless it is refused. Amounts are whole numbers (money in millionths). The chart knows no clock and no reservation by name: whoever holds
 * one gives back what it was granted.
 */
import { assign, setup } from 'xstate';
import { z } from 'zod';
import type { EffectParams, EffectsOf } from './effect.ts';
import { positiveDurationMs } from './duration.ts';

export const budgetUnits = ['tokens', 'money', 'calls', 'wallMs'] as const;
export type BudgetUnit = (typeof budgetUnits)[number];

/** So much of each; what is left out is nothing, or in a limit, without end. */
export type BudgetAmount = Readonly<Partial<Record<BudgetUnit, number>>>;

const amount = z.number().min(0).max(1e15);
/** What was used, as somebody says it: money may have six digits behind its point. */
export const budgetUse = z.strictObject({
  tokens: amount.exactOptional(),
  money: amount.max(1e9).exactOptional(),
  calls: amount.exactOptional(),
  wallMs: amount.exactOptional(),
});
/** The same of a limit, or of what is to be reserved: it says something. */
export const budgetAmount = budgetUse.refine((given) => Object.keys(given).length > 0, {
  error: `expected one of ${budgetUnits.join(', ')}`,
});

/** Whose it is: one account for all, one for each agent or each task, or one for those that are named. */
export const budgetScope = z.union(
  [
    z.enum(['fleet', 'agent', 'task']),
    z.strictObject({ agent: z.string().min(1) }),
    z.strictObject({ type: z.string().min(1) }),
    z.strictObject({ quota: z.string().min(1) }),
  ],
  { error: 'expected fleet, agent, task, { agent }, { type } or { quota }' },
);
export type BudgetScope = z.output<typeof budgetScope>;

export const budgetSpec = z.strictObject({
  name: z.string().min(1).max(256),
  scope: budgetScope.default('fleet'),
  limits: budgetAmount,
  /** It is refilled at every multiple of this, counted from 1970 in UTC: 86,400,000 is every day at midnight. */
  everyMs: positiveDurationMs.exactOptional(),
});
export type BudgetSpecInput = z.input<typeof budgetSpec>;
export type BudgetSpec = z.output<typeof budgetSpec>;

export type BudgetAlert = 'budget_low' | 'budget_exhausted';

export interface BudgetInput {
  readonly limits: BudgetAmount;
  readonly spent: BudgetAmount;
  /** Between two refills; `Infinity` where nobody but people refill it. */
  readonly everyMs: number;
  /** To the next one. */
  readonly leftMs: number;
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

/** Everything this chart may want done. */
export type BudgetEffect = EffectsOf<{
  refuse: { readonly unit: BudgetUnit };
  tellRefilled: undefined;
  raiseAlert: { readonly alert: BudgetAlert };
  clearAlert: { readonly alert: BudgetAlert };
}>;

/** From this share on it is low. */
export const LOW_SHARE = 0.8;

/** The sum of two amounts. Pure. */
export function plus(one: BudgetAmount, other: BudgetAmount): BudgetAmount {
  return combined(one, other, (a, b) => a + b);
}

/** Never below nothing. Pure. */
export function minus(one: BudgetAmount, other: BudgetAmount): BudgetAmount {
  return combined(one, other, (a, b) => Math.max(0, a - b));
}

/** The share of its limits that is used, of the unit that is used most. Pure. */
export function usedShare(limits: BudgetAmount, used: BudgetAmount): number {
  let share = 0;
  for (const unit of budgetUnits) {
    const limit = limits[unit];
    if (limit === undefined) continue;
    // Of what there is nothing, nothing is left.
    const here = limit === 0 ? 1 : (used[unit] ?? 0) / limit;
    if (here > share) share = here;
  }
  return share;
}

/** The first unit of which there is not as much left as is asked for. Pure. */
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
  context: ({ input }) => ({ ...input, reserved: {} }),
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
          description: 'What is spent is held against the limits.',
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
            'All of a limit is spent: nothing of that is granted until somebody, or the time, refills it.',
          entry: [clear('budget_low'), raise('budget_exhausted')],
        },
      },
    },
  },
});
