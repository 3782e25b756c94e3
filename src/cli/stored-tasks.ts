/** Tasks and schedules of a store that no program has open, in the shape in which a running system shows them. */
import { oneLine } from '../dashboard/agent-row.ts';
import { plain } from '../dashboard/redaction.ts';
import type { ShownSchedule, TaskDetail, TaskPage } from '../dashboard/protocol.ts';
import { type ListedTasks, shownTask, taskPageOf, type TaskQuery } from '../dashboard/work-reports.ts';
import type { QuestionRecord, TaskRecord } from '../index.ts';
import { taskStatuses } from '../machines/index.ts';
import { nextAfter, scheduleRecord } from '../runtime/fleet/schedule-rules.ts';
import { storedTasks } from '../runtime/fleet/stored-tasks.ts';
import { CommandFailure } from './failure.ts';
import { readingStore, type StoredFleet } from './stored-fleet.ts';

/** As `/api/tasks` of a dashboard answers. */
export async function taskPageAt(path: string, query: TaskQuery): Promise<TaskPage> {
  return readingStore(path, async (fleet) => taskPageOf(listed((await tasksOf(fleet)).records), query));
}

/** All that the store has of one task; nothing is redacted. @throws CommandFailure */
export async function taskDetailAt(path: string, id: string): Promise<TaskDetail> {
  return readingStore(path, async (fleet) => {
    const { records, questions } = await tasksOf(fleet);
    const record = records.find((one) => one.id === id);
    if (record === undefined) {
      throw new CommandFailure(`no task ${JSON.stringify(id)} is in this store`, {
        hint: 'It keeps tasks that have not ended, and those that were submitted.',
      });
    }
    const { output, error } = record;
    return {
      task: shownTask(NOTHING_LEGAL, record),
      legal: [],
      ...(output === undefined ? {} : { output }),
      ...(error === undefined ? {} : { error: plain(error) }),
      questions: questions.get(id) ?? [],
    };
  });
}

/** When each is due next, and last was. */
export async function schedulesAt(path: string): Promise<readonly ShownSchedule[]> {
  return readingStore(path, async ({ recovery: { schedules = [] } }) =>
    schedules.map(({ set, fired }) => {
      const lastDueAt = fired?.dueAt ?? set.lastDueAt;
      const nextAt = nextAfter(set, Math.max(set.at, lastDueAt ?? 0));
      const known = { set, nextAt, lastDueAt, lastTaskId: fired?.submitted, lastError: fired?.error };
      const { lastError, ...record } = scheduleRecord(known);
      return { ...record, ...(lastError === undefined ? {} : { lastError: oneLine(lastError.message) }) };
    }),
  );
}

interface Found {
  readonly records: readonly TaskRecord[];
  /** Open ones, by the id of their task. */
  readonly questions: ReadonlyMap<string, readonly QuestionRecord[]>;
}

async function tasksOf({ recovery, questions: questionsOf }: StoredFleet): Promise<Found> {
  const questions = new Map<string, readonly QuestionRecord[]>();
  for (const { taskId } of recovery.tasks) {
    const open = await questionsOf(taskId);
    if (open.length > 0) questions.set(taskId, open);
  }
  return { records: storedTasks(recovery, (id) => questions.has(id)), questions };
}

/** There is no program that would do it. */
const NOTHING_LEGAL: Pick<ListedTasks, 'legal'> = { legal: () => [] };

function listed(records: readonly TaskRecord[]): ListedTasks {
  const numbers = taskStatuses.map((one) => [one, records.filter(({ status }) => status === one).length]);
  const counts = Object.fromEntries(numbers) as ReturnType<ListedTasks['counts']>;
  return {
    ...NOTHING_LEGAL,
    counts: () => counts,
    list: ({ status, agentId, type, limit = Infinity, newest } = {}) => {
      const found = records.filter(
        (record) =>
          (status === undefined || record.status === status) &&
          (agentId === undefined || record.agentId === agentId) &&
          (type === undefined || record.task === type),
      );
      return newest ? found.slice(Math.max(0, found.length - limit)) : found.slice(0, limit);
    },
  };
}
