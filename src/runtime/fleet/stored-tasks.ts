/** Tasks of a fleet that no program has open, as its store tells of them. Pure. */
import type { EndedTask, Recovery, TaskProgress } from '../journal/store.ts';
import { move, noteChange } from './known-tasks.ts';
import { type AcceptedTask, KnownTask, recordOf, type TaskRecord } from './task-record.ts';

/**
 * Records in the order of acceptance. A task that was running when the program died is shown as running: what becomes
 * of it is up to the next program.
 *
 * @param isAsking whether a task that has not ended waits for a person
 */
export function storedTasks(
  { tasks, endedTasks = [], taskProgress }: Recovery,
  isAsking: (taskId: string) => boolean,
): readonly TaskRecord[] {
  const open = tasks.map((accepted) => {
    const task = openTask(accepted, taskProgress?.get(accepted.taskId));
    if (isAsking(task.id)) task.place = 'waiting_for_input';
    return { accepted, task };
  });
  const ended = endedTasks.map((one) => ({ accepted: one.accepted, task: endedTask(one) }));
  return [...open, ...ended]
    .toSorted((one, other) => one.accepted.sequence - other.accepted.sequence)
    .map(({ task }) => recordOf(task));
}

function openTask(accepted: AcceptedTask, progress: TaskProgress | undefined): KnownTask {
  const task = new KnownTask(accepted, 0);
  if (progress === undefined) return task;
  task.place = 'running';
  task.dueAt = undefined;
  if (progress.type === 'task.started') {
    task.attempts = progress.attempt ?? task.attempts + 1;
    task.startedAt = progress.at;
  } else noteChange(task, progress);
  return task;
}

function endedTask({ accepted, end }: EndedTask): KnownTask {
  const task = new KnownTask(accepted, 0);
  task.attempts = end.attempts ?? task.attempts;
  task.startedAt = end.startedAt;
  if (end.startedAt !== undefined) task.place = 'running';
  if (end.type === 'task.completed') {
    move(task, end.type);
    task.output = end.output;
  } else noteChange(task, end);
  task.dueAt = undefined;
  task.endedAt = end.at;
  return task;
}
