/** Laws of budgets, whatever a fleet runs on. As laws.ts, run on one program and on machines. */
import { expect, test } from 'vitest';
import { type AgentCode, type BudgetRecord } from '../../src/index.ts';
import { eventually } from '../kit/eventually.ts';
import { refusal } from '../kit/rig.ts';
import { spender } from '../kit/spender.ts';
import type { Subject } from './laws.ts';

type Either<Value> = Value | Promise<Value>;

/** What both have, as far as these laws use it. */
export interface SpendingSubject extends Subject {
  readonly budgets: {
    define(spec: object): Either<void>;
    list(): Either<readonly BudgetRecord[]>;
    get(name: string, of?: string): Either<BudgetRecord>;
    refill(name: string, options?: { readonly of?: string; readonly by?: string }): Promise<BudgetRecord>;
  };
}

const spending = spender('spender');

export const spendingAgents: readonly AgentCode[] = [spending];

/** A read may throw at once in one program. */
const reading = async <Value>(read: () => Either<Value>): Promise<Value> => read();

const fresh = (): string => `budget ${crypto.randomUUID()}`;

/** @param subjectOf the fleet that all laws are tried on; each has agents of its own */
export function budgetLaws(subjectOf: () => SpendingSubject): void {
  const started = async (spec: object = {}): Promise<string> => {
    const { agents } = subjectOf();
    const id = await agents.register({ module: spending, tasks: { concurrency: 10 }, ...spec });
    await agents.start(id);
    return id;
  };
  const call = (id: string, type: string, input?: unknown): Promise<unknown> =>
    subjectOf().agents.execute(id, { type, input });

  test('what is reserved is there for nobody else, and what is settled is spent', async () => {
    const { agents, budgets, tasks, alerts, events } = subjectOf();
    const id = await started();
    const name = fresh();
    expect(await call(id, 'call', { ask: { tokens: 5 } })).toBe('called');
    await budgets.define({ name, scope: { agent: id }, limits: { tokens: 100, money: 1 } });
    expect(await budgets.get(name)).toEqual({
      name,
      scope: { agent: id },
      status: 'ample',
      limits: { tokens: 100, money: 1 },
      spent: {},
      reserved: {},
      left: { tokens: 100, money: 1 },
      share: 0,
    });
    const held = await tasks.submit(id, { type: 'hold', input: { tokens: 60 } });
    await eventually(
      () => budgets.get(name),
      ({ reserved }) => reserved.tokens === 60,
    );
    const refused = await refusal(call(id, 'call', { ask: { tokens: 41 } }));
    expect(refused).toMatchObject({
      code: 'TASK_FAILED',
      cause: { code: 'BUDGET_EXHAUSTED', details: { budget: name, unit: 'tokens', asked: 41, left: 40 } },
    });
    expect(
      await call(id, 'call', { ask: { tokens: 40, money: 0.5 }, use: { tokens: 20, money: 0.25 } }),
    ).toBe('called');
    expect(await call(id, 'back', { tokens: 20 })).toBeUndefined();
    expect(await budgets.get(name)).toMatchObject({
      spent: { tokens: 20, money: 0.25 },
      reserved: { tokens: 60 },
      left: { tokens: 20, money: 0.75 },
    });
    expect((await refusal(call(id, 'twice'))).cause).toMatchObject({ code: 'REQUEST_INVALID' });

    // One that is open when its task ends is settled as it was reserved.
    await tasks.cancel(held.id);
    const spent = await eventually(
      () => budgets.get(name),
      ({ reserved }) => reserved.tokens === undefined,
    );
    expect(spent).toMatchObject({ status: 'low', spent: { tokens: 80, money: 0.25, calls: 1 } });
    expect(await call(id, 'forget', { tokens: 20 })).toBeUndefined();
    expect(await budgets.get(name)).toMatchObject({ status: 'exhausted', left: { tokens: 0 } });
    expect((await alerts.list()).filter(({ budget }) => budget === name)).toMatchObject([
      { alert: 'budget_exhausted' },
    ]);
    const { metrics } = await agents.get(id);
    expect(metrics.spent).toEqual({ tokens: 100, money: 0.25, calls: 1 });

    expect(await budgets.refill(name, { by: 'ann' })).toMatchObject({ status: 'ample', spent: {} });
    expect((await alerts.list()).filter(({ budget }) => budget === name)).toEqual([]);
    const told = await eventually(
      async () => {
        const found: string[] = [];
        for await (const event of events.read()) {
          const { type, budget } = event as { type: string; budget?: string };
          if (budget === name && type.startsWith('budget.')) found.push(type.slice('budget.'.length));
        }
        return found;
      },
      (found) => found.at(-1) === 'refilled',
    );
    expect(told.filter((type) => type === 'reserved')).toHaveLength(
      told.filter((type) => type === 'settled').length,
    );
  });

  test('a reservation stands in every budget that its task works under, or in none', async () => {
    const { budgets } = subjectOf();
    const [one, other] = [await started({ quota: 'shared' }), await started()];
    const [wide, own, ofTask] = [fresh(), fresh(), fresh()];
    await budgets.define({ name: wide, scope: { type: 'spender' }, limits: { calls: 10 } });
    await budgets.define({ name: own, scope: 'agent', limits: { calls: 3 } });
    await budgets.define({ name: ofTask, scope: 'task', limits: { calls: 2 } });
    try {
      expect((await refusal(reading(() => budgets.get(own, one)))).code).toBe('BUDGET_UNKNOWN');
      expect(await call(one, 'call', { ask: { calls: 2 } })).toBe('called');
      expect((await refusal(call(one, 'call', { ask: { calls: 2 } }))).cause).toMatchObject({
        details: { budget: own, left: 1 },
      });
      expect((await refusal(call(other, 'call', { ask: { calls: 3 } }))).cause).toMatchObject({
        details: { budget: ofTask, left: 2 },
      });
      // Of what was refused nothing is left in the others.
      expect(await budgets.get(wide)).toMatchObject({
        spent: { calls: 2 },
        reserved: {},
        left: { calls: 8 },
      });
      expect(await budgets.get(own, one)).toMatchObject({ of: one, spent: { calls: 2 }, reserved: {} });
      const both = await Promise.allSettled([
        call(other, 'call', { ask: { calls: 2 } }),
        call(other, 'call', { ask: { calls: 2 } }),
      ]);
      expect(both.map(({ status }) => status).toSorted()).toEqual(['fulfilled', 'rejected']);
      const accounts = (await budgets.list()).filter(({ name }) => [wide, own, ofTask].includes(name));
      const byAccount = accounts.map(({ name, of = '' }) => `${name} ${of}`).toSorted();
      expect(byAccount).toEqual([`${wide} `, `${own} ${one}`, `${own} ${other}`].toSorted());
    } finally {
      for (const name of [wide, own, ofTask]) {
        const scope = name === wide ? { type: 'spender' } : name === own ? 'agent' : 'task';
        await budgets.define({ name, scope, limits: { wallMs: 1e12 } });
      }
    }
  });

  test('a budget is defined anew with other limits, is refilled by the time, and is no other one', async () => {
    const { budgets } = subjectOf();
    const id = await started();
    const name = fresh();
    const scope = { agent: id };
    await budgets.define({ name, scope, limits: { calls: 1 }, everyMs: 3_600_000 });
    await call(id, 'forget', { calls: 1 });
    const { refillAt } = await budgets.get(name);
    expect(refillAt! % 3_600_000).toBe(0);
    expect((await refusal(call(id, 'forget', { calls: 1 }))).cause).toMatchObject({ details: { refillAt } });
    await budgets.define({ name, scope, limits: { calls: 5 }, everyMs: 3_600_000 });
    expect(await budgets.get(name)).toMatchObject({
      status: 'ample',
      spent: { calls: 1 },
      left: { calls: 4 },
    });
    for (const wrong of [{ scope: 'fleet' }, { everyMs: 1_000 }, { limits: {} }, { limit: {} }]) {
      const spec = { name, scope, limits: { calls: 5 }, everyMs: 3_600_000, ...wrong };
      expect((await refusal(reading(() => budgets.define(spec)))).code).toBe('AGENT_SPEC_INVALID');
    }
    expect((await refusal(reading(() => budgets.get('no such budget')))).code).toBe('BUDGET_UNKNOWN');
    expect((await refusal(budgets.refill('no such budget'))).code).toBe('BUDGET_UNKNOWN');
    const brief = fresh();
    await budgets.define({ name: brief, scope, limits: { calls: 1 }, everyMs: 500 });
    const refilled = await eventually(
      async () => {
        await call(id, 'forget', { calls: 1 }).catch(() => undefined);
        return budgets.get(brief);
      },
      ({ status }) => status === 'exhausted',
    );
    await eventually(
      () => budgets.get(brief),
      ({ refillAt: at, status }) => at! > refilled.refillAt! && status === 'ample',
    );
  });

  test('the account that an agent has of its own ends when it is forgotten; one of its id begins anew', async () => {
    const { agents, budgets, events } = subjectOf();
    const id = await started();
    const name = fresh();
    await budgets.define({ name, scope: 'agent', limits: { tokens: 1_000_000 } });
    await call(id, 'call', { ask: { tokens: 900_000 } });
    expect(await budgets.get(name, id)).toMatchObject({ status: 'low' });
    await agents.stop(id);
    await agents.forget(id);
    const closed = async () => {
      const found: object[] = [];
      for await (const event of events.read()) if (event.type === 'budget.closed') found.push(event);
      return found;
    };
    const told = { budget: name, of: id, agentId: id, incarnation: 1 };
    await eventually(closed, (found) => found.some((event) => (event as typeof told).budget === name));
    expect(await closed()).toContainEqual(expect.objectContaining(told));
    expect((await refusal(reading(() => budgets.get(name, id)))).code).toBe('BUDGET_UNKNOWN');
    await started({ id });
    await call(id, 'call', { ask: { tokens: 900_000 } });
    expect(await budgets.get(name, id)).toMatchObject({ status: 'low', spent: { tokens: 900_000 } });
  });
}
