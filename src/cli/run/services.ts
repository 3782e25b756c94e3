/** The servers of a running fleet, as options ask for them: dashboard, health and metrics. */
import type { Logger } from 'pino';
import type { Dashboard } from '../../dashboard.ts';
import type { Endpoints } from '../../endpoints.ts';
import type { AgentSystem } from '../../index.ts';
import { errorInfoOf } from '../../runtime/values/errors.ts';
import { usageFailure } from '../failure.ts';
import { addressFrom } from './address.ts';

export interface ServiceOptions {
  readonly dashboard?: string | true;
  readonly allowedHosts?: string;
  readonly control?: boolean;
  readonly endpoints?: string | true;
  readonly metrics?: boolean;
}

export interface ServiceContext {
  readonly env: NodeJS.ProcessEnv;
  readonly logger: Logger;
  readonly say: (line: string) => void;
  /** `true` once the fleet has started, else why not. */
  readonly readiness: () => true | string;
}

const DEFAULT_ENDPOINTS = { host: '127.0.0.1', port: 9_464 };

/** @throws CommandFailure for options that do not go together */
export function checkServices(options: ServiceOptions): void {
  const { dashboard, allowedHosts, control, endpoints, metrics } = options;
  if (allowedHosts !== undefined && dashboard === undefined) {
    throw usageFailure('--allowed-hosts: expected it with --dashboard');
  }
  if (control && dashboard === undefined) throw usageFailure('--control: expected it with --dashboard');
  if (metrics && endpoints === undefined) throw usageFailure('--metrics: expected it with --endpoints');
  if (dashboard !== undefined) addressFrom('--dashboard', dashboard);
  if (endpoints !== undefined) addressFrom('--endpoints', endpoints);
}

/** Opens what is asked for. The result closes all of it. */
export async function openServices(
  system: AgentSystem,
  options: ServiceOptions,
  context: ServiceContext,
): Promise<AsyncDisposable & { readonly dashboard: Dashboard | undefined }> {
  const opened = new AsyncDisposableStack();
  try {
    if (options.endpoints !== undefined)
      opened.use(await openEndpoints(system, options.endpoints, options, context, opened));
    const dashboard =
      options.dashboard === undefined
        ? undefined
        : opened.use(await openDashboard(system, options.dashboard, options, context));
    return { dashboard, [Symbol.asyncDispose]: () => opened.disposeAsync() };
  } catch (thrown) {
    await opened.disposeAsync();
    throw thrown;
  }
}

async function openDashboard(
  system: AgentSystem,
  given: string | true,
  { control = false, allowedHosts }: ServiceOptions,
  { env, logger, say }: ServiceContext,
): Promise<Dashboard> {
  const { createDashboard } = await import('../../dashboard.ts');
  const [token, controlToken] = [secretFrom(env, 'MABEAM_TOKEN'), secretFrom(env, 'MABEAM_CONTROL_TOKEN')];
  const opening = createDashboard(system, {
    ...addressFrom('--dashboard', given),
    control,
    ...(allowedHosts === undefined ? {} : { allowedHosts: allowedHosts.split(',') }),
    logger,
    ...(token === undefined ? {} : { token }),
    ...(control && controlToken !== undefined ? { controlToken } : {}),
  });
  const dashboard = await listening('--dashboard', opening);
  say(`Dashboard: ${token === undefined ? dashboard.url : new URL(dashboard.url).origin}`);
  if (control && controlToken === undefined) say(`Control token: ${dashboard.controlToken}`);
  return dashboard;
}

async function openEndpoints(
  system: AgentSystem,
  given: string | true,
  { metrics }: ServiceOptions,
  { say, readiness }: ServiceContext,
  opened: AsyncDisposableStack,
): Promise<Endpoints> {
  const { createEndpoints } = await import('../../endpoints.ts');
  const source = metrics ? opened.use(await metricsOf(system)) : undefined;
  const opening = createEndpoints(system, {
    ...DEFAULT_ENDPOINTS,
    ...addressFrom('--endpoints', given),
    checks: { fleet: readiness },
    ...(source === undefined ? {} : { metrics: source }),
  });
  const endpoints = await listening('--endpoints', opening);
  say(`Endpoints: ${endpoints.url}/livez, /readyz${metrics ? ', /metrics' : ''}`);
  return endpoints;
}

/** The fleet's metrics, beside those of Node. */
async function metricsOf(system: AgentSystem) {
  try {
    const [{ createPrometheus }, { collectDefaultMetrics, Registry }] = await Promise.all([
      import('../../prometheus.ts'),
      import('prom-client'),
    ]);
    const register = new Registry();
    collectDefaultMetrics({ register });
    return createPrometheus(system, { register });
  } catch (thrown) {
    if ((thrown as NodeJS.ErrnoException).code !== 'ERR_MODULE_NOT_FOUND') throw thrown;
    throw usageFailure('--metrics needs a package that is not here', 'npm install prom-client');
  }
}

function secretFrom(env: NodeJS.ProcessEnv, name: string): string | undefined {
  const secret = env[name];
  if (secret === undefined || secret === '') return undefined;
  if (secret.length >= 16) return secret;
  throw usageFailure(`${name}: expected 16 characters or more, got ${secret.length}`);
}

/** Where it cannot listen at the address, the option is to blame. */
async function listening<Opened>(option: string, opening: Promise<Opened>): Promise<Opened> {
  try {
    return await opening;
  } catch (thrown) {
    const [, problem] = /^create\w+: (?:host|port): (.*)/s.exec(errorInfoOf(thrown).message) ?? [];
    throw problem === undefined ? thrown : usageFailure(`${option}: ${problem}`);
  }
}
