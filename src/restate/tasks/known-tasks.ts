/** The tasks that an agent keeps: each is found by its id or key, and says which commands it allows. */
import { legalForTask, type TaskCommand, taskStatusOf } from '../../machines/index.ts';
import { AgentSystemError, inWords } from '../../runtime/values/errors.ts';
import type { AgentState } from '../agent/agent-state.ts';
import type { EndedTask, TaskEntry } from './task-entries.ts';

/** One that waits, runs, or has ended. */
export type KnownTask = TaskEntry | EndedTask;

/** @throws AgentSystemError `TASK_UNKNOWN` */
export function findTask(state: Pick<AgentState, 'tasks' | 'ended'>, taskId: string): KnownTask {
  const found =
    state.tasks.find(({ id, isAnswered }) => id === taskId && !isAnswered) ??
    state.ended.find(({ id }) => id === taskId);
  if (found !== undefined) return found;
  throw new AgentSystemError('TASK_UNKNOWN', `no task ${inWords(taskId)} is known`);
}

/** The task of a key; of a `dedupeKey` only one that has not ended. */
export function taskOfKey(
  state: AgentState,
  { idempotencyKey, dedupeKey }: Pick<TaskEntry, 'idempotencyKey' | 'dedupeKey'>,
): KnownTask | undefined {
  if (dedupeKey !== undefined)
    return state.tasks.find((task) => task.dedupeKey === dedupeKey && !task.isAnswered);
  if (idempotencyKey === undefined) return undefined;
  return (
    state.tasks.find((task) => task.idempotencyKey === idempotencyKey && !task.isAnswered) ??
    state.ended.find((task) => task.idempotencyKey === idempotencyKey)
  );
}

/** What may be asked of a task as it stands. */
export function legalFor(task: KnownTask): readonly TaskCommand[] {
  return legalForTask(task.place).filter((command) => command !== 'retry' || isSubmitted(task));
}

function isSubmitted(task: KnownTask): boolean {
  return !('submitted' in task) || task.submitted;
}

/** @throws AgentSystemError `AGENT_ILLEGAL_COMMAND` */
export function refuseUnlessLegal(agentId: string, task: KnownTask, command: TaskCommand): void {
  const legal = legalFor(task);
  if (legal.includes(command)) return;
  const { id: taskId, place } = task;
  const status = taskStatusOf(place);
  const message = `task ${taskId} is ${status}: ${command} is not allowed; allowed here: ${legal.join(', ') || 'nothing'}`;
  throw new AgentSystemError('AGENT_ILLEGAL_COMMAND', message, {
    agentId,
    details: { taskId, status, command, legal },
  });
}
