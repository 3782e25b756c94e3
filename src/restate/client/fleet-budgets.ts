/** Budgets of a fleet: `fleet.budgets`. One object of the engine has their accounts. */
import { z } from 'zod';
import { budgetSpec, type BudgetSpecInput } from '../../machines/index.ts';
import { type BudgetRecord, unknownBudget } from '../../runtime/limits/budget-rules.ts';
import type { Alert } from '../../runtime/observability/alerts.ts';
import { type ActOptions, actor } from '../../runtime/values/act.ts';
import { parseInput } from '../../runtime/values/malformed.ts';
import { type Answer, valueOf } from '../engine/call-answer.ts';
import { toBudgets } from '../engine/calls.ts';
import type { AccountChart } from '../limits/budgets-object.ts';
import { type CallOptions, type EngineClient, REPEATABLE } from '../engine/engine-client.ts';

const byName = z.strictObject({ of: z.string().optional(), by: actor.optional() });

export class FleetBudgets {
  readonly #engine: EngineClient;

  constructor(engine: EngineClient) {
    this.#engine = engine;
  }

  /**
   * Defines a budget, or changes the limits of one that is defined; what was spent stays spent. Resolves once that is
   * durable.
   *
   * @throws AgentSystemError `AGENT_SPEC_INVALID` naming the field, also for one whose scope would be another,
   * `SYSTEM_CLOSED`
   */
  async define(spec: BudgetSpecInput): Promise<void> {
    this.#engine.assertOpen();
    const parsed = parseInput(budgetSpec, spec, { what: 'budgets.define' });
    valueOf(await this.#ask<Answer>('define', { spec: parsed }, REPEATABLE));
  }

  /** All accounts that are shared, and those of single agents and tasks that something was reserved of. */
  async list(): Promise<readonly BudgetRecord[]> {
    return this.#ask('list', {}, REPEATABLE);
  }

  /**
   * @param of the agent or the task, where each has its own
   * @throws AgentSystemError `BUDGET_UNKNOWN`
   */
  async get(name: string, of = ''): Promise<BudgetRecord> {
    this.#engine.assertOpen();
    if (typeof name !== 'string' || typeof of !== 'string') throw unknownBudget(name, of);
    return valueOf(await this.#ask<Answer<BudgetRecord>>('get', { name, of }, REPEATABLE));
  }

  /**
   * Sets what was spent to zero. Resolves with the record once that is durable.
   *
   * @param options `of`: the agent or the task, where each has its own; `by`: who does it
   * @throws AgentSystemError `BUDGET_UNKNOWN`, `AGENT_SPEC_INVALID`, `SYSTEM_CLOSED`
   */
  async refill(name: string, options: ActOptions & { readonly of?: string } = {}): Promise<BudgetRecord> {
    this.#engine.assertOpen();
    const { of = '', by } = parseInput(byName, options, { what: 'budgets.refill' });
    if (typeof name !== 'string') throw unknownBudget(name, of);
    return valueOf(await this.#ask<Answer<BudgetRecord>>('refill', { name, of, by }));
  }

  /** @internal Identities of the charts of all accounts. */
  charts(): Promise<readonly AccountChart[]> {
    return this.#ask('charts', {}, REPEATABLE);
  }

  /** @internal */
  alerts(): Promise<readonly Alert[]> {
    return this.#ask('alerts', {}, REPEATABLE);
  }

  async #ask<Value>(method: string, given: object, options?: CallOptions): Promise<Value> {
    const at = await this.#engine.now();
    return this.#engine.call<Value>(toBudgets(method), { ...given, at }, options);
  }
}
