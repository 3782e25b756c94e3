/**
 * Budgets of a system: `system.budgets` and `context.budget`.
 *
 * Owns the accounts, and the reservations of each task. An account's chart decides what is granted
 * (budget-account.ts); its decision is durable before it is answered.
 *
 * I1  A reservation stands in every budget that its task works under, or in none.
 * I2  Each is settled once. A reservation that is open when its task ends is settled as it was reserved: the call may
 *     have been made.
 * I3  Open reservations of a program that died count as spent for the next one.
 * I4  An account exists once something was reserved of it, and not before. That of an agent lasts until the agent is
 *     forgotten, over restarts, changes of its spec and later programs: nothing else ends it.
 */
import {
  type BudgetAmount,
  type BudgetSpec,
  type BudgetSpecInput,
  budgetSpec,
} from '../../machines/index.ts';
import { z } from 'zod';
import { answered } from '../time/loop-turn.ts';
import type { SystemEvent } from '../journal/system-event.ts';
import { mayEndTask } from '../journal/task-ends.ts';
import { type ActOptions, actor } from '../values/act.ts';
import { parseInput } from '../values/malformed.ts';
import { Account, type BudgetsOptions } from './budget-account.ts';
import { wholeOf } from './budget-amount.ts';
import {
  accountIn,
  coverOf,
  coversOf,
  type BudgetRecord,
  hasOneAccount,
  refuseOtherBudget,
  type Spender,
  unknownBudget,
  unknownReservation,
  usedOf,
} from './budget-rules.ts';

interface Defined {
  spec: BudgetSpec;
  /** Budgets are asked in the order in which they were defined. */
  readonly order: number;
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

const byName = z.strictObject({ of: z.string().optional(), by: actor.optional() });

/** `system.budgets`: what tasks may spend, and what they have spent. */
export class Budgets {
  readonly #options: BudgetsOptions;
  readonly #defined = new Map<string, Defined>();
  /** The same, by whom they cover: with a budget for each of many customers, a task looks at its own alone. */
  readonly #covering = new Map<string, Defined[]>();
  readonly #open = new Map<number, Reservation>();
  /** Ids of what a task has open. */
  readonly #ofTask = new Map<string, Set<number>>();
  /** What an earlier program left, by the agent whose own account it is of; `''`: accounts that are shared. */
  readonly #recovered: Map<string, BudgetsOptions['recovered'][number][]>;
  #lastId = 0;

  constructor(options: BudgetsOptions) {
    this.#options = options;
    this.#recovered = Map.groupBy(options.recovered, ({ of = '' }) => of);
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
    this.#options.assertOpen();
    const parsed = parseInput(budgetSpec, spec, { what: 'budgets.define' });
    const known = this.#defined.get(parsed.name);
    if (known !== undefined) {
      refuseOtherBudget(known.spec, parsed);
      known.spec = parsed;
      for (const account of known.accounts.values()) account.limit(wholeOf(parsed.limits, Math.floor));
      return;
    }
    const defined: Defined = { spec: parsed, order: this.#defined.size, accounts: new Map() };
    this.#defined.set(parsed.name, defined);
    const covered = coverOf(parsed.scope);
    const covering = this.#covering.get(covered);
    if (covering) covering.push(defined);
    else this.#covering.set(covered, [defined]);
    for (const [of, events] of this.#recovered) {
      const event = events.find(({ budget }) => budget === parsed.name);
      if (event) this.#account(defined, of).recover(event);
    }
    if (hasOneAccount(parsed)) this.#account(defined, '');
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
   * @param options.of the agent or the task, where each has its own
   * @param options.by who does it
   * @throws AgentSystemError `BUDGET_UNKNOWN`, `AGENT_SPEC_INVALID`, `STORE_FAILED`, `SYSTEM_CLOSED`
   */
  refill(name: string, options: ActOptions & { readonly of?: string } = {}): Promise<BudgetRecord> {
    return answered(this.#options.clock, async () => {
      this.#options.assertOpen();
      const { of = '', by } = parseInput(byName, options, { what: 'budgets.refill' });
      const account = this.#find(name, of);
      account.refill(by);
      await this.#options.journal.kept();
      return account.record();
    });
  }

  /**
   * @internal Takes an amount out of every budget that the task works under. Resolves with its number once that is
   * durable; 0 where it works under none.
   *
   * @throws AgentSystemError `BUDGET_EXHAUSTED`; `STORE_FAILED`, and then nothing is reserved
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
    const reservation: Reservation = { id, spender, amount, accounts, at: clock.elapsed() };
    this.#open.set(id, reservation);
    const ofTask = this.#ofTask.get(spender.taskId);
    if (ofTask) ofTask.add(id);
    else this.#ofTask.set(spender.taskId, new Set([id]));
    for (const account of accounts) journal.emit(account.event('budget.reserved', spender, amount));
    try {
      await journal.kept();
    } catch (thrown) {
      // Who is refused makes no call. Its task may have ended meanwhile, and the reservation with it.
      if (this.#open.has(id)) this.#settle(reservation, {}, 'released');
      throw thrown;
    }
    return id;
  }

  /**
   * @internal Says what was used of a reservation: of each unit that nothing is said of, what was reserved, and of
   * `wallMs` as much as has gone by. One that is released was not used at all. Resolves once that is durable.
   *
   * @throws AgentSystemError `REQUEST_INVALID` for one that is not the task's, or was settled; `STORE_FAILED`, and it is
   * settled all the same
   */
  async settle(taskId: string, id: number, given: BudgetAmount | 'released'): Promise<void> {
    if (id === 0) return;
    const reservation = this.#open.get(id);
    if (reservation === undefined || reservation.spender.taskId !== taskId) {
      throw unknownReservation(taskId, id);
    }
    const { amount, at } = reservation;
    if (given === 'released') this.#settle(reservation, {}, 'released');
    else {
      const elapsedMs = this.#options.clock.elapsed() - at;
      this.#settle(reservation, usedOf(amount, given, elapsedMs), 'settled');
    }
    await this.#options.journal.kept();
  }

  /** @internal */
  close(): void {
    for (const { accounts } of this.#defined.values())
      for (const account of accounts.values()) account.stop();
  }

  /** @internal An attempt of a task has ended, whatever its end: what it has open is settled as it was reserved. */
  taskEnded(taskId: string): void {
    // Nearly always: to look for an id in an empty map would hash it all the same.
    if (this.#ofTask.size === 0) return;
    const reserved = this.#ofTask.get(taskId);
    if (reserved === undefined) return;
    for (const id of reserved) {
      const reservation = this.#open.get(id);
      if (reservation) this.#settle(reservation, reservation.amount, 'left');
    }
  }

  /** @internal Its own accounts end with it, also those of budgets that this program has not defined. */
  agentForgotten(agentId: string, incarnation: number): void {
    if (this.#defined.size === 0 && this.#recovered.size === 0) return;
    const ended = new Set(this.#recovered.get(agentId)?.map(({ budget }) => budget));
    this.#recovered.delete(agentId);
    for (const { spec, accounts } of this.#covering.get('agent') ?? []) {
      const account = accounts.get(agentId);
      if (account === undefined) continue;
      account.close();
      accounts.delete(agentId);
      ended.add(spec.name);
    }
    for (const budget of ended)
      this.#options.journal.emit({ type: 'budget.closed', agentId, incarnation, budget, of: agentId });
  }

  /** Its own accounts are of no use any more. */
  #forgetTask(taskId: string): void {
    if (this.#defined.size === 0 || this.#ofTask.has(taskId)) return;
    for (const { accounts } of this.#covering.get('task') ?? []) {
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
    if (how !== 'released') this.#options.spent(spender.agentId, actual);
    for (const account of accounts) {
      account.settle(amount, actual);
      this.#options.journal.emit({ ...account.event('budget.settled', spender, actual), how });
    }
  }

  #accountsOf(spender: Spender): readonly Account[] {
    const covering = coversOf(spender).flatMap((cover) => this.#covering.get(cover) ?? []);
    covering.sort((one, other) => one.order - other.order);
    return covering.flatMap((defined) => {
      const of = accountIn(defined.spec.scope, spender);
      return of === undefined ? [] : [this.#account(defined, of)];
    });
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
    throw unknownBudget(name, of);
  }
}
