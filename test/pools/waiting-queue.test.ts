/** Tasks that wait for a member, or for their time: each leaves once, and nothing of it stays. */
import { getEventListeners } from 'node:events';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { describe, expect, it } from 'vitest';
import { dueTickOf, type PoolTask, poolTaskOf, WaitingQueue } from '../../src/runtime/pools/waiting-queue.ts';
import { settled, simulatedClock } from '../../src/testing/index.ts';

const START = Date.UTC(2026, 0, 1);

/** A queue, and what is told of its tasks by their ids. */
function rig() {
  const clock = simulatedClock({ startAt: START });
  const told: string[] = [];
  const tell = (what: string) => (task: PoolTask) => void told.push(`${what} ${task.before!.taskId}`);
  const queue = new WaitingQueue({
    clock,
    due: tell('due'),
    timedOut: tell('timed out'),
    cancelled: tell('cancelled'),
  });
  interface Asked {
    readonly inMs?: number;
    readonly at?: number;
    readonly limitMs?: number;
    readonly signal?: AbortSignal;
  }
  const task = (taskId: string, { inMs, at, limitMs, signal }: Asked = {}): PoolTask =>
    poolTaskOf(
      {
        type: 'work',
        input: taskId,
        ...(signal === undefined ? {} : { signal }),
        ...(limitMs === undefined ? {} : { timeoutMs: limitMs }),
        dueAt: at ?? (inMs === undefined ? undefined : clock.now() + inMs),
        delayMs: inMs,
        // Its time begins when it is due.
        timesOutAt: clock.elapsed() + (at === undefined ? 0 : at - clock.now()) + (limitMs ?? Infinity),
      },
      { taskId, attempts: 0 },
      clock,
    );

  const nextId = () => queue.next()?.before?.taskId;
  return { clock, told, queue, task, nextId };
}

describe('a task that waits', () => {
  it.each([
    ['for no time', {}],
    ['for a delay of nothing', { inMs: 0 }],
    ['for a time that is now', { at: START }],
    ['for a time that was', { at: START - 1 }],
  ])('%s is there to be taken at once', (_, asked) => {
    const { clock, queue, task, nextId } = rig();
    queue.add(task('a', asked));
    expect([queue.size, queue.delayed, clock.pending()]).toEqual([1, 0, []]);
    expect([nextId(), nextId()]).toEqual(['a', undefined]);
  });

  it.each([
    ['a delay', { inMs: 1 }],
    ['a time', { at: START + 1 }],
  ])('for %s is there when that has come, and is told of once', async (_, asked) => {
    const { clock, told, queue, task, nextId } = rig();
    queue.add(task('a', asked));
    expect([queue.size, queue.delayed, nextId()]).toEqual([0, 1, undefined]);
    await clock.advance(1);
    expect([queue.size, queue.delayed, told]).toEqual([1, 0, ['due a']]);
    expect(nextId()).toBe('a');
    await clock.advance(120_000);
    expect([told, clock.pending()]).toEqual([['due a'], []]);
  });

  it('is found by its id, whatever it waits for, until it is taken out', () => {
    const { clock, queue, task } = rig();
    const [turn, time] = [task('turn', { limitMs: 10 }), task('time', { inMs: 10 })];
    queue.add(turn);
    queue.add(time);
    expect([queue.find('turn'), queue.find('time'), queue.find('other')]).toEqual([turn, time, undefined]);
    expect(queue.all()).toEqual([turn, time]);
    queue.remove(time);
    queue.remove(turn);
    expect([queue.all(), queue.find('turn'), queue.find('time'), clock.pending()]).toEqual([
      [],
      undefined,
      undefined,
      [],
    ]);
  });

  it('again is the next, before those that came meanwhile', () => {
    const { queue, task, nextId } = rig();
    queue.add(task('a'));
    queue.add(task('b'));
    const again = queue.next()!;
    queue.add(task('c'));
    queue.add(again, true);
    expect([nextId(), nextId(), nextId(), nextId()]).toEqual(['a', 'b', 'c', undefined]);
  });
});

describe('a time that a caller named', () => {
  const HOUR = 3_600_000;

  it('is that of the wall clock, a delay is not', () => {
    const { clock, task } = rig();
    expect([task('a', { at: 5 }).notBefore, task('b', { inMs: 5 }).notBefore]).toEqual([5, undefined]);
    expect(dueTickOf(undefined, clock)).toBe(-Infinity);
    clock.setWallClock(1_000);
    expect(dueTickOf(1_500, clock)).toBe(clock.elapsed() + 500);
  });

  it('comes later when the wall clock is set back, and the time of the task begins then', async () => {
    const { clock, told, queue, task } = rig();
    queue.add(task('a', { at: START + HOUR, limitMs: 50 }));
    clock.setWallClock(START - HOUR);
    await clock.advance(2 * HOUR - 1);
    expect([told, queue.size, queue.delayed]).toEqual([[], 0, 1]);
    await clock.advance(1);
    expect([told, queue.size, queue.delayed]).toEqual([['due a'], 1, 0]);
    await clock.advance(49);
    expect(told).toEqual(['due a']);
    await clock.advance(1);
    expect([told, queue.all(), clock.pending()]).toEqual([['due a', 'timed out a'], [], []]);
  });

  it('comes within a minute when the wall clock is set ahead, and the time of the task begins then', async () => {
    const { clock, told, queue, task } = rig();
    queue.add(task('a', { at: START + HOUR, limitMs: 50 }));
    queue.add(task('b', { at: START + HOUR }));
    clock.setWallClock(START + 2 * HOUR);
    await clock.advance(59_999);
    expect(told).toEqual([]);
    await clock.advance(1);
    expect(told).toEqual(['due a', 'due b']);
    await clock.advance(50);
    expect([told, queue.size, clock.pending()]).toEqual([['due a', 'due b', 'timed out a'], 1, []]);
  });

  it('leaves neither timer behind when its task is taken out after the wall clock was looked at', async () => {
    const { clock, told, queue, task } = rig();
    const asked = task('a', { at: START + HOUR, limitMs: 50 });
    queue.add(asked);
    await clock.advance(120_000);
    queue.remove(asked);
    expect([told, clock.pending(), queue.all()]).toEqual([[], [], []]);
  });
});

describe('a task that nobody takes', () => {
  it('and whose time was over before it came times out at once', async () => {
    const { clock, told, queue, task } = rig();
    queue.add(task('a', { limitMs: -5 }));
    queue.add(task('b', { limitMs: 0 }));
    await clock.advance(0);
    expect([told, queue.all()]).toEqual([['timed out a', 'timed out b'], []]);
  });

  it('times out once, to the millisecond', async () => {
    const { clock, told, queue, task } = rig();
    queue.add(task('a', { limitMs: 50 }));
    queue.add(task('b', { limitMs: 51 }));
    await clock.advance(49);
    expect(told).toEqual([]);
    await clock.advance(1);
    expect([told, queue.all().map(({ before }) => before?.taskId)]).toEqual([['timed out a'], ['b']]);
    await clock.advance(1_000);
    expect([told, queue.size, clock.pending()]).toEqual([['timed out a', 'timed out b'], 0, []]);
  });

  it.each([
    ['for its turn', {}],
    ['for its time', { inMs: 10 }],
  ])('and waits %s is cancelled by its signal, which keeps no listener', (_, asked) => {
    const { clock, told, queue, task } = rig();
    const controller = new AbortController();
    const { signal } = controller;
    queue.add(task('a', { ...asked, limitMs: 50, signal }));
    queue.add(task('b', { signal }));
    controller.abort();
    expect(told).toEqual(['cancelled a', 'cancelled b']);
    expect([queue.all(), clock.pending(), getEventListeners(signal, 'abort')]).toEqual([[], [], []]);
  });

  it('any more keeps neither timer nor listener once it was taken', async () => {
    const { clock, told, queue, task, nextId } = rig();
    const controller = new AbortController();
    queue.add(task('a', { limitMs: 50, signal: controller.signal }));
    expect(nextId()).toBe('a');
    expect([clock.pending(), getEventListeners(controller.signal, 'abort')]).toEqual([[], []]);
    controller.abort();
    await clock.advance(1_000);
    expect(told).toEqual([]);
  });

  it('any more is not kept in memory', async () => {
    const { clock, queue, task, nextId } = rig();
    setFlagsFromString('--expose-gc');
    const collect = runInNewContext('gc') as () => void;
    const added = (taskId: string, asked = {}) => {
      const one = task(taskId, asked);
      queue.add(one);
      return new WeakRef(one);
    };
    const left = [added('taken'), added('late', { limitMs: 5 })];
    await clock.advance(5);
    expect(nextId()).toBe('taken');
    await settled();
    collect();
    expect(left.map((one) => one.deref())).toEqual([undefined, undefined]);
  });
});
