/**
 * One page of a fleet's tasks: those that wait in the queues of pools, by their names, then by the ids of their agents.
 *
 * It keeps nothing, and knows no engine.
 *
 * I1  A page costs by the page: agents are asked in the order of their ids, and no more of them once it is full. Where few
 *     have tasks that fit, more are asked at once with each step.
 * I2  A task that a member gets meanwhile is on the page of the queue, or on that of the member, or on both by two ids: it
 *     goes that way, and the pages do.
 */
import type { TaskRecord } from '../../runtime/fleet/task-record.ts';
import type { TaskPage } from '../../runtime/fleet/task-pages.ts';
import { agentOfTask, lineOfTask } from '../tasks/task-entries.ts';
import { someAtOnce } from './some-at-once.ts';

export interface TaskOwners {
  /** Ids of agents after one, in their order; fewer than the limit only if there are no more. */
  agents(page: TaskPage): Promise<readonly string[]>;
  tasksOf(agentId: string, page: TaskPage): Promise<readonly TaskRecord[]>;
  /** Names of pools in whose queues tasks may wait. */
  pools(): Promise<readonly string[]>;
  waitingIn(pool: string, page: TaskPage): Promise<readonly TaskRecord[]>;
}

const FIRST_AGENTS = 4;
const MOST_AGENTS = 64;

export async function taskPage(owners: TaskOwners, { limit, after }: TaskPage): Promise<TaskRecord[]> {
  const page: TaskRecord[] = [];
  const left = () => limit - page.length;
  const line = lineOfTask(after);
  if (line !== undefined || after === '') {
    const names = (await owners.pools()).filter((name) => line === undefined || name >= line.pool);
    const queues = await someAtOnce(names.toSorted(), (name) =>
      owners.waitingIn(name, { limit, after: name === line?.pool ? after : '' }),
    );
    page.push(...queues.flat());
  }
  // What is no id of a task is a place among the agents.
  let agent = line === undefined ? (agentOfTask(after) ?? after) : '';
  if (agent !== '') page.push(...(await owners.tasksOf(agent, { limit, after })));
  for (let count = FIRST_AGENTS; left() > 0; count = Math.min(2 * count, MOST_AGENTS)) {
    const ids = await owners.agents({ limit: count, after: agent });
    const own = await someAtOnce(ids, (id) => owners.tasksOf(id, { limit: left(), after: '' }));
    page.push(...own.flat());
    if (ids.length < count) break;
    agent = ids.at(-1)!;
  }
  return page.slice(0, limit);
}
