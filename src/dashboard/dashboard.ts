/**
 * Shows a running system to people: a page, and the API under it.
 *
 * Owns what is counted while nobody watches, the server, and their end. It builds on the public API alone.
 *
 * I1  Looking at a system changes nothing in it.
 * I2  Without viewers a system pays for a few counters; nothing is kept of its agents.
 * I3  After `close` nothing is left: no port, subscription or timer.
 */
import { randomBytes } from 'node:crypto';
import type { Logger } from 'pino';
import { z } from 'zod';
import type { AgentSystem } from '../index.ts';
import { having, parseInput } from '../runtime/values/malformed.ts';
import { secretRefusal } from '../runtime/values/secret-refusal.ts';
import { Access } from './access.ts';
import { Acts } from './acts.ts';
import { Chronicle, CHRONICLE_TYPES } from './chronicle.ts';
import { Followers } from './followers.ts';
import { HttpServer } from './http-server.ts';
import type { LogTail } from './log-tail.ts';
import { PageFiles } from './page-files.ts';
import { pagePackage } from './page-package.ts';
import { PoolHistory } from './pool-history.ts';
import { redactedPaths, Redaction } from './redaction.ts';
import { Reports } from './reports.ts';
import { routesOf } from './routes.ts';
import { FleetMirror } from './fleet-mirror.ts';
import { Viewers } from './viewers.ts';
import { VITAL_TYPES, Vitals } from './vitals.ts';
import { Watch } from './watch.ts';
import type { WatchedFleet } from './watched-fleet.ts';
import { settled, type WatchedSystem } from './watched-system.ts';
import { WorkReports } from './work-reports.ts';
import { harmlessLogger } from '../runtime/values/harmless-logger.ts';
import { stderrLogger } from '../runtime/values/stderr-logger.ts';

/** Where the dashboard listens, who may use it, and what it shows. */
export interface DashboardOptions {
  /** Default 0: any free port. */
  readonly port?: number;
  /** The interface to listen on; default `127.0.0.1`, which no other machine reaches. */
  readonly host?: string;
  /** Further host names of the page, for example behind a proxy. Requests for any other name are refused. */
  readonly allowedHosts?: readonly string[];
  /** The secret that viewers need, 16 characters or more; default a new random one. */
  readonly token?: string;
  /** Whether the fleet can be controlled; default `false`. */
  readonly control?: boolean;
  /** The second secret, which controlling the fleet needs, 16 characters or more; default a new random one. */
  readonly controlToken?: string;
  /**
   * What is never shown of the users' own data, as paths that begin with `initArgs`, `input`, `output`,
   * `details` (of a question), `state`, `detail` (of a health check), `variables` or `log`; `*` stands for one key. Default `['initArgs', 'input']`: all of these two. Texts whose key
   * names a secret (`apiKey`, `password`, …) are never shown, whatever this says.
   */
  readonly redact?: readonly string[];
  /** A `logTail()` that the system's logger writes to: its lines are shown beside their agents. */
  readonly logs?: LogTail;
  /** Viewers at once; default 16. */
  readonly maxViewers?: number;
  /** A pino logger, which gets a line for every act; default one that writes to stderr. */
  readonly logger?: Logger;
  /** @internal Where the page was built. */
  readonly pageFolder?: string;
}

/** A dashboard that is open. */
export interface Dashboard extends AsyncDisposable {
  /** Where a browser shows the page; the token is in it. */
  readonly url: string;
  /** The secret in `url`: who has it may look. */
  readonly token: string;
  /** What the page asks for before it controls anything; `undefined` without `control`. */
  readonly controlToken: string | undefined;
  /** Present viewers, those that follow events included. */
  viewers(): number;
  /** Closes it, with every connection. */
  close(): Promise<void>;
}

const optionsSchema = z
  .strictObject({
    port: z.int().min(0).max(65_535).default(0),
    host: z.string().min(1).default('127.0.0.1'),
    allowedHosts: z.array(z.string().min(1)).default([]),
    token: z.unknown().optional(),
    control: z.boolean().default(false),
    controlToken: z.unknown().optional(),
    redact: redactedPaths.default(['initArgs', 'input']),
    logs: having<LogTail>('write', 'linesOf').optional(),
    maxViewers: z.int().min(1).default(16),
    logger: having<Logger>('info', 'warn', 'error').optional(),
    pageFolder: z.string().optional(),
  })
  .superRefine(({ control, controlToken, token }, issues) => {
    const refuse = (message: string) => issues.addIssue({ code: 'custom', path: ['controlToken'], message });
    if (controlToken !== undefined && !control) refuse('expected it only with control: true');
    if (controlToken !== undefined && controlToken === token)
      refuse('expected another secret than the token');
  });
const systemShape = having<AgentSystem>('resources', 'close');

const SAMPLE_MS = 1_000;
/** Samples between two looks at the pools. */
const POOL_LOOKS = 5;

/**
 * Opens a dashboard of a running system, or of a fleet on other machines: what `connectFleet` gives.
 *
 * @throws AgentSystemError `AGENT_SPEC_INVALID` naming the option that was not as expected; where it cannot listen, `host`
 * or `port`, with Node's error as the cause
 * @throws Error in a bundle where the package is not installed
 */
export async function createDashboard(
  shown: AgentSystem | WatchedFleet,
  options: DashboardOptions = {},
): Promise<Dashboard> {
  parseInput(systemShape, shown, { what: 'createDashboard: system' });
  const parsed = parseInput(optionsSchema, options, { what: 'createDashboard' });
  const { port, host, allowedHosts, control, logs, maxViewers } = parsed;
  const token = secretOf('token', parsed.token) ?? newSecret();
  const givenControl = secretOf('controlToken', parsed.controlToken);
  const controlToken = control ? (givenControl ?? newSecret()) : undefined;
  const logger = harmlessLogger(parsed.logger ?? stderrLogger('info'));
  const page = pagePackage(parsed.pageFolder);

  const system: WatchedSystem = 'nodes' in shown ? new FleetMirror(shown) : shown;
  const chronicle = new Chronicle();
  const vitals = new Vitals();
  const poolHistory = new PoolHistory();
  const redaction = new Redaction(parsed.redact);
  const access = new Access({ token, controlToken, host, allowedHosts });
  const watch = new Watch(system, chronicle);
  const reports = new Reports({ system, chronicle, vitals, poolHistory, redaction, logs });
  const work = new WorkReports(system, redaction);
  const viewers = new Viewers({
    system,
    watch,
    chronicle,
    vitals,
    reports,
    work,
    redaction,
    hello: () => ({
      now: Date.now(),
      version: page.version,
      control: access.hasControl,
      logs: logs !== undefined,
      pid: process.pid,
    }),
    onFault: (err) => logger.error({ err }, 'a viewer was not told'),
  });
  const followers = new Followers({
    system,
    read: (query) => reports.events(query),
    onFault: (err) => logger.error({ err }, 'a follower was not told'),
  });
  const server = new HttpServer({
    access,
    files: new PageFiles(page.folder),
    routes: routesOf({
      system,
      reports,
      work,
      watch,
      chronicle,
      acts: new Acts({ system, chronicle, logger }),
    }),
    viewers,
    followers,
    newest: () => chronicle.newest(system.events),
    logger,
    maxViewers,
  });

  const listening = await server.listen(port, host);
  const subscriptions = [
    system.events.subscribe((event) => vitals.note(event), { types: VITAL_TYPES }),
    system.events.subscribe((event) => chronicle.note(event), { types: CHRONICLE_TYPES }),
  ];
  const look = (at: number): void => {
    const report = () => (system.mirror?.nodes(), system.pools.list());
    settled(system, report).then(
      (pools) => poolHistory.take(pools, at),
      (err: unknown) => logger.error({ err }, 'the pools could not be read'),
    );
  };
  let looks = 0;
  const timer = setInterval(() => {
    const at = Date.now();
    vitals.take(at);
    if (looks % POOL_LOOKS === 0) look(at);
    looks += 1;
  }, SAMPLE_MS);
  timer.unref();

  const close = async () => {
    clearInterval(timer);
    for (const unsubscribe of subscriptions) unsubscribe();
    await server.close();
    watch.close();
    if (system instanceof FleetMirror) system.close();
  };
  return {
    url: `http://${addressOf(host)}:${listening}/?token=${encodeURIComponent(token)}`,
    token,
    controlToken,
    viewers: () => viewers.size + followers.size,
    close,
    [Symbol.asyncDispose]: close,
  };
}

/** A secret as it was given; what is refused is not shown. */
function secretOf(name: string, given: unknown): string | undefined {
  if (given === undefined || (typeof given === 'string' && given.length >= 16)) return given;
  throw secretRefusal(`createDashboard: ${name}`, 'a text of 16 characters or more', given);
}

function newSecret(): string {
  return randomBytes(24).toString('base64url');
}

/** A server that listens on all interfaces is reached at the loopback address, too. */
function addressOf(host: string): string {
  if (host === '0.0.0.0') return '127.0.0.1';
  if (host === '::') return '[::1]';
  return host.includes(':') ? `[${host}]` : host;
}
