/**
 * Shows the charts of a running system to the Stately inspector, or to anything that speaks its protocol.
 *
 * Owns one server on the loopback interface, and who is connected to it. It serves and never calls out: there is
 * nothing that it would try again.
 *
 * I1  Nothing is told to anybody who does not know the token, or who was sent here by a page from elsewhere.
 * I2  Neither the server nor its viewers keep the program alive.
 * I3  After `close` nothing is left: no port, socket or timer; and `observe` does nothing.
 */
import { randomBytes, timingSafeEqual } from 'node:crypto';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Duplex } from 'node:stream';
import type { Logger } from 'pino';
import { WebSocket, WebSocketServer } from 'ws';
import { z } from 'zod';
import { chartObserver, type ChartWatcher, type TextHiding } from '../../engine/chart-watch.ts';
import { type Clock, type SteadyClock, steadyClock, systemClock } from '../../time/clock.ts';
import { listenRefusal } from '../../values/listen-refusal.ts';
import { having, parseInput } from '../../values/malformed.ts';
import { chartPictures } from './chart-pictures.ts';
import type { ChartStep } from './chart-step.ts';
import { Relay, type RelayStatus } from './relay.ts';
import { viewerPage } from './viewer-page.ts';
import { harmlessLogger } from '../../values/harmless-logger.ts';
import { stderrLogger } from '../../values/stderr-logger.ts';

/** Where the inspector listens, and what it shows. */
export interface InspectorOptions {
  /** Default 0: any that is free. */
  readonly port?: number;
  /** What a viewer has to know, 16 characters or more; default a new random one. */
  readonly token?: string;
  /** Asked of every step of a chart before anything is done with it; default all pass. */
  readonly filter?: (step: ChartStep) => boolean;
  /** An actor's newest snapshot is sent once in so many ms at the most; default 50. */
  readonly coalesceMs?: number;
  /** Actors that are kept for viewers, default 1,000; those that have ended make room for new ones. */
  readonly maxActors?: number;
  /** Viewers at once; default 8. */
  readonly maxViewers?: number;
  /** The page that draws what it is sent by `postMessage`; default Stately's. */
  readonly viewerUrl?: string;
  /** The clock of `coalesceMs`; default the machine's. */
  readonly clock?: Clock;
  /** A pino logger; default one that writes warnings and errors to stderr. */
  readonly logger?: Logger;
}

/** An inspector that is open. */
export interface Inspector extends AsyncDisposable {
  /** Where a browser shows the charts; the token is in it. */
  readonly url: string;
  /** Where anything else gets the messages; the token is in it. */
  readonly webSocketUrl: string;
  /**
   * For `createAgentSystem({ inspect })`, of one system or several: their charts run as they do unwatched. Takes
   * XState's inspection events as well, for `createActor(machine, { inspect })`. Never throws.
   */
  readonly observe: ChartWatcher;
  /** Who watches, and what is kept for viewers. */
  status(): RelayStatus;
  /** Closes it, with every connection. */
  close(): Promise<void>;
}

type Filter = NonNullable<InspectorOptions['filter']>;

const optionsSchema = z.strictObject({
  port: z.int().min(0).max(65_535).default(0),
  token: z.string().min(16).optional(),
  filter: z
    .custom<Filter>((value) => typeof value === 'function', { error: 'expected a function' })
    .default(() => () => true),
  coalesceMs: z.int().min(0).max(60_000).default(50),
  maxActors: z.int().min(1).default(1_000),
  maxViewers: z.int().min(1).default(8),
  viewerUrl: z.url({ protocol: /^https?$/ }).default('https://stately.ai/inspect'),
  clock: having<Clock>('now', 'setTimeout', 'clearTimeout').optional(),
  logger: having<Logger>('error').optional(),
});

const LOOPBACK = '127.0.0.1';
/** Viewers say nothing that is listened to. */
const MAX_RECEIVED_BYTES = 1_024;
/** For viewers to answer that they are being left; ms. */
const CLOSE_GRACE_MS = 250;

/**
 * Opens an inspector on the loopback interface.
 *
 * @throws AgentSystemError `AGENT_SPEC_INVALID` naming the option that was not as expected; where it cannot listen,
 * `port`, with Node's error as the cause
 */
export async function createInspector(options: InspectorOptions = {}): Promise<Inspector> {
  const parsed = parseInput(optionsSchema, options, { what: 'createInspector' });
  const { port, filter, coalesceMs, maxActors, maxViewers, viewerUrl } = parsed;
  const clock = steadyClock(parsed.clock ?? systemClock());
  const logger = harmlessLogger(parsed.logger ?? stderrLogger('warn'));
  const server = new InspectorServer({
    clock,
    logger,
    maxViewers,
    token: parsed.token ?? randomBytes(24).toString('base64url'),
    viewerUrl: new URL(viewerUrl),
    charts: await chartPictures(),
    relay: new Relay({
      clock: unheldBy(clock),
      coalesceMs,
      maxActors,
      filter,
      onFault: (err) => logger.error({ err }, 'a step of a chart was not shown'),
    }),
  });
  await server.listen(port);
  return server;
}

interface ServerOptions {
  readonly clock: SteadyClock;
  readonly logger: Logger;
  readonly maxViewers: number;
  readonly token: string;
  readonly viewerUrl: URL;
  /** Pictures of charts, by name. */
  readonly charts: ReadonlyMap<string, string>;
  readonly relay: Relay;
}

class InspectorServer implements Inspector {
  readonly observe: ChartWatcher;
  readonly #options: ServerOptions;
  readonly #relay: Relay;
  readonly #http: Server;
  readonly #sockets = new WebSocketServer({
    noServer: true,
    maxPayload: MAX_RECEIVED_BYTES,
    perMessageDeflate: false,
  });
  /** Of the systems whose charts it shows. */
  readonly #hidings = new Set<TextHiding>();
  #port = 0;
  #closing: Promise<void> | undefined;

  constructor(options: ServerOptions) {
    this.#options = options;
    this.#relay = options.relay;
    this.observe = chartObserver(
      (told) => this.#relay.observe(told),
      undefined,
      (hiding) => this.#hidings.add(hiding),
    );
    this.#http = createServer((request, response) => this.#serve(request, response));
    this.#http.on('upgrade', (request, socket, head) => this.#upgrade(request, socket, head));
    this.#http.unref();
  }

  get url(): string {
    return `http://${LOOPBACK}:${this.#port}/?token=${encodeURIComponent(this.#options.token)}`;
  }

  get webSocketUrl(): string {
    return this.url.replace('http', 'ws');
  }

  status(): RelayStatus {
    return this.#relay.status();
  }

  listen(port: number): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const address = { host: LOOPBACK, port };
    const refuse = (thrown: Error) => reject(listenRefusal('createInspector', thrown, address));
    this.#http.once('error', refuse);
    this.#http.listen({ ...address, exclusive: true }, () => {
      this.#http.off('error', refuse);
      this.#http.on('error', (err) => this.#options.logger.error({ err }, 'the inspector failed'));
      this.#port = (this.#http.address() as AddressInfo).port;
      resolve();
    });
    return promise;
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  async #close(): Promise<void> {
    const { clock } = this.#options;
    this.#relay.close();
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#http.close(() => resolve());
    this.#http.closeAllConnections();
    for (const viewer of this.#sockets.clients) viewer.close(1001, 'the inspector is closed');
    const timer = clock.setTimeout(() => {
      for (const viewer of this.#sockets.clients) viewer.terminate();
    }, CLOSE_GRACE_MS);
    await promise;
    clock.clearTimeout(timer);
    this.#sockets.close();
  }

  #serve(request: IncomingMessage, response: ServerResponse): void {
    const refusal = this.#refusalOf(request, this.#options.charts);
    if (refusal !== undefined) {
      response.writeHead(refusal, { 'Content-Type': 'text/plain; charset=utf-8', Connection: 'close' });
      response.end(`${REFUSALS[refusal]}\n`);
      return;
    }
    if (request.method !== 'GET') {
      response.writeHead(405, { Allow: 'GET', Connection: 'close' }).end();
      return;
    }
    const { viewerUrl, charts } = this.#options;
    const chart = chartOf(request);
    if (chart !== undefined) {
      response.writeHead(200, { 'Content-Type': 'image/svg+xml', 'X-Content-Type-Options': 'nosniff' });
      response.end(charts.get(chart));
      return;
    }
    const nonce = randomBytes(16).toString('base64url');
    const policy = [
      "default-src 'none'",
      `script-src 'nonce-${nonce}'`,
      `style-src 'nonce-${nonce}'`,
      `frame-src ${viewerUrl.origin}`,
      "connect-src 'self'",
      "frame-ancestors 'none'",
    ];
    response.writeHead(200, {
      'Content-Type': 'text/html; charset=utf-8',
      'Content-Security-Policy': policy.join('; '),
      // The token is in the address: no other site is to see it.
      'Referrer-Policy': 'no-referrer',
      'Cache-Control': 'no-store',
    });
    response.end(viewerPage(viewerUrl, nonce, [...charts.keys()]));
  }

  #upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    socket.on('error', () => socket.destroy());
    const refusal = this.#refusalOf(request) ?? this.#refusalOfViewer(request);
    if (refusal !== undefined) {
      socket.end(
        `HTTP/1.1 ${refusal} ${REFUSALS[refusal]}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`,
      );
      return;
    }
    if ('unref' in socket && typeof socket.unref === 'function') socket.unref();
    this.#sockets.handleUpgrade(request, socket, head, (viewer) => this.#welcome(viewer));
  }

  #welcome(viewer: WebSocket): void {
    const leave = this.#relay.join({
      send: (message) => {
        if (viewer.readyState !== WebSocket.OPEN) return;
        let shown = message;
        for (const hiding of this.#hidings) shown = hiding.hideText(shown);
        viewer.send(shown);
      },
      waitingBytes: () => viewer.bufferedAmount,
    });
    viewer.on('close', leave);
    viewer.on('error', () => viewer.terminate());
  }

  /** @param charts names that there are pictures of, where these can be asked for, too */
  #refusalOf(request: IncomingMessage, charts?: ReadonlyMap<string, string>): Refusal | undefined {
    const { url = '/', headers } = request;
    // A page elsewhere can have its own name lead here: only ours is answered to.
    if (!this.#isOurs(headers.host)) return 403;
    const asked = URL.parse(url, `http://${LOOPBACK}`);
    if (!isSame(asked?.searchParams.get('token') ?? '', this.#options.token)) return 401;
    const chart = charts && chartOf(request);
    return asked?.pathname === '/' || (chart !== undefined && charts?.has(chart)) ? undefined : 404;
  }

  #refusalOfViewer({ headers }: IncomingMessage): Refusal | undefined {
    // Browsers name the page that asks; other programs need not.
    const { origin } = headers;
    if (origin !== undefined && !this.#isOurs(origin.replace(/^http:\/\//, ''))) return 403;
    return this.#sockets.clients.size >= this.#options.maxViewers ? 503 : undefined;
  }

  #isOurs(host: string | undefined): boolean {
    return host === `${LOOPBACK}:${this.#port}` || host === `localhost:${this.#port}`;
  }
}

const REFUSALS = {
  401: 'Unauthorized: the token is missing or wrong',
  403: 'Forbidden: asked by, or for, another host',
  404: 'Not Found',
  503: 'Service Unavailable: too many viewers',
} as const;
type Refusal = keyof typeof REFUSALS;

/** The chart whose picture is asked for. */
function chartOf({ url = '/' }: IncomingMessage): string | undefined {
  return /^\/charts\/([\w-]+)\.svg\?/.exec(url)?.[1];
}

function isSame(one: string, other: string): boolean {
  const [a, b] = [Buffer.from(one), Buffer.from(other)];
  return a.length === b.length && timingSafeEqual(a, b);
}

/** Timers that do not keep the program alive, where the clock's handles are Node's. */
function unheldBy(clock: SteadyClock): SteadyClock {
  return {
    now: () => clock.now(),
    elapsed: () => clock.elapsed(),
    clearTimeout: (handle) => clock.clearTimeout(handle),
    setTimeout: (run, delayMs) => {
      const handle = clock.setTimeout(run, delayMs);
      if (typeof handle === 'object' && handle !== null && 'unref' in handle) {
        (handle as NodeJS.Timeout).unref();
      }
      return handle;
    },
  };
}
