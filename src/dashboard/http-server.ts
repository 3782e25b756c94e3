/**
 * The dashboard on the wire: requests are judged, answered, and their connections ended.
 *
 * Owns the server and its sockets. What is said is the reports', what is done the acts'.
 *
 * I1  Every request is judged by access.ts before anything is done for it.
 * I2  Neither the server nor its connections keep the program alive.
 * I3  After `close` there is no port and no socket.
 * I4  Whatever a request is, it gets an answer, and no fault of the answer reaches the program.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import type { Logger } from 'pino';
import { z } from 'zod';
import { AgentSystemError, type ErrorCode } from '../index.ts';
import { errorInfoOf } from '../runtime/values/errors.ts';
import { parseInput } from '../runtime/values/malformed.ts';
import { type Access, type Denied } from './access.ts';
import { type Acts, agentActs, IllegalCommand } from './acts.ts';
import { select } from './agent-query.ts';
import type { Chronicle } from './chronicle.ts';
import type { PageFile, PageFiles } from './page-files.ts';
import type { Refusal, Topic } from './protocol.ts';
import type { Reports } from './reports.ts';
import { lookUp, type Route } from './router.ts';
import type { Viewers } from './viewers.ts';
import type { Watch } from './watch.ts';

export interface HttpServerOptions {
  readonly access: Access;
  readonly files: PageFiles;
  readonly reports: Reports;
  readonly viewers: Viewers;
  readonly watch: Watch;
  readonly chronicle: Chronicle;
  readonly acts: Acts;
  readonly logger: Logger;
  readonly maxViewers: number;
}

interface Asked {
  readonly params: Readonly<Record<string, string>>;
  readonly query: Readonly<Record<string, string>>;
  readonly body: unknown;
}

type Answer = (asked: Asked) => unknown;

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
  // The token is in the first address: no other site is to see it.
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
  QUESTION_UNKNOWN: 404,
  QUESTION_CLOSED: 409,
  VARIABLE_UNKNOWN: 404,
  POOL_UNKNOWN: 404,
  AGENT_EXISTS: 409,
  AGENT_NOT_RUNNING: 409,
  AGENT_ALREADY_RUNNING: 409,
  AGENT_ILLEGAL_COMMAND: 409,
  RESOURCES_EXHAUSTED: 429,
  COORDINATION_UNAVAILABLE: 503,
  SYSTEM_CLOSED: 503,
};

const count = z.coerce.number().int().min(0);
const eventQuery = z.strictObject({ after: count.optional(), limit: count.max(10_000).default(200) });
const lifeQuery = z.strictObject({ until: count.optional(), limit: count.max(20_000).default(1_000) });
const logQuery = z.strictObject({ limit: count.max(5_000).default(200) });
const markQuery = z.strictObject({ since: count.default(0), limit: count.max(20_000).default(2_000) });
const streamQuery = z.strictObject({ topics: z.string().default('fleet'), position: z.string().optional() });

export class HttpServer {
  readonly #options: HttpServerOptions;
  readonly #http: Server;
  readonly #routes: readonly Route<Answer>[];
  #closing: Promise<void> | undefined;

  constructor(options: HttpServerOptions) {
    this.#options = options;
    this.#routes = routesOf(options);
    this.#http = createServer((request, response) => void this.#serve(request, response));
    this.#http.unref();
    this.#http.on('connection', (socket: Socket) => socket.unref());
    this.#http.on('clientError', (_, socket) => socket.destroy());
  }

  /** Resolves with the port. @throws Error with Node's own code when it cannot be had */
  listen(port: number, host: string): Promise<number> {
    const { promise, resolve, reject } = Promise.withResolvers<number>();
    this.#http.once('error', reject);
    this.#http.listen({ port, host, exclusive: true }, () => {
      this.#http.off('error', reject);
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
    const [path = '/', search = ''] = (request.url ?? '/').split('?', 2);
    const query = new URLSearchParams(search);
    const elsewhere = access.fromElsewhere(request);
    if (elsewhere) return this.#deny(response, elsewhere);
    if (!path.startsWith('/api/')) return this.#page(request, response, path, query);
    const denied = access.crossSite(request) ?? access.unknown(request, query);
    if (denied) return this.#deny(response, denied);
    query.delete('token');
    const asked = Object.fromEntries(query);
    if (path === '/api/stream' && request.method === 'GET') return this.#stream(request, response, asked);
    const found = lookUp(this.#routes, request.method ?? 'GET', path);
    if ('allowed' in found) return this.#nothing(response, found.allowed);
    if (request.method === 'POST') {
      const powerless = access.powerless(request);
      if (powerless) return this.#deny(response, powerless);
    }
    const body = request.method === 'POST' ? await bodyOf(request) : undefined;
    const answer = await found.answer({ params: found.params, query: asked, body });
    this.#json(response, 200, answer instanceof Text ? answer.text : JSON.stringify(answer));
  }

  /** The page is the same for all, and holds nothing of the system: it has to know the token to be told anything. */
  #page(request: IncomingMessage, response: ServerResponse, path: string, query: URLSearchParams): void {
    const { access, files } = this.#options;
    const isIndex = path === '/';
    const file = isIndex ? files.index() : files.get(path);
    if (file === undefined) return this.#nothing(response, []);
    if (request.method !== 'GET' && request.method !== 'HEAD') return this.#nothing(response, ['GET']);
    const status = isIndex && access.unknown(request, query) ? 401 : 200;
    this.#file(response, status, file, request.method === 'HEAD');
  }

  #stream(request: IncomingMessage, response: ServerResponse, query: Asked['query']): void {
    const { viewers, maxViewers } = this.#options;
    const { topics, position } = parseInput(streamQuery, query, { what: 'the query' });
    const known = topicsOf(topics);
    if (viewers.size >= maxViewers) {
      return this.#error(response, 503, {
        error: {
          code: 'TOO_MANY_VIEWERS',
          message: `${maxViewers} watch already, which is the limit (maxViewers)`,
        },
      });
    }
    response.writeHead(200, {
      ...HEADERS,
      'Content-Type': 'text/event-stream; charset=utf-8',
      'Cache-Control': 'no-store',
      'X-Accel-Buffering': 'no',
    });
    const lastEventId = request.headers['last-event-id'];
    const from = position ?? (typeof lastEventId === 'string' ? lastEventId : undefined);
    viewers.join(response, { topics: known, position: from });
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

/** JSON that is text already. */
class Text {
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }
}

class BadBody extends Error {
  readonly status: number;

  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

function the(asked: Asked, name: string): string {
  return asked.params[name] ?? '';
}

function routesOf({ reports, watch, chronicle, acts }: HttpServerOptions): readonly Route<Answer>[] {
  const get = (pattern: string, answer: Answer): Route<Answer> => ({ method: 'GET', pattern, answer });
  const post = (pattern: string, answer: Answer): Route<Answer> => ({ method: 'POST', pattern, answer });
  return [
    get('/api/fleet', async () => ({ ...reports.fleet(await watch.table()), samples: reports.samples() })),
    get('/api/agents', async ({ query }) => {
      const { total, page } = select((await watch.table()).rows(), query);
      return new Text(`{"total":${total},"agents":[${page.map(({ text }) => text).join(',')}]}`);
    }),
    get('/api/agents/:id', async (asked) => {
      const id = the(asked, 'id');
      const row = (await watch.table()).get(id)?.row;
      return row ? reports.agent(id, row) : reports.noAgent(id);
    }),
    get('/api/agents/:id/chart', async (asked) => ({ chart: await reports.chart(the(asked, 'id')) })),
    get('/api/agents/:id/state', async (asked) => ({ state: await reports.savedState(the(asked, 'id')) })),
    get('/api/agents/:id/events', async (asked) => {
      const query = parseInput(eventQuery, asked.query, { what: 'the query' });
      return { events: await reports.events({ agentId: the(asked, 'id'), ...query }) };
    }),
    get('/api/agents/:id/life', (asked) => {
      const { limit, until } = parseInput(lifeQuery, asked.query, { what: 'the query' });
      return reports.life(the(asked, 'id'), limit, until);
    }),
    get('/api/agents/:id/logs', (asked) => {
      const { limit } = parseInput(logQuery, asked.query, { what: 'the query' });
      return { lines: reports.logs(the(asked, 'id'), limit) };
    }),
    get('/api/events', async (asked) => ({
      events: await reports.events(parseInput(eventQuery, asked.query, { what: 'the query' })),
    })),
    get('/api/timeline', async (asked) => {
      const { since, limit } = parseInput(markQuery, asked.query, { what: 'the query' });
      await watch.table();
      return { marks: chronicle.marks(({ at }) => at >= since).slice(-limit) };
    }),
    get('/api/variables', () => ({ variables: reports.variables() })),
    get('/api/variables/:name', (asked) => reports.variable(the(asked, 'name'))),
    get('/api/questions', () => ({ questions: reports.questions() })),
    get('/api/quotas', () => ({ quotas: reports.quotas() })),
    get('/api/budgets', () => ({ budgets: reports.budgets() })),
    get('/api/rounds', () => ({ rounds: reports.rounds() })),
    get('/api/coordination', () => reports.coordination()),
    get('/api/pools', () => ({ pools: reports.pools() })),
    get('/api/pools/:name', (asked) => reports.pool(the(asked, 'name'))),
    get('/api/alerts', () => reports.alerts()),
    ...agentActs.map((act) =>
      post(`/api/agents/:id/${act}`, (asked) => acts.agent(the(asked, 'id'), act, asked.body)),
    ),
    post('/api/pools/:name/size', (asked) => acts.resize(the(asked, 'name'), asked.body)),
    post('/api/variables/:name', (asked) => acts.set(the(asked, 'name'), asked.body)),
    post('/api/variables/:name/rollback', (asked) => acts.rollBack(the(asked, 'name'), asked.body)),
    post('/api/questions/:id', (asked) => acts.answer(the(asked, 'id'), asked.body)),
    post('/api/quotas/:name/lift', (asked) => acts.lift(the(asked, 'name'), asked.body)),
    post('/api/budgets/:name/refill', (asked) => acts.refill(the(asked, 'name'), asked.body)),
    post('/api/rounds', (asked) => acts.propose(asked.body)),
    post('/api/coordination/suspend', (asked) => acts.coordination('suspend', asked.body)),
    post('/api/coordination/resume', (asked) => acts.coordination('resume', asked.body)),
    // Whether the second secret is right: nothing else is done.
    post('/api/control', () => ({ control: true })),
  ];
}

const TOPICS = new Set<string>(['fleet', 'agents', 'marks', 'coordination', 'pools']);

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
