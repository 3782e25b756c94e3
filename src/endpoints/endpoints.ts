/**
 * What orchestrators and scrapers ask of a program: `/livez`, `/readyz` and `/metrics`, in their own conventions.
 *
 * Owns one small server. It builds on the public API alone, and needs no dashboard.
 *
 * I1  A request changes nothing in the system.
 * I2  Neither the server nor its connections keep the program alive; after `close` there is no port and no socket.
 * I3  On a loopback interface only requests for a loopback name are answered: no page in a browser can read it by DNS
 *     rebinding.
 */
import { createHash, timingSafeEqual } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { type AddressInfo, isIP, type Socket } from 'node:net';
import { z } from 'zod';
import type { AgentSystem } from '../index.ts';
import { errorInfoOf, inWords } from '../runtime/values/errors.ts';
import { listenRefusal } from '../runtime/values/listen-refusal.ts';
import { having, parseInput } from '../runtime/values/malformed.ts';
import { secretRefusal } from '../runtime/values/secret-refusal.ts';
import { type ReadinessCheck, standardChecks, verdictsOf } from './readiness.ts';

/** What `/metrics` gives: `createPrometheus` of `mabeam/prometheus`, or a `Registry` of prom-client as it is. */
export interface MetricsSource {
  readonly contentType: string;
  metrics(): string | Promise<string>;
}

/** Where the endpoints listen, and what they serve. */
export interface EndpointsOptions {
  /** Default 0: any free port. */
  readonly port?: number;
  /** The interface to listen on; default `127.0.0.1`, which no other machine reaches. */
  readonly host?: string;
  /** Served at `/metrics`; without it there is no such address. */
  readonly metrics?: MetricsSource;
  /** What a scraper has to send as `Authorization: Bearer TOKEN`, 16 characters or more; default nothing. */
  readonly metricsToken?: string;
  /** Further checks of `/readyz`, by name, beside `system` and `store`. */
  readonly checks?: Readonly<Record<string, ReadinessCheck>>;
  /** How long a check may take, in ms; default 1,000. */
  readonly checkTimeoutMs?: number;
}

/** Endpoints that are open. */
export interface Endpoints extends AsyncDisposable {
  /** Where it is reached, as in `http://127.0.0.1:9464`. */
  readonly url: string;
  /** The port that it listens on. */
  readonly port: number;
  /** Closes it, with every connection. */
  close(): Promise<void>;
}

interface Answer {
  readonly status: number;
  readonly body: string;
  readonly headers?: Readonly<Record<string, string>>;
}

const isFunction = z.custom<ReadinessCheck>((value) => typeof value === 'function', {
  error: 'expected a function',
});
const metricsSource = having<MetricsSource>('metrics').refine(
  ({ contentType }) => typeof contentType === 'string',
  { error: 'expected an object with metrics and contentType' },
);
const optionsSchema = z.strictObject({
  port: z.int().min(0).max(65_535).default(0),
  host: z.string().min(1).default('127.0.0.1'),
  metrics: metricsSource.optional(),
  metricsToken: z.custom<string | undefined>().optional(),
  checks: z.record(z.string().min(1), isFunction).default({}),
  checkTimeoutMs: z.int().min(1).max(60_000).default(1_000),
});
type Options = z.output<typeof optionsSchema>;

const TEXT = 'text/plain; charset=utf-8';
const OTHER_NAME =
  "it listens on a loopback interface, where it answers to localhost and loopback addresses alone: for others, createEndpoints(system, { host: '0.0.0.0' })\n";

/**
 * Opens the endpoints of a running system.
 *
 * @throws AgentSystemError `AGENT_SPEC_INVALID` naming the option that was not as expected; where it cannot listen, `host`
 * or `port`, with Node's error as the cause
 */
export async function createEndpoints(
  system: AgentSystem,
  options: EndpointsOptions = {},
): Promise<Endpoints> {
  parseInput(having<AgentSystem>('resources', 'close'), system, { what: 'createEndpoints: system' });
  const parsed = parseInput(optionsSchema, options, { what: 'createEndpoints' });
  const { metricsToken } = parsed;
  if (metricsToken !== undefined && !(typeof metricsToken === 'string' && metricsToken.length >= 16)) {
    throw secretRefusal('createEndpoints: metricsToken', 'a text of 16 characters or more', metricsToken);
  }
  const server = createServer((request, response) => void serve(request, response));
  const serve = async (request: IncomingMessage, response: ServerResponse) => {
    response.on('error', () => response.destroy());
    const answer = await answerTo(request, system, parsed).catch(failed);
    try {
      write(response, answer, request.method);
    } catch (thrown) {
      // Metrics have a type that no header takes.
      write(response, failed(thrown), request.method);
    }
  };
  server.unref();
  server.on('connection', (socket: Socket) => socket.unref());
  server.on('clientError', (_, socket) => socket.destroy());

  const { host, port: wanted } = parsed;
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  server.once('error', (thrown) => reject(listenRefusal('createEndpoints', thrown, { host, port: wanted })));
  server.listen({ port: wanted, host, exclusive: true }, resolve);
  await promise;
  const { port } = server.address() as AddressInfo;

  let closing: Promise<void> | undefined;
  const close = () =>
    (closing ??= new Promise((closed) => {
      server.close(() => closed());
      server.closeAllConnections();
    }));
  return {
    url: `http://${host.includes(':') ? `[${host}]` : host}:${port}`,
    port,
    close,
    [Symbol.asyncDispose]: close,
  };
}

function write(
  response: ServerResponse,
  { status, body, headers }: Answer,
  method: string | undefined,
): void {
  response.writeHead(status, {
    'Content-Type': TEXT,
    'Cache-Control': 'no-store',
    'X-Content-Type-Options': 'nosniff',
    'Content-Length': Buffer.byteLength(body),
    ...headers,
  });
  response.end(method === 'HEAD' ? undefined : body);
}

async function answerTo(request: IncomingMessage, system: AgentSystem, options: Options): Promise<Answer> {
  const { method = '', url = '/', headers } = request;
  if (!isForUs(headers.host, options.host)) return { status: 403, body: OTHER_NAME };
  const asked = URL.parse(url, 'http://localhost');
  if (asked === null) return { status: 400, body: 'this address cannot be read\n' };
  const { pathname, searchParams } = asked;
  const source = options.metrics;
  const answer = {
    '/livez': () => ({ status: 200, body: 'ok\n' }),
    '/readyz': () => readiness(system, options, searchParams.has('verbose')),
    ...(source ? { '/metrics': () => metrics(source, headers.authorization, options.metricsToken) } : {}),
  }[pathname];
  if (answer === undefined) return { status: 404, body: 'there is /livez, /readyz and, with it, /metrics\n' };
  if (method !== 'GET' && method !== 'HEAD') {
    return { status: 405, body: 'this address takes GET\n', headers: { Allow: 'GET, HEAD' } };
  }
  return answer();
}

/** In the format of Kubernetes' API server: one line if all is well, else, or with `verbose`, a line for each check. */
async function readiness(
  system: AgentSystem,
  { checks, checkTimeoutMs }: Options,
  isVerbose: boolean,
): Promise<Answer> {
  const verdicts = await verdictsOf(system, { ...standardChecks, ...checks }, checkTimeoutMs);
  const isReady = verdicts.every(({ problem }) => problem === undefined);
  const lines = verdicts.map(({ name, problem }) =>
    problem === undefined ? `[+]${name} ok` : `[-]${name} failed: ${problem.replaceAll(/\s+/g, ' ')}`,
  );
  const said = isReady && !isVerbose ? [] : lines;
  return { status: isReady ? 200 : 503, body: `${[...said, isReady ? 'ok' : 'not ready'].join('\n')}\n` };
}

async function metrics(
  source: MetricsSource,
  authorization: string | undefined,
  token: string | undefined,
): Promise<Answer> {
  if (token !== undefined && !isSame(authorization ?? '', `Bearer ${token}`)) {
    const headers = { 'WWW-Authenticate': 'Bearer' };
    return { status: 401, body: 'the token is missing or wrong\n', headers };
  }
  const body: unknown = await source.metrics();
  if (typeof body !== 'string') throw new TypeError(`metrics: expected a text, got ${inWords(body)}`);
  return { status: 200, body, headers: { 'Content-Type': source.contentType } };
}

function failed(thrown: unknown): Answer {
  return { status: 500, body: `${errorInfoOf(thrown).message}\n` };
}

/** Whether a `Host` header names this server, as far as that can be told. */
function isForUs(header: string | undefined, listening: string): boolean {
  if (!isLoopback(listening)) return true;
  const name = URL.parse(`http://${header}`)?.hostname.replace(/^\[|\]$/g, '');
  return name !== undefined && isLoopback(name);
}

function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || (isIP(host) === 4 && host.startsWith('127.'));
}

/** Compares in constant time. */
function isSame(given: string, expected: string): boolean {
  const [a, b] = [given, expected].map((text) => createHash('sha256').update(text).digest());
  return timingSafeEqual(a!, b!);
}
