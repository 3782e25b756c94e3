/**
 * An MCP server as an agent: `defineToolServer`. Its connection is the agent's life.
 *
 * A server that dies, or does not answer its health check, is an agent that crashes: it is started again by the rules
 * of the agent's spec, and given up by them. What is asked of it meanwhile is refused as of any agent.
 */
import { setTimeout as timeout } from 'node:timers/promises';
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StdioClientTransport } from '@modelcontextprotocol/sdk/client/stdio.js';
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import type { Transport } from '@modelcontextprotocol/sdk/shared/transport.js';
import { z } from 'zod';
import {
  type AgentDefinition,
  type AgentLog,
  type ConnectContext,
  defineAgent,
  type InitContext,
  type TaskContext,
} from '../agent.ts';
import type { AgentSelf } from '../runtime/definition/agent-self.ts';
import { hasGroups } from '../runtime/hosting/hosts/group-guard.ts';
import { parseInput } from '../runtime/values/malformed.ts';
import { messageTooLong } from './message-lines.ts';
import { servedFetch } from './served-fetch.ts';
import { ServerProcess, tellLines } from './server-process.ts';

/** What a server says of one of its tools. */
export interface ServedTool {
  readonly name: string;
  readonly description?: string | undefined;
  /** JSON Schema of its arguments. */
  readonly inputSchema: Readonly<Record<string, unknown>>;
}

/** What a tool of a server gave, as the protocol has it. */
export interface ServedResult {
  readonly content: readonly unknown[];
  readonly structuredContent?: unknown;
}

type HeaderValues = Readonly<Record<string, string>>;

/** How a server is reached: by a process of its own, by its address, or by what a function gives. */
export type ToolServerTransport =
  | {
      readonly command: string;
      readonly args?: readonly string[];
      readonly env?: Readonly<Record<string, string>>;
      readonly cwd?: string;
    }
  | {
      readonly url: URL;
      /** Of each request; a function is called before each, so that it may renew a token. */
      readonly headers?:
        | HeaderValues
        | ((context: ConnectContext<unknown>) => HeaderValues | Promise<HeaderValues>);
    }
  | ((context: ConnectContext<unknown>) => Transport | Promise<Transport>);

/** An MCP server as an agent. */
export interface ToolServerOptions {
  /** The name of the definition. */
  readonly type: string;
  /** How the server is reached: a command to start, or an address. */
  readonly server: ToolServerTransport;
  /** Tools that may be used; default all that the server has. */
  readonly allow?: readonly string[];
  /** Time of one call, and of listing all tools, in ms; default 60,000. */
  readonly callTimeoutMs?: number;
}

export type ToolServerTasks = {
  'tools.list': { input: undefined; output: readonly ServedTool[] };
  'tools.call': { input: { name: string; arguments?: Record<string, unknown> }; output: ServedResult };
};

interface Connection {
  readonly client: Client;
  /** Resolves when the server is gone, and says how. */
  readonly gone: Promise<string>;
  /** Ends what the server keeps of the connection. */
  readonly leave: () => Promise<void>;
  isEnding: boolean;
}

const text = z.string().min(1);
const optionsSchema = z.strictObject({
  type: text,
  server: z.union(
    [
      z.strictObject({
        command: text,
        args: z.array(z.string()).optional(),
        env: z.record(z.string(), z.string()).optional(),
        cwd: z.string().optional(),
      }),
      z.strictObject({
        url: z.instanceof(URL),
        headers: z
          .union([
            z.record(z.string(), z.string()),
            z.custom<(context: ConnectContext<unknown>) => HeaderValues | Promise<HeaderValues>>(
              (value) => typeof value === 'function',
            ),
          ])
          .optional(),
      }),
      z.custom<(context: ConnectContext<unknown>) => Transport | Promise<Transport>>(
        (value) => typeof value === 'function',
      ),
    ],
    {
      error:
        'expected { command, args?, env?, cwd? }, { url, headers? } or a function that gives a transport',
    },
  ),
  allow: z.array(text).optional(),
  callTimeoutMs: z.number().positive().max(2_147_483_647).default(60_000),
});
const callSchema = z.strictObject({ name: text, arguments: z.record(z.string(), z.unknown()).optional() });

/**
 * Defines a type of agent that is the client of one MCP server. It has two tasks: `tools.list` and `tools.call`.
 *
 * A tool that says that it failed fails its task (`TASK_FAILED`, with the server's words).
 *
 * @throws AgentSystemError `AGENT_SPEC_INVALID` naming the field that was not as expected
 */
export function defineToolServer(options: ToolServerOptions): AgentDefinition<unknown, ToolServerTasks> {
  const { type, server, allow, callTimeoutMs } = parseInput(optionsSchema, options, {
    what: 'defineToolServer',
  });
  const isAllowed = (name: string) => allow === undefined || allow.includes(name);
  return defineAgent({
    type,
    connect: (context: ConnectContext<unknown>) => connected(server, context),
    disconnect: async ({ resources }: { readonly resources: Connection; readonly log: AgentLog }) => {
      resources.isEnding = true;
      await resources.leave();
      await resources.client.close();
    },
    init: ({ resources, self }: InitContext<unknown, Connection> & { readonly self: AgentSelf }) => {
      void resources.gone.then((how) => {
        if (!resources.isEnding) self.crash(new Error(`the MCP server of ${type} ${how}`));
      });
      return {};
    },
    health: async ({ resources }: { readonly resources: Connection }) => {
      await resources.client.ping();
      return resources.client.getServerVersion();
    },
    tasks: {
      'tools.list': {
        run: async ({ resources, signal }: TaskContext<unknown, unknown, Connection>) =>
          (await listed(resources.client, signal, callTimeoutMs)).filter(({ name }) => isAllowed(name)),
      },
      'tools.call': {
        input: callSchema,
        run: async ({
          input,
          resources,
          signal,
          progress,
        }: TaskContext<unknown, z.output<typeof callSchema>, Connection>): Promise<ServedResult> => {
          const { name, arguments: args = {} } = input;
          if (!isAllowed(name)) throw new Error(`the tool ${name} is not allowed here`);
          const result = await resources.client.callTool({ name, arguments: args }, undefined, {
            signal,
            timeout: callTimeoutMs,
            resetTimeoutOnProgress: true,
            onprogress: progress,
          });
          const { content, structuredContent } = result as unknown as ServedResult;
          if (result.isError === true) throw new Error(`the tool ${name} failed: ${wordsOf(content)}`);
          return structuredContent === undefined ? { content } : { content, structuredContent };
        },
      },
    },
  }) as unknown as AgentDefinition<unknown, ToolServerTasks>;
}

/** How long a server at an address may take to end its session. */
const LEAVE_MS = 2_000;

async function connected(
  server: z.output<typeof optionsSchema>['server'],
  context: ConnectContext<unknown>,
): Promise<Connection> {
  const { signal, log } = context;
  const client = new Client({ name: 'mabeam', version: '1' });
  const { promise: gone, resolve } = Promise.withResolvers<string>();
  Object.assign(client, {
    onclose: () => resolve('has ended'),
    onerror: ({ name, message }: Error) => log.warn('MCP', { error: { name, message } }),
  });
  const transport = await transportOf(server, context, {
    forgotten: () => resolve('has forgotten its session'),
    tooLong: () => client.onerror?.(messageTooLong()),
  });
  try {
    await client.connect(transport, { signal });
  } catch (thrown) {
    await client.close().catch(() => undefined);
    throw thrown;
  }
  return { client, gone, leave: () => left(transport), isEnding: false };
}

/** A server keeps a session until it is told that it is over, or for good. */
async function left(transport: Transport): Promise<void> {
  if (!(transport instanceof StreamableHTTPClientTransport)) return;
  const told = transport.terminateSession().catch(() => undefined);
  await Promise.race([told, timeout(LEAVE_MS, undefined, { ref: false })]);
}

async function transportOf(
  server: z.output<typeof optionsSchema>['server'],
  context: ConnectContext<unknown>,
  told: { readonly forgotten: () => void; readonly tooLong: () => void },
): Promise<Transport> {
  if (typeof server === 'function') return server(context);
  if ('url' in server) {
    const { url, headers = {} } = server;
    const current = typeof headers === 'function' ? () => headers(context) : () => headers;
    return new StreamableHTTPClientTransport(url, { fetch: servedFetch({ headers: current, ...told }) });
  }
  const { command, args = [], env, cwd } = server;
  const printed = (line: string): void => context.log.info(line);
  if (hasGroups) return new ServerProcess({ command, args, env: env ?? {}, cwd }, printed);
  const transport = new StdioClientTransport({
    command,
    args,
    stderr: 'pipe',
    ...(env === undefined ? {} : { env }),
    ...(cwd === undefined ? {} : { cwd }),
  });
  tellLines(transport.stderr, printed);
  return transport;
}

/** A server may name a next page for ever. */
const MAX_PAGES = 100;

/** @param timeoutMs for all pages together */
async function listed(client: Client, signal: AbortSignal, timeoutMs: number): Promise<ServedTool[]> {
  const tools: ServedTool[] = [];
  const endsAt = performance.now() + timeoutMs;
  let cursor: string | undefined;
  for (let pages = 0; pages < MAX_PAGES; pages += 1) {
    const timeout = Math.max(0, endsAt - performance.now());
    const page = await client.listTools(cursor === undefined ? {} : { cursor }, { signal, timeout });
    for (const { name, description, inputSchema } of page.tools) {
      tools.push({ name, description, inputSchema });
    }
    cursor = page.nextCursor;
    if (cursor === undefined) return tools;
  }
  throw new Error(`the server lists its tools on more than ${MAX_PAGES} pages`);
}

function wordsOf(content: readonly unknown[]): string {
  const words = content.map((part) => {
    const { type, text: said } = part as { readonly type?: unknown; readonly text?: unknown };
    return type === 'text' && typeof said === 'string' ? said : `(${String(type)})`;
  });
  return words.join(' ').slice(0, 1_000) || 'it did not say why';
}
