/** Laws of a page of a fleet's tasks: whom it asks, and for how many. */
import { expect, it } from 'vitest';
import { taskPage } from '../../src/restate/client/task-pages.ts';
import { pageOfTasks, type TaskPage } from '../../src/runtime/fleet/task-pages.ts';
import type { TaskRecord } from '../../src/runtime/fleet/task-record.ts';

const tasks = (prefix: string, count: number) =>
  Array.from({ length: count }, (_, index) => ({ id: `${prefix}-${index + 1}` }) as TaskRecord);

/** Agents `a1` to `a9` with three tasks each, and two pools with tasks that wait. */
function rig(of: (agentId: string) => number = () => 3) {
  const asked: string[] = [];
  const agents = Array.from({ length: 9 }, (_, index) => `a${index + 1}`);
  const page = (after: string, limit: number) =>
    taskPage(
      {
        agents: async (wanted) => agents.filter((id) => id > wanted.after).slice(0, wanted.limit),
        tasksOf: async (id, wanted) => {
          asked.push(id);
          return pageOfTasks(tasks(`${id}/task-x`, agents.includes(id) ? of(id) : 0), wanted);
        },
        pools: async () => ['two', 'one'],
        waitingIn: async (pool, wanted) => {
          asked.push(pool);
          return pageOfTasks(tasks(`${pool}/line`, 2), wanted);
        },
      },
      { after, limit },
    );
  const ids = async (after: string, limit: number) => (await page(after, limit)).map(({ id }) => id);
  return { ids, asked: () => asked.splice(0) };
}

it.each([1, 2, 4, 7, 31, 100])(
  'of %d at a time has all of them, each once, those of pools first',
  async (limit) => {
    const { ids } = rig();
    const seen: string[] = [];
    for (;;) {
      const page = await ids(seen.at(-1) ?? '', limit);
      seen.push(...page);
      if (page.length < limit) break;
    }
    expect(seen).toHaveLength(31);
    expect(new Set(seen).size).toBe(31);
    expect(seen.slice(0, 4)).toEqual(['one/line-1', 'one/line-2', 'two/line-1', 'two/line-2']);
    expect(seen.slice(4, 8)).toEqual(['a1/task-x-1', 'a1/task-x-2', 'a1/task-x-3', 'a2/task-x-1']);
  },
);

it('a task that moves from the queue of its pool to a member between any two pages is on one of them', async () => {
  for (let movesAfter = 0; movesAfter <= 2; movesAfter++) {
    let pages = 0;
    const hasMoved = () => pages > movesAfter;
    const page = async (after: string) => {
      pages += 1;
      const owners = {
        agents: async ({ after: last }: { after: string }) => ['m1', 'm2'].filter((id) => id > last),
        tasksOf: async (id: string, wanted: TaskPage) =>
          pageOfTasks(tasks(`${id}/task-x`, id === 'm2' || hasMoved() ? 1 : 0), wanted),
        pools: async () => ['crew'],
        waitingIn: async (_: string, wanted: TaskPage) =>
          pageOfTasks(hasMoved() ? [] : tasks('crew/line', 1), wanted),
      };
      return (await taskPage(owners, { after, limit: 1 })).map(({ id }) => id);
    };
    const seen: string[] = [];
    for (let next = await page(''); next.length > 0; next = await page(seen.at(-1)!)) seen.push(...next);
    expect(seen.join(' '), `it moves after page ${movesAfter}`).toMatch(/crew|m1/);
  }
});

it('asks no more agents once it is full, and more at once where few have any', async () => {
  const { ids, asked } = rig();
  expect(await ids('a2/task-x-2', 1)).toEqual(['a2/task-x-3']);
  expect(asked()).toEqual(['a2']);
  expect(await ids('a2/task-x-2', 4)).toHaveLength(4);
  expect(asked()).toEqual(['a2', 'a3', 'a4', 'a5', 'a6']);
  const idle = rig((id) => (id === 'a9' ? 1 : 0));
  expect(await idle.ids('two/line-2', 1)).toEqual(['a9/task-x-1']);
  expect(idle.asked()).toEqual(['two', ...Array.from({ length: 9 }, (_, index) => `a${index + 1}`)]);
  // A page that queues fill asks no agent.
  expect(await idle.ids('', 4)).toHaveLength(4);
  expect(idle.asked()).toEqual(['one', 'two']);
});

it('goes on after a task, an agent or a pool that is gone', async () => {
  const { ids, asked } = rig();
  expect(await ids('a35/task-x-9', 1)).toEqual(['a4/task-x-1']);
  expect(await ids('a9/task-x-7', 1)).toEqual([]);
  asked();
  expect(await ids('other/line-9', 1)).toEqual(['two/line-1']);
  expect(asked()).toEqual(['two']);
  expect(await ids('zoo/line-9', 1)).toEqual(['a1/task-x-1']);
});
