/** What a task's `run` is given. */
import type { TaskContext } from '../definition/define-agent.ts';
import { park } from '../definition/parking.ts';
import { BodyLog } from './body-log.ts';
import type { WorkOwner } from './body-work.ts';
import type { RunningTask } from './running-task.ts';
import { TaskAgents, taskBudget } from './task-abilities.ts';

/** Where the work of a task belongs. */
export interface TaskContextOwner {
  readonly body: WorkOwner;
  /** The task tells how far it is; after its end that is dropped. */
  progress(task: RunningTask, value: unknown): void;
  /** The task tells a part of its output; resolves when the reader has room for the next. */
  emit(task: RunningTask, chunk: unknown): Promise<void>;
  /** The task asks its system for something, by name; after its end it is refused. */
  ask(task: RunningTask, name: string, args: unknown, signal?: AbortSignal): Promise<unknown>;
}

const NO_STEPS: ReadonlyMap<string, unknown> = new Map();

/** Plain fields, for a getter costs more than all of them. */
export function taskContextOf(
  owner: TaskContextOwner,
  task: RunningTask,
  input: unknown,
): TaskContext<unknown, unknown> {
  const { body } = owner;
  const { taskId, attempt, signal, trace } = task;
  return {
    taskId,
    attempt,
    input,
    state: task.state,
    variables: body.variables,
    resources: body.resources,
    signal,
    log: new BodyLog(body.tellLine, taskId, trace),
    progress: (value) => owner.progress(task, value),
    emit: (chunk) => owner.emit(task, chunk),
    agents: new TaskAgents((name, args, own) => owner.ask(task, name, args, own)),
    budget: taskBudget((name, args) => owner.ask(task, name, args)),
    step: <Value>(key: string, work: () => Value | PromiseLike<Value>) =>
      task.steps.take(key, work, (name, value) =>
        owner.ask(task, 'task.step', { key: name, value }),
      ) as Promise<Value>,
    steps: task.before === undefined ? NO_STEPS : new Map(task.before),
    complete: () => {
      task.isLast = true;
    },
    park,
    transfer: (...buffers) => {
      task.given = [...(task.given ?? []), ...buffers];
    },
  };
}
