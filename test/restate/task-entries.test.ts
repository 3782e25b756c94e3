/** Laws of the tasks that an agent, or a pool's queue, sends of those that it has. */
import { expect, test } from 'vitest';
import type { TaskRecord } from '../../src/index.ts';
import { wishedOf } from '../../src/restate/tasks/task-entries.ts';

const records = [5, 1, 4, 2, 3].map((acceptedAt) => ({
  id: `task-${acceptedAt}`,
  acceptedAt,
  task: acceptedAt > 3 ? 'late' : 'early',
  status: acceptedAt === 2 ? 'failed' : 'done',
})) as unknown as readonly TaskRecord[];

test.each([
  [{}, [1, 2, 3, 4, 5]],
  [{ limit: 2 }, [1, 2]],
  [{ limit: 2, newest: true }, [4, 5]],
  [{ limit: 2, type: 'early', newest: true }, [2, 3]],
  [{ limit: 2, status: 'done' } as const, [1, 3]],
  [{ limit: 0 }, []],
  [{ limit: 0, newest: true }, []],
  [{ limit: 9, newest: true }, [1, 2, 3, 4, 5]],
])('of its tasks %j sends %j, and no more', (wish, sent) => {
  expect(wishedOf(records, wish).map(({ acceptedAt }) => acceptedAt)).toEqual(sent);
});
