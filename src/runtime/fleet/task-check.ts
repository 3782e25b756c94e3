/**
 * Checks a task before it is accepted: refuses malformed ones, and those that the agent cannot do.
 *
 * I1  What is done is what was checked: each field is read once, and what its caller does to the task from then on is
 *     nothing to it.
 */
import { z } from 'zod';
import { durationMs } from '../../machines/index.ts';
import type { TaskRequest } from '../agent/task-request.ts';
import type { AgentManifest } from '../definition/manifest.ts';
import { taskPriority } from '../definition/task-kind.ts';
import { AgentSystemError, inWords } from '../values/errors.ts';
import { jsonProblemOf } from '../values/json-survey.ts';
import { parseInput } from '../values/malformed.ts';
import { listed } from '../values/near-name.ts';
import { withoutKnownSecrets } from '../values/secrets.ts';

const taskSchema = z.strictObject({
  type: z.string(),
  input: z.unknown().optional(),
  timeoutMs: durationMs.optional(),
  signal: z.instanceof(AbortSignal).optional(),
  onProgress: z.custom((value) => typeof value === 'function', { error: 'expected a function' }).optional(),
  transfer: z.array(z.instanceof(ArrayBuffer)).optional(),
  whenDown: z.enum(['refuse', 'wait']).optional(),
  priority: taskPriority.optional(),
});

/**
 * Refuses a task that is malformed, or that agents of such a manifest cannot do. Returns the task as it was checked: an
 * object of our own, with the caller's input.
 *
 * @throws AgentSystemError `TASK_INPUT_INVALID`, `TASK_INCOMPATIBLE`
 */
export function checkTask(asked: TaskRequest, manifest: AgentManifest, agentId?: string): TaskRequest {
  const task = plainTask(asked) ?? parsedTask(asked, agentId);
  const { tasks, capabilities } = manifest;
  const missing = missingFor(task.type, manifest);
  if (missing === undefined) {
    const expected = Object.keys(tasks);
    const message = `${performer(manifest, agentId)} no task ${inWords(task.type)}, expected one of: ${listed(expected)}`;
    throw new AgentSystemError('TASK_INCOMPATIBLE', message, {
      agentId,
      details: { expected, got: withoutKnownSecrets(task.type) },
    });
  }
  if (missing.length > 0) {
    const has = capabilities.length === 0 ? 'it has none' : `it has: ${capabilities.join(', ')}`;
    const message = `${performer(manifest, agentId)} not the capabilities that task ${task.type} requires: ${missing.join(', ')}; ${has}`;
    throw new AgentSystemError('TASK_INCOMPATIBLE', message, { agentId, details: { missing, capabilities } });
  }
  const problem = tasks[task.type]?.retry ? jsonProblemOf(task.input) : undefined;
  if (problem === undefined) return task;
  const message = `the input of ${task.type}, which a later program may have to repeat: ${problem}, expected JSON data`;
  throw new AgentSystemError('TASK_INPUT_INVALID', message, { agentId });
}

/** Capabilities that agents of such a manifest lack for a task; `undefined` for an unknown task. */
export function missingFor(
  task: string,
  { tasks, capabilities }: AgentManifest,
): readonly string[] | undefined {
  if (!Object.hasOwn(tasks, task)) return undefined;
  const { requires } = tasks[task]!;
  for (const capability of requires) {
    if (!capabilities.includes(capability)) return requires.filter((one) => !capabilities.includes(one));
  }
  return NOTHING;
}

const NOTHING: readonly string[] = [];

function performer({ type }: AgentManifest, agentId: string | undefined): string {
  return agentId === undefined ? `an agent of type ${type} has` : `agent ${agentId} (${type}) has`;
}

/** The ordinary case without the cost of a schema; `undefined` of any other. */
function plainTask(task: unknown): TaskRequest | undefined {
  if (typeof task !== 'object' || task === null) return undefined;
  try {
    // What an instance has from its class is no key of it.
    if (Object.getPrototypeOf(task) !== Object.prototype) return undefined;
    for (const key in task) if (key !== 'type' && key !== 'input') return undefined;
    const { type, input } = task as TaskRequest;
    return typeof type === 'string' ? { type, input } : undefined;
  } catch {
    return undefined;
  }
}

function parsedTask(task: unknown, agentId: string | undefined): TaskRequest {
  const expectation = { what: 'task', code: 'TASK_INPUT_INVALID', agentId } as const;
  return parseInput(taskSchema, task, expectation) as TaskRequest;
}
