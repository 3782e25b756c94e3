/** Laws of pages of tasks. */
import { expect, test } from 'vitest';
import { inOrderOfIds, pageOfTasks } from '../../src/runtime/fleet/task-pages.ts';

const ids = ['task-1-2', 'task-1-10', 'task-2-1', 'task-10-1', 'task-10-1/a', 'task-10-1/b'];

test('ids are in one order, in which numbers count as numbers', () => {
  expect(ids.toReversed().toSorted(inOrderOfIds)).toEqual(ids);
  for (const one of ids) expect(inOrderOfIds(one, one)).toBe(0);
  expect(['a-01', 'a-1'].toSorted(inOrderOfIds)).toEqual(['a-01', 'a-1']);
  expect(['9', 'a', ''].toSorted(inOrderOfIds)).toEqual(['', '9', 'a']);
});

test('pages have all tasks, each once, whichever is gone between two of them', () => {
  const known = ids.toReversed().map((id) => ({ id }));
  const seen: string[] = [];
  for (let after = ''; ; after = seen.at(-1)!) {
    const left = known.filter(({ id }) => id !== after);
    const page = pageOfTasks(left, { limit: 4, after });
    seen.push(...page.map(({ id }) => id));
    if (page.length < 4) break;
  }
  expect(seen).toEqual(ids);
  expect(pageOfTasks(known, { limit: 0, after: '' })).toEqual([]);
  expect(pageOfTasks(known, { limit: 1, after: 'task-1-3' })).toEqual([{ id: 'task-1-10' }]);
});
