/** Laws of what an agent's tasks have reserved of budgets, as the agent keeps it. */
import { describe, expect, it } from 'vitest';
import { AgentBudgets } from '../../src/restate/limits/agent-budgets.ts';
import { codeOf } from '../kit/rig.ts';

const DAILY = ['daily', ''] as const;
const OWN = ['each', 't'] as const;

const spender = (taskId: string, incarnation = 2) => ({
  agentId: 'ada',
  incarnation,
  type: 'worker',
  quota: 'shared',
  taskId,
});

function rig() {
  const state = {
    id: 'ada',
    spec: {} as { quota?: string },
    manifest: { type: 'worker', quota: 'shared' as string | undefined },
    life: { context: { incarnation: 2 } },
    counts: {} as { spent?: object },
    reservations: undefined as { id: number }[] | undefined,
    lastReservation: undefined as number | undefined,
    spentOf: undefined as object | undefined,
  };
  const owner = { state, now: 0, acts: [] as { do: string; settling?: object }[] };
  const budgets = new AgentBudgets(owner as never);
  return {
    state,
    owner,
    budgets,
    spender,
    acts: () => owner.acts.splice(0),
    grant: (
      requestId: number,
      calls = 2,
      taskId = 't',
      accounts: readonly (readonly [string, string])[] = [DAILY],
    ) => budgets.granted(requestId, spender(taskId), { calls }, accounts),
    open: () => (state.reservations ?? []).map(({ id }) => id),
  };
}

describe('a reservation', () => {
  it('is asked for with who spends, under the quota of its spec before that of its definition', () => {
    const { budgets, acts, spender, state } = rig();
    expect(budgets.reserve('t', 1, { calls: 2 })).toBe(undefined);
    expect(acts()).toEqual([{ do: 'reserve', requestId: 1, spender: spender('t'), asked: { calls: 2 } }]);
    state.spec.quota = 'own';
    budgets.reserve('t', 2, {});
    expect(acts()).toMatchObject([{ spender: { quota: 'own' } }]);
  });

  it('that is told twice reserves once; the same number of another life is another request', () => {
    const { budgets, acts, grant, state } = rig();
    expect([grant(1), grant(2)]).toEqual([1, 2]);
    expect([budgets.reserve('t', 2, { calls: 2 }), acts()]).toEqual([2, []]);
    state.life.context.incarnation = 3;
    expect(budgets.reserve('t', 2, { calls: 2 })).toBe(undefined);
    expect(acts()).toHaveLength(1);
  });

  it('is kept in whole numbers, with its accounts and its time; under no budget it is none, and has number 0', () => {
    const { grant, state, owner, budgets, acts } = rig();
    owner.now = 7;
    expect(grant(1, 1.2)).toBe(1);
    const kept = {
      id: 1,
      taskId: 't',
      requestId: 1,
      incarnation: 2,
      amount: { calls: 2 },
      accounts: [DAILY],
      at: 7,
    };
    expect(state.reservations).toEqual([kept]);
    expect(grant(2, 1, 't', [])).toBe(0);
    budgets.settle('t', 0, 'released', false);
    expect([acts(), state.lastReservation]).toEqual([[], 1]);
  });
});

describe('a settlement', () => {
  it('says what was used, when and by whom, and is counted; once', async () => {
    const { grant, budgets, acts, spender, state, owner, open } = rig();
    grant(1, 5);
    grant(2, 1);
    state.life.context.incarnation = 3;
    owner.now = 9;
    budgets.settle('t', 1, { calls: 3 }, false);
    const settling = {
      accounts: [DAILY],
      spender: spender('t'),
      reserved: { calls: 5 },
      how: 'settled',
      at: 9,
    };
    expect(acts()).toMatchObject([{ do: 'settle', settling: { ...settling, actual: { calls: 3 } } }]);
    expect([state.counts.spent, open()]).toMatchObject([{ calls: 3 }, [2]]);
    budgets.settle('t', 1, { calls: 3 }, true);
    expect(acts()).toEqual([]);
    expect(await codeOf(() => budgets.settle('t', 1, { calls: 3 }, false))).toBe('REQUEST_INVALID');
    budgets.settle('t', 2, { calls: 1 }, false);
    expect(state.counts.spent).toMatchObject({ calls: 4 });
  });

  it('of what was not used gives all back, and counts nothing', () => {
    const { grant, budgets, acts, state } = rig();
    grant(1, 5);
    budgets.settle('t', 1, 'released', false);
    expect(acts()).toMatchObject([{ settling: { actual: {}, how: 'released', reserved: { calls: 5 } } }]);
    expect(state.counts.spent).toBe(undefined);
  });

  it('of a reservation of another task is refused', async () => {
    const { grant, budgets, open } = rig();
    grant(1, 5, 'other');
    expect(await codeOf(() => budgets.settle('t', 1, 'released', false))).toBe('REQUEST_INVALID');
    expect(open()).toEqual([1]);
  });

  it('of time is how long it was, from when it was granted', () => {
    const { budgets, spender, owner, acts } = rig();
    owner.now = 10;
    budgets.granted(1, spender('t'), { wallMs: 1_000 }, [DAILY]);
    owner.now = 35;
    budgets.settle('t', 1, {}, false);
    expect(acts()).toMatchObject([{ settling: { reserved: { wallMs: 1_000 }, actual: { wallMs: 25 } } }]);
  });
});

describe('the end', () => {
  it('of an attempt settles in full what is open of its task, and nothing of others', () => {
    const { grant, budgets, acts, open, state } = rig();
    grant(1, 5);
    grant(2, 1, 'other');
    grant(3, 2);
    budgets.attemptEnded('t');
    expect(acts()).toMatchObject([
      { settling: { actual: { calls: 5 }, how: 'left' } },
      { settling: { actual: { calls: 2 }, how: 'left' } },
    ]);
    expect([open(), state.counts.spent]).toMatchObject([[2], { calls: 7 }]);
  });

  it('of a task closes the accounts of its own, once, and keeps those of others', () => {
    const { grant, budgets, acts, state } = rig();
    grant(1, 1, 't', [DAILY, OWN]);
    grant(2, 1, 'other', [DAILY, ['each', 'other']]);
    grant(3, 1, 'none', [DAILY]);
    budgets.taskEnded('t');
    expect(acts()).toMatchObject([{ do: 'settle' }, { do: 'closeAccounts', accounts: [OWN] }]);
    expect(state.spentOf).toEqual({ other: [['each', 'other']] });
    budgets.taskEnded('t');
    budgets.taskEnded('none');
    expect(acts()).toMatchObject([{ do: 'settle' }]);
  });
});

it('the accounts that an agent has of its own end when it is forgotten, and not with its tasks', () => {
  const { acts, budgets, grant } = rig();
  const own = ['each', 'ada'] as const;
  grant(1, 2, 't', [DAILY, own]);
  budgets.taskEnded('t');
  expect(acts()).toMatchObject([{ do: 'settle' }]);
  for (let time = 0; time < 2; time += 1) budgets.agentForgotten();
  const forgotten = { agentId: 'ada', incarnation: 2 };
  expect(acts()).toEqual([{ do: 'closeAccounts', accounts: [own], forgotten }]);
});
