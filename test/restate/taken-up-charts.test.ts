/** Pools, limits and budgets whose snapshots are of another version's charts go on by what is known of them. No server. */
import { describe, expect, it, test } from 'vitest';
import { defineAgent } from '../../src/index.ts';
import { budgetSpec, poolMachine, poolSpec, quotaMachine } from '../../src/machines/index.ts';
import { planUpgrade } from '../../src/restate/client/upgrade-plan.ts';
import type { Fleet } from '../../src/restate.ts';
import { BudgetAccount } from '../../src/restate/limits/budget-account.ts';
import { budgetsObject } from '../../src/restate/limits/budgets-object.ts';
import { QuotaOfOne, quotaRecordOf } from '../../src/restate/limits/own-quota.ts';
import { quotaObject } from '../../src/restate/limits/quota-object.ts';
import { poolObjectOf } from '../../src/restate/pools/pool-object.ts';
import { SignalCode } from '../../src/restate/pools/scaling-signals.ts';
import { hashOfChart } from '../../src/runtime/engine/chart-hash.ts';
import { manifestOf } from '../../src/runtime/definition/manifest.ts';
import { ANOTHER, unreadable } from './another-snapshot.ts';
import { objectContext } from './object-context.ts';

function quotaRig() {
  const object = objectContext(quotaObject, { key: 'model' });
  const { does, sent, keep, kept, at } = object;
  return {
    upgrade: () => keep('quota', unreadable(kept('quota') as object)),
    chart: () => does('chart'),
    join: (agentId: string) => does('join', { agentId, load: 1 }),
    limit: (agentId: string, until: number) =>
      does('told', { agentId, load: 1, message: { type: 'limited', why: 'full', until } }),
    wake: (time: number) => {
      at(time);
      return does('wake', { at: time });
    },
    told: () =>
      sent().flatMap(({ to, given }) => (to.startsWith('agent') ? [[to.split(' ')[1], given]] : [])),
  };
}

describe('a limit that agents share', () => {
  it('and that is open is so still', async () => {
    const { join, upgrade, limit, told, chart } = quotaRig();
    await join('a');
    upgrade();
    expect(await chart()).toBe(ANOTHER);
    expect(await join('b')).toBe(null);
    expect(await chart()).toBe(hashOfChart(quotaMachine));
    await limit('a', 1_000);
    expect(told().map(([id]) => id)).toEqual(['a', 'b']);
  });

  it('and that is reached stays so until its reset: who waits hears nothing of it, and goes on in turn', async () => {
    const { join, upgrade, limit, told, wake } = quotaRig();
    await join('a');
    await join('b');
    await limit('a', 5_000);
    told();
    upgrade();
    const parked = { at: 0, until: 5_000, why: 'full', quota: 'model' };
    expect(await join('b')).toEqual(parked);
    expect(await join('late')).toEqual(parked);
    expect(told()).toEqual([]);
    await wake(5_000);
    expect(told()).toEqual([['a', { quota: 'model', parked: null, at: 5_000 }]]);
    upgrade();
    await wake(6_000);
    expect(told()).toEqual([['b', { quota: 'model', parked: null, at: 6_000 }]]);
  });
});

test("an agent's own limit that is reached stays so until its reset", () => {
  const said: string[] = [];
  let order = 0;
  const owner = {
    state: { id: 'ada', quota: undefined as never },
    now: 0,
    chance: 0,
    nextOrder: () => (order += 1),
    limitKnown: () => said.push('known'),
    quotaParked: () => said.push('parked'),
    quotaReleased: () => said.push('released'),
  };
  const upgrade = () => Object.assign(owner.state, { quota: unreadable(owner.state.quota) });
  new QuotaOfOne(owner as never).limited({ why: 'full', until: 5_000, named: true });
  const before = quotaRecordOf(owner.state as never);
  upgrade();
  const quota = new QuotaOfOne(owner as never);
  expect(quota.deadlines.map(({ dueAt }) => dueAt)).toEqual([5_000]);
  expect(quotaRecordOf(owner.state as never)).toEqual(before);
  owner.now = 5_000;
  quota.take(quota.deadlines[0]!);
  expect(said).toEqual(['known', 'parked', 'released']);
  upgrade();
  expect(new QuotaOfOne(owner as never).deadlines).toEqual([]);
  expect(quotaRecordOf(owner.state as never)).toMatchObject({ status: 'open' });
});

describe('an account of a budget', () => {
  const spec = budgetSpec.parse({ name: 'daily', limits: { tokens: 100 }, everyMs: 1_000 });

  it('has spent and reserved what it had, is refused the same, and tells no alert twice', () => {
    const account = new BudgetAccount(spec, '', null, 100);
    account.reserve({ tokens: 95 });
    account.settle({ tokens: 85 }, { tokens: 85 });
    const next = new BudgetAccount(spec, '', unreadable(account.toKeep()), 200);
    expect(next.record()).toEqual(account.record());
    expect(next.record()).toMatchObject({ status: 'low', spent: { tokens: 85 }, reserved: { tokens: 10 } });
    expect([next.reserve({ tokens: 6 }), next.reserve({ tokens: 5 })]).toEqual(['tokens', undefined]);
    expect([next.events, next.kept.alerts]).toEqual([[], account.kept.alerts]);
    expect(next.nextDueAt).toBe(1_000);
  });

  it('is refilled when that was due, and not sooner', async () => {
    const { does, keep, kept, keys, at, events } = objectContext(budgetsObject);
    await does('define', { spec, at: 100 });
    const spender = { agentId: 'ada', incarnation: 1, type: 'worker', taskId: 't' };
    await does('reserve', { spender, asked: { tokens: 60 }, at: 100 });
    await does('settle', {
      accounts: [['daily', '']],
      spender,
      reserved: { tokens: 60 },
      actual: { tokens: 60 },
      how: 'settled',
      at: 200,
    });
    const upgrade = () => {
      for (const key of keys()) if (key !== 'specs') keep(key, unreadable(kept(key) as object));
    };
    const spent = async (now: number) =>
      ((await does('get', { name: 'daily', of: '', at: now })) as { value: { spent: object } }).value.spent;
    upgrade();
    expect([await spent(999), await spent(1_000)]).toEqual([{ tokens: 60 }, {}]);
    expect(await does('charts')).toEqual([{ name: 'daily', of: '', chart: ANOTHER }]);
    events();
    at(1_200);
    await does('wake', { account: ['daily', ''], wake: 1 });
    expect(events()).toMatchObject([{ type: 'budget.refilled', budget: 'daily' }]);
    upgrade();
    expect([await spent(1_999), await spent(2_000)]).toEqual([{}, {}]);
  });
});

describe('a pool', () => {
  const manifest = manifestOf(
    defineAgent({ type: 'worker', init: () => 0, tasks: { work: { run: () => 0 } } }),
  );
  const spec = { tasks: { concurrency: 1 }, shutdownMs: 5_000, resources: {}, module: {} };
  const code = new SignalCode([]);

  function rig(fields: object = {}) {
    const object = objectContext(poolObjectOf(code), { key: 'p' });
    const { does, sent, keep, kept, resolved, events } = object;
    const { spec: _, name: __, ...pool } = poolSpec.parse({ name: 'p', spec: {}, min: 1, max: 4, ...fields });
    const news = (id: string, path: string, reason?: string) =>
      does('member', {
        news: {
          id,
          path,
          incarnation: 1,
          takesWork: true,
          holds: [],
          heard: 0,
          reason,
          done: 0,
          abandoned: [],
        },
        at: 0,
      });
    const command = (type: string, more: object = {}, at = 0) =>
      does('command', { type, at, token: type, ...more });
    return {
      ...object,
      news,
      command,
      create: () => command('create', { pool, spec, manifest, by: 'ann' }),
      brought: async (id: string, failure: object | null = null, at = 0) => {
        await does('broughtUp', { id, failure, at });
        if (failure === null) await news(id, 'alive.serving.running.coordinated.idle');
      },
      upgrade: () => {
        const state = kept('pool') as { readonly scaling?: object };
        const { scaling } = state;
        keep('pool', {
          ...unreadable(state),
          ...(scaling === undefined ? {} : { scaling: unreadable(scaling) }),
        });
      },
      record: () => does('record') as Promise<Record<string, unknown>>,
      crew: () =>
        sent().flatMap(({ to, given }) =>
          to.startsWith('crew') ? [`${to.split(' ')[1]} ${(given as { id?: string }).id ?? ''}`.trim()] : [],
        ),
      told: () => [resolved(), events()],
    };
  }

  it('that is steady has the members that it had, and its next size', async () => {
    const { create, brought, news, upgrade, record, crew, command, told, does } = rig({ target: 3 });
    await create();
    for (const id of ['p-1', 'p-2', 'p-3']) await brought(id);
    await news('p-2', 'crashed.waiting');
    const before = await record();
    crew();
    told();
    upgrade();
    expect(await does('charts')).toEqual({ pool: ANOTHER });
    expect(await record()).toEqual(before);
    await news('p-2', 'alive.serving.running.coordinated.idle');
    expect(await record()).toMatchObject({ status: 'steady', wanted: 3, live: 3, down: 0 });
    expect(await does('charts')).toEqual({ pool: hashOfChart(poolMachine) });
    expect([crew(), told()]).toEqual([[], [[], []]]);
    upgrade();
    await command('resize', { size: 4 });
    expect(crew()).toEqual(['bringUp p-4']);
    upgrade();
    await brought('p-4');
    expect(told()).toMatchObject([[['resize', { value: { live: 4 } }]], [{ type: 'pool.scaled', to: 4 }]]);
    await command('resize', { size: 3 });
    expect(crew()).toEqual(['dismiss p-1']);
    upgrade();
    await does('dismissed', { id: 'p-1', isInOrder: true, at: 0 });
    expect(told()[0]).toMatchObject([['resize', { value: { live: 3, draining: 0 } }]]);
  });

  it('whose first members start is there once they run', async () => {
    const { create, brought, upgrade, crew, told } = rig({ target: 2 });
    await create();
    await brought('p-1');
    expect([crew(), told()]).toEqual([
      ['bringUp p-1', 'bringUp p-2'],
      [[], []],
    ]);
    upgrade();
    await brought('p-2');
    expect([crew(), told()]).toMatchObject([
      [],
      [[['create', { value: 'p' }]], [{ type: 'pool.scaled', from: 0, to: 2, why: 'created', by: 'ann' }]],
    ]);
  });

  it('that waits after a start that failed tries again at once', async () => {
    const { create, brought, upgrade, crew, news, does, record } = rig();
    await create();
    await brought('p-1');
    await news('p-1', 'crashed.gaveUp', 'killed');
    expect([crew(), await record()]).toMatchObject([
      ['bringUp p-1', 'dismiss p-1'],
      { status: 'backing_off' },
    ]);
    upgrade();
    await does('dismissed', { id: 'p-1', isInOrder: false, at: 0 });
    expect([crew(), await record()]).toMatchObject([['bringUp p-2'], { status: 'growing' }]);
  });

  it.each([
    ['and its tasks are done', 'finishing'],
    ['and its members leave', 'leaving'],
  ])('that closes closes, %s, within the time that is left', async (_, phase) => {
    const { create, brought, news, upgrade, crew, told, does, command, record, sent, kept } = rig({ min: 2 });
    await create();
    await brought('p-1');
    await brought('p-2');
    if (phase === 'finishing') {
      for (const token of ['a', 'b', 'c']) {
        await command('execute', { token, work: { type: 'work', submitted: false, terms: {} } });
      }
    }
    crew();
    told();
    await command('close', { timeoutMs: 4_000 });
    expect(crew()).toEqual(phase === 'finishing' ? [] : ['dismiss p-1', 'dismiss p-2']);
    upgrade();
    if (phase === 'finishing') await news('p-1', 'alive.serving.running.coordinated.idle');
    else await does('dismissed', { id: 'p-1', isInOrder: true, at: 1_000 });
    expect(await record()).toMatchObject({ status: 'closing', wanted: 0 });
    const due = () => (kept('pool') as { wakeAt?: number }).wakeAt!;
    sent();
    if (phase === 'finishing') {
      while (due() < 4_000) await does('wake', { at: due() });
      expect(crew()).toEqual(['dismiss p-1', 'dismiss p-2']);
      await does('dismissed', { id: 'p-1', isInOrder: true, at: 3_990 });
    }
    expect(due()).toBe(4_000);
    await does('wake', { at: 4_000 });
    expect(sent()).toContainEqual({ to: 'agent p-2 command', given: { type: 'kill', at: 4_000 } });
    await does('dismissed', { id: 'p-2', isInOrder: false, at: 4_500 });
    expect(told()[0]).toContainEqual([
      'close',
      { value: expect.objectContaining({ stopped: ['p-1'], abandoned: ['p-2'] }) },
    ]);
  });

  it('that sizes itself watches anew, and only where the chart of that is another', async () => {
    const { create, brought, upgrade, record, does, keep, kept, crew } = rig({
      scale: { intervalMs: 1_000 },
    });
    await create();
    await brought('p-1');
    crew();
    await does('wake', { at: (kept('pool') as { wakeAt: number }).wakeAt });
    expect([crew(), await record()]).toMatchObject([['measure'], { scaling: { status: 'reading' } }]);
    const state = kept('pool') as { readonly scaling: object };
    upgrade();
    expect(await record()).toMatchObject({ status: 'steady', scaling: { status: 'watching' } });
    keep('pool', { ...state, scaling: unreadable(state.scaling) });
    expect(await does('charts')).toEqual({ pool: hashOfChart(poolMachine), autoscaler: ANOTHER });
    expect(await record()).toMatchObject({ status: 'steady', scaling: { status: 'watching' } });
    // The answer to a look of before is dropped.
    await does('measured', { measured: { look: 1, admissible: 9, strain: { waiting: 9 } }, at: 1_100 });
    expect(await record()).toMatchObject({ wanted: 1, scaling: { status: 'watching' } });
  });
});

test('a plan says of each chart whether it is the one of this code, and changes nothing', async () => {
  const same = hashOfChart(poolMachine);
  const fleet = {
    agents: { looks: async () => [] },
    pools: { charts: async () => [{ name: 'p', pool: same, autoscaler: ANOTHER }] },
    quotas: { charts: async () => [{ name: 'model', chart: ANOTHER }] },
    budgets: { charts: async () => [{ name: 'daily', of: 'ada', chart: ANOTHER }] },
  };
  expect(await planUpgrade(fleet as unknown as Fleet)).toEqual([
    { of: 'pool', name: 'p', chart: same, verdict: 'same' },
    { of: 'autoscaler', name: 'p', chart: ANOTHER, verdict: 'resumed' },
    { of: 'quota', name: 'model', chart: ANOTHER, verdict: 'resumed' },
    { of: 'budget', name: 'daily', account: 'ada', chart: ANOTHER, verdict: 'resumed' },
  ]);
});
