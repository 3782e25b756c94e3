/** Errors that the caller of a task gets. */
import { AgentSystemError, type ErrorCode, errorFrom } from '../values/errors.ts';
import type { TaskFailure } from './task-entry.ts';
import type { ToldTask } from './task-events.ts';
import type { TaskRequest } from './task-request.ts';

export function queueFull(agentId: string, waiting: number, queueLimit: number): AgentSystemError {
  const message = `agent ${agentId} has ${waiting} ${waiting === 1 ? 'task' : 'tasks'} waiting, its tasks.queueLimit is ${queueLimit}`;
  return new AgentSystemError('TASK_QUEUE_FULL', message, { agentId });
}

export function taskFailure(
  agentId: string,
  entry: ToldTask,
  { code, error, cause, expected }: TaskFailure,
): AgentSystemError {
  const { request, policy, attempt } = entry;
  const which = policy === undefined ? '' : ` at attempt ${attempt}`;
  const message = `task ${request.type} of agent ${agentId} ${WHAT[code] ?? 'failed'}${which}: ${error.message}`;
  return taskError(code, message, agentId, entry, cause ?? errorFrom(error), expected);
}

/** The failure of a stalled task. */
export function stallOf({ taskId, request, stall }: ToldTask): TaskFailure {
  const message = `it told nothing of its progress for ${stall?.stalledAfterMs} ms (${request.type})`;
  return { type: 'task.failed', taskId, code: 'TASK_STALLED', error: { name: 'Stalled', message } };
}

/**
 * @param where its state in words: `still waiting` or `still running`
 * @param cause how its last attempt failed, if it waited for the next
 */
export function taskTimeout(
  agentId: string,
  entry: ToldTask,
  where: string,
  timeoutMs: number,
  cause?: unknown,
): AgentSystemError {
  const message = `task ${entry.request.type} of agent ${agentId} was ${where} after ${timeoutMs} ms`;
  return taskError('TASK_TIMED_OUT', message, agentId, entry, cause);
}

/** @param entry left out for a task that was not accepted */
export function abandonment(
  agentId: string,
  why: string,
  { type, signal }: TaskRequest,
  entry?: ToldTask,
): AgentSystemError {
  const message = `task ${type} of agent ${agentId} was abandoned: ${why}`;
  const cause: unknown = signal?.aborted ? signal.reason : undefined;
  return taskError('TASK_ABANDONED', message, agentId, entry, cause);
}

/** It has not ended: another program goes on with it. */
export function leftUndone(agentId: string, { taskId, request: { type: task } }: ToldTask): AgentSystemError {
  const message = `task ${task} of agent ${agentId} was not done before the system closed; it stays accepted, as ${taskId}`;
  return new AgentSystemError('SYSTEM_CLOSED', message, { agentId, details: { taskId, task } });
}

function taskError(
  code: ErrorCode,
  message: string,
  agentId: string,
  entry: ToldTask | undefined,
  cause?: unknown,
  expected?: readonly string[],
): AgentSystemError {
  const details = entry && {
    taskId: entry.taskId,
    task: entry.request.type,
    attempt: entry.attempt,
    ...(expected ? { expected, got: entry.request.type } : {}),
  };
  return new AgentSystemError(code, message, { agentId, cause, details });
}

const WHAT: Partial<Record<ErrorCode, string>> = {
  TASK_INPUT_INVALID: 'was given an input that is not as defined',
  TASK_INCOMPATIBLE: 'is not for it',
  TASK_STALLED: 'has stalled',
};
