/**
 * Tasks of an earlier program: restores their records, and gives agents and pools the tasks that go on.
 *
 * Decides which tasks go on and which are lost. It begins none of them.
 *
 * I1  No task is repeated unless its definition allows it; a task that was running is reported as `task.unknown`.
 */
import { hasAttemptLeft } from '../../machines/index.ts';
import type { KeptQuestion } from '../agent/question-record.ts';
import type { Questions } from '../agent/questions.ts';
import { type GivenTask, requestOf, type RestoredTask, type TaskBefore } from '../agent/task-request.ts';
import type { AgentManifest } from '../definition/manifest.ts';
import type { Journal } from '../journal/journal.ts';
import type { Recovery, TaskProgress } from '../journal/store.ts';
import type { SteadyClock } from '../time/clock.ts';
import { dataCopy, frozenData } from '../values/data-copy.ts';
import type { Agents } from './agents.ts';
import { type KnownTasks, move } from './known-tasks.ts';
import type { AcceptedTask, KnownTask } from './task-record.ts';

/** A task of a pool: whichever member is free goes on with it. */
export interface RestoredInPool {
  readonly given: GivenTask;
  readonly before: TaskBefore;
}

export interface TaskRestoring {
  readonly known: KnownTasks;
  readonly journal: Journal;
  readonly questions: Questions;
  readonly clock: SteadyClock;
  readonly agents: Agents;
  /** Goes on with tasks of pools, once these are there. */
  readonly restoreInPool: (pool: string, tasks: RestoredInPool[]) => void;
}

/** Returns the tasks that go on, by the id of their agent. */
export function restoreTasks(
  { tasks, endedTasks = [], taskProgress }: Recovery,
  options: TaskRestoring,
): ReadonlyMap<string, readonly RestoredTask[]> {
  const { known: records, agents, questions, restoreInPool } = options;
  for (const { accepted, end } of endedTasks) {
    records.note(accepted);
    const known = records.find(accepted.taskId);
    known.attempts = end.attempts ?? known.attempts;
    known.startedAt = end.startedAt;
    if (end.startedAt !== undefined) known.place = 'running';
    // A store may give what can be changed.
    records.note(frozenData(end));
  }
  const left = new Map<string, RestoredTask[]>();
  const ofPools = new Map<string, RestoredInPool[]>();
  for (const accepted of tasks) {
    const { agentId, taskId } = accepted;
    records.note(accepted);
    const known = records.find(taskId);
    const progress = taskProgress?.get(taskId);
    if (progress) {
      // Its place before that event.
      known.place = progress.type === 'task.started' ? 'waiting.queued' : 'running';
      records.note(progress);
    }
    const { isInFlight, isClear } = standingOf(accepted, taskProgress);
    // A task that has asked a person is begun again, also if its kind may not be repeated: it goes on from the answer.
    const asked = questions.taskOf(taskId);
    known.isBodyGone = asked !== undefined;
    const goesOn =
      asked !== undefined ||
      (isClear && !isInFlight) ||
      isRepeated(accepted, known.attempts, manifestOf(agentId, agents));
    const { pool } = accepted;
    if ((pool === undefined && !agents.has(agentId)) || !goesOn) {
      lose(accepted, known, options.journal, false);
      continue;
    }
    // If it waits for a person, nothing is unknown either.
    if ((!isClear || isInFlight) && questions.openOf(taskId) === 0) {
      move(known, 'task.accepted');
      lose(accepted, known, options.journal, true);
    }
    const restored = restoredTask(accepted, known, progress);
    const task =
      asked === undefined ? restored : askingTask(restored, asked, isInFlight, questions.heldMsOf(taskId));
    if (pool === undefined) addTo(left, agentId, task);
    else addTo(ofPools, pool, inPoolOf(task, options.clock));
  }
  for (const [pool, tasks] of ofPools) restoreInPool(pool, tasks);
  return left;
}

function addTo<Task>(lists: Map<string, Task[]>, of: string, task: Task): void {
  const list = lists.get(of);
  if (list) list.push(task);
  else lists.set(of, [task]);
}

/** A task that has asked a person, with what is left of its time: what it waited for them counts where it said so. */
function askingTask(
  restored: RestoredTask,
  asked: NonNullable<KeptQuestion['task']>,
  isInFlight: boolean,
  heldMs: number,
): RestoredTask {
  const { deadlineAt } = restored;
  const again = { ...restored, hasAsked: true };
  if (asked.deadlineAt !== undefined) return { ...again, ...asked };
  if (!isInFlight && deadlineAt !== undefined) return { ...again, deadlineAt: deadlineAt + heldMs };
  return { ...again, deadlineAt: undefined, timeoutMs: undefined, ...asked, isHeld: isInFlight };
}

/** A task as its pool is given it, with what is left of its time, and of the delay before it. */
function inPoolOf(task: RestoredTask, clock: SteadyClock): RestoredInPool {
  const { timeoutMs, deadlineAt, isHeld, delayMs: givenMs } = task;
  const given: GivenTask = { ...requestOf(task), delayMs: givenMs };
  const before = given.again!;
  const dueAt =
    task.dueAt === undefined ? undefined : Math.min(task.dueAt, clock.now() + (givenMs ?? Infinity));
  const delayMs = dueAt === undefined ? 0 : Math.max(0, dueAt - clock.now());
  if (timeoutMs === undefined) return { given: { ...given, dueAt }, before };
  // Its time does not run before it is begun.
  if (isHeld) return { given: { ...given, dueAt }, before };
  const leftMs = deadlineAt === undefined ? timeoutMs : Math.max(0, deadlineAt - clock.now());
  const timesOutAt = clock.elapsed() + Math.min(leftMs, delayMs + timeoutMs);
  return { given: { ...given, dueAt, timesOutAt }, before };
}

/** Reports the task as `task.unknown`. @param retry whether it is begun again */
function lose(
  { agentId, incarnation, taskId, task, input, submitted }: AcceptedTask,
  { attempts, startedAt }: KnownTask,
  journal: Journal,
  retry: boolean,
): void {
  journal.emit({
    type: 'task.unknown',
    agentId,
    incarnation,
    taskId,
    task,
    retry,
    ...(submitted ? { submitted, attempts, ...(startedAt === undefined ? {} : { startedAt }) } : {}),
    ...(input === undefined ? {} : { input }),
  });
}

/** How far a task had come that has no end. */
export function standingOf(
  { taskId, submitted }: AcceptedTask,
  taskProgress: Recovery['taskProgress'],
): { readonly isInFlight: boolean; readonly isClear: boolean } {
  const progress = taskProgress?.get(taskId);
  const isInFlight = progress?.type === 'task.started';
  // If it has not begun, or its last attempt is known to have ended, nothing is unknown.
  const isKnown = progress !== undefined && !isInFlight;
  return { isInFlight, isClear: isKnown || (submitted === true && taskProgress !== undefined) };
}

/** Whether a task that was running may be begun again; the lost attempt counts. */
export function isRepeated(
  { task, retry, policy, attempts = 0, before = attempts }: AcceptedTask,
  begun: number,
  manifest: AgentManifest | undefined,
): boolean {
  if (!retry) return false;
  const kept = policy ?? manifest?.tasks[task]?.policy;
  return kept === undefined || hasAttemptLeft(kept, begun - before);
}

function manifestOf(agentId: string, agents: Agents): AgentManifest | undefined {
  return agents.has(agentId) ? agents.find(agentId).manifest : undefined;
}

function restoredTask(
  accepted: AcceptedTask,
  { attempts, startedAt }: KnownTask,
  progress: TaskProgress | undefined,
): RestoredTask {
  const { taskId, task, input, retry, policy, timeoutMs, deadlineAt, trace } = accepted;
  const { idempotencyKey, dedupeKey, called, caller } = accepted;
  const { priority } = accepted;
  const { dueAt, delayMs } =
    progress === undefined ? accepted : progress.type === 'task.retry_scheduled' ? progress : NOT_DELAYED;
  return {
    taskId,
    task,
    input: dataCopy(input),
    retry,
    policy,
    timeoutMs,
    deadlineAt,
    trace,
    priority,
    submission: accepted.submitted && { idempotencyKey, dedupeKey, called, caller, accepted: ignore },
    before: accepted.before ?? accepted.attempts ?? 0,
    attempts,
    startedAt,
    dueAt,
    delayMs,
  };
}

const NOT_DELAYED: { readonly dueAt?: number; readonly delayMs?: number } = {};
const ignore = (): void => {};
