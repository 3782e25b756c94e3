/** Laws of a pool of a fleet, turn by turn: its sizes, failures, tasks, growth, and its end. */
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

interface Given {
  readonly isStarted?: boolean;
  readonly concurrency?: number;
  readonly pool?: Record<string, unknown>;
}

/** A pool of members that run, of which each turn is another object over what was kept. */
function rig(count = 2, { isStarted = true, concurrency = 1, pool: fields = {} }: Given = {}) {
  const {
    spec: _,
    name: __,
    ...pool
  } = poolSpec.parse({ name: 'crew', spec: {}, min: count, max: count, target: count, ...fields });
  const given = {
    name: 'crew',
    pool,
    spec: { tasks: { concurrency }, shutdownMs: 5_000 },
    manifest: { type: 'worker', tasks: {} },
  } as unknown as Pick<PoolState, 'name' | 'pool' | 'spec' | 'manifest'>;
  const first = PoolTurn.creating(given, { now: 0, chance: 0.5 }, 'opener');
  let { state } = first;
  const events: object[] = first.events.splice(0);
  /** What one turn does. */
  const turn = (now: number, act: (turn: PoolTurn) => void): readonly PoolAct[] => {
    const next = new PoolTurn(structuredClone(state), { now, chance: 0.5 });
    act(next);
    next.end();
    ({ state } = next);
    events.push(...next.events);
    return next.acts;
  };
  const ids = Array.from({ length: count }, (_, at) => `crew-${at + 1}`);
  const runs = (id: string, now = 0) => [
    ...turn(now, (one) => one.broughtUp(id, undefined)),
    ...turn(now, (one) => one.told(news(id))),
  ];
  const opened = (isStarted ? ids : []).flatMap((id) => runs(id));
  const last = () => new PoolTurn(structuredClone(state), { now: 0, chance: 0 });
  return {
    turn,
    ids,
    started: first.acts,
    opened,
    runs,
    fails: (id: string, now = 0, code = 'INIT_FAILED') =>
      turn(now, (one) => one.broughtUp(id, { code, message: `${id}: ${code}` } as never)),
    says: (now: number, more: Partial<MemberNews> & { readonly id: string }) =>
      turn(now, (one) => one.told({ ...news(more.id), ...more })),
    resize: (now: number, wanted: number, token = `to ${wanted}`) =>
      turn(now, (one) => one.resize(wanted, 'ann', token)),
    execute: (now: number, token: string, more: object = {}) =>
      turn(now, (one) => one.tasks.execute({ type: 'add', submitted: false, token, ...more })),
    /** What there is since it was asked last. */
    events: () => events.splice(0),
    record: () => last().record(),
    status: () => last().record().status,
    states: () => last().states(),
    nextDueAt: () => last().nextDueAt(),
    kept: () => state,
  };
}

const lost = (id: string) => ({ id, path: 'crashed.gaveUp', reason: 'killed' as const });
/** What the nodes have room for. */
const room = (look: number) => ({ look, admissible: 4, strain: {} });
/** What is done: acts by whom they are about, answers by what they say. */
const done = (acts: readonly PoolAct[]): readonly string[] =>
  acts.map((act) => {
    if (act.do !== 'answer') return act.do === 'measure' ? 'measure' : `${act.do} ${act.id}`;
    const { answer } = act;
    const said = 'refusal' in answer ? answer.refusal.message : String(answer.value);
    return `${act.token}: ${said}`;
  });

describe('a size that a caller asks for', () => {
  const wide = { pool: { max: 4 } };

  it('is told with who asked for it, and answered once, when all its members run', () => {
    const { resize, runs, events, record } = rig(1, wide);
    expect(events()).toEqual([{ type: 'pool.scaled', pool: 'crew', from: 0, to: 1, why: 'created', at: 0 }]);
    expect(done(resize(10, 3))).toEqual(['bringUp crew-2', 'bringUp crew-3']);
    expect(events()).toEqual([
      { type: 'pool.scaled', pool: 'crew', from: 1, to: 3, why: 'ensureSize', by: 'ann', at: 10 },
    ]);
    expect(done(runs('crew-2', 20))).toEqual([]);
    expect(done(runs('crew-3', 30))).toEqual(['to 3: undefined']);
    expect(record()).toMatchObject({ wanted: 3, live: 3, status: 'steady' });
    // The next one is answered alone.
    expect(done(resize(40, 3, 'again'))).toEqual(['again: undefined']);
    expect(events()).toEqual([]);
  });

  it('whose members do not start is refused with why, goes back, and is no failure of the next', () => {
    const { turn, resize, runs, fails, events, record } = rig(1, wide);
    resize(10, 2);
    events();
    expect(done(fails('crew-2', 20))).toEqual(['dismiss crew-2']);
    expect(events()).toEqual([expect.objectContaining({ from: 2, to: 1, at: 20 })]);
    expect(done(turn(30, (one) => one.gone('crew-2', false)))).toEqual(['to 2: crew-2: INIT_FAILED']);
    expect(record()).toMatchObject({ wanted: 1, status: 'steady', lastFailure: 'crew-2: INIT_FAILED' });
    resize(40, 2, 'again');
    expect(done(runs('crew-3', 50))).toEqual(['again: undefined']);
  });

  it('is no failure of a caller who asked for no growth: its members are tried again', () => {
    const { turn, says, fails, resize, runs, record, nextDueAt } = rig(1, wide);
    says(10, lost('crew-1'));
    turn(10, (one) => one.gone('crew-1', false));
    expect(record()).toMatchObject({ status: 'backing_off', retryAt: nextDueAt() });
    expect(done(resize(20, 1))).toEqual(['bringUp crew-2']);
    expect(record()).not.toHaveProperty('retryAt');
    for (const [member, code] of [
      ['crew-2', 'INIT_FAILED'],
      ['crew-3', 'RESOURCES_EXHAUSTED'],
    ] as const) {
      expect(done(fails(member, 30, code))).toEqual([`dismiss ${member}`]);
      expect(done(turn(40, (one) => one.gone(member, false)))).toEqual([]);
      turn(nextDueAt()!, (one) => one.wake());
    }
    expect(done(runs('crew-4', 90_000))).toEqual(['to 1: undefined']);
  });

  it('that is taken back while members start has them leave once they have started', () => {
    const { resize, turn, record } = rig(1, wide);
    resize(10, 3);
    expect(done(resize(20, 1, 'back'))).toEqual([]);
    expect(record()).toMatchObject({ live: 1, starting: 0, draining: 2 });
    expect(done(turn(30, (one) => one.broughtUp('crew-2', undefined)))).toEqual(['dismiss crew-2']);
    expect(done(turn(30, (one) => one.broughtUp('crew-3', undefined)))).toEqual(['dismiss crew-3']);
  });

  it('that is smaller has those leave that have nothing to do; one that is down goes at once', () => {
    const { says, execute, resize, turn, record } = rig(3, { pool: { min: 1 } });
    execute(10, 'a');
    says(20, { id: 'crew-1', holds: [1], heard: 1 });
    says(30, { id: 'crew-2', path: 'crashed.waiting' });
    expect(record()).toMatchObject({ live: 2, idle: 1, down: 1, draining: 0 });
    expect(done(resize(40, 1))).toEqual(['dismiss crew-2', 'dismiss crew-3']);
    expect(record()).toMatchObject({ status: 'shrinking', live: 1, down: 0, draining: 2 });
    turn(50, (one) => one.gone('crew-2', true));
    expect(record()).toMatchObject({ draining: 1 });
    expect(done(turn(60, (one) => one.gone('crew-3', true)))).toEqual(['to 1: undefined']);
  });

  it('counts a busy member among those that leave until it has done its task', () => {
    const { says, execute, resize, record } = rig(2, { pool: { min: 1 } });
    for (const [at, id] of ['crew-1', 'crew-2'].entries()) {
      execute(10, `task ${at}`);
      says(20, { id, holds: [at + 1], heard: at + 1 });
    }
    expect(done(resize(30, 1))).toEqual([]);
    expect(record()).toMatchObject({ live: 1, draining: 1 });
    expect(done(says(40, { id: 'crew-1', heard: 1, done: 1 }))).toEqual(['dismiss crew-1']);
    expect(record()).toMatchObject({ live: 1, draining: 1 });
  });
});

/** Its only member is lost until it is degraded. */
function degraded() {
  const pool = rig(1, { pool: { max: 2, restart: { delayMs: 100, maxDelayMs: 1_000 } } });
  pool.events();
  let now = 0;
  for (let member = 1; pool.status() !== 'degraded'; member++) {
    expect(member).toBeLessThan(20);
    pool.says(now, lost(`crew-${member}`));
    pool.turn(now, (one) => one.gone(`crew-${member}`, false));
    const dueAt = pool.nextDueAt();
    if (pool.status() === 'degraded' || dueAt === undefined) continue;
    expect(pool.status()).toBe('backing_off');
    now = dueAt;
    pool.turn(now, (one) => one.wake());
    pool.runs(`crew-${member + 1}`, now);
  }
  return { ...pool, now };
}

describe('members that are lost again and again', () => {
  it('degrade their pool, which raises one alert, and tries one member now and then', () => {
    const { events, kept, record, nextDueAt, turn, now } = degraded();
    const message = 'pool crew fails too often, and tries one member now and then: ';
    const alerts = events().filter((event) => 'alert' in event);
    expect(alerts).toEqual([
      {
        type: 'alert.raised',
        alert: 'pool_degraded',
        message: expect.stringContaining(message) as unknown,
        pool: 'crew',
        at: now,
      },
    ]);
    expect(kept().alerts).toMatchObject([{ alert: 'pool_degraded', pool: 'crew', raisedAt: now }]);
    expect(record()).toMatchObject({ wanted: 1, live: 0 });
    expect(nextDueAt()).toBe(now + 1_000);
    expect(done(turn(now + 1_000, (one) => one.wake()))).toHaveLength(1);
    expect(nextDueAt()).toBe(now + 2_000);
  });

  it('are forgotten once one runs: the alert is cleared, once', () => {
    const { events, kept, turn, now, runs, status } = degraded();
    const [act] = turn(now + 1_000, (one) => one.wake());
    events();
    runs((act as { id: string }).id, now + 1_100);
    expect(status()).toBe('steady');
    expect(events()).toEqual([
      { type: 'alert.cleared', alert: 'pool_degraded', pool: 'crew', at: now + 1_100 },
    ]);
    expect(kept().alerts).toEqual([]);
  });

  it('refuse who waits for another size, with what is wrong, once', () => {
    const pool = rig(1, { pool: { max: 3, restart: { maxRestarts: 0 } } });
    pool.resize(0, 3);
    pool.runs('crew-2', 10);
    const acts = pool.says(20, lost('crew-1'));
    const why =
      'pool crew fails too often, and tries one member now and then: member crew-1 is lost (killed)';
    expect([pool.status(), done(acts)]).toEqual(['degraded', [`to 3: ${why}`, 'dismiss crew-1']]);
    pool.turn(30, (one) => one.gone('crew-1', false));
    expect(done(pool.runs('crew-3', 40))).toEqual(['bringUp crew-4']);
    expect(done(pool.runs('crew-4', 50))).toEqual([]);
    expect(pool.status()).toBe('steady');
  });

  it('raise another alert where there is no room for one, and it is cleared when there is', () => {
    const { says, turn, fails, runs, events, nextDueAt, kept } = rig(1, { pool: { restart: {} } });
    says(0, lost('crew-1'));
    turn(0, (one) => one.gone('crew-1', false));
    turn(nextDueAt()!, (one) => one.wake());
    events();
    for (const member of ['crew-2', 'crew-3']) {
      fails(member, 2_000, 'RESOURCES_EXHAUSTED');
      turn(2_000, (one) => one.gone(member, false));
      turn(nextDueAt()!, (one) => one.wake());
    }
    // Once, though it failed twice.
    expect(events()).toMatchObject([{ type: 'alert.raised', alert: 'pool_starved' }]);
    runs('crew-4', 10_000);
    expect(events()).toEqual([{ type: 'alert.cleared', alert: 'pool_starved', pool: 'crew', at: 10_000 }]);
    expect(kept().alerts).toEqual([]);
  });
});

describe('its tasks', () => {
  it('go to the member with the least to do, of those that take work', () => {
    const { execute, says } = rig(2, { concurrency: 2 });
    const given = ['a', 'b', 'c'].flatMap((token) => done(execute(10, token)));
    expect(given).toEqual(['give crew-1', 'give crew-2', 'give crew-1']);
    says(20, { id: 'crew-1', holds: [3], heard: 3 });
    says(20, { id: 'crew-2', holds: [2], heard: 2, takesWork: false });
    expect(['d', 'e'].flatMap((token) => done(execute(30, token)))).toEqual(['give crew-1']);
    expect(done(says(40, { id: 'crew-2', holds: [2], heard: 2 }))).toEqual(['give crew-2']);
  });

  it('that are done leave nothing', () => {
    const { execute, says, kept } = rig(1);
    execute(10, 'a');
    says(20, { id: 'crew-1', holds: [1], heard: 1 });
    expect(kept().given).toHaveLength(1);
    says(30, { id: 'crew-1', heard: 1, done: 1 });
    expect(kept().given).toEqual([]);
  });

  it('that wait go to a member as soon as it is up, whoever has them is told, and none is kept of one gone', () => {
    const { execute, turn, kept, resize } = rig(0, { pool: { max: 2 } });
    execute(10, 'a', { terms: { callId: 'c', isFollowed: true } });
    turn(20, (one) => one.tasks.locate('c', 'who'));
    resize(20, 1);
    const acts = turn(30, (one) => one.broughtUp('crew-1', undefined));
    expect(acts).toContainEqual({ do: 'answer', token: 'who', answer: { value: 'crew-1' } });
    expect(done(acts)).toContain('give crew-1');
    turn(40, (one) => one.told({ ...news('crew-1'), path: 'crashed.gaveUp', reason: 'killed' }));
    expect(kept().given).toHaveLength(1);
    turn(50, (one) => one.gone('crew-1', false));
    expect(kept().given).toEqual([]);
  });

  it('time out while they wait, at their time, and the pool has nothing due any more', () => {
    const { execute, turn, nextDueAt, record } = rig(1);
    execute(10, 'a');
    execute(20, 'b', { timeoutMs: 500 });
    execute(20, 'patient');
    expect([nextDueAt(), record().waiting]).toEqual([520, 2]);
    expect(done(turn(519, (one) => one.wake()))).toEqual([]);
    expect(done(turn(520, (one) => one.wake()))).toEqual([
      'b: task add of pool crew was still waiting for a member after 500 ms',
    ]);
    expect([nextDueAt(), record().waiting]).toEqual([undefined, 1]);
  });
});

describe('a pool that sizes itself', () => {
  const scale = { intervalMs: 1_000, up: { cooldownMs: 5_000 }, down: { cooldownMs: 9_000 } };

  it('of no member gets one as soon as a task waits, by what the nodes have room for', () => {
    const { execute, turn, runs, events, record } = rig(0, { pool: { max: 2, scale } });
    expect(events()).toEqual([]);
    expect(record()).toMatchObject({ wanted: 0, scaling: { status: 'watching' } });
    expect(done(execute(10, 'a'))).toEqual(['measure']);
    expect(done(turn(20, (one) => one.measured(room(1))))).toEqual(['bringUp crew-1']);
    expect(events()).toMatchObject([{ type: 'pool.scaled', from: 0, to: 1, at: 20 }]);
    expect(done(runs('crew-1', 30))).toEqual(['give crew-1']);
    // The next one waits for a member that is there.
    expect(done(execute(40, 'b'))).toEqual([]);
  });

  it('looks only after its interval where nothing waits', () => {
    const { turn, nextDueAt, resize, record } = rig(0, { pool: { max: 2, scale } });
    expect(done(resize(0, 0))).toEqual(['to 0: undefined']);
    expect(record().scaling!.status).toBe('watching');
    expect(nextDueAt()).toBe(1_000);
    expect(done(turn(1_000, (one) => one.wake()))).toEqual(['measure']);
  });

  it('grows within its bounds by what it measures, and cools down also after a size that a caller set', () => {
    const { execute, turn, resize, record, runs, nextDueAt, states } = rig(1, { pool: { max: 3, scale } });
    for (const token of ['a', 'b', 'c']) execute(10, token);
    resize(500, 2);
    runs('crew-2', 600);
    expect(record().scaling).toMatchObject({ status: 'cooling_down', policy: { intervalMs: 1_000 } });
    const look = (number: number) => {
      const at = nextDueAt()!;
      return [
        at,
        ...done(turn(at, (one) => one.wake())),
        ...done(turn(at, (one) => one.measured(room(number)))),
      ];
    };
    expect(look(1)).toEqual([1_500, 'measure']);
    expect([look(2), look(3), look(4)].map(([at]) => at)).toEqual([2_500, 3_500, 4_500]);
    expect(look(5)).toEqual([5_500, 'measure', 'bringUp crew-3']);
    expect(record()).toMatchObject({ wanted: 3, scaling: { metrics: { isSettled: true, size: 2 } } });
    expect(states()).toEqual({ pool: 'serving.growing', autoscaler: 'scaling' });
  });

  it('measures the share of all places of its members that was in use', () => {
    const { execute, turn, record } = rig(1, { concurrency: 4, pool: { max: 3, scale } });
    for (const token of ['a', 'b', 'c']) execute(0, token);
    turn(1_000, (one) => one.wake());
    turn(1_000, (one) => one.measured(room(1)));
    expect(record().scaling!.metrics).toMatchObject({ busyShare: 0.75, size: 1, waiting: 0 });
  });

  it('cools down once it has grown', () => {
    const { execute, turn, record, runs } = rig(1, { pool: { max: 3, scale } });
    for (const token of ['a', 'b']) execute(0, token);
    turn(1_000, (one) => one.wake());
    expect(done(turn(1_000, (one) => one.measured(room(1))))).toEqual(['bringUp crew-2']);
    expect(record().scaling!.status).toBe('scaling');
    runs('crew-2', 1_100);
    expect(record().scaling!.status).toBe('cooling_down');
  });

  it('is not settled while it grows, and is while it shrinks', () => {
    const { resize, turn, runs, nextDueAt, record, execute, says } = rig(2, { pool: { max: 3, scale } });
    const measured = (look: number) => {
      const at = nextDueAt()!;
      turn(at, (one) => one.wake());
      turn(at, (one) => one.measured(room(look)));
      return record().scaling!.metrics!.isSettled;
    };
    expect(measured(1)).toBe(true);
    resize(1_100, 3);
    expect(measured(2)).toBe(false);
    runs('crew-3', 2_200);
    for (const [at, id] of ['crew-1', 'crew-2', 'crew-3'].entries()) {
      execute(2_300, `task ${at}`);
      says(2_300, { id, holds: [at + 1], heard: at + 1 });
    }
    resize(2_400, 2);
    expect(record().status).toBe('shrinking');
    expect(measured(3)).toBe(true);
  });

  it('looks no more once it closes', () => {
    const { execute, says, turn, nextDueAt, states } = rig(1, { pool: { max: 3, scale } });
    execute(10, 'a');
    says(10, { id: 'crew-1', holds: [1], heard: 1 });
    execute(20, 'waits');
    turn(100, (one) => one.close(CLOSE_MS, undefined, 'closer'));
    expect(states().autoscaler).toBe('closed');
    expect(nextDueAt()).toBe(100 + CLOSE_MS * FINISH_SHARE);
  });
});

describe('a pool of a fleet that is closed', () => {
  it('ends all its members at once where nothing waits, busy or not, and is over once they are gone', () => {
    const { turn, ids, started, status } = rig();
    expect(started.map((act) => act.do)).toEqual(['bringUp', 'bringUp']);
    expect(status()).toBe('steady');
    turn(500, (one) => one.tasks.execute({ type: 'add', submitted: false }));
    const acts = turn(1_000, (one) => one.close(CLOSE_MS, undefined, 'closer'));
    expect(acts).toEqual(ids.map((id) => ({ do: 'dismiss', id, timeoutMs: CLOSE_MS })));
    expect(turn(1_500, (one) => one.gone('crew-1', true))).toEqual([]);
    expect(turn(2_000, (one) => one.gone('crew-2', false))).toEqual([
      {
        do: 'answer',
        token: 'closer',
        answer: { value: { stopped: ['crew-1'], abandoned: ['crew-2'], tasksAbandoned: 0 } },
      },
    ]);
  });

  it('has its members do what waits first, for a share of its time, and then abandons it', () => {
    const { turn, ids } = rig(1);
    turn(500, (one) => {
      one.tasks.execute({ type: 'add', submitted: false });
      one.tasks.execute({ type: 'add', submitted: false, token: 'caller' });
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

  it('keeps to the time of its first close, whatever a second one says', () => {
    const { turn, execute, says } = rig(1);
    execute(500, 'a');
    says(500, { id: 'crew-1', holds: [1], heard: 1 });
    execute(500, 'waits');
    turn(1_000, (one) => one.close(CLOSE_MS, undefined, 'first'));
    turn(1_100, (one) => one.close(100 * CLOSE_MS, undefined, 'second'));
    const acts = turn(1_000 + CLOSE_MS * FINISH_SHARE, (one) => one.wake());
    expect(acts.at(-1)).toEqual({
      do: 'dismiss',
      id: 'crew-1',
      timeoutMs: CLOSE_MS - CLOSE_MS * FINISH_SHARE,
    });
  });

  it('answers all who close it, within the time of the first', () => {
    const { turn, nextDueAt, events } = rig(1);
    events();
    turn(1_000, (one) => one.close(CLOSE_MS, 'ann', 'first'));
    expect(events()).toEqual([
      { type: 'pool.scaled', pool: 'crew', from: 1, to: 0, why: 'closed', by: 'ann', at: 1_000 },
    ]);
    const dueAt = nextDueAt();
    expect(turn(2_000, (one) => one.close(CLOSE_MS, 'bob', 'second'))).toEqual([]);
    expect([nextDueAt(), events()]).toEqual([dueAt, []]);
    const acts = turn(3_000, (one) => one.gone('crew-1', true));
    const report = { value: { stopped: ['crew-1'], abandoned: [], tasksAbandoned: 0 } };
    expect(acts).toEqual(['first', 'second'].map((token) => ({ do: 'answer', token, answer: report })));
  });

  it('kills its members at once where they are given no time, and reports those that do not end', () => {
    const { turn, says, execute, nextDueAt } = rig(2);
    execute(500, 'a');
    says(500, { id: 'crew-1', holds: [1], heard: 1 });
    execute(500, 'b');
    execute(500, 'waits');
    const acts = [...turn(1_000, (one) => one.close(0, undefined, 'closer'))];
    acts.push(...turn(1_000, (one) => one.wake()));
    expect(done(acts)).toEqual([
      'waits: task add of pool crew was abandoned: no member was free before its pool closed',
      'dismiss crew-1',
      'dismiss crew-2',
      'kill crew-1',
      'kill crew-2',
    ]);
    expect(turn(1_100, (one) => one.gone('crew-2', false))).toEqual([]);
    const report = { stopped: [], abandoned: ['crew-2', 'crew-1'], tasksAbandoned: 1 };
    expect(turn(nextDueAt()!, (one) => one.wake())).toEqual([
      { do: 'answer', token: 'closer', answer: { value: report } },
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
  const { turn, ids } = rig(2, { isStarted: false });
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
