/**
 * A fleet's tasks as tools of an MCP server: `serveTasks`. Every MCP client can call them.
 *
 * The server is the SDK's; the caller connects it to a transport. A cancelled call cancels its task, progress of a task
 * goes to clients that asked for it, and a refusal is an error result with its code, without keys of providers in it.
 */
import { Server } from '@modelcontextprotocol/sdk/server/index.js';
import {
  CallToolRequestSchema,
  type CallToolResult,
  ListToolsRequestSchema,
  type Tool,
} from '@modelcontextprotocol/sdk/types.js';
import { z } from 'zod';
import type { AgentSystem, TaskTarget } from '../index.ts';
import type { AnyAgentDefinition } from '../runtime/definition/define-agent.ts';
import { taskTarget } from '../runtime/fleet/task-submission.ts';
import { AgentSystemError, errorInfoOf, inWords } from '../runtime/values/errors.ts';
import { parseInput } from '../runtime/values/malformed.ts';
import { type AnySchema, isSchema, jsonSchemaOf } from '../runtime/values/schema.ts';
import { withoutKnownSecrets } from '../runtime/values/secrets.ts';

/** A task as a tool. */
export interface ServedTask {
  /** Who does it: an agent's id, the least loaded agent of a type, or a pool. */
  readonly target: TaskTarget;
  /** The name of the task. */
  readonly task: string;
  /** What a model reads of it. */
  readonly description: string;
  /** What goes in; default anything. One that is no object is asked for as `{ input }`. */
  readonly input?: AnySchema;
  /** From its acceptance to its end; default that of its kind. */
  readonly timeoutMs?: number;
}

/** An MCP server made of tasks of a fleet. */
export interface ServeTasksOptions {
  /** The name that the server tells its clients. */
  readonly name: string;
  /** The version that the server tells its clients. */
  readonly version: string;
  /** By the names of the tools. */
  readonly tools: Readonly<Record<string, ServedTask>>;
}

const optionsSchema = z.strictObject({
  name: z.string().min(1),
  version: z.string().min(1),
  tools: z.record(
    z.string().regex(/^[\w.-]{1,64}$/, 'expected letters, digits, ".", "_" and "-", 64 at the most'),
    z.strictObject({
      target: taskTarget,
      task: z.string().min(1),
      description: z.string(),
      input: z.custom<AnySchema>(isSchema, { error: 'expected a Standard Schema' }).optional(),
      timeoutMs: z.number().positive().optional(),
    }),
  ),
});

interface Known {
  readonly served: ServedTask;
  readonly tool: Tool;
  /** Its input is a field of the tool's. */
  readonly isWrapped: boolean;
}

/**
 * Makes an MCP server whose tools are tasks of a fleet. Connect it to a transport of the SDK.
 *
 * @throws AgentSystemError `AGENT_SPEC_INVALID` naming the option that was not as expected
 */
export function serveTasks(system: Pick<AgentSystem, 'tasks'>, options: ServeTasksOptions): Server {
  const { name, version, tools } = parseInput(optionsSchema, options, { what: 'serveTasks' });
  const known = new Map(
    Object.entries(tools).map(([tool, served]) => [tool, knownOf(tool, served as ServedTask)]),
  );
  const server = new Server({ name, version }, { capabilities: { tools: {} } });
  server.setRequestHandler(ListToolsRequestSchema, () => ({
    tools: [...known.values()].map(({ tool }) => tool),
  }));
  server.setRequestHandler(CallToolRequestSchema, async ({ params }, { signal, sendNotification, _meta }) => {
    const found = known.get(params.name);
    if (found === undefined) return failure(new Error(`no tool ${inWords(params.name)} is served here`));
    const progressToken = _meta?.progressToken;
    let told = 0;
    const onProgress = (value: unknown): void => {
      if (progressToken === undefined) return;
      told += 1;
      const progress = {
        progressToken,
        progress: told,
        message: typeof value === 'string' ? value : jsonOf(value),
      };
      sendNotification({ method: 'notifications/progress', params: progress }).catch(() => undefined);
    };
    try {
      return success(await asked(system, found, params.arguments ?? {}, signal, onProgress));
    } catch (thrown) {
      return failure(thrown);
    }
  });
  return server;
}

/** Every task of a definition as tools named `type.task`, done by the least loaded agent of that type. */
export function tasksOf(
  definition: AnyAgentDefinition,
  descriptions: Readonly<Record<string, string>>,
  target: TaskTarget = { type: definition.type },
): Record<string, ServedTask> {
  const tools: Record<string, ServedTask> = {};
  for (const [task, description] of Object.entries(descriptions)) {
    const kind = Object.hasOwn(definition.tasks, task) ? definition.tasks[task] : undefined;
    if (kind === undefined) {
      const problem = `${definition.type} has no task ${inWords(task)}, expected ${Object.keys(definition.tasks).join(', ')}`;
      throw new AgentSystemError('AGENT_SPEC_INVALID', `tasksOf: ${problem}`);
    }
    const input = kind.input === undefined ? {} : { input: kind.input };
    tools[`${definition.type}.${task}`] = { target, task, description, ...input };
  }
  return tools;
}

/** A task of its own, so that a target is chosen as for any other. */
async function asked(
  { tasks }: Pick<AgentSystem, 'tasks'>,
  { served, isWrapped }: Known,
  args: Record<string, unknown>,
  signal: AbortSignal,
  onProgress: (value: unknown) => void,
): Promise<unknown> {
  const { target, task: type, timeoutMs } = served;
  const input = isWrapped ? args['input'] : args;
  signal.throwIfAborted();
  const timed = timeoutMs === undefined ? {} : { timeoutMs };
  const { id } = await tasks.submit(target, { type, input, onProgress, ...timed });
  // One that has ended meanwhile cannot be cancelled, and need not be.
  const cancel = (): void => void tasks.cancel(id, 'cancelled by the MCP client').catch(() => undefined);
  if (signal.aborted) cancel();
  else signal.addEventListener('abort', cancel, { once: true });
  try {
    return await tasks.result(id);
  } finally {
    signal.removeEventListener('abort', cancel);
  }
}

function knownOf(name: string, served: ServedTask): Known {
  const input = jsonSchemaOf(served.input) ?? {};
  const isWrapped = input['type'] !== 'object';
  const inputSchema = isWrapped
    ? { type: 'object' as const, properties: { input }, ...(served.input ? { required: ['input'] } : {}) }
    : (input as Tool['inputSchema']);
  return { served, isWrapped, tool: { name, description: served.description, inputSchema } };
}

function success(output: unknown): CallToolResult {
  const text = typeof output === 'string' ? output : (jsonOf(output) ?? '');
  const isObject = typeof output === 'object' && output !== null && !Array.isArray(output);
  return {
    content: [{ type: 'text', text }],
    ...(isObject ? { structuredContent: output as Record<string, unknown> } : {}),
  };
}

function failure(thrown: unknown): CallToolResult {
  const { message } = errorInfoOf(thrown);
  const code = thrown instanceof AgentSystemError ? `${thrown.code}: ` : '';
  return { isError: true, content: [{ type: 'text', text: withoutKnownSecrets(`${code}${message}`) }] };
}

function jsonOf(value: unknown): string | undefined {
  try {
    return JSON.stringify(value);
  } catch {
    return inWords(value);
  }
}
