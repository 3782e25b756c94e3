/**
 * Every move in every state of a small budget, on the real `system.budgets` with simulated time, held against a model
 * written by hand: plain sums over a list of open reservations.
 *
 * After each move: nothing more was granted than there is, and all that is to be seen is as the sums say.
 */
import { strict as assert } from 'node:assert';
import { pino } from 'pino';
import { AgentSystemError, createAgentSystem, type SystemEvent } from '../../../src/index.ts';
import { settled, simulatedClock } from '../../../src/testing/index.ts';
import { drivenBy, type Watching } from '../../kit/drivers.ts';
import { coveringTours, type Tours } from '../life/tours.ts';

export const moves = [
  'reserve little',
  'reserve much',
  'settle as reserved',
  'settle less',
  'settle more',
  'release',
  'the task ends',
  'refill',
  'raise the limits',
  'lower the limits',
  'forbid tokens',
  'due',
  'almost due',
] as const;
export type Move = (typeof moves)[number];

interface Amount {
  readonly tokens: number;
  readonly money: number;
}

const LITTLE: Amount = { tokens: 10, money: 0.1 };
const MUCH: Amount = { tokens: 20, money: 0.3 };
const NONE: Amount = { tokens: 0, money: 0 };
const OVERRUN: Amount = { tokens: 15, money: 0.1 };
/** Where money is short before tokens are, and the other way round. */
const LIMITS: Amount = { tokens: 50, money: 0.6 };
const LOWER: Amount = { tokens: 25, money: 0.6 };
const FORBIDDEN: Amount = { tokens: 0, money: 0.6 };
const EVERY_MS = 60_000;
const START_AT = Date.UTC(2026, 0, 1) + 20_000;

interface State {
  readonly now: number;
  readonly limits: Amount;
  readonly spent: Amount;
  readonly open: readonly Amount[];
}

type Told = 'granted' | 'refused' | undefined;

/** In millionths, so that the model's sums are exact, too. */
const round = (value: number) => Math.round(value * 1e6) / 1e6;
const sum = (amounts: readonly Amount[]): Amount =>
  amounts.reduce(
    (total, { tokens, money }) => ({ tokens: total.tokens + tokens, money: round(total.money + money) }),
    NONE,
  );
const fits = ({ limits, spent, open }: State, asked: Amount): boolean => {
  const total = sum([spent, ...open, asked]);
  return total.tokens <= limits.tokens && total.money <= limits.money;
};
const first: State = { now: START_AT, limits: LIMITS, spent: NONE, open: [] };
const nextWindow = (now: number) => (Math.floor(now / EVERY_MS) + 1) * EVERY_MS;
const shareOf = ({ limits, spent }: State) =>
  Math.max(limits.tokens === 0 ? 1 : spent.tokens / limits.tokens, spent.money / limits.money);
const statusOf = (state: State) =>
  shareOf(state) >= 1 ? 'exhausted' : shareOf(state) >= 0.8 ? 'low' : 'ample';

function isPossible({ open, spent, limits, now }: State, move: Move): boolean {
  switch (move) {
    case 'settle as reserved':
    case 'settle less':
    case 'release':
    case 'the task ends':
      return open.length > 0;
    case 'settle more':
      return open.length > 0 && spent.tokens < limits.tokens;
    case 'almost due':
      return nextWindow(now) - 1 > now;
    default:
      return true;
  }
}

function play(state: State, move: Move): { state: State; told: Told } {
  const { spent, open } = state;
  const settle = (used: Amount) => ({
    state: { ...state, spent: sum([spent, used]), open: open.slice(1) },
    told: undefined,
  });
  const reserve = (asked: Amount) =>
    fits(state, asked)
      ? { state: { ...state, open: [...open, asked] }, told: 'granted' as const }
      : { state, told: 'refused' as const };
  switch (move) {
    case 'reserve little':
      return reserve(LITTLE);
    case 'reserve much':
      return reserve(MUCH);
    case 'settle as reserved':
      return settle(open[0]!);
    case 'settle less':
      return settle({ tokens: 1, money: open[0]!.money });
    case 'settle more':
      return settle(sum([open[0]!, OVERRUN]));
    case 'release':
      return settle(NONE);
    case 'the task ends':
      return { state: { ...state, spent: sum([spent, ...open]), open: [] }, told: undefined };
    case 'refill':
      return { state: { ...state, spent: NONE }, told: undefined };
    case 'raise the limits':
      return { state: { ...state, limits: LIMITS }, told: undefined };
    case 'lower the limits':
      return { state: { ...state, limits: LOWER }, told: undefined };
    case 'forbid tokens':
      return { state: { ...state, limits: FORBIDDEN }, told: undefined };
    case 'almost due':
      return { state: { ...state, now: nextWindow(state.now) - 1 }, told: undefined };
    default:
      return { state: { ...state, now: nextWindow(state.now), spent: NONE }, told: undefined };
  }
}

export function budgetTours(): Tours<Move> {
  return coveringTours({
    name: 'a budget',
    moves,
    first,
    isPossible,
    after: (state, move) => play(state, move).state,
    // Of the time only that matters whether the window's last moment is yet to come.
    keyOf: ({ now, ...state }) => JSON.stringify([state, nextWindow(now) - 1 > now]),
  });
}

export async function judgeBudget(
  tour: readonly Move[],
  watching: Watching = drivenBy('table'),
): Promise<void> {
  const clock = simulatedClock({ startAt: START_AT });
  const system = await createAgentSystem({ clock, inspect: watching, logger: pino({ level: 'silent' }) });
  const { budgets } = system;
  const events: SystemEvent[] = [];
  system.events.subscribe((event) => events.push(event));
  const define = (limits: Amount) => budgets.define({ name: 'model', limits, everyMs: EVERY_MS });
  define(LIMITS);
  const spender = { agentId: 'ada', incarnation: 1, type: 'writer', quota: undefined, taskId: 'task-1' };
  const ids: number[] = [];
  const reserve = async (amount: Amount): Promise<Told> => {
    try {
      ids.push(await budgets.reserve(spender, amount));
      return 'granted';
    } catch (thrown) {
      assert.ok(thrown instanceof AgentSystemError && thrown.code === 'BUDGET_EXHAUSTED');
      return 'refused';
    }
  };
  const settle = async (used: object | 'released') => {
    await budgets.settle(spender.taskId, ids.shift()!, used);
    return undefined;
  };
  let state = first;
  const perform: Record<Move, () => Promise<Told>> = {
    'reserve little': () => reserve(LITTLE),
    'reserve much': () => reserve(MUCH),
    'settle as reserved': () => settle({}),
    'settle less': () => settle({ tokens: 1 }),
    'settle more': () => settle(sum([state.open[0]!, OVERRUN])),
    release: () => settle('released'),
    'the task ends': async () => {
      budgets.taskEnded(spender.taskId);
      ids.length = 0;
      return undefined;
    },
    refill: async () => {
      await budgets.refill('model', { by: 'ada' });
      return undefined;
    },
    'raise the limits': async () => define(LIMITS) as undefined,
    'lower the limits': async () => define(LOWER) as undefined,
    'forbid tokens': async () => define(FORBIDDEN) as undefined,
    due: async () => clock.advance(nextWindow(clock.now()) - clock.now()) as never,
    'almost due': async () => clock.advance(nextWindow(clock.now()) - 1 - clock.now()) as never,
  };
  const trail: string[] = [];
  try {
    for (const move of tour) {
      if (!isPossible(state, move)) continue;
      trail.push(`${statusOf(state)}: ${move}`);
      const said = `\n  ${trail.slice(-20).join('\n  ')}`;
      const expected = play(state, move);
      const told = await perform[move]();
      await settled();
      assert.equal(told, expected.told, said);
      ({ state } = expected);
      const reserved = sum(state.open);
      const { name, scope, ...record } = budgets.get('model');
      assert.deepEqual({ name, scope }, { name: 'model', scope: 'fleet' });
      assert.deepEqual(
        record,
        {
          status: statusOf(state),
          limits: state.limits,
          spent: without0(state.spent),
          reserved: without0(reserved),
          left: {
            tokens: Math.max(0, state.limits.tokens - state.spent.tokens - reserved.tokens),
            money: round(Math.max(0, state.limits.money - state.spent.money - reserved.money)),
          },
          share: record.share,
          refillAt: nextWindow(state.now),
        },
        said,
      );
      assert.ok(Math.abs(record.share - shareOf(state)) < 1e-9, said);
      const alert = { low: ['budget_low'], exhausted: ['budget_exhausted'], ample: [] }[statusOf(state)];
      assert.deepEqual(
        system.alerts.list().map((raised) => [raised.alert, raised.budget]),
        alert.map((name) => [name, 'model']),
        said,
      );
      assert.deepEqual(
        clock.pending().map(({ dueAt }) => dueAt),
        [nextWindow(state.now)],
        said,
      );
    }
    // The stream alone says the same: the last event of the account has its sums.
    const last = events.findLast((event) => event.type.startsWith('budget.'));
    if (last !== undefined && 'spent' in last) {
      assert.deepEqual(last.spent, without0(state.spent));
      assert.deepEqual(last.reserved, without0(sum(state.open)));
    }
  } finally {
    const closed = system.close({ timeoutMs: 0 });
    await clock.advance(10_000);
    await closed;
  }
  assert.deepEqual(clock.pending(), []);
}

function without0(amount: Amount): object {
  return Object.fromEntries(Object.entries(amount).filter(([, value]) => value !== 0));
}
