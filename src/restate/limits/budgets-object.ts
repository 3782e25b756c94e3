/**
 * The budgets of a fleet: one virtual object, which has all of their accounts.
 *
 * The rules of runtime/limits/budgets.ts, over data. What a task has reserved is kept with its agent.
 *
 * I1  A reservation stands in every budget that its task works under, or in none: all accounts are in one turn.
 * I2  An account exists once something was reserved of it, and not before. That of a task ends with it, that of an agent
 *     when the agent is forgotten.
 * I3  Each account has one wake-up call at the most; a replaced one does nothing.
 */
import { object, type ObjectContext, type ObjectSharedContext } from '@restatedev/restate-sdk';
import { exclusive, shared } from '../engine/handlers.ts';
import type { BudgetAmount, BudgetSpec } from '../../machines/index.ts';
import type { EventBody } from '../../runtime/journal/system-event.ts';
import { wholeOf } from '../../runtime/limits/budget-amount.ts';
import {
  accountIn,
  type BudgetRecord,
  hasOneAccount,
  refuseOtherBudget,
  type Spender,
  unknownBudget,
} from '../../runtime/limits/budget-rules.ts';
import type { Alert } from '../../runtime/observability/alerts.ts';
import { type Answer, answering, refusalOf } from '../engine/call-answer.ts';
import { send, tellEvents, toBudgets } from '../engine/calls.ts';
import { BUDGETS } from '../engine/names.ts';
import { fleetOptions } from '../engine/service-options.ts';
import { wire, wireOf } from '../engine/wire.ts';
import { BudgetAccount, type KeptAccount } from './budget-account.ts';
import type { AccountRef, Closing, Granted, Settling } from './budget-messages.ts';

export interface AccountChart {
  readonly name: string;
  readonly of: string;
  readonly chart: string;
}

const SPECS = 'specs';
const ACCOUNT = 'account ';
const accountKey = (name: string, of: string): string => `${ACCOUNT}${JSON.stringify([name, of])}`;

function specsOf(ctx: Pick<ObjectContext, 'get'>): Promise<readonly BudgetSpec[]> {
  return ctx.get(SPECS, wireOf<readonly BudgetSpec[]>()).then((specs) => specs ?? []);
}

async function accountOf(
  ctx: Pick<ObjectContext, 'get'>,
  spec: BudgetSpec,
  of: string,
  now: number,
): Promise<BudgetAccount> {
  const kept = await ctx.get(accountKey(spec.name, of), wireOf<KeptAccount>());
  return new BudgetAccount(spec, of, kept, now);
}

/** Keeps an account, and emits its events. */
function keep(ctx: ObjectContext, [name, of]: AccountRef, account: BudgetAccount, now: number): void {
  const { kept, events, nextDueAt } = account;
  if (nextDueAt !== undefined && kept.wakeAt !== nextDueAt) {
    kept.wake += 1;
    kept.wakeAt = nextDueAt;
    send(ctx, toBudgets('wake'), { account: [name, of], wake: kept.wake }, nextDueAt - now);
  }
  ctx.set(accountKey(name, of), account.toKeep(), wireOf<KeptAccount>());
  tellEvents(ctx, { events: events.map((event) => ({ ...event, at: now })) });
}

/** The account, if it exists. */
async function known(
  ctx: Pick<ObjectContext, 'get'>,
  name: string,
  of: string,
  now: number,
): Promise<BudgetAccount | undefined> {
  const spec = (await specsOf(ctx)).find((other) => other.name === name);
  if (spec === undefined || (await ctx.get(accountKey(name, of), wire)) === null) return undefined;
  return accountOf(ctx, spec, of, now);
}

const codec = { input: wire, output: wire, enableLazyState: true } as const;

export const budgetsObject = object({
  name: BUDGETS,
  handlers: {
    define: exclusive(codec, async (ctx: ObjectContext, given: unknown): Promise<Answer> => {
      const { spec, at } = given as { spec: BudgetSpec; at: number };
      const specs = await specsOf(ctx);
      const before = specs.find(({ name }) => name === spec.name);
      const fits = answering(() => before && refuseOtherBudget(before, spec));
      if ('refusal' in fits) return fits;
      const isKept = ({ name }: BudgetSpec): boolean => name !== spec.name;
      ctx.set(SPECS, before ? specs.map((other) => (isKept(other) ? other : spec)) : [...specs, spec], wire);
      const accounts = await refsOf(ctx, spec.name);
      for (const ref of accounts) {
        const account = await accountOf(ctx, spec, ref[1], at);
        account.limit(spec.limits);
        keep(ctx, ref, account, at);
      }
      if (accounts.length === 0 && hasOneAccount(spec)) {
        keep(ctx, [spec.name, ''], await accountOf(ctx, spec, '', at), at);
      }
      return {};
    }),

    /** Takes an amount out of every budget that a task works under, or is refused. */
    reserve: exclusive(codec, async (ctx: ObjectContext, given: unknown): Promise<Answer<Granted>> => {
      const { spender, asked, at } = given as { spender: Spender; asked: BudgetAmount; at: number };
      const amount = wholeOf(asked, Math.ceil);
      const taken: [AccountRef, BudgetAccount][] = [];
      for (const spec of await specsOf(ctx)) {
        const of = accountIn(spec.scope, spender);
        if (of === undefined) continue;
        const account = await accountOf(ctx, spec, of, at);
        const lacking = account.reserve(amount);
        // The accounts before this one are not kept: nothing was taken of them.
        if (lacking !== undefined) return { refusal: refusalOf(account.refusal(spender, lacking, asked)) };
        taken.push([[spec.name, of], account]);
      }
      for (const [ref, account] of taken) keep(ctx, ref, account, at);
      const events = taken.map(([, account]) => account.event('budget.reserved', spender, amount));
      return { value: { accounts: taken.map(([ref]) => ref), events } };
    }),

    settle: exclusive(codec, async (ctx: ObjectContext, given: unknown): Promise<readonly EventBody[]> => {
      const { accounts, spender, reserved, actual, how, at } = given as Settling;
      const events: EventBody[] = [];
      for (const ref of accounts) {
        const account = await known(ctx, ...ref, at);
        if (account === undefined) continue;
        account.settle(reserved, actual);
        keep(ctx, ref, account, at);
        events.push({ ...account.event('budget.settled', spender, actual), how });
      }
      return events;
    }),

    /** Drops the accounts of a task that has ended, or of an agent that was forgotten. */
    close: exclusive(codec, async (ctx: ObjectContext, given: unknown) => {
      const { accounts, forgotten, at } = given as Closing & { readonly at: number };
      for (const ref of accounts) {
        const account = ref[1] === '' ? undefined : await known(ctx, ...ref, at);
        if (account === undefined) continue;
        account.close(forgotten);
        keep(ctx, ref, account, at);
        ctx.clear(accountKey(...ref));
      }
    }),

    refill: exclusive(codec, async (ctx: ObjectContext, given: unknown): Promise<Answer<BudgetRecord>> => {
      const { name, of, by, at } = given as { name: string; of: string; by?: string; at: number };
      const account = await known(ctx, name, of, at);
      if (account === undefined) return { refusal: refusalOf(unknownBudget(name, of)) };
      account.refill(by);
      keep(ctx, [name, of], account, at);
      return { value: account.record() };
    }),

    /** Refills an account whose window is over. */
    wake: exclusive(codec, async (ctx: ObjectContext, given: unknown) => {
      const { account: ref, wake } = given as { account: AccountRef; wake: number };
      const kept = await ctx.get(accountKey(...ref), wireOf<KeptAccount>());
      if (kept?.wake !== wake) return;
      const now = await ctx.date.now();
      const account = await known(ctx, ...ref, now);
      if (account === undefined) return;
      account.kept.wakeAt = undefined;
      keep(ctx, ref, account, now);
    }),

    get: shared(codec, async (ctx: ObjectSharedContext, given: unknown): Promise<Answer<BudgetRecord>> => {
      const { name, of, at } = given as { name: string; of: string; at: number };
      const account = await known(ctx, name, of, at);
      if (account === undefined) return { refusal: refusalOf(unknownBudget(name, of)) };
      return { value: account.record() };
    }),

    list: shared(
      codec,
      async (ctx: ObjectSharedContext, given: unknown): Promise<readonly BudgetRecord[]> => {
        const { at } = given as { at: number };
        const records: BudgetRecord[] = [];
        for (const spec of await specsOf(ctx)) {
          for (const [, of] of await refsOf(ctx, spec.name))
            records.push((await accountOf(ctx, spec, of, at)).record());
        }
        return records;
      },
    ),

    /** The charts that the snapshots of all accounts are of. */
    charts: shared(codec, async (ctx: ObjectSharedContext): Promise<readonly AccountChart[]> => {
      const charts: AccountChart[] = [];
      for (const spec of await specsOf(ctx)) {
        for (const [name, of] of await refsOf(ctx, spec.name)) {
          const kept = await ctx.get(accountKey(name, of), wireOf<KeptAccount>());
          charts.push({ name, of, chart: kept?.chart ?? '' });
        }
      }
      return charts;
    }),

    alerts: shared(codec, async (ctx: ObjectSharedContext): Promise<readonly Alert[]> => {
      const alerts: Alert[] = [];
      for (const spec of await specsOf(ctx)) {
        for (const ref of await refsOf(ctx, spec.name))
          alerts.push(...((await ctx.get(accountKey(...ref), wireOf<KeptAccount>()))?.alerts ?? []));
      }
      return alerts;
    }),
  },
  options: fleetOptions,
});

/** The accounts of a budget. */
async function refsOf(ctx: Pick<ObjectContext, 'stateKeys'>, name: string): Promise<readonly AccountRef[]> {
  const keys = await ctx.stateKeys();
  return keys
    .filter((key) => key.startsWith(ACCOUNT))
    .map((key) => JSON.parse(key.slice(ACCOUNT.length)) as AccountRef)
    .filter(([budget]) => budget === name);
}
