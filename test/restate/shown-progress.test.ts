/** What an inspector is shown of the watch over a task's progress. */
import { expect, test } from 'vitest';
import type { SystemEvent } from '../../src/index.ts';
import { ShownProgress } from '../../src/restate/inspection/shown-progress.ts';
import { chartWatch } from './chart-watch.ts';

function shownProgress() {
  const { observe, shown, last } = chartWatch();
  const progress = new ShownProgress(observe);
  const hears = (type: string, taskId?: string, more: object = {}) =>
    progress.heard({ type, agentId: 'a', task: 'work', ...(taskId && { taskId }), ...more } as SystemEvent);
  const stalls = (taskId: string, onStall = 'warn') =>
    hears('task.stalled', taskId, { stalledAfterMs: 100, onStall });
  return { hears, stalls, shown, last };
}

test('it is shown from the first stall on, gets on and stalls again, and ends with its task', () => {
  const { hears, stalls, shown, last } = shownProgress();
  hears('task.started', 't1');
  hears('task.progressed', 't1');
  hears('agent.started');
  stalls('t1');
  expect(last().snapshot.context).toEqual({
    id: 'progress of t1',
    agentId: 'a',
    task: 'work',
    stalledAfterMs: 100,
    onStall: 'warn',
  });
  stalls('t2');
  hears('task.progressed', 't1');
  stalls('t1');
  hears('task.step', 't1');
  hears('task.completed', 't1');
  hears('task.progressed', 't1');
  expect(shown()).toEqual([
    'started progress of t1 #1 stalled by task.stalled',
    'started progress of t2 #2 stalled by task.stalled',
    'stepped progress of t1 #1 moving by task.progressed',
    'stepped progress of t1 #1 stalled by task.stalled',
    'ended progress of t1 #1 ended by task.completed',
  ]);
});

test.each(['failed', 'timed_out', 'abandoned', 'unknown', 'retry_scheduled', 'parked'])(
  'of one that aborts it is over at once, and ends when the task has %s',
  (end) => {
    const { hears, stalls, shown } = shownProgress();
    stalls('t1', 'abort');
    hears(`task.${end}`, 't1');
    expect(shown()).toEqual([
      'started progress of t1 #1 ended by task.stalled',
      `ended progress of t1 #1 ended by task.${end}`,
    ]);
  },
);
