/**
 * Whether a task would wait for itself: the decider behind `WAIT_CIRCLE`. Pure.
 *
 * A task that waits goes on once all that it has asked for is done. What it asked for is done once it has begun and
 * goes on itself; it begins once a place of its target is free, now or because a task that holds one goes on.
 *
 * I1  A wait is a circle if, with it, nothing that could begin what is waited for can go on before the one who waits.
 *     As long as one place may become free, or may be added, it is none.
 * I2  Of tasks that wait for nothing it is taken that they end.
 */
import type { Wait, WaitingTask, WaitTarget } from '../agent/wait.ts';

/** One step of a circle: a task, and whom it waits for. */
export interface CircleStep {
  readonly taskId: string;
  readonly agentId: string;
  /** An agent, or a pool. */
  readonly waitsFor: string;
}

/** The circle that `asker` closes when it waits for `target`, from that on; `undefined` where there is none. */
export function circleClosedBy(asker: WaitingTask, target: WaitTarget): readonly CircleStep[] | undefined {
  // The ordinary case: somebody is free, or busy with nothing but their own work.
  if (target.mayGrow) return undefined;
  for (const { isFree, holders } of target.places()) {
    if (isFree) return undefined;
    for (const holder of holders) if (holder !== asker && holder.waits.size === 0) return undefined;
  }
  const goingOn = thoseThatGoOn(asker, target);
  if (canBegin(target, goingOn)) return undefined;
  return shortestCircle(asker, target, goingOn);
}

/** Of all tasks that the wait depends on, those that go on while `asker` does not. */
function thoseThatGoOn(asker: WaitingTask, target: WaitTarget): ReadonlySet<WaitingTask> {
  const tasks = new Set(holdersOf(target));
  // Those that are found while they are gone through come later in the same loop.
  for (const task of tasks) {
    if (task === asker) continue;
    for (const wait of task.waits) for (const next of tasksBehind(wait)) tasks.add(next);
  }
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
  return task?.isBegun ? goingOn.has(task) : canBegin(target, goingOn);
}

function canBegin(target: WaitTarget, goingOn: ReadonlySet<WaitingTask>): boolean {
  if (target.mayGrow) return true;
  for (const { isFree, holders } of target.places()) {
    if (isFree) return true;
    for (const holder of holders) if (goingOn.has(holder)) return true;
  }
  return false;
}

/** Whom a wait depends on. */
function tasksBehind({ task, target }: Wait): readonly WaitingTask[] {
  return task?.isBegun ? [task] : holdersOf(target);
}

function holdersOf(target: WaitTarget): WaitingTask[] {
  return [...target.places()].flatMap(({ holders }) => [...holders]);
}

interface Reached {
  readonly task: WaitingTask;
  readonly steps: readonly CircleStep[];
}

/** From `asker` over tasks that do not go on, back to it. */
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
    if (seen.has(task) || goingOn.has(task)) continue;
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
