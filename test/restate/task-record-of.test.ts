/** What a kept task's record and result say: each part where there is one, and no part where there is none. */
import { expect, test } from 'vitest';
import type { KnownTask } from '../../src/restate/tasks/known-tasks.ts';
import { resultOf, taskRecord } from '../../src/restate/tasks/task-record-of.ts';

const first = { id: 'task-1', task: 'work', attempts: 0, acceptedAt: 5, place: 'waiting' } as const;
const record = { id: 'task-1', agentId: 'ada', task: 'work', attempts: 0, acceptedAt: 5, status: 'waiting' };
const failure = { name: 'Error', message: 'not yet' };
const ended = { attempts: 1, startedAt: 6, endedAt: 9 } as const;
const asTask = (fields: object): KnownTask => ({ ...first, ...fields }) as unknown as KnownTask;

test.each([
  ['has just come', {}, {}],
  ['has begun', { startedAt: 6, attempts: 1 }, { startedAt: 6, attempts: 1 }],
  [
    'waits for its next attempt',
    { due: { dueAt: 70 }, failure: { error: failure } },
    { dueAt: 70, error: failure },
  ],
  [
    'is parked, and has stalled',
    { parked: { until: 80 }, stalledAt: 8 },
    { parked: { until: 80 }, stalledAt: 8 },
  ],
  ['has keys', { idempotencyKey: 'i', dedupeKey: 'd' }, { idempotencyKey: 'i', dedupeKey: 'd' }],
  ['is done', { ...ended, place: 'done', output: null }, { ...ended, status: 'done', output: null }],
  ['is done with nothing', { ...ended, place: 'done', output: undefined }, { ...ended, status: 'done' }],
  [
    'has failed',
    { ...ended, place: 'failed', error: failure },
    { ...ended, status: 'failed', error: failure },
  ],
  [
    'was abandoned before it began',
    { place: 'abandoned', endedAt: 9, error: failure },
    { status: 'abandoned', endedAt: 9, error: failure },
  ],
])('a record of a task that %s', (_, fields, more) => {
  const known = taskRecord('ada', asTask(fields));
  expect(known).toStrictEqual({ ...record, ...more });
});

test.each([
  ['done', undefined],
  ['failed', 'TASK_FAILED'],
  ['timed_out', 'TASK_TIMED_OUT'],
  ['abandoned', 'TASK_ABANDONED'],
  ['cancelled', 'TASK_ABANDONED'],
  ['unknown', 'TASK_ABANDONED'],
] as const)('the result of a task that is %s', (place, code) => {
  const answer = resultOf('ada', asTask({ ...ended, place, output: 7, error: failure }));
  if (code === undefined) {
    expect(answer).toEqual({ value: 7 });
    return;
  }
  const message = `task work (task-1) of agent ada is ${place}: not yet`;
  expect(answer).toMatchObject({
    refusal: { code, message, agentId: 'ada', details: { taskId: 'task-1', status: place, attempt: 1 } },
  });
});

test('there is no result before the end, and that of a failure may have a code of its own', () => {
  expect(resultOf('ada', asTask({ place: 'running' }))).toBeUndefined();
  const stalled = { ...ended, place: 'failed', error: failure, code: 'TASK_STALLED' };
  expect(resultOf('ada', asTask(stalled))).toMatchObject({ refusal: { code: 'TASK_STALLED' } });
  const late = { ...ended, place: 'timed_out', error: undefined, code: 'TASK_STALLED' };
  expect(resultOf('ada', asTask(late))).toMatchObject({
    refusal: { code: 'TASK_TIMED_OUT', message: 'task work (task-1) of agent ada is timed_out' },
  });
});
