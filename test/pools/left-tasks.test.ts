/** Tasks of a pool that is not there yet: each is taken over by it, is cancelled, or times out, and that once. */
import { describe, expect, it } from 'vitest';
import type { GivenTask } from '../../src/runtime/agent/task-request.ts';
import type { Journal } from '../../src/runtime/journal/journal.ts';
import { LeftTasks } from '../../src/runtime/pools/left-tasks.ts';
import { simulatedClock } from '../../src/testing/index.ts';

const START = Date.UTC(2026, 0, 1);

function rig() {
  const clock = simulatedClock({ startAt: START });
  const events: object[] = [];
  const journal = { emit: (event: object) => events.push(event) } as unknown as Journal;
  const left = new LeftTasks({ clock, journal });
  /** What an earlier program had accepted: by its id, and what it asked for. */
  const keep = (pool: string, tasks: Readonly<Record<string, Partial<GivenTask>>>) =>
    left.keep(
      pool,
      Object.entries(tasks).map(([taskId, asked]) => ({
        given: { type: 'work', input: taskId, ...asked },
        before: { taskId, attempts: 1 },
      })),
    );
  const after = (ms: number) => clock.elapsed() + ms;
  const take = (pool: string) => left.take(pool).map(({ before }) => before!.taskId);
  return { clock, events, left, keep, take, after };
}

describe('tasks that wait for their pool', () => {
  it('are taken over with the priority that they were accepted with, 0 without one', () => {
    const { left, keep } = rig();
    keep('p', { plain: {}, urgent: { priority: 2 } });
    expect(left.take('p').map(({ before, priority }) => [before!.taskId, priority])).toEqual([
      ['plain', 0],
      ['urgent', 2],
    ]);
  });

  it('are taken over once, those that wait for their turn before those that wait for their time', async () => {
    const { clock, events, keep, take, after } = rig();
    keep('p', {
      low: { priority: -1 },
      later: { dueAt: START + 1_000 },
      first: {},
      urgent: { priority: 1 },
      limited: { timesOutAt: after(500) },
    });
    keep('q', { other: {} });
    const taken = take('p');
    expect(new Set(taken)).toEqual(new Set(['urgent', 'first', 'limited', 'low', 'later']));
    expect(taken).toHaveLength(5);
    expect(taken.at(-1)).toBe('later');
    expect([take('p'), take('nobody'), clock.pending()]).toEqual([[], [], []]);
    await clock.advance(10_000);
    expect(events).toEqual([]);
    expect(take('q')).toEqual(['other']);
  });

  it('time out as they would have in their pool, and are told of once', async () => {
    const { clock, events, keep, take, after } = rig();
    keep('p', {
      short: { timesOutAt: after(500), timeoutMs: 700 },
      long: { timesOutAt: after(501), timeoutMs: 900 },
    });
    await clock.advance(499);
    expect(events).toEqual([]);
    await clock.advance(1);
    expect(events).toMatchObject([
      { type: 'task.timed_out', taskId: 'short', task: 'work', timeoutMs: 700, attempt: 1 },
    ]);
    expect(take('p')).toEqual(['long']);
    await clock.advance(10_000);
    expect(events).toHaveLength(1);
  });

  it('that are due meanwhile are taken over as due', async () => {
    const { clock, keep, left } = rig();
    keep('p', { soon: { dueAt: START + 100 }, waits: {} });
    await clock.advance(100);
    expect(left.take('p').map(({ before }) => before?.taskId)).toEqual(['waits', 'soon']);
    expect(clock.pending()).toEqual([]);
  });

  it('are cancelled by their id, once, with the reason of whoever did', async () => {
    const { clock, events, left, keep, take, after } = rig();
    keep('p', { a: { timesOutAt: after(500) }, b: { dueAt: START + 1_000 } });
    const cancel = { why: 'not wanted', by: 'ada' };
    expect(left.cancel('q', 'a', cancel)).toBe(false);
    expect(left.cancel('p', 'c', cancel)).toBe(false);
    expect([left.cancel('p', 'a', cancel), left.cancel('p', 'a', cancel)]).toEqual([true, false]);
    expect(left.cancel('p', 'b', { why: 'neither' })).toBe(true);
    expect(events).toMatchObject([
      { type: 'task.abandoned', taskId: 'a', why: 'not wanted', isCancelled: true, by: 'ada' },
      { type: 'task.abandoned', taskId: 'b', why: 'neither', isCancelled: true },
    ]);
    expect([take('p'), clock.pending()]).toEqual([[], []]);
  });

  it('are left to the next program when this one closes: nothing is told of them, and no timer stays', () => {
    const { clock, events, left, keep, take, after } = rig();
    keep('p', { a: { timesOutAt: after(500) } });
    keep('q', { b: { dueAt: START + 1_000 } });
    left.discard();
    expect([clock.pending(), events, take('p'), take('q')]).toEqual([[], [], [], []]);
  });

  it('leave nothing of their pool behind once it took them, they were cancelled, or their time was over', async () => {
    const { clock, left, keep, take, after } = rig();
    keep('taken', { a: {}, b: { dueAt: START + 1_000 } });
    keep('cancelled', { c: {}, d: { dueAt: START + 1_000 } });
    keep('late', { e: { timesOutAt: after(100) }, f: { timesOutAt: after(200) } });
    take('taken');
    left.cancel('cancelled', 'c', { why: 'obsolete' });
    await clock.advance(100);
    expect(left.pools).toEqual(['cancelled', 'late']);
    left.cancel('cancelled', 'd', { why: 'obsolete' });
    await clock.advance(100);
    expect(left.pools).toEqual([]);
  });
});
