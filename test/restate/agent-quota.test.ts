/** Laws of the limits that an agent works under, its own and one that it shares, around a fake of its turn. */
import { describe, expect, it } from 'vitest';
import { AgentQuota } from '../../src/restate/limits/agent-quota.ts';
import { quotaRecordOf } from '../../src/restate/limits/own-quota.ts';
import { codeOf } from '../kit/rig.ts';

function rig({ shared }: { shared?: string } = {}) {
  const said: string[] = [];
  const state = {
    id: 'ada',
    spec: {} as { quota?: string },
    manifest: shared === undefined ? {} : { quota: shared },
    life: { context: {} as { parked?: { at: number; until: number } | undefined; paused?: object } },
    isHeldBack: false,
    quota: undefined as never,
    sharedQuota: shared,
    sharedLimit: undefined as object | undefined,
  };
  let order = 0;
  const owner = {
    state,
    now: 0,
    chance: 0,
    load: 3,
    acts: [] as object[],
    nextOrder: () => (order += 1),
    emit: (event: object) => void said.push(JSON.stringify(event)),
    nothingHoldsItBack: () => void said.push('nothing holds it back'),
    limitKnown: ({ until }: { until: number }) => void said.push(`known until ${until}`),
    // As its chart does, it knows from now on what it waits for.
    quotaParked: (parked: { at: number; until: number }) => {
      state.life.context.parked = parked;
      said.push(`parked until ${parked.until}`);
    },
    quotaReleased: () => {
      state.life.context.parked = undefined;
      said.push('released');
    },
  };
  const quota = new AgentQuota(owner as never);
  return {
    state,
    owner,
    quota,
    said: () => said.splice(0),
    acts: () => owner.acts.splice(0),
    limit: (until?: number) => quota.limitReached({ until, why: 'full' } as never),
    pass: (time: number) => {
      owner.now = time;
      for (const due of quota.deadlines.filter(({ dueAt }) => dueAt <= time)) quota.take(due);
    },
    record: () => quotaRecordOf(state as never),
  };
}

describe('a limit of its own', () => {
  it('that was never reached is none', async () => {
    const { quota, record, acts, said } = rig();
    expect(quota.join()).toBe(false);
    quota.taskPassed();
    quota.leave();
    expect([record(), quota.deadlines, acts(), said()]).toEqual([undefined, [], [], []]);
    expect(await codeOf(() => quota.lift(undefined))).toBe('QUOTA_UNKNOWN');
  });

  it('parks it until its reset: its tasks know that before it does; then it goes on, and the limit is open', () => {
    const { limit, said, pass, record, quota } = rig();
    limit(1_000);
    expect(said()).toEqual(['known until 1000', 'parked until 1000']);
    const parked = { at: 0, until: 1_000, why: 'full', named: true };
    expect(record()).toEqual({ name: 'ada', isShared: false, status: 'parked', parked, waiting: ['ada'] });
    pass(999);
    expect(said()).toEqual([]);
    pass(1_000);
    expect(said()).toEqual(['released']);
    expect(record()).toEqual({ name: 'ada', isShared: false, status: 'open', waiting: [] });
    expect(quota.deadlines).toEqual([]);
  });

  it('reached by another task tells that one, and parks it once; a later reset parks it anew', () => {
    const { limit, said } = rig();
    limit(1_000);
    said();
    limit(1_000);
    expect(said()).toEqual(['known until 1000']);
    limit(2_000);
    expect(said()).toEqual(['known until 2000', 'parked until 2000']);
  });

  it('said by how long it takes, is reset so much later, rounded up', () => {
    const { quota, owner, said } = rig();
    owner.now = 50;
    quota.limitReached({ afterMs: 10.2, why: 'full' });
    expect(said()[0]).toBe('known until 61');
  });

  it('guessed, is doubled for each in a row; a task that is done begins anew', () => {
    const { limit, said, pass, quota } = rig();
    limit();
    pass(500);
    limit();
    expect(said()).toEqual([
      'known until 500',
      'parked until 500',
      'released',
      'known until 1500',
      'parked until 1500',
    ]);
    pass(1_500);
    quota.taskPassed();
    said();
    limit();
    expect(said()).toEqual(['known until 2000', 'parked until 2000']);
  });

  it('is lifted by somebody, told once', () => {
    const { limit, quota, said, owner, record } = rig();
    limit(1_000);
    said();
    owner.now = 5;
    expect(quota.lift('ann')).toMatchObject({ status: 'open', waiting: [] });
    expect(said()).toEqual(['released', '{"type":"quota.lifted","quota":"ada","by":"ann"}']);
    expect(quota.lift('ann')).toEqual(record());
    expect(said()).toEqual([]);
  });
});

describe('over a limit of its own, a second life', () => {
  it('that begins before the reset is parked, unless it knows already', () => {
    const { limit, quota, said, state, record } = rig();
    limit(1_000);
    quota.leave();
    expect(record()).toMatchObject({ status: 'parked', waiting: [] });
    said();
    state.life.context.parked = undefined;
    expect(quota.join()).toBe(true);
    expect(said()).toEqual(['parked until 1000']);
    quota.leave();
    expect(quota.join()).toBe(true);
    expect(said()).toEqual([]);
    expect(record()).toMatchObject({ waiting: ['ada'] });
  });

  it('that begins after the reset goes on, and is told so where it took itself for parked', () => {
    const { limit, quota, said, pass } = rig();
    limit(1_000);
    quota.leave();
    said();
    pass(1_000);
    expect(said()).toEqual([]);
    expect(quota.join()).toBe(false);
    expect(said()).toEqual(['released']);
    quota.join();
    expect(said()).toEqual([]);
  });

  it('that is paused is held back, and waits for no limit', () => {
    const { quota, state } = rig();
    state.life.context.paused = {};
    expect(quota.join()).toBe(true);
  });
});

describe('a limit that it shares', () => {
  it('is that of its spec before that of its definition, and hears of it with its load', () => {
    const { quota, limit, acts, state } = rig({ shared: 'model' });
    expect(quota.join()).toBe(true);
    limit(9);
    quota.taskPassed();
    quota.leave();
    state.spec.quota = 'other';
    quota.join();
    expect(acts()).toEqual([
      { do: 'joinQuota', quota: 'model', load: 3, known: undefined },
      {
        do: 'tellQuota',
        quota: 'model',
        load: 3,
        message: { type: 'limited', at: expect.any(Number) as number, why: 'full', until: 9, named: true },
      },
      { do: 'tellQuota', quota: 'model', load: 3, message: { type: 'passed' } },
      { do: 'tellQuota', quota: 'model', load: 0, message: { type: 'part' } },
      { do: 'joinQuota', quota: 'other', load: 3, known: undefined },
    ]);
    expect(quota.deadlines).toEqual([]);
  });

  it('parks it when it says so, once for one reset, and releases it', () => {
    const { quota, said, state } = rig({ shared: 'model' });
    const parked = { at: 0, until: 10, why: 'full' };
    quota.stands('model', parked);
    expect(said()).toEqual(['known until 10', 'parked until 10']);
    quota.stands('model', { ...parked });
    expect(said()).toEqual(['known until 10']);
    quota.stands('model', { ...parked, until: 20 });
    quota.stands('model', { ...parked, at: 1, until: 20 });
    expect(said()).toEqual(['known until 20', 'parked until 20', 'known until 20', 'parked until 20']);
    state.isHeldBack = true;
    quota.stands('model', undefined);
    expect(said()).toEqual(['released']);
  });

  it('that is open holds it back only until it has answered, and then not while it is paused', () => {
    const { quota, said, state } = rig({ shared: 'model' });
    quota.stands('model', undefined);
    expect(said()).toEqual([]);
    state.isHeldBack = true;
    quota.stands('model', undefined);
    expect(said()).toEqual(['nothing holds it back']);
    state.life.context.paused = {};
    quota.stands('model', undefined);
    expect(said()).toEqual([]);
  });

  it('is the one that it has joined, whatever its spec says by then, until it leaves that', () => {
    const { quota, acts, limit, state } = rig({ shared: 'model' });
    quota.join();
    state.spec.quota = 'other';
    limit(9);
    quota.leave();
    expect(acts().map((act) => (act as { quota: string }).quota)).toEqual(['model', 'model', 'model']);
  });

  it('tells one that has left it nothing: it has no body any more, or works under another', () => {
    const { quota, said, state } = rig({ shared: 'model' });
    quota.leave();
    quota.stands('model', { at: 0, until: 10, why: 'full' });
    expect([said(), state.sharedLimit]).toEqual([[], undefined]);
    state.spec.quota = 'other';
    quota.join();
    quota.stands('model', { at: 0, until: 10, why: 'full' });
    quota.stands('other', { at: 0, until: 20, why: 'full' });
    quota.stands('model', undefined);
    expect(said()).toEqual(['known until 20', 'parked until 20']);
  });

  it('is forgotten at the end of a life: the next is told anew', () => {
    const { quota, said, state } = rig({ shared: 'model' });
    const parked = { at: 0, until: 10, why: 'full' };
    quota.stands('model', parked);
    quota.leave();
    expect(state.sharedLimit).toBe(undefined);
    said();
    quota.join();
    quota.stands('model', parked);
    expect(said()).toEqual(['known until 10', 'parked until 10']);
  });
});
