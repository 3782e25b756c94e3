/** The tools of an MCP server, whose client is an agent of the fleet, as tools of a model. */
import { dynamicTool, jsonSchema, type ToolSet } from 'ai';
import type { TaskContext } from '../agent.ts';
import type { CallTarget } from '../runtime/definition/task-abilities.ts';
import { inWords } from '../runtime/values/errors.ts';
import { toolCallOf } from './tool-call.ts';

/** Tools that are fetched when a task begins. */
export interface ToolSource {
  toolsFor(task: TaskContext<unknown, unknown>): Promise<ToolSet>;
}

/** The tools of an MCP server that a model may use. */
export interface ServerToolsOptions {
  /** Only these; default all that the server has. */
  readonly allow?: readonly string[];
  /** Put before each name, where two servers have tools of one name. */
  readonly prefix?: string;
  /**
   * Of the listing and of each call, with the wait for a server that is being started again; in ms. Default no longer than
   * the task that the model works on.
   */
  readonly timeoutMs?: number;
}

interface Listed {
  readonly name: string;
  readonly description?: string;
  readonly inputSchema: object;
}

/**
 * The tools of an agent that `defineToolServer` of `mabeam/mcp` defined: its id, the least loaded of a type, or a pool.
 * The list of tools is fetched once for each task; each call is a task of that agent. A server that is being started again
 * is waited for, as long as `timeoutMs` or the task itself allows.
 */
export function serverTools(target: CallTarget, options: ServerToolsOptions = {}): ToolSource {
  const { allow, prefix = '', timeoutMs } = options;
  const waits = { whenDown: 'wait', ...(timeoutMs === undefined ? {} : { timeoutMs }) } as const;
  return {
    async toolsFor(task) {
      const listing = await task.step(`ai:tools:${inWords(target)}:${prefix}`, () =>
        task.agents.execute(target, { type: 'tools.list', ...waits }),
      );
      const tools: ToolSet = {};
      for (const { name, description, inputSchema } of listing as readonly Listed[]) {
        if (allow !== undefined && !allow.includes(name)) continue;
        tools[`${prefix}${name}`] = dynamicTool({
          ...(description === undefined ? {} : { description }),
          inputSchema: jsonSchema(inputSchema),
          execute: async (input, callOptions) => {
            const call = { type: 'tools.call', input: { name, arguments: input }, ...waits };
            return shown(await toolCallOf(callOptions).task.agents.execute(target, call));
          },
        });
      }
      return tools;
    },
  };
}

/** What the model gets: data if the server gives data, else its text. */
function shown(result: unknown): unknown {
  const { content, structuredContent } = result as {
    readonly content: readonly { readonly type: string; readonly text?: string }[];
    readonly structuredContent?: unknown;
  };
  if (structuredContent !== undefined) return structuredContent;
  return content.every(({ type }) => type === 'text') ? content.map(({ text }) => text).join('\n') : content;
}
