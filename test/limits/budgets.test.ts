/** Budgets: what is granted, what it counts as, and what is known of it later. */
import fc from 'fast-check';
import { describe, expect, it, test } from 'vitest';
import { z } from 'zod';
import { type BudgetSpecInput, createAgentSystem, defineAgent, memoryStore } from '../../src/index.ts';
import { settled, simulatedClock } from '../../src/testing/index.ts';
import { diskOf, disks } from '../fleet/program.ts';
import { failingStore } from '../journal/failing-store.ts';
import { mortalStore } from '../kit/mortal-store.ts';
import { codeOf, gate, refusal, type Rig, rig } from '../kit/rig.ts';
import { spender } from '../kit/spender.ts';

const caller = spender('caller');

async function fleet(specs: readonly BudgetSpecInput[], options: Parameters<typeof rig>[0] = {}) {
  const made = await rig(options);
  for (const spec of specs) made.system.budgets.define(spec);
  for (const id of ['ada', 'ben']) {
    await made.agents.register({ id, module: caller, tasks: { concurrency: 2 } });
    await made.agents.start(id);
  }
  const call = (id: string, ask: object, use?: object) =>
    made.agents.execute(id, { type: 'call', input: { ask, ...(use ? { use } : {}) } });
  return { ...made, call, budgets: made.system.budgets };
}

/** An agent whose task pays, and during whose work the store fails. */
async function outage() {
  const store = failingStore();
  const made = await rig({ store });
  made.system.budgets.define({ name: 'all', limits: { calls: 5 } });
  const told: string[] = [];
  const tell = (what: string) => (work: Promise<unknown>) =>
    work.then(
      () => told.push(`${what} done`),
      (thrown: { code: string }) => told.push(`${what} ${thrown.code}`),
    );
  const module = defineAgent({
    type: 'payer',
    init: () => ({}),
    tasks: {
      pay: {
        input: z.enum(['settle', 'release']),
        run: async ({ input, budget }) => {
          const reservation = await budget.reserve({ calls: 2 });
          store.trouble = 'throws';
          await tell('reserve')(budget.reserve({ calls: 1 }));
          await tell(input)(reservation[input]());
          await tell('again')(reservation[input]());
          store.trouble = undefined;
        },
      },
    },
  });
  await made.agents.start(await made.agents.register({ id: 'ada', module }));
  return { ...made, told };
}

test('an account of one task is gone with it, from the store too, also where it was refilled meanwhile', async () => {
  const store = memoryStore();
  const { agents, system, clock, eventsOf } = await rig({ store });
  system.budgets.define({ name: 'each', scope: 'task', limits: { calls: 5 }, everyMs: 1_000 });
  const done = gate();
  const module = defineAgent({
    type: 'slow',
    init: () => ({}),
    tasks: {
      call: {
        run: async ({ budget }) => {
          await (await budget.reserve({ calls: 1 })).settle({ calls: 1 });
          await done.promise;
        },
      },
    },
  });
  const id = await agents.register({ module });
  await agents.start(id);
  const output = agents.execute(id, { type: 'call' });
  await clock.advance(1_000);
  const [{ taskId } = { taskId: '' }] = eventsOf('task.accepted');
  expect(eventsOf('budget.refilled')).toMatchObject([{ budget: 'each', of: taskId, taskId, spent: {} }]);
  done.resolve();
  await output;
  expect(system.budgets.list()).toEqual([]);
  expect((await store.recover()).budgets).toEqual([]);
});

test('a reservation looks at the budgets that cover its task alone, however many there are', async () => {
  const { system } = await fleet([]);
  for (const quota of Array.from({ length: 1_000 }, (_, at) => `tenant-${at}`))
    system.budgets.define({ name: quota, scope: { quota }, limits: { calls: 5 } });
  let looks = 0;
  const one = {
    agentId: 'ada',
    incarnation: 1,
    type: 'caller',
    taskId: 'ada/1',
    get quota() {
      looks += 1;
      return 'tenant-77';
    },
  };
  await system.budgets.reserve(one, { calls: 1 });
  expect(system.budgets.get('tenant-77').reserved).toEqual({ calls: 1 });
  expect(looks).toBeLessThan(10);
});

describe('a reservation', () => {
  it('is settled by what was used, and of what nothing is said, as it was reserved', async () => {
    const { call, budgets } = await fleet([{ name: 'all', limits: { tokens: 100, money: 1, calls: 5 } }]);
    await call('ada', { tokens: 50, money: 0.3, calls: 1 }, { tokens: 20 });
    expect(budgets.get('all')).toMatchObject({ spent: { tokens: 20, money: 0.3, calls: 1 }, reserved: {} });
    await call('ben', { tokens: 5 });
    expect(budgets.get('all').spent).toEqual({ tokens: 25, money: 0.3, calls: 1 });
  });

  it('is granted and settled where there is no budget', async () => {
    const { call } = await fleet([]);
    expect(await call('ada', { tokens: 50 }, { tokens: 20 })).toBe('called');
  });

  it('is refused with the budget, the unit, what was asked and what is left, and nothing is taken', async () => {
    const { agents, budgets, call } = await fleet([
      { name: 'all', limits: { tokens: 1_000 } },
      { name: 'each', scope: 'agent', limits: { tokens: 10 }, everyMs: 60_000 },
    ]);
    await call('ada', { tokens: 8 });
    const error = await refusal(call('ada', { tokens: 3 }));
    expect(error.code).toBe('TASK_FAILED');
    expect(error.cause).toMatchObject({
      code: 'BUDGET_EXHAUSTED',
      details: { budget: 'each', unit: 'tokens', asked: 3, left: 2, refillAt: expect.any(Number) as number },
    });
    expect(budgets.get('all')).toMatchObject({ spent: { tokens: 8 }, reserved: {} });
    expect((error.cause as Error).message).toContain('budget each: 3 of tokens asked for, 2 left');
    const all = await refusal(call('ben', { tokens: 993 }));
    expect((all.cause as Error).message).toContain('budget all: 993 of tokens asked for, 992 left');
    await call('ben', { tokens: 10 });
    expect(budgets.get('each', 'ben').status).toBe('exhausted');
    expect(agents.get('ada').status).toBe('running');
  });

  it('is shown as a share of its limit, of the unit that is used most', async () => {
    const { call, budgets } = await fleet([{ name: 'all', limits: { tokens: 200, calls: 4 } }]);
    const shares = [budgets.get('all').share];
    for (const tokens of [10, 150, 40]) {
      await call('ada', { tokens, calls: 1 });
      shares.push(budgets.get('all').share);
    }
    expect(shares).toEqual([0, 0.25, 0.8, 1]);
  });

  it('is of a scope whose name has one character or more', async () => {
    const { system } = await rig();
    for (const kind of ['agent', 'type', 'quota'] as const) {
      const spec = (name: string) => ({ name: kind, scope: { [kind]: name } as never, limits: { calls: 1 } });
      expect(await codeOf(() => system.budgets.define(spec('')))).toBe('AGENT_SPEC_INVALID');
      system.budgets.define(spec('a'));
      expect(system.budgets.get(kind)).toMatchObject({ scope: { [kind]: 'a' }, share: 0 });
    }
  });

  it('counts in full what was used beyond it', async () => {
    const { call, budgets } = await fleet([{ name: 'all', limits: { tokens: 10 } }]);
    await call('ada', { tokens: 5 }, { tokens: 12 });
    expect(budgets.get('all')).toMatchObject({
      status: 'exhausted',
      spent: { tokens: 12 },
      left: { tokens: 0 },
    });
    expect((await refusal(call('ben', { tokens: 1 }))).cause).toMatchObject({ code: 'BUDGET_EXHAUSTED' });
  });

  it('is settled as it was reserved when its task ends and says nothing', async () => {
    const { agents, budgets, eventsOf } = await fleet([{ name: 'all', limits: { calls: 10 } }]);
    await agents.execute('ada', { type: 'forget', input: { calls: 2 } });
    expect(budgets.get('all').spent).toEqual({ calls: 2 });
    const held = agents.execute('ada', { type: 'hold', input: { calls: 3 } }).catch(() => undefined);
    await settled();
    expect(budgets.get('all').reserved).toEqual({ calls: 3 });
    await agents.kill('ada');
    await held;
    expect(budgets.get('all')).toMatchObject({ spent: { calls: 5 }, reserved: {} });
    expect(eventsOf('budget.settled').map(({ how, amount }) => [how, amount])).toEqual([
      ['left', { calls: 2 }],
      ['left', { calls: 3 }],
    ]);
  });

  it('is in the record of its agent once, whatever the number of budgets: used, left or ended by a kill', async () => {
    const { agents, call } = await fleet([
      { name: 'all', limits: { tokens: 1_000, money: 1, calls: 10 } },
      { name: 'each', scope: 'agent', limits: { tokens: 100 } },
    ]);
    const spent = (id: string) => agents.get(id).metrics.spent;
    expect(spent('ada')).toBeUndefined();
    await call('ada', { tokens: 50, money: 0.07, calls: 1 }, { tokens: 20 });
    expect(spent('ada')).toEqual({ tokens: 20, money: 0.07, calls: 1 });
    await agents.execute('ada', { type: 'back', input: { tokens: 5 } });
    await agents.execute('ada', { type: 'forget', input: { calls: 2 } });
    expect(spent('ada')).toEqual({ tokens: 20, money: 0.07, calls: 3 });
    const held = agents.execute('ada', { type: 'hold', input: { money: 0.1 } }).catch(() => undefined);
    await settled();
    await agents.kill('ada');
    await held;
    await agents.start('ada');
    await refusal(call('ada', { tokens: 500 }));
    expect(spent('ada')).toEqual({ tokens: 20, money: 0.17, calls: 3 });
    expect(spent('ben')).toBeUndefined();
  });

  it('is given back by release, and settled once', async () => {
    const { agents, budgets } = await fleet([{ name: 'all', limits: { calls: 1 } }]);
    await agents.execute('ada', { type: 'back', input: { calls: 1 } });
    expect(budgets.get('all')).toMatchObject({ spent: {}, left: { calls: 1 } });
    const error = await refusal(agents.execute('ada', { type: 'twice' }));
    expect(error.cause).toMatchObject({ code: 'REQUEST_INVALID' });
    expect(budgets.get('all').spent).toEqual({ calls: 1 });
  });

  it('counts what a parked attempt had reserved', async () => {
    const { agents, budgets } = await fleet([{ name: 'all', limits: { calls: 9 } }]);
    void agents.execute('ada', { type: 'park' }).catch(() => undefined);
    await settled();
    expect(agents.get('ada').parked).toBeDefined();
    expect(budgets.get('all')).toMatchObject({ spent: { calls: 1 }, reserved: {} });
  });

  it('measures wall time that nothing is said of', async () => {
    const { agents, budgets, clock } = await fleet([{ name: 'all', limits: { wallMs: 10_000 } }]);
    const through = gate();
    const done = agents.execute('ada', { type: 'wait', input: { until: through.promise } });
    await settled();
    await clock.advance(250);
    through.resolve();
    await done;
    expect(budgets.get('all').spent).toEqual({ wallMs: 250 });
  });
});

describe('a scope', () => {
  it('is one account for all, one for each, or one for those that are named', async () => {
    const { call, budgets } = await fleet([
      { name: 'fleet', limits: { calls: 100 } },
      { name: 'each', scope: 'agent', limits: { calls: 100 } },
      { name: 'ada', scope: { agent: 'ada' }, limits: { calls: 100 } },
      { name: 'callers', scope: { type: 'caller' }, limits: { calls: 100 } },
      { name: 'others', scope: { type: 'other' }, limits: { calls: 100 } },
      { name: 'group', scope: { quota: 'provider' }, limits: { calls: 100 } },
      { name: 'task', scope: 'task', limits: { calls: 3 } },
    ]);
    await call('ada', { calls: 2 });
    await call('ben', { calls: 3 });
    const spent = Object.fromEntries(
      budgets.list().map(({ name, of, spent }) => [of ? `${name} ${of}` : name, spent.calls ?? 0]),
    );
    expect(spent).toEqual({
      fleet: 5,
      'each ada': 2,
      'each ben': 3,
      ada: 2,
      callers: 5,
      others: 0,
      group: 0,
    });
    // Each task has its own: the account of one that has ended is gone.
    expect((await refusal(call('ada', { calls: 4 }))).cause).toMatchObject({ details: { budget: 'task' } });
  });

  it('of each task counts all that it reserves, one after the other, and nothing is left of it at its end', async () => {
    const { agents, budgets, system } = await fleet([{ name: 'task', scope: 'task', limits: { calls: 3 } }]);
    for (const calls of [
      [2, 2],
      [1, 1, 1, 1],
      [3, 1],
    ]) {
      const error = await refusal(agents.execute('ada', { type: 'several', input: calls }));
      expect(error.cause).toMatchObject({
        details: { budget: 'task', asked: calls.at(-1), left: 3 % calls[0]! },
      });
      await settled();
      expect(budgets.list()).toEqual([]);
      expect(system.alerts.list()).toEqual([]);
    }
    await agents.execute('ada', { type: 'several', input: [1, 2] });
    expect(budgets.list()).toEqual([]);
  });
});

describe('while the store fails', () => {
  it.each([
    ['settle', { calls: 2 }],
    ['release', {}],
  ] as const)('nothing is reserved, and a %s is refused and done all the same', async (input, expected) => {
    const { agents, clock, system, told, eventsOf } = await outage();
    expect(await codeOf(agents.execute('ada', { type: 'pay', input }))).toBe('STORE_FAILED');
    await clock.advance(60_000);
    expect(told).toEqual(['reserve STORE_FAILED', `${input} STORE_FAILED`, 'again REQUEST_INVALID']);
    const { spent, reserved } = system.budgets.get('all');
    expect({ spent, reserved }).toEqual({ spent: expected, reserved: {} });
    expect(eventsOf('budget.settled').map(({ how }) => how)).toEqual([
      'released',
      input === 'settle' ? 'settled' : 'released',
    ]);
  });
});

describe('a refill', () => {
  it('is a person’s, who is named, and clears the alert', async () => {
    const { call, budgets, system, eventsOf } = await fleet([{ name: 'all', limits: { calls: 2 } }]);
    await call('ada', { calls: 2 });
    expect(system.alerts.list()).toMatchObject([{ alert: 'budget_exhausted', budget: 'all' }]);
    expect((await budgets.refill('all', { by: 'ada' })).status).toBe('ample');
    expect(system.alerts.list()).toEqual([]);
    expect(eventsOf('budget.refilled')).toMatchObject([{ budget: 'all', by: 'ada', spent: {} }]);
    await call('ada', { calls: 1 });
    expect(await codeOf(budgets.refill('none'))).toBe('BUDGET_UNKNOWN');
  });

  it('is refused while the store fails, and done all the same', async () => {
    const store = failingStore();
    const { call, budgets } = await fleet([{ name: 'all', limits: { calls: 2 } }], { store });
    await call('ada', { calls: 2 });
    store.trouble = 'throws';
    expect(await codeOf(budgets.refill('all'))).toBe('STORE_FAILED');
    expect(budgets.get('all').status).toBe('ample');
  });

  it('comes at every multiple of everyMs, to the millisecond', async () => {
    const clock = simulatedClock({ startAt: Date.UTC(2026, 0, 1, 23, 59, 59) });
    const { call, budgets } = await fleet([{ name: 'day', limits: { calls: 1 }, everyMs: 86_400_000 }], {
      clock,
    });
    await call('ada', { calls: 1 });
    expect(budgets.get('day').refillAt).toBe(Date.UTC(2026, 0, 2));
    await clock.advance(999);
    expect(budgets.get('day').status).toBe('exhausted');
    await clock.advance(1);
    expect(budgets.get('day')).toMatchObject({ status: 'ample', refillAt: Date.UTC(2026, 0, 3) });
  });
});

it('a refill by a person comes beside the one that is due: that comes when it would have, and is nobody’s', async () => {
  const clock = simulatedClock({ startAt: Date.UTC(2026, 0, 1, 12) });
  const day = { name: 'day', limits: { calls: 2 }, everyMs: 86_400_000 };
  const { call, budgets, eventsOf } = await fleet([day], { clock });
  const { refillAt } = budgets.get('day');
  await call('ada', { calls: 2 });
  expect(await budgets.refill('day', { by: 'ada' })).toMatchObject({ spent: {}, refillAt });
  await call('ada', { calls: 1 });
  await clock.advance(refillAt! - clock.now() - 1);
  expect(budgets.get('day')).toMatchObject({ spent: { calls: 1 }, refillAt });
  await clock.advance(1);
  expect(budgets.get('day')).toMatchObject({ spent: {}, refillAt: refillAt! + 86_400_000 });
  const refills = eventsOf('budget.refilled') as { by?: string }[];
  expect(refills.map(({ by }) => by)).toEqual(['ada', undefined]);
});

describe('a refill whose wall clock is set meanwhile', () => {
  const HOUR_MS = 3_600_000;
  const day = { name: 'day', limits: { calls: 3 }, everyMs: 24 * HOUR_MS };
  const atNoon = async (stepMs: number) => {
    const clock = simulatedClock({ startAt: Date.UTC(2026, 0, 1, 12) });
    const made = await fleet([day], { clock });
    await made.call('ada', { calls: 1 });
    void made.agents.execute('ada', { type: 'hold', input: { calls: 2 } }).catch(() => undefined);
    await settled();
    clock.setWallClock(clock.now() + stepMs);
    return { ...made, clock, standing: () => made.budgets.get('day') };
  };

  it.each([
    ['put ahead by seven hours', 7 * HOUR_MS],
    ['put back by five hours', -5 * HOUR_MS],
    ['put back across midnight', -13 * HOUR_MS],
  ])('%s comes at midnight, as the record says', async (_, stepMs) => {
    const { clock, standing, eventsOf } = await atNoon(stepMs);
    const { refillAt } = standing();
    expect(new Date(refillAt!).toISOString()).toMatch(/T00:00:00.000Z$/);
    await clock.advance(refillAt! - clock.now() - 1);
    expect(standing()).toMatchObject({ spent: { calls: 1 }, reserved: { calls: 2 }, refillAt });
    expect(eventsOf('budget.refilled')).toEqual([]);
    await clock.advance(1);
    expect(eventsOf('budget.refilled')).toHaveLength(1);
    expect(standing()).toMatchObject({
      spent: {},
      reserved: { calls: 2 },
      refillAt: refillAt! + 24 * HOUR_MS,
    });
    await clock.advance(24 * HOUR_MS - 1);
    expect(eventsOf('budget.refilled')).toHaveLength(1);
    await clock.advance(1);
    expect(eventsOf('budget.refilled')).toHaveLength(2);
  });

  it.each([
    ['to a later hour', 7 * HOUR_MS],
    ['past its time', 13 * HOUR_MS],
  ])('%s leaves the limits as they were changed last', async (_, stepMs) => {
    const { clock, budgets, standing } = await atNoon(0);
    budgets.define({ ...day, limits: { calls: 9 } });
    clock.setWallClock(clock.now() + stepMs);
    expect(standing()).toMatchObject({ limits: { calls: 9 }, reserved: { calls: 2 } });
  });

  it('and is past its time is made up for, once, before anything is refused', async () => {
    const { clock, call, standing, eventsOf } = await atNoon(13 * HOUR_MS);
    await call('ben', { calls: 1 });
    expect(standing()).toMatchObject({ spent: { calls: 1 }, reserved: { calls: 2 } });
    await clock.advance(12 * HOUR_MS);
    expect(eventsOf('budget.refilled')).toHaveLength(1);
  });

  it('comes when the record says where the wall clock goes slower or faster than time', async () => {
    for (const [offMs, refills] of [
      [-400, 1],
      [400, 1],
      [-30_000, 1],
      [30_000, 1],
    ] as const) {
      const { clock, call, standing, eventsOf } = await atNoon(offMs);
      await clock.advance(Date.UTC(2026, 0, 2) - clock.now());
      await call('ben', { calls: 1 });
      expect(standing().spent, `${offMs} ms`).toEqual({ calls: 1 });
      await clock.advance(HOUR_MS);
      expect(standing().spent, `${offMs} ms`).toEqual({ calls: 1 });
      expect(eventsOf('budget.refilled'), `${offMs} ms`).toHaveLength(refills);
    }
  });
});

describe('over the end of a program', () => {
  it.each([
    ['what was reserved counts as spent', 0, { calls: 3 }],
    ['a refill that was due meanwhile is not missed', 60_000, {}],
  ])('%s', async (_, awayMs, spent) => {
    const kept = memoryStore();
    const clock = simulatedClock({ startAt: Date.UTC(2026, 0, 1) + 1_000 });
    const store = mortalStore(kept);
    const spec = { name: 'all', limits: { calls: 10 }, everyMs: 60_000 };
    const { agents, system } = await fleet([spec], { store, clock });
    await agents.execute('ada', { type: 'forget', input: { calls: 1 } });
    void agents.execute('ada', { type: 'hold', input: { calls: 2 } }).catch(() => undefined);
    await settled();
    expect(system.budgets.get('all')).toMatchObject({ spent: { calls: 1 }, reserved: { calls: 2 } });
    store.die();
    const later = simulatedClock({ startAt: clock.now() + awayMs });
    const next = await rig({ store: mortalStore(kept), clock: later, agents: [caller] });
    next.system.budgets.define(spec);
    expect(next.system.budgets.get('all')).toMatchObject({ spent, reserved: {} });
  });

  it.each(disks)(
    'a refill that was done by a clock that was ahead is not done again, with a %s',
    async (kind) => {
      const minuteMs = 60_000;
      const spec = { name: 'all', limits: { calls: 1 }, everyMs: minuteMs };
      const disk = await diskOf(kind);
      const begin = async (afterMs: number) => {
        const { system, agents, clock } = await disk.boot({ agents: [caller] }, afterMs);
        system.budgets.define(spec);
        return { system, agents, clock, standing: () => system.budgets.get('all') };
      };
      const first = await begin(0);
      await first.agents.start(await first.agents.register({ id: 'ada', module: caller }));
      const spend = () => first.agents.execute('ada', { type: 'forget', input: { calls: 1 } });
      await spend();
      first.clock.setWallClock(first.clock.now() + minuteMs);
      await spend();
      const { refillAt } = first.standing();
      const second = await begin(-minuteMs);
      expect(second.standing()).toMatchObject({ spent: { calls: 1 }, refillAt });
      await second.clock.advance(refillAt! - second.clock.now() - 1);
      expect(second.standing()).toMatchObject({ spent: { calls: 1 }, refillAt });
      await second.clock.advance(1);
      expect(second.standing()).toMatchObject({ spent: {}, refillAt: refillAt! + minuteMs });
    },
  );
});

/** Whose accounts there are, and how they stand. */
const standing = ({ system }: Pick<Rig, 'system'>) =>
  system.budgets.list().map(({ of, status }) => `${of} ${status}`);

describe('the account that an agent has of its own', () => {
  const each = { name: 'each', scope: 'agent', limits: { calls: 2 }, everyMs: 86_400_000 } as const;
  const spent = { type: 'call', input: { ask: { calls: 2 } } };

  it.each(disks)('ends when the agent is forgotten, and with a %s for later programs', async (kind) => {
    const disk = await diskOf(kind);
    const boot = () => disk.boot({ agents: [caller], budgets: [each] });
    const first = await boot();
    for (const id of ['ada', 'ben']) {
      await first.agents.start(await first.agents.register({ id, module: caller }));
      await first.agents.execute(id, spent);
    }
    expect(standing(first)).toEqual(['ada exhausted', 'ben exhausted']);
    await first.agents.stop('ada');
    await first.agents.forget('ada');
    expect(standing(first)).toEqual(['ben exhausted']);
    expect(first.system.alerts.list()).toMatchObject([{ budget: 'each of ben' }]);
    expect(first.eventsOf('budget.closed')).toMatchObject([{ agentId: 'ada', budget: 'each', of: 'ada' }]);
    const second = await boot();
    expect(standing(second)).toEqual(['ben exhausted']);
    // One of the same id is another agent.
    await second.agents.start(await second.agents.register({ id: 'ada', module: caller }));
    await second.agents.execute('ada', { type: 'call', input: { ask: { calls: 1 } } });
    expect(second.system.budgets.get('each', 'ada').spent).toEqual({ calls: 1 });
    expect(standing(await boot())).toHaveLength(2);
  });

  it.each(disks)('ends also in a program that has not defined its budget, with a %s', async (kind) => {
    const disk = await diskOf(kind);
    const first = await disk.boot({ agents: [caller], budgets: [each] });
    await first.agents.start(await first.agents.register({ id: 'ada', module: caller }));
    await first.agents.execute('ada', spent);
    await first.agents.stop('ada');
    const second = await disk.boot({ agents: [caller] });
    await second.agents.forget('ada');
    second.system.budgets.define(each);
    expect(standing(second)).toEqual([]);
    expect(standing(await disk.boot({ agents: [caller], budgets: [each] }))).toEqual([]);
  });

  it.each(disks)(
    'is not refilled by a restart, another spec, or a later program, with a %s',
    async (kind) => {
      const disk = await diskOf(kind);
      const boot = () => disk.boot({ agents: [caller], budgets: [each] });
      const first = await boot();
      await first.agents.start(await first.agents.register({ id: 'ada', module: caller }));
      await first.agents.execute('ada', spent);
      await refusal(first.agents.register({ id: 'ada', module: caller }));
      await first.agents.stop('ada');
      await first.agents.start('ada');
      await first.agents.ensure({ id: 'ada', module: caller, shutdownMs: 1_000 });
      expect(standing(first)).toEqual(['ada exhausted']);
      const second = await boot();
      await second.agents.ensure({ id: 'ada', module: caller, shutdownMs: 2_000 });
      expect(standing(second)).toEqual(['ada exhausted']);
    },
  );

  it('ends with a member that leaves its pool for good', async () => {
    const { system } = await rig({ budgets: [each] });
    await system.pools.create({ name: 'crew', spec: { module: caller }, min: 1, max: 2 });
    await system.pools.execute('crew', spent);
    expect(standing({ system })).toEqual(['crew-1 exhausted']);
    await system.pools.close('crew');
    expect(standing({ system })).toEqual([]);
    expect(system.alerts.list()).toEqual([]);
  });
});

/** An agent whose task spends a call, and another one in each program that repeats it. */
function payer(calls: { made: number }) {
  return defineAgent({
    type: 'payer',
    init: () => ({}),
    tasks: {
      pay: {
        retry: 'on_host_loss',
        run: async ({ budget, signal }) => {
          await budget.reserve({ calls: 1 });
          calls.made += 1;
          await new Promise((_, reject) =>
            signal.addEventListener('abort', () => reject(signal.reason as Error)),
          );
        },
      },
    },
  });
}

describe('budgets that a system is created with', () => {
  const day = { name: 'day', limits: { calls: 1 } };

  it.each(disks)(
    'hold for tasks that an earlier program left, whatever is waited for meanwhile, with a %s',
    async (kind) => {
      const calls = { made: 0 };
      const module = payer(calls);
      const disk = await diskOf(kind);
      const first = await disk.boot({ agents: [module], budgets: [day] });
      await first.agents.start(await first.agents.register({ id: 'ada', module }));
      const { id } = await first.system.tasks.submit('ada', { type: 'pay' });
      await settled();
      expect(calls.made).toBe(1);
      const second = await disk.boot({ agents: [module], budgets: [day] });
      await second.clock.advance(60_000);
      await settled();
      expect(second.system.tasks.get(id)).toMatchObject({
        status: 'failed',
        error: { code: 'BUDGET_EXHAUSTED' },
      });
      expect(calls.made).toBe(1);
      expect(second.system.budgets.get('day')).toMatchObject({ status: 'exhausted', spent: { calls: 1 } });
    },
  );

  it('raise their alerts again, and may be given other limits later', async () => {
    const disk = await diskOf('memoryStore');
    const first = await disk.boot({ agents: [caller], budgets: [day] });
    await first.agents.start(await first.agents.register({ id: 'ada', module: caller }));
    await first.agents.execute('ada', { type: 'call', input: { ask: { calls: 1 } } });
    const { system } = await disk.boot({ agents: [caller], budgets: [day] });
    expect(system.alerts.list()).toMatchObject([{ alert: 'budget_exhausted', budget: 'day' }]);
    system.budgets.define({ ...day, limits: { calls: 5 } });
    expect(system.budgets.get('day')).toMatchObject({ status: 'ample', left: { calls: 4 } });
  });

  it.each([
    ['budgets.1.limits.calls', [day, { name: 'b', limits: { calls: -1 } }]],
    ['budgets.1.name', [day, { ...day, scope: 'agent' }]],
    ['budgets.0.scope', [{ ...day, scope: 'planet' }]],
    ['budgets', { day }],
  ])('are refused by the name of the field, %s, before the store is touched', async (field, budgets) => {
    let recovers = 0;
    const kept = memoryStore();
    const store = { ...mortalStore(kept), recover: () => ((recovers += 1), kept.recover()) };
    const error = await refusal(createAgentSystem({ store, budgets: budgets as never }));
    expect(error.code).toBe('AGENT_SPEC_INVALID');
    expect(error.message).toContain(`createAgentSystem: ${field}: `);
    expect(recovers).toBe(0);
  });
});

describe('what is malformed', () => {
  it.each([
    [{ name: 'a', limits: {} }, 'limits'],
    [{ name: '', limits: { calls: 1 } }, 'name'],
    [{ name: 'a', limits: { calls: -1 } }, 'limits.calls'],
    [{ name: 'a', limits: { cals: 1 } }, 'cals'],
    [{ name: 'a', limits: { calls: 1 }, everyMs: 0 }, 'everyMs'],
    [{ name: 'a', limits: { calls: 1 }, scope: 'planet' }, 'scope'],
  ])('%j is refused by the name of the field', async (spec, field) => {
    const { system } = await rig();
    const error = await refusal(() => system.budgets.define(spec as never));
    expect(error.code).toBe('AGENT_SPEC_INVALID');
    expect(error.message).toContain(field);
    expect(system.budgets.list()).toEqual([]);
  });

  it('an invalid amount is refused, and nothing is reserved', async () => {
    const { call, budgets } = await fleet([{ name: 'all', limits: { calls: 1 } }]);
    for (const ask of [{}, { calls: -1 }, { calls: Infinity }, { calls: Number.NaN }, { cals: 1 }]) {
      expect((await refusal(call('ada', ask))).cause).toMatchObject({ code: 'REQUEST_INVALID' });
    }
    expect(budgets.get('all')).toMatchObject({ spent: {}, reserved: {} });
  });

  it('another scope for a known name is refused', async () => {
    const { system } = await rig();
    system.budgets.define({ name: 'a', limits: { calls: 1 } });
    const error = await refusal(() =>
      system.budgets.define({ name: 'a', limits: { calls: 1 }, scope: 'agent' }),
    );
    expect(error.code).toBe('AGENT_SPEC_INVALID');
  });
});

test('sums of money are exact, and never beyond the limit', async () => {
  const { call, budgets } = await fleet([{ name: 'all', limits: { money: 1 } }]);
  await fc.assert(
    fc.asyncProperty(fc.array(fc.integer({ min: 1, max: 300_000 }), { maxLength: 12 }), async (parts) => {
      await budgets.refill('all');
      let spent = 0;
      for (const part of parts) {
        const granted = await call('ada', { money: part / 1e6 }).then(
          () => true,
          () => false,
        );
        expect(granted).toBe(spent + part <= 1_000_000);
        if (granted) spent += part;
      }
      expect(budgets.get('all').spent.money ?? 0).toBe(spent / 1e6);
    }),
    { numRuns: 30 },
  );
});
