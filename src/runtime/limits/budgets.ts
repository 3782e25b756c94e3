/**
 * Budgets of a system: `system.budgets`, and what stands behind `context.budget`.
 *
 * Owns the accounts and who holds which reservation. What is granted is the account's chart's to say
 * (machines/budget.ts); what was said is durable before it is answered.
 *
 * I1  A reservation stands in every budget that its task works under, or in none.
 * I2  Each is settled once. What its task leaves open when it ends, whatever the end, is settled as it was reserved:
 *     nobody knows whether the call was made.
 * I3  What a program that died had reserved counts as spent for the next one.
 * I4  Of an account that nothing was ever reserved of there is nothing.
 */
import {
  type BudgetAlert,
  type BudgetAmount,
  budgetAmount,
  type BudgetEffect,
  budgetMachine,
  type BudgetScope,
  type BudgetSpec,
  type BudgetSpecInput,
  budgetSpec,
  type BudgetUnit,
  budgetUnits,
  budgetUse,
  plus,
  usedShare,
} from '../../machines/index.ts';
import { z } from 'zod';
import type { ChartWatch } from '../engine/chart-watch.ts';
import { type Chart, type ChartEffect, type ChartOptions, createChart } from '../engine/chart.ts';
import type { Journal } from '../journal/journal.ts';
import type { Recovery } from '../journal/store.ts';
import type { SystemEvent } from '../journal/system-event.ts';
import { mayEndTask } from '../journal/task-ends.ts';
import type { Alerts } from '../observability/alerts.ts';
import type { SteadyClock } from '../time/clock.ts';
import { type ActOptions, actor, saidBy } from '../values/act.ts';
import { AgentSystemError, inWords } from '../values/errors.ts';
import { parseInput } from '../values/malformed.ts';

/** Who spends. */
export interface Spender {
  readonly agentId: string;
  readonly incarnation: number;
  readonly type: string;
  readonly quota: string | undefined;
  readonly taskId: string;
}

/** How an account stands. */
export interface BudgetRecord {
  readonly name: string;
  readonly scope: BudgetScope;
  /** The agent's or the task's id, where each has its own. */
  readonly of?: string;
  readonly status: 'ample' | 'low' | 'exhausted';
  readonly limits: BudgetAmount;
  readonly spent: BudgetAmount;
  readonly reserved: BudgetAmount;
  /** What may still be reserved, of each unit that has a limit. */
  readonly left: BudgetAmount;
  /** The share of the limit that is spent, of the unit that is used most. */
  readonly share: number;
  /** When it is refilled by itself, epoch ms. */
  readonly refillAt?: number;
}

export interface BudgetsOptions {
  readonly journal: Journal;
  readonly clock: SteadyClock;
  readonly alerts: Alerts;
  readonly chart: Omit<ChartOptions, 'perform'> & Pick<ChartWatch, 'driver'>;
  readonly recovered: NonNullable<Recovery['budgets']>;
  readonly assertOpen: () => void;
}

interface Defined {
  spec: BudgetSpec;
  readonly accounts: Map<string, Account>;
}

/** Granted, and not settled. */
interface Reservation {
  readonly id: number;
  readonly spender: Spender;
  /** In whole numbers. */
  readonly amount: BudgetAmount;
  readonly accounts: readonly Account[];
  readonly at: number;
}

const MONEY = 1_000_000;
const byName = z.strictObject({ of: z.string().optional(), by: actor.optional() });

export class Budgets {
  readonly #options: BudgetsOptions;
  readonly #defined = new Map<string, Defined>();
  readonly #open = new Map<number, Reservation>();
  /** Ids of what a task has open. */
  readonly #ofTask = new Map<string, Set<number>>();
  #lastId = 0;

  constructor(options: BudgetsOptions) {
    this.#options = options;
    // Told when it is durable: another attempt may be under way by then, and what that has reserved stays.
    const ended = (event: SystemEvent) => this.#forgetTask((event as { readonly taskId: string }).taskId);
    options.journal.observe((type) => (mayEndTask(type) ? ended : undefined));
  }

  /**
   * Makes a budget known, or gives one that is known other limits; what was spent of it stays spent, also by an
   * earlier program.
   *
   * @throws AgentSystemError `AGENT_SPEC_INVALID` naming the field, also for one whose scope would be another,
   * `SYSTEM_CLOSED`
   */
  define(spec: BudgetSpecInput): void {
    const { assertOpen, recovered } = this.#options;
    assertOpen();
    const parsed = parseInput(budgetSpec, spec, { what: 'budgets.define' });
    const known = this.#defined.get(parsed.name);
    if (known !== undefined) {
      for (const field of ['scope', 'everyMs'] as const) {
        if (JSON.stringify(known.spec[field]) === JSON.stringify(parsed[field])) continue;
        const message = `budgets.define: ${field}: expected that of the budget ${inWords(parsed.name)}, ${inWords(known.spec[field])}, got ${inWords(parsed[field])}`;
        throw new AgentSystemError('AGENT_SPEC_INVALID', message);
      }
      known.spec = parsed;
      for (const account of known.accounts.values()) account.limit(wholeOf(parsed.limits, Math.floor));
      return;
    }
    const defined: Defined = { spec: parsed, accounts: new Map() };
    this.#defined.set(parsed.name, defined);
    for (const event of recovered) {
      if (event.budget === parsed.name) this.#account(defined, event.of ?? '').recover(event);
    }
    if (typeof parsed.scope === 'object' || parsed.scope === 'fleet') this.#account(defined, '');
  }

  /** All accounts that something was reserved of, and those that are of no agent or task of their own. */
  list(): readonly BudgetRecord[] {
    return [...this.#defined.values()].flatMap(({ accounts }) =>
      [...accounts.values()].map((account) => account.record()),
    );
  }

  /**
   * @param of the agent or the task, where each has its own
   * @throws AgentSystemError `BUDGET_UNKNOWN`
   */
  get(name: string, of = ''): BudgetRecord {
    return this.#find(name, of).record();
  }

  /**
   * Makes what was spent as if it had not been. Resolves with the record once that is durable.
   *
   * @param options `of`: the agent or the task, where each has its own; `by`: who does it
   * @throws AgentSystemError `BUDGET_UNKNOWN`, `AGENT_SPEC_INVALID`, `STORE_FAILED`, `SYSTEM_CLOSED`
   */
  async refill(name: string, options: ActOptions & { readonly of?: string } = {}): Promise<BudgetRecord> {
    this.#options.assertOpen();
    const { of = '', by } = parseInput(byName, options, { what: 'budgets.refill' });
    const account = this.#find(name, of);
    account.refill(by);
    await this.#options.journal.settled();
    return account.record();
  }

  /**
   * @internal Takes an amount out of every budget that the task works under. Resolves with its number once that is
   * durable; 0 where it works under none.
   *
   * @throws AgentSystemError `BUDGET_EXHAUSTED`
   */
  async reserve(spender: Spender, given: BudgetAmount): Promise<number> {
    const { journal, clock } = this.#options;
    const amount = wholeOf(given, Math.ceil);
    const accounts = this.#accountsOf(spender);
    if (accounts.length === 0) return 0;
    const taken: Account[] = [];
    for (const account of accounts) {
      const lacking = account.reserve(amount);
      if (lacking === undefined) {
        taken.push(account);
        continue;
      }
      for (const other of taken) other.settle(amount, {});
      throw account.refusal(spender, lacking, given);
    }
    this.#lastId += 1;
    const id = this.#lastId;
    this.#open.set(id, { id, spender, amount, accounts, at: clock.elapsed() });
    const ofTask = this.#ofTask.get(spender.taskId);
    if (ofTask) ofTask.add(id);
    else this.#ofTask.set(spender.taskId, new Set([id]));
    for (const account of accounts) journal.emit(account.event('budget.reserved', spender, amount));
    await journal.settled();
    return id;
  }

  /**
   * @internal Says what was used of a reservation: of each unit that nothing is said of, what was reserved, and of
   * `wallMs` as much as has gone by. One that is released was not used at all.
   *
   * @throws AgentSystemError `REQUEST_INVALID` for one that is not the task's, or was settled
   */
  async settle(taskId: string, id: number, given: BudgetAmount | 'released'): Promise<void> {
    if (id === 0) return;
    const reservation = this.#open.get(id);
    if (reservation === undefined || reservation.spender.taskId !== taskId) {
      const message = `budget.settle: expected a reservation of task ${taskId} that is not settled, got ${id}`;
      throw new AgentSystemError('REQUEST_INVALID', message);
    }
    const { amount, at } = reservation;
    if (given === 'released') this.#settle(reservation, {}, 'released');
    else {
      const wallMs = Math.ceil(this.#options.clock.elapsed() - at);
      const timed = amount.wallMs === undefined ? {} : { wallMs };
      this.#settle(reservation, { ...amount, ...timed, ...wholeOf(given, Math.ceil) }, 'settled');
    }
    await this.#options.journal.settled();
  }

  /** @internal */
  close(): void {
    for (const { accounts } of this.#defined.values())
      for (const account of accounts.values()) account.stop();
  }

  /** @internal An attempt of a task has ended, whatever its end: what it has open is settled as it was reserved. */
  taskEnded(taskId: string): void {
    const reserved = this.#ofTask.get(taskId);
    if (reserved === undefined) return;
    for (const id of reserved) {
      const reservation = this.#open.get(id);
      if (reservation) this.#settle(reservation, reservation.amount, 'left');
    }
  }

  /** Its own accounts are of no use any more. */
  #forgetTask(taskId: string): void {
    if (this.#ofTask.has(taskId)) return;
    for (const { spec, accounts } of this.#defined.values()) {
      if (spec.scope !== 'task') continue;
      accounts.get(taskId)?.close();
      accounts.delete(taskId);
    }
  }

  #settle(reservation: Reservation, actual: BudgetAmount, how: 'settled' | 'released' | 'left'): void {
    const { id, spender, amount, accounts } = reservation;
    this.#open.delete(id);
    const ofTask = this.#ofTask.get(spender.taskId);
    ofTask?.delete(id);
    if (ofTask?.size === 0) this.#ofTask.delete(spender.taskId);
    for (const account of accounts) {
      account.settle(amount, actual);
      this.#options.journal.emit({ ...account.event('budget.settled', spender, actual), how });
    }
  }

  #accountsOf(spender: Spender): readonly Account[] {
    const accounts: Account[] = [];
    for (const defined of this.#defined.values()) {
      const of = keyIn(defined.spec.scope, spender);
      if (of !== undefined) accounts.push(this.#account(defined, of));
    }
    return accounts;
  }

  #account(defined: Defined, of: string): Account {
    let account = defined.accounts.get(of);
    if (account === undefined) {
      account = new Account(defined.spec, of, this.#options);
      defined.accounts.set(of, account);
    }
    return account;
  }

  #find(name: string, of: string): Account {
    const account = this.#defined.get(name)?.accounts.get(of);
    if (account !== undefined) return account;
    const whose = of === '' ? '' : ` of ${inWords(of)}`;
    throw new AgentSystemError('BUDGET_UNKNOWN', `no budget ${inWords(name)}${whose} is known`);
  }
}

/** One sum of what was spent and reserved, held against the limits of its budget. */
class Account {
  readonly #spec: BudgetSpec;
  readonly #of: string;
  readonly #options: BudgetsOptions;
  #chart: Chart<typeof budgetMachine>;
  #lacking: BudgetUnit | undefined = undefined;
  #refilledBy: string | undefined = undefined;

  constructor(spec: BudgetSpec, of: string, options: BudgetsOptions) {
    this.#spec = spec;
    this.#of = of;
    this.#options = options;
    this.#chart = this.#begin({});
  }

  /** What the last event of an earlier program said of it. What was reserved then counts as spent. */
  recover(event: BudgetsOptions['recovered'][number]): void {
    const { everyMs } = this.#spec;
    const isOver = everyMs !== undefined && event.at < this.#windowStart();
    if (isOver) return;
    this.#chart.stop();
    this.#chart = this.#begin(plus(event.spent, event.reserved));
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
    this.#chart.send({ type: 'budget.limit', limits });
  }

  event<Type extends 'budget.reserved' | 'budget.settled'>(
    type: Type,
    spender: Spender,
    amount: BudgetAmount,
  ) {
    const { agentId, incarnation, taskId } = spender;
    return { type, ...this.#sums(), agentId, incarnation, taskId, amount: shown(amount) };
  }

  refusal({ agentId, taskId }: Spender, unit: BudgetUnit, asked: BudgetAmount): AgentSystemError {
    const { name, left, refillAt } = this.record();
    const message = `budget ${name}: ${asked[unit] ?? 0} of ${unit} asked for, ${left[unit] ?? 0} left`;
    return new AgentSystemError('BUDGET_EXHAUSTED', message, {
      agentId,
      details: {
        budget: name,
        unit,
        asked: asked[unit] ?? 0,
        left: left[unit] ?? 0,
        taskId,
        ...(refillAt === undefined ? {} : { refillAt }),
      },
    });
  }

  record(): BudgetRecord {
    const { name, scope, everyMs } = this.#spec;
    const { limits, spent, reserved } = this.#chart.context;
    const left: Partial<Record<BudgetUnit, number>> = {};
    for (const unit of budgetUnits) {
      const limit = limits[unit];
      if (limit !== undefined) left[unit] = Math.max(0, limit - (spent[unit] ?? 0) - (reserved[unit] ?? 0));
    }
    return Object.freeze({
      name,
      scope,
      ...(this.#of === '' ? {} : { of: this.#of }),
      status: this.#chart.path.split('.').at(-1) as BudgetRecord['status'],
      limits: shown(limits),
      spent: shown(spent),
      reserved: shown(reserved),
      left: shown(left),
      share: usedShare(limits, spent),
      ...(everyMs === undefined ? {} : { refillAt: this.#windowStart() + everyMs }),
    });
  }

  stop(): void {
    this.#chart.stop();
  }

  /** Nothing is left of it, nor any alert. */
  close(): void {
    this.stop();
    for (const alert of ['budget_low', 'budget_exhausted'] as const)
      this.#options.alerts.clear(alert, this.#key);
  }

  #begin(spent: BudgetAmount): Chart<typeof budgetMachine> {
    const { everyMs = Infinity, limits } = this.#spec;
    const leftMs =
      everyMs === Infinity ? Infinity : this.#windowStart() + everyMs - this.#options.clock.now();
    const perform = (effect: ChartEffect) => this.#perform(effect as BudgetEffect);
    const input = { limits: wholeOf(limits, Math.floor), spent: wholeOf(spent, Math.ceil), everyMs, leftMs };
    const { chart } = this.#options;
    return createChart(budgetMachine, input, { ...chart, perform }, chart.driver);
  }

  #perform(effect: BudgetEffect): void {
    switch (effect.type) {
      case 'refuse':
        this.#lacking = effect.params.unit;
        return;
      case 'tellRefilled': {
        const by = this.#refilledBy;
        this.#options.journal.emit({
          type: 'budget.refilled',
          ...this.#sums(),
          ...saidBy(by),
        });
        return;
      }
      case 'raiseAlert':
        return this.#options.alerts.raise(
          effect.params.alert,
          this.#alertText(effect.params.alert),
          this.#key,
        );
      case 'clearAlert':
        return this.#options.alerts.clear(effect.params.alert, this.#key);
    }
  }

  get #key(): { readonly budget: string } {
    return { budget: this.#of === '' ? this.#spec.name : `${this.#spec.name} of ${this.#of}` };
  }

  #alertText(alert: BudgetAlert): string {
    const { name } = this.#spec;
    const whose = this.#of === '' ? '' : ` of ${this.#of}`;
    return alert === 'budget_low'
      ? `budget ${name}${whose}: 80 % of a limit is spent`
      : `budget ${name}${whose} is exhausted: nothing of it is granted until it is refilled`;
  }

  #sums() {
    const { spent, reserved } = this.#chart.context;
    return {
      budget: this.#spec.name,
      ...(this.#of === '' ? {} : { of: this.#of }),
      spent: shown(spent),
      reserved: shown(reserved),
    };
  }

  #windowStart(): number {
    const { everyMs = 1 } = this.#spec;
    return Math.floor(this.#options.clock.now() / everyMs) * everyMs;
  }
}

/** The account of a budget that one spends of, if any. */
function keyIn(scope: BudgetScope, { agentId, type, quota, taskId }: Spender): string | undefined {
  if (scope === 'fleet') return '';
  if (scope === 'agent') return agentId;
  if (scope === 'task') return taskId;
  if ('agent' in scope) return scope.agent === agentId ? '' : undefined;
  if ('type' in scope) return scope.type === type ? '' : undefined;
  return scope.quota === quota ? '' : undefined;
}

/** Sums of whole numbers are exact. */
function wholeOf(amount: BudgetAmount, round: (value: number) => number): BudgetAmount {
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
function shown(amount: BudgetAmount): BudgetAmount {
  return Object.freeze(
    amount.money === undefined ? { ...amount } : { ...amount, money: amount.money / MONEY },
  );
}

export const reserveArgs = budgetAmount;
export const settleArgs = z.strictObject({
  id: z.int().min(0),
  actual: z.union([z.literal('released'), budgetUse]),
});
