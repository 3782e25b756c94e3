/** The arguments of `tasks.submit`: reads and checks them, and makes a task for an agent or a pool. */
import { z } from 'zod';
import { retryPolicy } from '../../machines/index.ts';
import type { GivenTask, TaskRequest } from '../agent/task-request.ts';
import type { TaskTypes } from '../definition/define-agent.ts';
import type { RetryOptions } from '../definition/task-kind.ts';
import { actor } from '../values/act.ts';
import { dataCopy } from '../values/data-copy.ts';
import { AgentSystemError, inWords } from '../values/errors.ts';
import { hasFields } from '../values/instances.ts';
import { jsonProblemOf } from '../values/json-survey.ts';
import { parseInput, readInput } from '../values/malformed.ts';
import type { TypedId, AskedTaskOf, TypedPoolName } from './agent-handle.ts';
import type { TaskKeys } from './task-record.ts';

/** Who does a task: an agent by id, the least loaded agent of a type, or a pool. */
export type TaskTarget<Tasks extends TaskTypes = TaskTypes> =
  | TypedId<Tasks>
  | { readonly type: string }
  | { readonly pool: TypedPoolName<Tasks> };

/** A task as it is submitted. */
export interface SubmittedTask extends Omit<TaskRequest, 'signal' | 'transfer'> {
  /** The same key gives the same task, in a later program too: nothing is done twice. */
  readonly idempotencyKey?: string | undefined;
  /** The same key gives the same task as long as that has not ended; after its end it is a new one. */
  readonly dedupeKey?: string | undefined;
  /** Its retry policy; default that of its kind. The definition's `when` still decides which errors are retried. */
  readonly retry?: RetryOptions | undefined;
  /** It is not begun before then, epoch ms; its `timeoutMs` counts from then. Not together with `delayMs`. */
  readonly notBefore?: number | undefined;
  /** It is not begun before so many ms from now; its `timeoutMs` counts from then. */
  readonly delayMs?: number | undefined;
  /** Who asks for it, as its `task.accepted` says: 1 to 256 characters. */
  readonly by?: string | undefined;
}

/** One kind of task, as it is submitted to an agent or a pool whose type is known. */
export type SubmittedTaskOf<Tasks extends TaskTypes, Name extends keyof Tasks> = Omit<
  SubmittedTask,
  'type' | 'input'
> &
  AskedTaskOf<Tasks, Name>;

/** A submitted task whose fields have been checked. */
export interface ReadSubmission {
  readonly to: TaskTarget;
  readonly request: GivenTask;
  readonly keys: TaskKeys;
  readonly by: string | undefined;
}

export const taskTarget = z.union(
  [z.string(), z.strictObject({ type: z.string() }), z.strictObject({ pool: z.string() })],
  { error: 'expected the id of an agent, { type } or { pool }' },
);
const submissionSchema = z.strictObject({
  idempotencyKey: z.string().min(1).max(1_024).optional(),
  dedupeKey: z.string().min(1).max(1_024).optional(),
  retry: retryPolicy.optional(),
  notBefore: z.number().optional(),
  delayMs: z.number().min(0).optional(),
  by: actor.optional(),
});

/**
 * Reads a submission. Does not check whether an agent can do it.
 *
 * @param now epoch ms
 * @throws AgentSystemError `TASK_INPUT_INVALID`, also for an input that is not JSON data
 */
export function readSubmission(target: TaskTarget, task: SubmittedTask, now: number): ReadSubmission {
  const { idempotencyKey, dedupeKey, retry, notBefore, delayMs, by, ...asked } = readInput(
    () => fieldsOf(task),
    { what: 'submit', code: 'TASK_INPUT_INVALID' },
  );
  const { retry: policy } = parseInput(
    submissionSchema,
    { idempotencyKey, dedupeKey, retry, notBefore, delayMs, by },
    { what: 'submit', code: 'TASK_INPUT_INVALID' },
  );
  if (notBefore !== undefined && delayMs !== undefined) {
    throw new AgentSystemError('TASK_INPUT_INVALID', 'submit: expected notBefore or delayMs, got both');
  }
  if (idempotencyKey !== undefined && dedupeKey !== undefined) {
    throw new AgentSystemError(
      'TASK_INPUT_INVALID',
      'submit: expected idempotencyKey or dedupeKey, got both',
    );
  }
  const waitMs = delayMs === undefined ? undefined : Math.ceil(delayMs);
  const dueAt = waitMs === undefined ? notBefore : now + waitMs;
  const request: GivenTask = {
    whenDown: 'wait',
    ...asked,
    ...(policy ? { policy } : {}),
    ...(dueAt === undefined ? {} : { dueAt }),
    ...(waitMs === undefined ? {} : { delayMs: waitMs }),
  };
  const to = parseInput(taskTarget, target, { what: 'submit', code: 'TASK_INPUT_INVALID' });
  const problem = jsonProblemOf(request.input);
  if (problem !== undefined) {
    const message = `submit: the input of ${inWords(request.type)}: ${problem}, expected JSON data`;
    throw new AgentSystemError('TASK_INPUT_INVALID', message);
  }
  const keys: TaskKeys = { idempotencyKey, dedupeKey };
  // What its caller does to the input from here on is nothing to the task.
  return { to, request: { ...request, input: dataCopy(request.input) }, keys, by };
}

function fieldsOf(task: SubmittedTask): SubmittedTask {
  if (hasFields(task)) return { ...task };
  const message = `submit: expected a task, { type, input? }, got ${inWords(task)}`;
  throw new AgentSystemError('TASK_INPUT_INVALID', message);
}
