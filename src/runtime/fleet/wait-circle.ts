/**
 * Decides whether a task would wait for itself (`WAIT_CIRCLE`). Pure.
 *
 * A waiting task goes on once all tasks that it has called are done. A called task is done once it has begun and
 * goes on itself; it begins once its target has a free place, now or when a task that holds one ends.
 *
 * I1  A wait is a circle if every task whose end could free a place for the called task waits for the caller.
 *     If one place may become free, or may be added, it is not a circle.
 * I2  Tasks that wait for nothing are assumed to end.
 */
import type { Wait, WaitingTask, WaitTarget } from '../agent/wait.ts';

/** One step of a circle: a task, and the target that it waits for. */
export interface CircleStep {
  readonly taskId: string;
  readonly agentId: string;
  /** An agent, or a pool. */
  readonly waitsFor: string;
}

/** The circle that `asker` closes by waiting for `target`, beginning with that; `undefined` if there is none. */
export function circleClosedBy(asker: WaitingTask, target: WaitTarget): readonly CircleStep[] | undefined {
  // The ordinary case: a place is free, or its holder waits for nothing.
  if (target.mayGrow) return undefined;
  for (const { isFree, holders } of target.places()) {
    if (isFree) return undefined;
    for (const holder of holders) if (holder !== asker && holder.waits.size === 0) return undefined;
  }
  const goingOn = thoseThatGoOn(asker, target);
  if (canBegin(target, goingOn)) return undefined;
  return shortestCircle(asker, target, goingOn);
}

/** Of the tasks that the wait depends on, those that can go on while `asker` waits. */
function thoseThatGoOn(asker: WaitingTask, target: WaitTarget): ReadonlySet<WaitingTask> {
  const tasks = new Set(holdersOf(target));
  // Tasks that are added during the loop are visited by the same loop.
  for (const task of tasks)
    for (const wait of task.waits) for (const next of tasksBehind(wait)) tasks.add(next);
  const goingOn = new Set<WaitingTask>();
  for (let isMore = true; isMore; ) {
    isMore = false;
    for (const task of tasks) {
      if (task === asker || goingOn.has(task)) continue;
      if (![...task.waits].every((wait) => isServed(wait, goingOn))) continue;
      goingOn.add(task);
      isMore = true;
    }
  }
  return goingOn;
}

function isServed({ task, target }: Wait, goingOn: ReadonlySet<WaitingTask>): boolean {
  return task?.isUnderWay ? goingOn.has(task) : canBegin(target, goingOn);
}

function canBegin(target: WaitTarget, goingOn: ReadonlySet<WaitingTask>): boolean {
  if (target.mayGrow) return true;
  for (const { isFree, holders } of target.places()) {
    if (isFree) return true;
    for (const holder of holders) if (goingOn.has(holder)) return true;
  }
  return false;
}

/** The tasks that a wait depends on. */
function tasksBehind({ task, target }: Wait): readonly WaitingTask[] {
  return task?.isUnderWay ? [task] : holdersOf(target);
}

function holdersOf(target: WaitTarget): WaitingTask[] {
  return [...target.places()].flatMap(({ holders }) => [...holders]);
}

interface Reached {
  readonly task: WaitingTask;
  readonly steps: readonly CircleStep[];
}

/** The path from `asker` over blocked tasks back to it. */
function shortestCircle(
  asker: WaitingTask,
  target: WaitTarget,
  goingOn: ReadonlySet<WaitingTask>,
): readonly CircleStep[] | undefined {
  const first = stepOf(asker, target);
  const reached: Reached[] = holdersOf(target).map((task) => ({ task, steps: [first] }));
  const seen = new Set<WaitingTask>();
  for (const { task, steps } of reached) {
    if (task === asker) return steps;
    if (seen.has(task)) continue;
    seen.add(task);
    for (const wait of task.waits) {
      if (isServed(wait, goingOn)) continue;
      const next = [...steps, stepOf(task, wait.target)];
      for (const behind of tasksBehind(wait)) reached.push({ task: behind, steps: next });
    }
  }
  return undefined;
}

function stepOf({ taskId, agentId }: WaitingTask, { name }: WaitTarget): CircleStep {
  return { taskId, agentId, waitsFor: name };
}
