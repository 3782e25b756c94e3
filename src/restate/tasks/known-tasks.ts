/** What is told and shown of a task that is kept: the events and errors of one program, and its record. */
import type { ToldTask } from '../../runtime/agent/task-events.ts';
import type { TaskRecord } from '../../runtime/fleet/task-record.ts';
import { hasTaskEnded, legalForTask, type TaskCommand, taskStatusOf } from '../../machines/index.ts';
import { AgentSystemError, type ErrorCode, errorFrom } from '../../runtime/values/errors.ts';
import type { AgentState } from '../agent/agent-state.ts';
import { type Answer, refusalOf } from '../engine/call-answer.ts';
import type { EndedTask, TaskEntry } from './task-entries.ts';

/** A task as the events and errors of one program tell of it. */
export function toldOf(
  entry: TaskEntry,
  given: { readonly input?: unknown; readonly output?: unknown; readonly by?: string | undefined } = {},
): ToldTask {
  const {
    id: taskId,
    task: type,
    incarnation,
    retry,
    before,
    attempts: attempt,
    startedAt,
    acceptedAt,
  } = entry;
  const { timeoutMs, policy, priority, due, idempotencyKey, dedupeKey } = entry;
  return {
    taskId,
    incarnation,
    retry,
    policy,
    before,
    attempt,
    acceptedAt,
    startedAt: startedAt ?? acceptedAt,
    begunAt: startedAt,
    output: given.output,
    trace: undefined,
    request: {
      type,
      input: given.input,
      ...(timeoutMs === undefined ? {} : { timeoutMs }),
      policy,
      ...(priority === undefined ? {} : { priority }),
      dueAt: due?.dueAt,
      submission: entry.submitted ? { idempotencyKey, dedupeKey, by: given.by, accepted: ignore } : undefined,
    },
  };
}

const ignore = (): void => {};

/** One that waits, runs, or has ended. */
export type KnownTask = TaskEntry | EndedTask;

/** @throws AgentSystemError `TASK_UNKNOWN` */
export function findTask(state: Pick<AgentState, 'tasks' | 'ended'>, taskId: string): KnownTask {
  const found =
    state.tasks.find(({ id, isAnswered }) => id === taskId && !isAnswered) ??
    state.ended.find(({ id }) => id === taskId);
  if (found !== undefined) return found;
  throw new AgentSystemError('TASK_UNKNOWN', `no task ${JSON.stringify(taskId)} is known`);
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

export function taskRecord(agentId: string, known: KnownTask): TaskRecord {
  const { id, task, place, attempts, acceptedAt, startedAt, idempotencyKey, dedupeKey } = known;
  const isOver = 'endedAt' in known;
  const error = isOver ? known.error : known.failure?.error;
  const { parked, stalledAt, due } = isOver ? NOTHING : known;
  return {
    id,
    agentId,
    task,
    status: taskStatusOf(place),
    attempts,
    acceptedAt,
    ...(startedAt === undefined ? {} : { startedAt }),
    ...(isOver ? { endedAt: known.endedAt } : {}),
    ...(parked === undefined ? {} : { parked }),
    ...(stalledAt === undefined ? {} : { stalledAt }),
    ...(due === undefined ? {} : { dueAt: due.dueAt }),
    ...(isOver && known.output !== undefined ? { output: known.output } : {}),
    ...(error === undefined ? {} : { error }),
    ...(idempotencyKey === undefined ? {} : { idempotencyKey }),
    ...(dedupeKey === undefined ? {} : { dedupeKey }),
  };
}

const NOTHING: Pick<TaskEntry, 'parked' | 'stalledAt' | 'due'> = {};
const MISSED: Partial<Record<TaskRecord['status'], ErrorCode>> = {
  timed_out: 'TASK_TIMED_OUT',
  failed: 'TASK_FAILED',
};

/** What whoever asks for the result of a task that has ended is answered; `undefined` of one that has not. */
export function resultOf(agentId: string, known: KnownTask): Answer | undefined {
  const { id: taskId, task, place, attempts: attempt } = known;
  const status = taskStatusOf(place);
  if (!('endedAt' in known) || !hasTaskEnded(status)) return undefined;
  const { output, error, code } = known;
  if (status === 'done') return { value: output };
  const as = MISSED[status] ?? 'TASK_ABANDONED';
  const why = error === undefined ? '' : `: ${error.message}`;
  const message = `task ${task} (${taskId}) of agent ${agentId} is ${status}${why}`;
  const cause = error && errorFrom(error);
  const details = { taskId, task, status, attempt };
  const refused = new AgentSystemError(as === 'TASK_FAILED' ? (code ?? as) : as, message, {
    agentId,
    cause,
    details,
  });
  return { refusal: refusalOf(refused) };
}
