/** A task of an agent is in one list at a time: it waits for its turn, waits for its time, or runs. */
import { expect, it } from 'vitest';
import type { TaskManifest } from '../../src/runtime/definition/manifest.ts';
import { TaskEntry } from '../../src/runtime/agent/task-entry.ts';
import { TaskLists } from '../../src/runtime/agent/task-lists.ts';

const nothing = () => {};
const timer = {};

const entry = (taskId: string, terms?: TaskManifest): TaskEntry =>
  new TaskEntry('a', taskId, 1, { type: 'work', input: 1 }, terms, undefined, {
    accepted: nothing,
    post: nothing,
    cancelled: nothing,
    timeHeld: nothing,
    timeRuns: nothing,
  });

function rig() {
  const lists = new TaskLists();
  const seen = () => ({
    load: lists.load,
    unbegun: lists.unbegun().map(({ taskId }) => taskId),
    count: lists.unbegunCount,
    running: [...lists.running].map(({ taskId }) => taskId),
  });
  return { lists, seen };
}

it('a task that waits for its time is no load, and is begun after its time has come', () => {
  const { lists, seen } = rig();
  const [one, late] = [entry('one'), entry('late')];
  lists.add(one);
  lists.holdBack(late);
  expect(seen()).toEqual({ load: 1, unbegun: ['one', 'late'], count: 2, running: [] });
  lists.due(late);
  expect(seen()).toEqual({ load: 2, unbegun: ['one', 'late'], count: 2, running: [] });
  lists.begin(one);
  expect(seen()).toEqual({ load: 2, unbegun: ['late'], count: 1, running: ['one'] });
  one.isUnderWay = true;
  lists.ended(one);
  expect(one.isUnderWay).toBe(false);
  expect(seen()).toEqual({ load: 1, unbegun: ['late'], count: 1, running: [] });
});

it('a task that has not begun is found, and removed once, whichever it waits for', () => {
  const { lists, seen } = rig();
  const [turn, time, begun] = [entry('turn'), entry('time'), entry('begun')];
  lists.add(turn);
  expect(lists.unbegunBy('time')).toBeUndefined();
  lists.holdBack(time);
  lists.add(begun);
  lists.begin(begun);
  expect(['turn', 'time', 'begun', 'other'].map((id) => lists.unbegunBy(id))).toEqual([
    turn,
    time,
    undefined,
    undefined,
  ]);
  for (const one of [turn, time]) expect([lists.remove(one), lists.remove(one)]).toEqual([true, false]);
  expect(lists.remove(begun)).toBe(false);
  expect(seen()).toEqual({ load: 1, unbegun: [], count: 0, running: ['begun'] });
});

it('those that wait for the next life have no timer', () => {
  const { lists } = rig();
  expect(lists.heldBack()).toEqual([]);
  const [timed, held, queued] = [entry('timed'), entry('held'), entry('queued')];
  timed.attemptTimer = timer;
  lists.holdBack(timed);
  lists.holdBack(held);
  lists.add(queued);
  expect(lists.heldBack()).toEqual([held]);
});

it('a task that has ended makes room for one of its kind', () => {
  const { lists } = rig();
  const terms = { name: 'work', concurrency: 1 } as unknown as TaskManifest;
  const [first, second] = [entry('first', terms), entry('second', terms)];
  lists.add(first);
  lists.add(second);
  lists.begin(lists.next!);
  expect(lists.next).toBeUndefined();
  lists.ended(first);
  expect(lists.next).toBe(second);
});
