/** What a task's `run` is given. */
import { answered } from '../time/loop-turn.ts';
import type { TaskContext } from '../definition/contexts.ts';
import { park } from '../definition/parking.ts';
import type { AskedQuestion } from '../definition/task-abilities.ts';
import { dataCopy } from '../values/data-copy.ts';
import { BodyLog } from './body-log.ts';
import type { WorkOwner } from './body-work.ts';
import { Repetition } from './repetition.ts';
import type { RunningTask } from './running-task.ts';
import { askPerson } from './person.ts';
import { BudgetOfTask, TaskAgents } from './task-abilities.ts';

/** Where the work of a task belongs. */
export interface TaskContextOwner {
  readonly body: WorkOwner;
  /** The task tells how far it is; after its end that is dropped. */
  progress(task: RunningTask, value: unknown): void;
  /** The task tells a part of its output; resolves when the reader has room for the next. */
  emit(task: RunningTask, chunk: unknown): Promise<void>;
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
    log: new BodyLog(body, taskId, trace),
    progress: (value) => owner.progress(task, value),
    emit: (chunk) => owner.emit(task, chunk),
    agents: new TaskAgents(task),
    repeated: (name, args) => {
      const { maxRepeats = Infinity } = body.definition.tasks[task.name]!;
      return (task.repetition ??= new Repetition()).count(name, args, maxRepeats);
    },
    budget: new BudgetOfTask(task),
    ask: <Answer>(question: AskedQuestion<Answer>) =>
      askPerson(
        question,
        question?.key ?? task.steps.nextQuestion() ?? `${(task.asked += 1)}`,
        task,
      ) as Promise<Answer>,
    step: <Value>(key: string, work: () => Value | PromiseLike<Value>) =>
      answered(body.clock, () =>
        task.steps.take(key, work, (name, value) => task.ask('task.step', { key: name, value })),
      ) as Promise<Value>,
    steps: task.before === undefined ? NO_STEPS : new Map(dataCopy(task.before)),
    complete: () => {
      task.isLast = true;
    },
    park,
    transfer: (...buffers) => {
      task.given = [...(task.given ?? []), ...buffers];
    },
  };
}
