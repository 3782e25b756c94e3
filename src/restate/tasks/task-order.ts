/**
 * Which of the tasks that are kept is begun next: the order of one program (runtime/agent/task-order.ts), decided over
 * data. A test holds the two against each other.
 */
import { MAX_PASSED } from '../../runtime/agent/task-order.ts';
import { isWorking, type TaskEntry } from './task-entries.ts';

export interface Choice {
  readonly entry: TaskEntry;
  /** Tasks in a row that have passed an older one by, with this one. */
  readonly passed: number;
}

/**
 * The next of those that are queued and whose kind has room: the highest rank, then the first; and after `MAX_PASSED`
 * that passed an older one by, that one. Pure.
 *
 * @param passed of the last choice
 */
export function chooseTask(tasks: readonly TaskEntry[], passed: number): Choice | undefined {
  let best: TaskEntry | undefined;
  let oldest: TaskEntry | undefined;
  for (const entry of tasks) {
    if (entry.where !== 'queued' || !hasRoom(entry, tasks)) continue;
    if (oldest === undefined || entry.order < oldest.order) oldest = entry;
    const isBetter =
      best === undefined || entry.rank > best.rank || (entry.rank === best.rank && entry.order < best.order);
    if (isBetter) best = entry;
  }
  if (best === undefined || oldest === undefined) return undefined;
  const entry = passed < MAX_PASSED ? best : oldest;
  return { entry, passed: entry === oldest ? 0 : passed + 1 };
}

function hasRoom({ task, kindLimit }: TaskEntry, tasks: readonly TaskEntry[]): boolean {
  if (kindLimit === undefined) return true;
  return tasks.filter((other) => isWorking(other) && other.task === task).length < kindLimit;
}
