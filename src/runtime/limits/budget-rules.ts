/** The rules of budgets, over data: whose account is spent of, how one stands, what is told of it. Pure. */
import {
  type BudgetAlert,
  type BudgetAmount,
  budgetAmount,
  type BudgetContext,
  type BudgetInput,
  type BudgetScope,
  type BudgetSpec,
  type BudgetUnit,
  budgetUnits,
  budgetUse,
  usedShare,
} from '../../machines/index.ts';
import { z } from 'zod';
import { saidBy } from '../values/act.ts';
import { AgentSystemError, inWords } from '../values/errors.ts';
import { shownAmount, wholeOf } from './budget-amount.ts';

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
  /** Its name. */
  readonly name: string;
  /** Who shares it. */
  readonly scope: BudgetScope;
  /** The agent's or the task's id, where each has its own. */
  readonly of?: string;
  /** `low` from 80 % of a limit on, `exhausted` at the limit. */
  readonly status: 'ample' | 'low' | 'exhausted';
  /** What may be spent until the next refill. */
  readonly limits: BudgetAmount;
  /** What was spent since the last refill. */
  readonly spent: BudgetAmount;
  /** What is reserved and not settled. */
  readonly reserved: BudgetAmount;
  /** What may still be reserved, of each unit that has a limit. */
  readonly left: BudgetAmount;
  /** The share of the limit that is spent, of the unit that is used most. */
  readonly share: number;
  /** When it is refilled by itself, epoch ms. */
  readonly refillAt?: number;
}

type Sums = Pick<BudgetContext, 'limits' | 'spent' | 'reserved'>;

/** The arguments of `budget.reserve`, and of `budget.settle`. */
export const reserveArgs = budgetAmount;
export const settleArgs = z.strictObject({
  id: z.int().min(0),
  actual: z.union([z.literal('released'), budgetUse], {
    error: 'expected what was used: { tokens?, money?, calls?, wallMs? }',
  }),
});

/** The account of a budget that one spends of, if any: `''`, or that of its agent or its task. */
export function accountIn(scope: BudgetScope, { agentId, type, quota, taskId }: Spender): string | undefined {
  if (scope === 'fleet') return '';
  if (scope === 'agent') return agentId;
  if (scope === 'task') return taskId;
  if ('agent' in scope) return scope.agent === agentId ? '' : undefined;
  if ('type' in scope) return scope.type === type ? '' : undefined;
  return scope.quota === quota ? '' : undefined;
}

/** By what budgets are found that may cover a spender: one key for each scope. */
export function coverOf(scope: BudgetScope): string {
  return typeof scope === 'string' ? scope : (Object.entries(scope)[0] as [string, string]).join(':');
}

/** The keys of all scopes that one is in. */
export function coversOf({ agentId, type, quota }: Spender): readonly string[] {
  const covers = ['fleet', 'agent', 'task', `agent:${agentId}`, `type:${type}`];
  return quota === undefined ? covers : [...covers, `quota:${quota}`];
}

/** Whether a budget has one account, which is there before anything was reserved of it. */
export function hasOneAccount({ scope }: BudgetSpec): boolean {
  return typeof scope === 'object' || scope === 'fleet';
}

/** @throws AgentSystemError `AGENT_SPEC_INVALID` where a known budget would become another one */
export function refuseOtherBudget(known: BudgetSpec, asked: BudgetSpec): void {
  for (const field of ['scope', 'everyMs'] as const) {
    if (JSON.stringify(known[field]) === JSON.stringify(asked[field])) continue;
    const message = `budgets.define: ${field}: expected that of the budget ${inWords(asked.name)}, ${inWords(known[field])}, got ${inWords(asked[field])}`;
    throw new AgentSystemError('AGENT_SPEC_INVALID', message);
  }
}

export function unknownBudget(name: string, of: string): AgentSystemError {
  const whose = of === '' ? '' : ` of ${inWords(of)}`;
  return new AgentSystemError('BUDGET_UNKNOWN', `no budget ${inWords(name)}${whose} is known`);
}

export function unknownReservation(taskId: string, id: number): AgentSystemError {
  const message = `budget.settle: expected a reservation of task ${taskId} that is not settled, got ${id}`;
  return new AgentSystemError('REQUEST_INVALID', message);
}

/** What counts as used of a reservation: of each unit that nothing is said of, what was reserved, of time what went by. */
export function usedOf(amount: BudgetAmount, given: BudgetAmount, elapsedMs: number): BudgetAmount {
  const timed = amount.wallMs === undefined ? {} : { wallMs: Math.ceil(elapsedMs) };
  return { ...amount, ...timed, ...wholeOf(given, Math.ceil) };
}

/** @param spent in the time that runs now, as people give it */
export function budgetInput(
  { limits, everyMs = Infinity }: BudgetSpec,
  spent: BudgetAmount,
  now: number,
): BudgetInput {
  const leftMs = everyMs === Infinity ? Infinity : windowStart(everyMs, now) + everyMs - now;
  return { limits: wholeOf(limits, Math.floor), spent: wholeOf(spent, Math.ceil), everyMs, leftMs };
}

/** When the time began that its limits are for, epoch ms. */
export function windowStart(everyMs: number, now: number): number {
  return Math.floor(now / everyMs) * everyMs;
}

export function budgetRecord(
  { name, scope, everyMs }: BudgetSpec,
  of: string,
  { limits, spent, reserved }: Sums,
  status: BudgetRecord['status'],
  now: number,
): BudgetRecord {
  const left: Partial<Record<BudgetUnit, number>> = {};
  for (const unit of budgetUnits) {
    const limit = limits[unit];
    if (limit !== undefined) left[unit] = Math.max(0, limit - (spent[unit] ?? 0) - (reserved[unit] ?? 0));
  }
  return Object.freeze({
    name,
    scope,
    ...(of === '' ? {} : { of }),
    status,
    limits: shownAmount(limits),
    spent: shownAmount(spent),
    reserved: shownAmount(reserved),
    left: shownAmount(left),
    share: usedShare(limits, spent),
    ...(everyMs === undefined ? {} : { refillAt: windowStart(everyMs, now) + everyMs }),
  });
}

export function budgetRefusal(
  { name, left, refillAt }: BudgetRecord,
  { agentId, taskId }: Spender,
  unit: BudgetUnit,
  asked: BudgetAmount,
): AgentSystemError {
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

/** The sums of an account, as its events say them. */
export function budgetSums(budget: string, of: string, { spent, reserved }: Sums) {
  return {
    budget,
    ...(of === '' ? {} : { of }),
    spent: shownAmount(spent),
    reserved: shownAmount(reserved),
  };
}

/** It was refilled. That of one task's own account is of that task, as all else that is told of it. */
export function refilledEvent({ name, scope }: BudgetSpec, of: string, sums: Sums, by: string | undefined) {
  return {
    type: 'budget.refilled' as const,
    ...budgetSums(name, of, sums),
    ...(scope === 'task' ? { taskId: of } : {}),
    ...saidBy(by),
  };
}

/** What its alerts name. */
export function budgetSubject(name: string, of: string): string {
  return of === '' ? name : `${name} of ${of}`;
}

export function budgetAlertText(name: string, of: string, alert: BudgetAlert): string {
  const whose = of === '' ? '' : ` of ${of}`;
  return alert === 'budget_low'
    ? `budget ${name}${whose}: 80 % of a limit is spent`
    : `budget ${name}${whose} is exhausted: nothing of it is granted until it is refilled`;
}
