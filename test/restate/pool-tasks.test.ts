/** Laws of the tasks of a pool of a fleet, over data. */
import { describe, expect, it } from 'vitest';
import type { PoolMember } from '../../src/restate/pools/pool-members.ts';
import { type KeptTasks, PoolTasks } from '../../src/restate/pools/pool-tasks.ts';
import type { AskedWork } from '../../src/restate/tasks/task-entries.ts';

const KEEP_MS = 60_000;

const work = (
  callId: string,
  more: { isFollowed?: true; isStreamed?: true } & Partial<AskedWork> = {},
): AskedWork => {
  const { isFollowed, isStreamed, ...asked } = more;
  const terms = { callId, ...(isFollowed ? { isFollowed } : {}), ...(isStreamed ? { isStreamed } : {}) };
  return { type: 'add', submitted: false, terms, ...asked };
};

function rig({ retryAbandoned = 0, queueLimit = 10 } = {}) {
  const members: PoolMember[] = [{ id: 'm-1', place: 'live', given: [] }];
  const told: unknown[] = [];
  const kept: KeptTasks = { nextTask: 1, queue: [], isFinishing: false, tasksAbandoned: 0 };
  const world = { now: 1_000 };
  const tasks = new PoolTasks({
    name: 'crew',
    get now() {
      return world.now;
    },
    kept,
    manifest: {
      tasks: {
        add: { requires: [], retry: true },
        slow: { requires: [], retry: false, timeoutMs: 500, priority: 2 },
      },
    } as never,
    queueLimit,
    retryAbandoned,
    free: () => members.find(({ given }) => given.length === 0),
    give: (member, number, given, isAnsweredHere) =>
      told.push([
        isAnsweredHere ? 'run' : 'give',
        member,
        number,
        given.terms!.callId,
        ...(given.timeoutMs === undefined ? [] : [given.timeoutMs]),
      ]),
    cancelCall: (member, callId) => told.push(['cancelCall', member, callId]),
    answer: (token, answer) => told.push(['answer', token, answer]),
    waits: () => told.push(['waits']),
    finished: () => told.push(['finished']),
  });
  return {
    tasks,
    kept,
    world,
    told: () => told.splice(0),
    /** The member has done all that it has. */
    done: () => {
      members[0]!.given = [];
      tasks.follow(members);
    },
    follow: () => tasks.follow(members),
  };
}

describe('who follows a task', () => {
  it('is told which member has it, also when it was soon over, for a minute', () => {
    const { tasks, told, done, world, follow, kept } = rig();
    tasks.execute(work('c1', { isFollowed: true }));
    expect(told()).toEqual([['give', 'm-1', 1, 'c1']]);
    done();
    world.now += KEEP_MS - 1;
    follow();
    expect(kept.given).toHaveLength(1);
    tasks.locate('c1', 'late');
    expect(told()).toEqual([['answer', 'late', { value: 'm-1' }]]);
    follow();
    expect(kept.given).toEqual([]);
    tasks.locate('c1', 'again');
    expect(told()).toEqual([['answer', 'again', { value: null }]]);
  });

  it('has a minute to ask, and is then told that there is no such task', () => {
    const { tasks, told, done, world, follow } = rig();
    tasks.execute(work('c1', { isFollowed: true }));
    done();
    world.now += KEEP_MS;
    follow();
    told();
    tasks.locate('c1', 'late');
    expect(told()).toEqual([['answer', 'late', { value: null }]]);
  });

  it('while it waits is told once a member gets it, and nothing is kept of it once it is over', () => {
    const { tasks, told, done, kept } = rig();
    tasks.execute(work('c1'));
    tasks.execute(work('c2', { isFollowed: true }));
    tasks.locate('c2', 'one');
    tasks.locate('c2', 'two');
    expect(told()).toEqual([['give', 'm-1', 1, 'c1'], ['waits']]);
    done();
    expect(kept.given).toEqual([]);
    tasks.handOut();
    expect(told()).toEqual([
      ['answer', 'one', { value: 'm-1' }],
      ['answer', 'two', { value: 'm-1' }],
      ['give', 'm-1', 2, 'c2'],
    ]);
    done();
    expect(kept.given).toEqual([]);
  });

  it('that is not followed leaves nothing once it is over', () => {
    const { tasks, done, kept } = rig();
    tasks.execute(work('c1'));
    expect(kept.given).toEqual([{ number: 1, callId: 'c1', member: 'm-1' }]);
    done();
    expect(kept.given).toEqual([]);
  });
});

describe('a task that its member has left undone', () => {
  const abandoned = { refusal: { code: 'TASK_ABANDONED', message: 'gone' } } as never;

  it('is given to another as often as the pool allows, its number anew, and then answered', () => {
    const { tasks, told, done } = rig({ retryAbandoned: 1 });
    tasks.execute(work('c1', { token: 'caller' }));
    expect(told()).toEqual([['run', 'm-1', 1, 'c1']]);
    done();
    tasks.ended(1, 'caller', abandoned);
    expect(told()).toEqual([['waits'], ['give', 'm-1', 2, 'c1']]);
  });

  it.each([
    ['is no more than the pool allows', work('c1', { token: 'caller' }), 0, abandoned],
    ['is read by its caller', work('c1', { token: 'caller', isStreamed: true }), 1, abandoned],
    ['may not be repeated', work('c1', { token: 'caller', type: 'slow' }), 1, abandoned],
    ['has ended', work('c1', { token: 'caller' }), 1, { value: 5 }],
    ['has failed', work('c1', { token: 'caller' }), 1, { refusal: { code: 'TASK_FAILED' } } as never],
  ])('is answered where it %s', (_, asked, retryAbandoned, answer) => {
    const { tasks, told, done, kept } = rig({ retryAbandoned });
    tasks.execute(asked);
    done();
    told();
    tasks.ended(1, 'caller', answer);
    expect([told(), kept.queue]).toEqual([[['answer', 'caller', answer]], []]);
  });

  it('is answered once its pool is over, or where the pool knows nothing of it', () => {
    const { tasks, told, done } = rig({ retryAbandoned: 1 });
    tasks.execute(work('c1', { token: 'caller' }));
    told();
    for (const [number, token] of [
      [2, 'caller'],
      [1, 'another'],
    ] as const)
      tasks.ended(number, token, abandoned);
    done();
    tasks.abandonAll();
    tasks.ended(1, 'caller', abandoned);
    expect(told()).toEqual(['caller', 'another', 'caller'].map((token) => ['answer', token, abandoned]));
  });

  it('keeps its turn and its time, and says how often it was begun', () => {
    const { tasks, told, done, world, kept } = rig({ retryAbandoned: 2 });
    tasks.execute(work('c1', { token: 'caller', timeoutMs: 900 }));
    done();
    tasks.execute(work('c2'));
    world.now += 100;
    tasks.ended(1, 'caller', abandoned);
    expect(tasks.waiting()).toMatchObject([
      { id: 'crew/line-3', task: 'add', attempts: 1, acceptedAt: 1_000 },
    ]);
    done();
    tasks.handOut();
    done();
    tasks.ended(3, 'caller', abandoned);
    expect(told()).toEqual([
      ['run', 'm-1', 1, 'c1', 900],
      ['run', 'm-1', 2, 'c2'],
      ['waits'],
      ['run', 'm-1', 3, 'c1', 800],
      ['waits'],
      ['give', 'm-1', 4, 'c1', 800],
    ]);
    expect(kept.queue).toEqual([]);
  });

  it('is answered where its caller has cancelled it', () => {
    const { tasks, told, done } = rig({ retryAbandoned: 1 });
    tasks.execute(work('c1', { token: 'caller' }));
    tasks.cancel('c1', undefined);
    done();
    tasks.ended(1, 'caller', abandoned);
    expect(told().slice(1)).toEqual([
      ['cancelCall', 'm-1', 'c1'],
      ['answer', 'caller', abandoned],
    ]);
  });
});

describe('a task that waits for a member', () => {
  it.each([
    ['its own', { timeoutMs: 20 }, 20],
    ['that of its kind', {}, 500],
  ])('ends there once its time is over, %s, which its error names', (_, own, timeoutMs) => {
    const { tasks, told, kept, world } = rig();
    tasks.execute(work('c1', { timeoutMs: Infinity }));
    tasks.execute(work('c2', { timeoutMs: Infinity }));
    tasks.execute(work('c3', { type: 'slow', token: 'caller', isFollowed: true, ...own }));
    tasks.locate('c3', 'follower');
    told();
    const dues = [...tasks.dues()];
    expect(dues.map(({ dueAt }) => dueAt)).toEqual([1_000 + timeoutMs]);
    tasks.finish();
    tasks.cancel('c2', undefined);
    world.now += timeoutMs;
    dues[0]!.take();
    const message = `task slow of pool crew was still waiting for a member after ${timeoutMs} ms`;
    expect(told()).toMatchObject([
      ['answer', 'follower', { value: null }],
      ['answer', 'caller', { refusal: { code: 'TASK_TIMED_OUT', message } }],
      ['finished'],
    ]);
    expect([kept.queue, [...tasks.dues()]]).toEqual([[], []]);
  });

  it.each([
    [200, 300],
    [500, 0],
    [501, 0],
  ])('for %i ms has what is left of its time with its member: %i', (waitedMs, leftMs) => {
    const { tasks, told, done, world } = rig();
    tasks.execute(work('c1'));
    tasks.execute(work('c2', { type: 'slow' }));
    done();
    world.now += waitedMs;
    tasks.handOut();
    expect(told().at(-1)).toEqual(['give', 'm-1', 2, 'c2', leftMs]);
  });

  it('has the rank of its kind, unless its caller gives it one, and passes none by that waits', () => {
    const { tasks, told, done } = rig();
    tasks.execute(work('c1'));
    tasks.execute(work('c2', { priority: 1 }));
    tasks.execute(work('c3', { type: 'slow', priority: 0, timeoutMs: Infinity }));
    tasks.execute(work('c4', { type: 'slow', timeoutMs: Infinity }));
    done();
    tasks.execute(work('c5'));
    for (let left = 4; left > 0; left--) {
      tasks.handOut();
      done();
    }
    const given = told().filter((one) => (one as string[])[0] === 'give');
    expect(given.map((one) => (one as string[])[3])).toEqual(['c1', 'c4', 'c2', 'c3', 'c5']);
  });

  it('is known by its number, which cancels it, once, and its caller hears why', () => {
    const { tasks, told, world, kept } = rig();
    tasks.execute(work('c1'));
    for (const callId of ['c2', 'c3']) tasks.execute(work(callId, { token: callId }));
    const record = {
      id: 'crew/line-3',
      agentId: '',
      pool: 'crew',
      task: 'add',
      status: 'waiting',
      attempts: 0,
      acceptedAt: 1_000,
    };
    expect(tasks.waiting()).toEqual([{ ...record, id: 'crew/line-2' }, record]);
    told();
    world.now += 5;
    expect(tasks.cancelWaiting(3, 'not needed')).toEqual({
      ...record,
      status: 'cancelled',
      endedAt: 1_005,
      error: { name: 'Error', message: 'not needed' },
    });
    const message = 'task add of pool crew was abandoned: not needed';
    expect(told()).toMatchObject([['answer', 'c3', { refusal: { code: 'TASK_ABANDONED', message } }]]);
    for (const number of [3, 1, 9])
      expect(() => tasks.cancelWaiting(number, 'late')).toThrow(
        `no task "crew/line-${number}" waits in its pool`,
      );
    expect([told(), kept.queue.length]).toEqual([[], 1]);
  });
});

describe('the queue of a pool', () => {
  it('gives the most urgent first, and of these the first that came', () => {
    const { tasks, told, done } = rig();
    for (const [callId, priority] of [
      ['c1', 0],
      ['c2', 0],
      ['c3', 5],
      ['c4', 5],
    ] as const) {
      tasks.execute(work(callId, { priority }));
    }
    for (let left = 3; left > 0; left--) {
      done();
      tasks.handOut();
    }
    const given = told().filter((one) => (one as string[])[0] === 'give');
    expect(given.map((one) => (one as string[])[3])).toEqual(['c1', 'c3', 'c4', 'c2']);
  });

  it('takes as many as its limit, and refuses one more', () => {
    const { tasks, kept } = rig({ queueLimit: 1 });
    tasks.execute(work('c1'));
    tasks.execute(work('c2'));
    expect(() => tasks.execute(work('c3'))).toThrow('pool crew has 1 tasks waiting, its queueLimit is 1');
    expect([kept.queue.length, kept.nextTask]).toEqual([1, 3]);
  });

  it('once it is to finish reports when nothing waits any more; what is abandoned is counted', () => {
    const { tasks, told, kept } = rig();
    tasks.execute(work('c1'));
    tasks.execute(work('c2', { token: 'caller' }));
    told();
    tasks.finish();
    expect(told()).toEqual([]);
    tasks.cancel('c2', undefined);
    const refused = { refusal: { code: 'TASK_ABANDONED' } };
    expect(told()).toMatchObject([['answer', 'caller', refused], ['finished']]);
    tasks.finish();
    expect(told()).toEqual([['finished']]);
    tasks.execute(work('c3', { token: 'caller' }));
    told();
    tasks.cancel('unknown', undefined);
    tasks.abandonAll();
    expect(told()).toMatchObject([['answer', 'caller', refused]]);
    expect([kept.queue, kept.tasksAbandoned, kept.isOver]).toEqual([[], 1, true]);
  });
});
