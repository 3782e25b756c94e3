/** How the refusal of a call that would wait for itself tells the circle. */
import { expect, test } from 'vitest';
import { waitCircle } from '../../src/restate/tasks/wait-circle.ts';

test.each([
  [['a/task-1'], 'a/task-1', ['a', 'a'], ['a/task-1']],
  [['a/task-1', 'b/task-2'], 'a/task-1', ['b', 'a', 'b'], ['b/task-2', 'a/task-1']],
  // Those that wait for the one that is called are not in the circle.
  [
    ['z/task-9', 'a/task-1', 'b/task-2', 'c/task-3'],
    'a/task-1',
    ['c', 'a', 'b', 'c'],
    ['c/task-3', 'a/task-1', 'b/task-2'],
  ],
])('%j calls %s: the circle begins and ends with the caller', (chain, called, circle, tasks) => {
  expect(waitCircle(chain, called)).toMatchObject({
    code: 'WAIT_CIRCLE',
    agentId: circle[0],
    message: `agent ${circle[0]} would wait for itself: ${circle.join(' → ')}`,
    details: { circle, tasks },
  });
});
