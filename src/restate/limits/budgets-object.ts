/**
 * The budgets of a fleet: one virtual object, which has all of their accounts.
 *
 * The rules of runtime/limits/budgets.ts, over data. What a task has reserved is kept with its agent.
 *
 * I1  A reservation stands in every budget that its task works under, or in none: all accounts are in one turn.
 * I2  An account exists once something was reserved of it, and not before. That of a task ends with it, that of an agent
 *     when the agent is forgotten.
 * I3  Each account has one wake-up call at the most; a replaced one does nothing.
 * I4  A turn reads all its accounts at once: many budgets take no more round trips to the engine than one.
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
import { getAll } from '../engine/state-reads.ts';
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

/** Whose account of which budget. */
type AccountOf = readonly [spec: BudgetSpec, of: string];
const refOf = ([{ name }, of]: AccountOf): AccountRef => [name, of];

const keptOf = (
  ctx: Pick<ObjectContext, 'get'>,
  refs: readonly AccountRef[],
): Promise<(KeptAccount | null)[]> =>
  getAll<KeptAccount>(
    ctx,
    refs.map((ref) => accountKey(...ref)),
  );

/** Accounts of budgets, new ones included. */
async function accountsOf(
  ctx: Pick<ObjectContext, 'get'>,
  accounts: readonly AccountOf[],
  now: number,
): Promise<[AccountRef, BudgetAccount][]> {
  const refs = accounts.map(refOf);
  const kept = await keptOf(ctx, refs);
  return accounts.map(([spec, of], at) => [refs[at]!, new BudgetAccount(spec, of, kept[at]!, now)]);
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

/** Those of the accounts that exist. */
async function knownOf(
  ctx: Pick<ObjectContext, 'get'>,
  refs: readonly AccountRef[],
  now: number,
): Promise<[AccountRef, BudgetAccount][]> {
  const [specs, ...kept] = await getAll<unknown>(ctx, [SPECS, ...refs.map((ref) => accountKey(...ref))]);
  return refs.flatMap((ref, at): [AccountRef, BudgetAccount][] => {
    const spec = (specs as readonly BudgetSpec[] | null)?.find(({ name }) => name === ref[0]);
    const account = kept[at] as KeptAccount | null;
    return spec && account ? [[ref, new BudgetAccount(spec, ref[1], account, now)]] : [];
  });
}

/** The account, if it exists. */
async function known(
  ctx: Pick<ObjectContext, 'get'>,
  name: string,
  of: string,
  now: number,
): Promise<BudgetAccount | undefined> {
  const [found] = await knownOf(ctx, [[name, of]], now);
  return found?.[1];
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
      const accounts = await allOf(ctx, [spec]);
      for (const [ref, account] of await accountsOf(ctx, accounts, at)) {
        account.limit(spec.limits);
        keep(ctx, ref, account, at);
      }
      if (accounts.length === 0 && hasOneAccount(spec)) {
        keep(ctx, [spec.name, ''], new BudgetAccount(spec, '', null, at), at);
      }
      return {};
    }),

    /** Takes an amount out of every budget that a task works under, or is refused. */
    reserve: exclusive(codec, async (ctx: ObjectContext, given: unknown): Promise<Answer<Granted>> => {
      const { spender, asked, at } = given as { spender: Spender; asked: BudgetAmount; at: number };
      const amount = wholeOf(asked, Math.ceil);
      const covering = (await specsOf(ctx)).flatMap((spec): AccountOf[] => {
        const of = accountIn(spec.scope, spender);
        return of === undefined ? [] : [[spec, of]];
      });
      const taken = await accountsOf(ctx, covering, at);
      for (const [, account] of taken) {
        const lacking = account.reserve(amount);
        // None is kept: nothing was taken of those before this one.
        if (lacking !== undefined) return { refusal: refusalOf(account.refusal(spender, lacking, asked)) };
      }
      for (const [ref, account] of taken) keep(ctx, ref, account, at);
      const events = taken.map(([, account]) => account.event('budget.reserved', spender, amount));
      return { value: { accounts: taken.map(([ref]) => ref), events } };
    }),

    settle: exclusive(codec, async (ctx: ObjectContext, given: unknown): Promise<readonly EventBody[]> => {
      const { accounts, spender, reserved, actual, how, at } = given as Settling;
      const events: EventBody[] = [];
      for (const [ref, account] of await knownOf(ctx, accounts, at)) {
        account.settle(reserved, actual);
        keep(ctx, ref, account, at);
        events.push({ ...account.event('budget.settled', spender, actual), how });
      }
      return events;
    }),

    /** Drops the accounts of a task that has ended, or of an agent that was forgotten. */
    close: exclusive(codec, async (ctx: ObjectContext, given: unknown) => {
      const { accounts, forgotten, at } = given as Closing & { readonly at: number };
      const own = accounts.filter(([, of]) => of !== '');
      for (const [ref, account] of await knownOf(ctx, own, at)) {
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
        const accounts = await accountsOf(ctx, await allOf(ctx, await specsOf(ctx)), at);
        return accounts.map(([, account]) => account.record());
      },
    ),

    /** The charts that the snapshots of all accounts are of. */
    charts: shared(codec, async (ctx: ObjectSharedContext): Promise<readonly AccountChart[]> => {
      const refs = (await allOf(ctx, await specsOf(ctx))).map(refOf);
      const kept = await keptOf(ctx, refs);
      return refs.map(([name, of], at) => ({ name, of, chart: kept[at]?.chart ?? '' }));
    }),

    alerts: shared(codec, async (ctx: ObjectSharedContext): Promise<readonly Alert[]> => {
      const refs = (await allOf(ctx, await specsOf(ctx))).map(refOf);
      return (await keptOf(ctx, refs)).flatMap((kept) => kept?.alerts ?? []);
    }),
  },
  options: fleetOptions,
});

/** All accounts of the budgets, one budget after the other. */
async function allOf(
  ctx: Pick<ObjectContext, 'stateKeys'>,
  specs: readonly BudgetSpec[],
): Promise<readonly AccountOf[]> {
  const refs = (await ctx.stateKeys())
    .filter((key) => key.startsWith(ACCOUNT))
    .map((key) => JSON.parse(key.slice(ACCOUNT.length)) as AccountRef);
  return specs.flatMap((spec) =>
    refs.filter(([name]) => name === spec.name).map(([, of]): AccountOf => [spec, of]),
  );
}
