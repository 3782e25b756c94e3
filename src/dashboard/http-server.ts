/**
 * The dashboard's HTTP server: it checks requests, answers them, and ends their connections.
 *
 * Owns the server and its sockets. The addresses are in routes.ts.
 *
 * I1  Every request is checked by access.ts before anything is done for it.
 * I2  Neither the server nor its connections keep the program alive.
 * I3  After `close` there is no port and no socket.
 * I4  Every request gets an answer, and no error on the way reaches the program.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import type { Logger } from 'pino';
import { z } from 'zod';
import { AgentSystemError, type ErrorCode } from '../index.ts';
import { errorInfoOf } from '../runtime/values/errors.ts';
import { listenRefusal } from '../runtime/values/listen-refusal.ts';
import { parseInput } from '../runtime/values/malformed.ts';
import { type Access, type Denied } from './access.ts';
import { IllegalCommand } from './acts.ts';
import type { PageFile, PageFiles } from './page-files.ts';
import type { Refusal, Topic } from './protocol.ts';
import { lookUp } from './router.ts';
import { type Routes, Text } from './routes.ts';
import type { Followers } from './followers.ts';
import type { Viewers } from './viewers.ts';

export interface HttpServerOptions {
  readonly access: Access;
  readonly files: PageFiles;
  readonly routes: Routes;
  readonly viewers: Viewers;
  readonly followers: Followers;
  /** Sequence of the newest event. */
  readonly newest: () => Promise<number>;
  readonly logger: Logger;
  readonly maxViewers: number;
}

const MAX_BODY_BYTES = 64_000;
const POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self'",
  "font-src 'self'",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ');
const HEADERS: Readonly<Record<string, string>> = {
  'Content-Security-Policy': POLICY,
  // The token is in the first address: it must not leak to another site as a referrer.
  'Referrer-Policy': 'no-referrer',
  'X-Content-Type-Options': 'nosniff',
  'Cross-Origin-Opener-Policy': 'same-origin',
  'Cross-Origin-Resource-Policy': 'same-origin',
};

const STATUS: Partial<Record<ErrorCode, number>> = {
  AGENT_SPEC_INVALID: 400,
  VARIABLE_INVALID: 400,
  ROUND_INVALID: 400,
  REQUEST_INVALID: 400,
  ANSWER_INVALID: 400,
  AGENT_NOT_FOUND: 404,
  TASK_INPUT_INVALID: 400,
  TASK_UNKNOWN: 404,
  BUDGET_UNKNOWN: 404,
  QUOTA_UNKNOWN: 404,
  QUESTION_UNKNOWN: 404,
  QUESTION_CLOSED: 409,
  VARIABLE_UNKNOWN: 404,
  POOL_UNKNOWN: 404,
  AGENT_EXISTS: 409,
  AGENT_NOT_RUNNING: 409,
  AGENT_ALREADY_RUNNING: 409,
  AGENT_ILLEGAL_COMMAND: 409,
  TASK_INCOMPATIBLE: 409,
  RESOURCES_EXHAUSTED: 429,
  TASK_QUEUE_FULL: 429,
  COORDINATION_UNAVAILABLE: 503,
  NODE_UNREACHABLE: 504,
  STORE_FAILED: 503,
  SYSTEM_CLOSED: 503,
};

const followQuery = z.strictObject({
  agent: z.string().optional(),
  after: z.coerce.number().int().min(0).optional(),
});
const streamQuery = z.strictObject({ topics: z.string().default('fleet'), position: z.string().optional() });

export class HttpServer {
  readonly #options: HttpServerOptions;
  readonly #http: Server;
  #closing: Promise<void> | undefined;

  constructor(options: HttpServerOptions) {
    this.#options = options;
    this.#http = createServer((request, response) => void this.#serve(request, response));
    this.#http.unref();
    this.#http.on('connection', (socket: Socket) => socket.unref());
    this.#http.on('clientError', (_, socket) => socket.destroy());
  }

  /** Resolves with the port. @throws AgentSystemError `AGENT_SPEC_INVALID` when it cannot listen there */
  listen(port: number, host: string): Promise<number> {
    const { promise, resolve, reject } = Promise.withResolvers<number>();
    const refuse = (thrown: Error) => reject(listenRefusal('createDashboard', thrown, { host, port }));
    this.#http.once('error', refuse);
    this.#http.listen({ port, host, exclusive: true }, () => {
      this.#http.off('error', refuse);
      this.#http.on('error', (err) => this.#options.logger.error({ err }, 'the dashboard failed'));
      resolve((this.#http.address() as AddressInfo).port);
    });
    return promise;
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#options.viewers.close();
    this.#options.followers.close();
    this.#http.close(() => resolve());
    // What was written goes out first.
    await new Promise(setImmediate);
    this.#http.closeAllConnections();
    await promise;
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    response.on('error', () => response.destroy());
    try {
      await this.#answer(request, response);
    } catch (thrown) {
      if (response.headersSent) return void response.destroy();
      this.#refuse(response, thrown);
    }
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { access } = this.#options;
    const [path, query] = addressOf(request);
    const elsewhere = access.fromElsewhere(request);
    if (elsewhere) return this.#deny(response, elsewhere);
    if (!path.startsWith('/api/')) return this.#page(request, response, path, query);
    const denied = access.crossSite(request) ?? access.unknown(request, query);
    if (denied) return this.#deny(response, denied);
    query.delete('token');
    const asked = Object.fromEntries(query);
    if (path === '/api/stream' && request.method === 'GET') return this.#stream(request, response, asked);
    if (path === '/api/events/stream' && request.method === 'GET')
      return this.#follow(request, response, asked);
    const found = lookUp(this.#options.routes, request.method ?? 'GET', path);
    if ('allowed' in found) return this.#nothing(response, found.allowed);
    if (request.method === 'POST') {
      const powerless = access.powerless(request);
      if (powerless) return this.#deny(response, powerless);
    }
    const body = request.method === 'POST' ? await bodyOf(request) : undefined;
    const answer = await found.answer({ params: found.params, query: asked, body });
    this.#json(response, 200, answer instanceof Text ? answer.text : JSON.stringify(answer));
  }

  /** The page is the same for everyone and holds nothing of the system: it needs the token to read anything. */
  #page(request: IncomingMessage, response: ServerResponse, path: string, query: URLSearchParams): void {
    const { access, files } = this.#options;
    const isIndex = path === '/';
    const file = isIndex ? files.index() : files.get(path);
    if (file === undefined) return this.#nothing(response, []);
    if (request.method !== 'GET' && request.method !== 'HEAD') return this.#nothing(response, ['GET']);
    const status = isIndex && access.unknown(request, query) ? 401 : 200;
    this.#file(response, status, file, request.method === 'HEAD');
  }

  #stream(request: IncomingMessage, response: ServerResponse, query: Readonly<Record<string, string>>): void {
    const { topics, position } = parseInput(streamQuery, query, { what: 'the query' });
    const known = topicsOf(topics);
    if (!this.#beginStream(response)) return;
    this.#options.viewers.join(response, { topics: known, position: position ?? lastEventIdOf(request) });
  }

  /** All events, or those of one agent, from one on; without it, those that come from now on. */
  async #follow(
    request: IncomingMessage,
    response: ServerResponse,
    query: Readonly<Record<string, string>>,
  ): Promise<void> {
    const { followers, newest } = this.#options;
    const { agent, after } = parseInput(
      followQuery,
      { after: lastEventIdOf(request), ...query },
      { what: 'the query' },
    );
    const from = after ?? (await newest());
    if (!this.#beginStream(response)) return;
    followers.join(response, { after: from, ...(agent === undefined ? {} : { agentId: agent }) });
  }

  /** Whether one more viewer is allowed. */
  #beginStream(response: ServerResponse): boolean {
    const { viewers, followers, maxViewers } = this.#options;
    if (viewers.size + followers.size >= maxViewers) {
      this.#error(response, 503, {
        error: {
          code: 'TOO_MANY_VIEWERS',
          message: `${maxViewers} watch already, which is the limit (maxViewers)`,
        },
      });
      return false;
    }
    response.writeHead(200, {
      ...HEADERS,
      'Content-Type': 'text/event-stream; charset=utf-8',
      'Cache-Control': 'no-store',
      'X-Accel-Buffering': 'no',
    });
    response.flushHeaders();
    return true;
  }

  #file(
    response: ServerResponse,
    status: number,
    { type, body, isImmutable }: PageFile,
    isHead: boolean,
  ): void {
    response.writeHead(status, {
      ...HEADERS,
      'Content-Type': type,
      'Content-Length': body.length,
      'Cache-Control': isImmutable ? 'public, max-age=31536000, immutable' : 'no-store',
    });
    response.end(isHead ? undefined : body);
  }

  #json(response: ServerResponse, status: number, text: string): void {
    response.writeHead(status, {
      ...HEADERS,
      'Content-Type': 'application/json; charset=utf-8',
      'Cache-Control': 'no-store',
    });
    response.end(text);
  }

  #error(response: ServerResponse, status: number, refusal: Refusal): void {
    // What is left of a body that was not read must not be taken for the next request.
    response.setHeader('Connection', 'close');
    this.#json(response, status, JSON.stringify(refusal));
  }

  #deny(response: ServerResponse, { status, message }: Denied): void {
    this.#error(response, status, {
      error: { code: status === 401 ? 'UNAUTHORIZED' : 'FORBIDDEN', message },
    });
  }

  #nothing(response: ServerResponse, allowed: readonly string[]): void {
    if (allowed.length === 0) {
      return this.#error(response, 404, {
        error: { code: 'NOT_FOUND', message: 'there is nothing at this address' },
      });
    }
    response.setHeader('Allow', allowed.join(', '));
    this.#error(response, 405, {
      error: { code: 'BAD_REQUEST', message: `this address takes ${allowed.join(', ')}` },
    });
  }

  #refuse(response: ServerResponse, thrown: unknown): void {
    if (thrown instanceof BadBody) {
      return this.#error(response, thrown.status, {
        error: { code: 'BAD_REQUEST', message: thrown.message },
      });
    }
    if (thrown instanceof AgentSystemError) {
      const { code, message, agentId } = thrown;
      return this.#error(response, STATUS[code] ?? 500, {
        error: {
          code,
          message,
          ...(agentId === undefined ? {} : { agentId }),
          ...(thrown instanceof IllegalCommand ? { legal: thrown.legal } : {}),
        },
      });
    }
    this.#options.logger.error({ err: thrown }, 'the dashboard could not answer');
    this.#error(response, 500, { error: { code: 'FAILED', message: errorInfoOf(thrown).message } });
  }
}

function lastEventIdOf({ headers }: IncomingMessage): string | undefined {
  const { 'last-event-id': id } = headers;
  return typeof id === 'string' ? id : undefined;
}

class BadBody extends Error {
  readonly status: number;

  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

const TOPICS = new Set<string>([
  'fleet',
  'agents',
  'marks',
  'coordination',
  'pools',
  'work',
  'questions',
  'limits',
]);

/** @throws AgentSystemError `AGENT_SPEC_INVALID` for one that there is not */
function topicsOf(text: string): ReadonlySet<Topic> {
  const topics = new Set<Topic>();
  // An id may hold a comma: an agent's topic is the last one.
  const [, plain = '', agent] = /^(.*?)(?:,?(agent:.+))?$/s.exec(text) ?? [];
  for (const topic of plain.split(',').filter((one) => one !== '')) {
    if (!TOPICS.has(topic)) {
      const expected = `${[...TOPICS].join(', ')} or agent:ID`;
      throw new AgentSystemError(
        'AGENT_SPEC_INVALID',
        `topics: expected ${expected}, got ${JSON.stringify(topic)}`,
      );
    }
    topics.add(topic as Topic);
  }
  if (agent !== undefined) topics.add(agent as Topic);
  return topics;
}

async function bodyOf(request: IncomingMessage): Promise<unknown> {
  if (!/^application\/json\b/i.test(request.headers['content-type'] ?? '')) {
    throw new BadBody(415, 'expected a body of type application/json');
  }
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    length += chunk.length;
    if (length > MAX_BODY_BYTES) throw new BadBody(413, `expected ${MAX_BODY_BYTES} bytes at the most`);
    chunks.push(chunk);
  }
  const text = Buffer.concat(chunks).toString();
  try {
    return text === '' ? {} : JSON.parse(text);
  } catch {
    throw new BadBody(400, 'expected a body of JSON');
  }
}

/** What follows the first `?` is the query, whatever is in it. */
function addressOf({ url = '/' }: IncomingMessage): readonly [path: string, query: URLSearchParams] {
  const [path = '', ...rest] = url.split('?');
  return [path, new URLSearchParams(rest.join('?'))];
}
