import { expect, it } from 'vitest';
import { TaskLists } from '../../src/restate/tasks/task-lists.ts';

it('what has not begun is told in the order of its turns, then what waits for its time as it came', () => {
  const tasks = [
    { where: 'delayed', order: 6 },
    { where: 'queued', order: 5 },
    { where: 'working', order: 1 },
    { where: 'queued', order: 3 },
    { where: 'delayed', order: 2 },
    { where: 'queued', order: 4 },
  ];
  const lists = new TaskLists({ state: { tasks } } as never);
  expect(lists.unbegun().map(({ order }) => order)).toEqual([3, 4, 5, 6, 2]);
});
