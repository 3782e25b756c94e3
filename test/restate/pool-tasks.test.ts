/** Laws of the tasks of a pool of a fleet, over data. */
import { describe, expect, it } from 'vitest';
import type { PoolMember } from '../../src/restate/pools/pool-members.ts';
import { type KeptTasks, PoolTasks } from '../../src/restate/pools/pool-tasks.ts';
import type { AskedWork } from '../../src/restate/tasks/task-entries.ts';

const KEEP_MS = 60_000;

const work = (
  callId: string,
  more: { isFollowed?: true; token?: string; priority?: number } = {},
): AskedWork => {
  const { isFollowed, token, priority } = more;
  const terms = { callId, ...(isFollowed ? { isFollowed } : {}) };
  return { type: 'add', submitted: false, token, priority, terms };
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
    manifest: { tasks: { add: { requires: [], retry: true } } } as never,
    queueLimit,
    retryAbandoned,
    free: () => members.find(({ given }) => given.length === 0),
    give: (member, number, given, isAnsweredHere) =>
      told.push([isAnsweredHere ? 'run' : 'give', member, number, given.terms!.callId]),
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
    expect(told().at(-1)).toEqual(['finished']);
    tasks.execute(work('c3', { token: 'caller' }));
    tasks.abandonAll();
    expect([kept.queue, kept.tasksAbandoned, kept.isOver]).toEqual([[], 1, true]);
  });
});
