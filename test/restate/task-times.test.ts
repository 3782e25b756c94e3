/** Laws of the times of a kept task, which stand still while it waits for a person. */
import { expect, test } from 'vitest';
import type { RetryPolicy } from '../../src/machines/index.ts';
import type { TaskEntry } from '../../src/restate/tasks/task-entries.ts';
import { holdTime, letTimeRun, limitAttempt } from '../../src/restate/tasks/task-times.ts';

const policyOf = (attemptTimeoutMs?: number): RetryPolicy =>
  ({ attempts: 2, ...(attemptTimeoutMs === undefined ? {} : { attemptTimeoutMs }) }) as RetryPolicy;

function entryOf(more: Partial<TaskEntry> = {}): TaskEntry {
  return { id: 't', where: 'working', isAnswered: false, ...more } as TaskEntry;
}

/** The time is so, and places of deadlines are given from 7 on. */
function at(now: number) {
  let order = 6;
  return { now, nextOrder: () => (order += 1) };
}

const timesOf = ({ timeout, attemptEnd, isHeld, heldMs }: TaskEntry) => ({
  timeout,
  attemptEnd,
  isHeld,
  heldMs,
});

test('an attempt has as long as its policy says, from its begin; without that it has no end', () => {
  for (const policy of [undefined, policyOf(), policyOf(Infinity)]) {
    const entry = entryOf({ policy });
    limitAttempt(entry, at(1_000));
    expect(entry.attemptEnd).toBeUndefined();
  }
  const entry = entryOf({ policy: policyOf(500) });
  limitAttempt(entry, at(1_000));
  expect(entry.attemptEnd).toEqual({ dueAt: 1_500, order: 7 });
});

test.each([
  [1_200, 300],
  [1_500, 0],
  [1_700, 0],
])(
  'at %i a task with a time until 1,500 keeps %i ms of it, however often it asks, and goes on with them',
  (now, heldMs) => {
    const entry = entryOf({
      policy: policyOf(50),
      timeout: { dueAt: 1_500, order: 1 },
      attemptEnd: { dueAt: 1_250, order: 2 },
    });
    for (const time of [now, now + 100]) {
      holdTime(entry, time);
      expect(timesOf(entry)).toEqual({ isHeld: true, heldMs });
    }
    letTimeRun(entry, at(9_000));
    const running = { attemptEnd: { dueAt: 9_050, order: 7 }, timeout: { dueAt: 9_000 + heldMs, order: 8 } };
    expect(timesOf(entry)).toEqual(running);
    // It runs already.
    letTimeRun(entry, at(9_900));
    expect(timesOf(entry)).toEqual(running);
  },
);

test('a task without a time has none after it was held, but for that of its attempt', () => {
  const entry = entryOf({ policy: policyOf(50), attemptEnd: { dueAt: 1_250, order: 2 } });
  holdTime(entry, 1_200);
  expect(timesOf(entry)).toEqual({ isHeld: true });
  letTimeRun(entry, at(9_000));
  expect(timesOf(entry)).toEqual({ attemptEnd: { dueAt: 9_050, order: 7 } });
});

test.each([
  [
    'one that is not begun has no attempt that ends',
    { where: 'queued' },
    { timeout: { dueAt: 9_300, order: 7 } },
  ],
  ['one that was answered has no time any more', { isAnswered: true }, {}],
] as const)('%s', (_, more, left) => {
  const entry = entryOf({ policy: policyOf(50), timeout: { dueAt: 1_500, order: 1 }, ...more });
  holdTime(entry, 1_200);
  letTimeRun(entry, at(9_000));
  expect(timesOf(entry)).toEqual(left);
});
