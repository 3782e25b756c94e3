/** Laws of the end of a pool of a fleet, turn by turn. */
import { describe, expect, it } from 'vitest';
import { FINISH_SHARE, poolSpec } from '../../src/machines/index.ts';
import type { MemberNews } from '../../src/restate/pools/pool-members.ts';
import { type PoolAct, type PoolState, PoolTurn } from '../../src/restate/pools/pool-turn.ts';

const CLOSE_MS = 10_000;

const news = (id: string, holds: readonly number[] = []): MemberNews => ({
  id,
  path: 'alive.serving.idle',
  incarnation: 1,
  takesWork: true,
  holds,
  heard: holds.at(-1) ?? 0,
  done: 0,
  abandoned: [],
});

/** A pool of members that run, of which each turn is another object over what was kept. */
function rig(count = 2, isStarted = true) {
  const {
    spec: _,
    scale: __,
    name: ___,
    ...pool
  } = poolSpec.parse({
    name: 'crew',
    spec: {},
    min: count,
    max: count,
  });
  const given = {
    name: 'crew',
    pool,
    spec: { tasks: { concurrency: 1 }, shutdownMs: 5_000 },
    manifest: { type: 'worker', tasks: {} },
  } as unknown as Pick<PoolState, 'name' | 'pool' | 'spec' | 'manifest'>;
  const first = PoolTurn.creating(given, { now: 0, chance: 0.5 }, 'opener');
  let { state } = first;
  /** What one turn does. */
  const turn = (now: number, act: (turn: PoolTurn) => void): readonly PoolAct[] => {
    const next = new PoolTurn(structuredClone(state), { now, chance: 0.5 });
    act(next);
    ({ state } = next);
    return next.acts;
  };
  const ids = Array.from({ length: count }, (_, at) => `crew-${at + 1}`);
  const opened: PoolAct[] = [];
  for (const id of isStarted ? ids : []) {
    turn(0, (one) => one.broughtUp(id, undefined));
    opened.push(...turn(0, (one) => one.told(news(id))));
  }
  return {
    turn,
    ids,
    started: first.acts,
    opened,
    status: () => new PoolTurn(state, { now: 0, chance: 0 }).record().status,
  };
}

describe('a pool of a fleet that is closed', () => {
  it('ends all its members at once where nothing waits, busy or not, and is over once they are gone', () => {
    const { turn, ids, started, status } = rig();
    expect(started.map((act) => act.do)).toEqual(['bringUp', 'bringUp']);
    expect(status()).toBe('steady');
    turn(500, (one) => one.execute({ type: 'add', submitted: false }));
    const acts = turn(1_000, (one) => one.close(CLOSE_MS, undefined, 'closer'));
    expect(acts).toEqual(ids.map((id) => ({ do: 'dismiss', id, timeoutMs: CLOSE_MS })));
    expect(turn(1_500, (one) => one.gone('crew-1', true))).toEqual([]);
    expect(turn(2_000, (one) => one.gone('crew-2', false))).toEqual([
      {
        do: 'answer',
        token: 'closer',
        answer: { value: expect.objectContaining({ abandoned: [], tasksAbandoned: 0 }) as unknown },
      },
    ]);
  });

  it('has its members do what waits first, for a share of its time, and then abandons it', () => {
    const { turn, ids } = rig(1);
    turn(500, (one) => {
      one.execute({ type: 'add', submitted: false });
      one.execute({ type: 'add', submitted: false, token: 'caller' });
    });
    expect(turn(1_000, (one) => one.close(CLOSE_MS, undefined, 'closer'))).toEqual([]);
    const later = 1_000 + CLOSE_MS * FINISH_SHARE;
    expect(turn(later - 1, (one) => one.wake())).toEqual([]);
    const acts = turn(later, (one) => one.wake());
    expect(acts).toEqual([
      expect.objectContaining({
        do: 'answer',
        token: 'caller',
        answer: { refusal: expect.objectContaining({ code: 'TASK_ABANDONED' }) as unknown },
      }),
      ...ids.map((id) => ({ do: 'dismiss', id, timeoutMs: CLOSE_MS - CLOSE_MS * FINISH_SHARE })),
    ]);
  });

  it('kills those that have not ended by its time, which are told as abandoned', () => {
    const { turn, ids } = rig();
    turn(1_000, (one) => one.close(CLOSE_MS, undefined, 'closer'));
    turn(2_000, (one) => one.gone('crew-2', true));
    const acts = turn(1_000 + CLOSE_MS, (one) => one.wake());
    expect(acts.filter((act) => act.do === 'kill')).toEqual([{ do: 'kill', id: ids[0] }]);
    expect(acts.some((act) => act.do === 'dismiss')).toBe(false);
  });
});

it('who has a pool made of members that do not start is told why the first of them did not', () => {
  const { turn, ids } = rig(2, false);
  const fails = (id: string, code: string) =>
    turn(0, (one) => one.broughtUp(id, { code, message: `${id}: ${code}` } as never));
  const acts = [...fails(ids[0]!, 'START_FAILED'), ...fails(ids[1]!, 'RESOURCES_EXHAUSTED')];
  for (const id of ids) acts.push(...turn(0, (one) => one.gone(id, false)));
  const refused = acts.filter((act) => act.do === 'answer');
  expect(refused).toEqual([
    {
      do: 'answer',
      token: 'opener',
      answer: { refusal: { code: 'START_FAILED', message: 'crew-1: START_FAILED' } },
    },
  ]);
});
