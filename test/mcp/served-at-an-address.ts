/** A scripted MCP server at an address, for tests: it answers as it is told, and remembers what it was sent. */
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

interface Asked {
  readonly id?: number;
  readonly method: string;
  readonly params?: { readonly name: string };
}

/** How it answers calls: as JSON, or as server-sent events with ids. */
export type AnswerKind = 'json' | 'events';

/** @param standalone sent, each as an event, to whoever listens without a request */
export async function servedAtAnAddress(kind: AnswerKind, standalone: readonly string[] = []) {
  const seen: { readonly method: string; readonly headers: IncomingMessage['headers'] }[] = [];
  const sessions = new Set<string>();
  let count = 0;

  function answer(response: ServerResponse, id: number | undefined, result: object): void {
    const message = JSON.stringify({ jsonrpc: '2.0', id, result });
    if (kind === 'json') {
      response.setHeader('content-type', 'application/json').end(message);
      return;
    }
    response.setHeader('content-type', 'text/event-stream');
    response.end(`event: message\r\nid: ${String(id)}\r\ndata: ${message}\r\n\r\n`);
  }

  function call(response: ServerResponse, { id, params }: Asked): void {
    const name = params?.name ?? '';
    const text = name.startsWith('long') ? 'x'.repeat(Number(name.slice(4))) : name;
    answer(response, id, { content: [{ type: 'text', text }] });
  }

  async function answered(request: IncomingMessage, response: ServerResponse): Promise<void> {
    let body = '';
    for await (const chunk of request) body += String(chunk);
    const asked = body === '' ? { method: request.method ?? '' } : (JSON.parse(body) as Asked);
    seen.push({ method: asked.method, headers: request.headers });
    const session = request.headers['mcp-session-id'];
    if (asked.method === 'initialize') {
      const name = `session-${(count += 1)}`;
      sessions.add(name);
      response.setHeader('mcp-session-id', name);
      const serverInfo = { name: 'notes', version: '1' };
      return answer(response, asked.id, {
        protocolVersion: '2025-06-18',
        capabilities: { tools: {} },
        serverInfo,
      });
    }
    if (!sessions.has(String(session)))
      return void response.writeHead(404).end('no such session'.padEnd(1_000_000));
    if (asked.method === 'DELETE') {
      sessions.delete(String(session));
      return void response.writeHead(200).end();
    }
    if (asked.method === 'GET') {
      if (standalone.length === 0) return void response.writeHead(405).end();
      response.setHeader('content-type', 'text/event-stream');
      for (const event of standalone) response.write(`data: ${event}\n\n`);
      return undefined;
    }
    if (asked.method === 'tools/call') return call(response, asked);
    if (asked.id === undefined) return void response.writeHead(202).end();
    return answer(response, asked.id, {});
  }

  const server = createServer((request, response) => void answered(request, response));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');

  return {
    url: new URL(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`),
    seen,
    /** As a server that was started again does. */
    forget: (): void => sessions.clear(),
    sessions: (): number => sessions.size,
    async [Symbol.asyncDispose](): Promise<void> {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}
