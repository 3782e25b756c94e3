/** Laws of steps of the object that keeps the budgets of a fleet, over state that is data. */
import { setImmediate as nextTurn } from 'node:timers/promises';
import { type ObjectContext, RestatePromise } from '@restatedev/restate-sdk';
import { describe, expect, it } from 'vitest';
import { type BudgetSpecInput, budgetSpec } from '../../src/machines/index.ts';
import { budgetsObject } from '../../src/restate/limits/budgets-object.ts';

type Step =
  | 'define'
  | 'reserve'
  | 'settle'
  | 'close'
  | 'refill'
  | 'wake'
  | 'get'
  | 'list'
  | 'alerts'
  | 'charts';
const { object } = budgetsObject as unknown as {
  readonly object: Readonly<Record<Step, (ctx: ObjectContext, given: unknown) => Promise<unknown>>>;
};
interface Wake {
  readonly account: readonly [string, string];
  readonly wake: number;
  readonly delay: number;
}
const spender = { agentId: 'ada', incarnation: 1, taskId: 't', type: 'worker', key: undefined };

function rig() {
  const kept = new Map<string, unknown>();
  const wakes: Wake[] = [];
  const events: unknown[] = [];
  let now = 0;
  let roundTrips = 0;
  let isAsking = false;
  /** Reads that are asked for before one is answered are one round trip to the engine. */
  const answered = (): Promise<void> => {
    if (!isAsking) roundTrips += 1;
    isAsking = true;
    return nextTurn().then(() => void (isAsking = false));
  };
  const ctx = {
    get: (key: string) =>
      RestatePromise.resolve(answered().then(() => structuredClone(kept.get(key) ?? null))),
    set: (key: string, value: unknown) => void kept.set(key, structuredClone(value)),
    clear: (key: string) => void kept.delete(key),
    stateKeys: () => RestatePromise.resolve([...kept.keys()]),
    date: { now: () => RestatePromise.resolve(now) },
    genericSend: ({ method, parameter, delay }: { method: string; parameter: never; delay?: number }) => {
      if (method === 'wake') wakes.push({ ...(parameter as Wake), delay: delay ?? 0 });
      else events.push(...(parameter as { events: unknown[] }).events);
    },
    request: () => ({ attemptCompletedSignal: AbortSignal.abort() }),
  } as unknown as ObjectContext;
  const step = (name: Step, given: object) => object[name](ctx, given);
  return {
    kept,
    wakes: () => wakes.splice(0),
    events: () => events.splice(0),
    /** Of reads, since it was asked last. */
    roundTrips: () => {
      const made = roundTrips;
      roundTrips = 0;
      return made;
    },
    define: (fields: Partial<BudgetSpecInput> = {}, at = 0) =>
      step('define', { spec: budgetSpec.parse({ name: 'daily', limits: { calls: 2 }, ...fields }), at }),
    reserve: (calls: number, at = 0, by: object = {}) =>
      step('reserve', { spender: { ...spender, ...by }, asked: { calls }, at }),
    step,
    at: (time: number) => void (now = time),
  };
}
const every = { everyMs: 1_000 };

describe('an account that time refills', () => {
  it('has one wake-up call on its way, when it is due, and no second for what comes meanwhile', async () => {
    const { define, reserve, wakes } = rig();
    await define(every, 0);
    expect(wakes()).toEqual([{ account: ['daily', ''], wake: 1, delay: 1_000 }]);
    await reserve(1, 400);
    await reserve(1, 600);
    expect(wakes()).toEqual([]);
  });

  it('is refilled by the one that it waits for, which asks for the next; a replaced one does nothing', async () => {
    const { define, reserve, wakes, step, at, events } = rig();
    await define(every, 0);
    await reserve(2, 500);
    expect(await reserve(1, 999)).toMatchObject({ refusal: { code: 'BUDGET_EXHAUSTED' } });
    wakes();
    events();
    at(1_000);
    await step('wake', { account: ['daily', ''], wake: 0 });
    expect([wakes(), events()]).toEqual([[], []]);
    await step('wake', { account: ['daily', ''], wake: 1 });
    expect(wakes()).toEqual([{ account: ['daily', ''], wake: 2, delay: 1_000 }]);
    await step('wake', { account: ['daily', ''], wake: 1 });
    expect(wakes()).toEqual([]);
  });

  it('asks once more where the call comes before it is due', async () => {
    const { define, wakes, step, at, events } = rig();
    await define(every, 0);
    wakes();
    at(999);
    await step('wake', { account: ['daily', ''], wake: 1 });
    expect(wakes()).toEqual([{ account: ['daily', ''], wake: 2, delay: 1 }]);
    expect(events()).toEqual([]);
  });
});

it('one that no time refills asks for no wake-up call', async () => {
  const { define, reserve, wakes } = rig();
  await define();
  await reserve(1);
  expect(wakes()).toEqual([]);
});

it('a reservation stands in every budget, or in none', async () => {
  const { define, reserve, step } = rig();
  await define({ name: 'wide', limits: { calls: 10 } });
  await define({ name: 'narrow', limits: { calls: 1 } });
  expect(await reserve(2)).toMatchObject({ refusal: { code: 'BUDGET_EXHAUSTED' } });
  const reserved = async () =>
    ((await step('list', { at: 0 })) as { name: string; reserved: unknown }[]).map(
      ({ name, reserved: amount }) => [name, amount],
    );
  expect(await reserved()).toEqual([
    ['wide', {}],
    ['narrow', {}],
  ]);
  expect(await reserve(1)).toMatchObject({
    value: {
      accounts: [
        ['wide', ''],
        ['narrow', ''],
      ],
    },
  });
  expect(await reserved()).toEqual([
    ['wide', { calls: 1 }],
    ['narrow', { calls: 1 }],
  ]);
});

it('many budgets are read in no more round trips than one', async () => {
  const { define, reserve, step, roundTrips } = rig();
  const steps = async () => {
    roundTrips();
    const { value } = (await reserve(1)) as { value: { accounts: object } };
    const settled = { calls: 1 };
    const settling = { spender, reserved: settled, actual: settled, how: 'settled', at: 1, ...value };
    const made = [roundTrips()];
    await step('settle', settling);
    made.push(roundTrips());
    for (const look of ['list', 'alerts', 'charts'] as const) {
      await step(look, { at: 1 });
      made.push(roundTrips());
    }
    await step('close', { accounts: value.accounts, at: 1 });
    return [...made, roundTrips()];
  };
  await define({ limits: { calls: 99 }, scope: 'agent' });
  const ofOne = await steps();
  for (const name of ['a', 'b', 'c']) await define({ name, limits: { calls: 99 }, scope: 'agent' });
  expect(await steps()).toEqual(ofOne);
});

it('the account of a task goes with it, and its alerts are told to be over', async () => {
  const { define, reserve, step, kept, events } = rig();
  await define({ name: 'each', scope: 'task' });
  await define({ name: 'daily' });
  await reserve(2);
  const accounts = [
    ['each', 't'],
    ['daily', ''],
  ];
  await step('settle', {
    accounts,
    spender,
    reserved: { calls: 2 },
    actual: { calls: 2 },
    how: 'done',
    at: 1,
  });
  expect(events()).toMatchObject([
    { type: 'alert.raised', budget: 'each of t' },
    { type: 'alert.raised', budget: 'daily' },
  ]);
  await step('close', { accounts, at: 2 });
  expect(events()).toMatchObject([{ type: 'alert.cleared', budget: 'each of t', at: 2 }]);
  expect([...kept.keys()].filter((key) => key.startsWith('account'))).toEqual(['account ["daily",""]']);
});

const limitsOf = async (step: ReturnType<typeof rig>['step']) =>
  ((await step('list', { at: 0 })) as { name: string; limits: unknown }[]).map(({ name, limits }) => [
    name,
    limits,
  ]);

describe('a budget that is defined again', () => {
  it('keeps its place among the others, and they their limits; its account has the new one', async () => {
    const { define, step, reserve } = rig();
    for (const name of ['a', 'ab', 'b']) await define({ name });
    await reserve(2);
    await define({ name: 'ab', limits: { calls: 9 } });
    expect(await limitsOf(step)).toEqual([
      ['a', { calls: 2 }],
      ['ab', { calls: 9 }],
      ['b', { calls: 2 }],
    ]);
    expect(await step('get', { name: 'ab', of: '', at: 0 })).toMatchObject({
      value: { reserved: { calls: 2 }, left: { calls: 7 } },
    });
    expect(await step('get', { name: 'a', of: '', at: 0 })).toMatchObject({ value: { left: { calls: 0 } } });
  });

  it('for others than before is refused, and stays as it is', async () => {
    const { define, step } = rig();
    await define();
    expect(await define({ scope: 'agent', limits: { calls: 9 } })).toMatchObject({
      refusal: { code: 'AGENT_SPEC_INVALID' },
    });
    expect(await limitsOf(step)).toEqual([['daily', { calls: 2 }]]);
  });
});

describe('an account', () => {
  it('of a budget that all share is there before anything was reserved; of one for each, with the first', async () => {
    const { define, step, reserve } = rig();
    await define();
    await define({ name: 'each', scope: 'agent' });
    await define({ name: 'of eve', scope: { agent: 'eve' } });
    const accounts = async () =>
      ((await step('list', { at: 0 })) as { name: string; of?: string }[]).map(({ name, of }) => [name, of]);
    expect(await accounts()).toEqual([
      ['daily', undefined],
      ['of eve', undefined],
    ]);
    expect(await step('get', { name: 'each', of: 'ada', at: 0 })).toMatchObject({
      refusal: { code: 'BUDGET_UNKNOWN' },
    });
    expect(await reserve(1)).toMatchObject({
      value: {
        accounts: [
          ['daily', ''],
          ['each', 'ada'],
        ],
        events: [{ type: 'budget.reserved' }, { type: 'budget.reserved' }],
      },
    });
    await reserve(1, 0, { agentId: 'bob' });
    expect(await accounts()).toEqual([
      ['daily', undefined],
      ['each', 'ada'],
      ['each', 'bob'],
      ['of eve', undefined],
    ]);
  });

  it('that nobody knows is refused by its name', async () => {
    const { define, step, events } = rig();
    await define();
    events();
    for (const handler of ['get', 'refill'] as const)
      expect(await step(handler, { name: 'other', of: '', at: 0 })).toMatchObject({
        refusal: { code: 'BUDGET_UNKNOWN', message: 'no budget "other" is known' },
      });
    expect(events()).toEqual([]);
  });

  it('is refilled by somebody, told with who, and its alerts are over', async () => {
    const { define, step, reserve, events } = rig();
    await define();
    await reserve(2);
    await step('settle', {
      accounts: [['daily', '']],
      spender,
      reserved: { calls: 2 },
      actual: { calls: 2 },
      how: 'settled',
      at: 1,
    });
    expect(await step('alerts', {})).toMatchObject([{ alert: 'budget_exhausted', budget: 'daily' }]);
    events();
    expect(await step('refill', { name: 'daily', of: '', by: 'ann', at: 2 })).toMatchObject({
      value: { spent: {}, left: { calls: 2 } },
    });
    expect(events()).toMatchObject([
      { type: 'budget.refilled', by: 'ann', at: 2 },
      { type: 'alert.cleared' },
    ]);
    expect(await step('alerts', {})).toEqual([]);
  });
});

describe('a settlement', () => {
  it('says how it was, of each account that is known', async () => {
    const { define, step, reserve } = rig();
    await define({ limits: { calls: 10 } });
    await reserve(3);
    const accounts = [
      ['gone', ''],
      ['daily', ''],
    ];
    const settling = { accounts, spender, reserved: { calls: 3 }, actual: { calls: 1 }, how: 'left', at: 1 };
    expect(await step('settle', settling)).toMatchObject([{ type: 'budget.settled', how: 'left' }]);
    expect(await step('get', { name: 'daily', of: '', at: 1 })).toMatchObject({
      value: { spent: { calls: 1 }, left: { calls: 9 } },
    });
  });
});

it('an account whose agent was forgotten is over, with an event; one that is none is passed over', async () => {
  const { define, reserve, step, events, kept } = rig();
  await define({ name: 'each', scope: 'agent' });
  await reserve(2);
  events();
  const forgotten = { agentId: 'ada', incarnation: 1 };
  const accounts = [
    ['none', 'ada'],
    ['each', 'eve'],
    ['each', 'ada'],
  ];
  await step('close', { accounts, forgotten, at: 1 });
  expect(events()).toMatchObject([{ type: 'budget.closed', ...forgotten, budget: 'each', of: 'ada', at: 1 }]);
  expect([...kept.keys()]).toEqual(['specs']);
  await step('settle', {
    accounts,
    spender,
    reserved: { calls: 2 },
    actual: { calls: 2 },
    how: 'left',
    at: 2,
  });
  expect([events(), [...kept.keys()]]).toEqual([[], ['specs']]);
});
