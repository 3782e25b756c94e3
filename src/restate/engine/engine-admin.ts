/** The engine's admin interface, as far as nodes need it: which services are where. */
import { z } from 'zod';
import { AgentSystemError, errorInfoOf } from '../../runtime/values/errors.ts';

/** Services that one address offers. */
export interface Deployment {
  readonly id: string;
  readonly uri: string;
  readonly services: readonly string[];
  /** Of those that offer the same services, new calls go to the one with the highest. */
  readonly revision: number;
  readonly metadata: Metadata;
}

type Metadata = Readonly<Record<string, string>>;

const deploymentSchema = z.looseObject({
  id: z.string(),
  uri: z.string().optional(),
  metadata: z.record(z.string(), z.string()).default({}),
  services: z.array(z.looseObject({ name: z.string(), revision: z.number().default(0) })).default([]),
});
const listSchema = z.looseObject({ deployments: z.array(deploymentSchema) });

const TIMEOUT_MS = 10_000;
/** How long one request may take when a later attempt follows anyway, ms. */
export const BRIEF_MS = 3_000;

/** Nobody is at its address now, though somebody may be later: it starts, or the way to it is cut. */
const AWAY_CODES: ReadonlySet<unknown> = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'EPIPE',
  'ETIMEDOUT',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'EAI_AGAIN',
  'UND_ERR_SOCKET',
  'UND_ERR_CONNECT_TIMEOUT',
]);
/** What a proxy says of one that is away. */
const AWAY_STATUSES: ReadonlySet<number> = new Set([502, 503, 504]);

class EngineAway extends Error {}

/** Whether a request has failed because the engine is away, and may succeed later. */
export function isEngineAway(thrown: unknown): boolean {
  return thrown instanceof AgentSystemError && thrown.cause instanceof EngineAway;
}

export class EngineAdmin {
  readonly #url: string;

  constructor(adminUrl: string) {
    this.#url = adminUrl.replace(/\/$/, '');
  }

  async deployments(): Promise<readonly Deployment[]> {
    const { deployments } = listSchema.parse(await this.#ask('GET', '/deployments'));
    return deployments.map(({ id, uri = '', metadata, services }) => ({
      id,
      uri,
      metadata,
      services: services.map(({ name }) => name),
      revision: Math.max(0, ...services.map(({ revision }) => revision)),
    }));
  }

  /** Makes the services at an address known; what was known of that address is forgotten. */
  async register(
    uri: string,
    {
      metadata = {},
      timeoutMs,
    }: { readonly metadata?: Metadata; readonly timeoutMs?: number | undefined } = {},
  ): Promise<void> {
    await this.#ask('POST', '/deployments', { uri, force: true, metadata }, timeoutMs);
  }

  /** Moves a deployment to another address, with its calls in flight. Refused when nothing answers there. */
  async move(id: string, uri: string): Promise<void> {
    await this.#ask('PATCH', `/deployments/${id}`, { uri }, BRIEF_MS);
  }

  async remove(id: string): Promise<void> {
    await this.#ask('DELETE', `/deployments/${id}?force=true`);
  }

  /** By how many ms this program's clock is ahead of the engine's at least: the engine tells whole seconds, or nothing. */
  async clockAheadMs(): Promise<number> {
    const sentAt = Date.now();
    const { date } = await this.#request('GET', '/health', undefined, BRIEF_MS);
    const since = Date.parse(date ?? '');
    if (Number.isNaN(since)) return 0;
    if (sentAt >= since + 1_000) return sentAt - since - 1_000;
    return Math.min(0, Date.now() - since);
  }

  async #ask(method: string, path: string, body?: unknown, timeoutMs = TIMEOUT_MS): Promise<unknown> {
    const { status, text } = await this.#request(method, path, body, timeoutMs);
    if (status < 300) return text === '' ? undefined : JSON.parse(text);
    const message = `${method} ${path}: the engine says ${status}: ${text}`;
    const cause = AWAY_STATUSES.has(status) ? new EngineAway(message) : undefined;
    throw new AgentSystemError('STORE_FAILED', message, { cause });
  }

  async #request(method: string, path: string, body: unknown, timeoutMs: number) {
    try {
      const response = await fetch(`${this.#url}${path}`, {
        method,
        headers: body === undefined ? {} : { 'content-type': 'application/json' },
        body: body === undefined ? null : JSON.stringify(body),
        signal: AbortSignal.timeout(timeoutMs),
      });
      const { status, headers } = response;
      return { status, text: await response.text(), date: headers.get('date') };
    } catch (thrown) {
      const { code, message } = connectionFailure(thrown);
      const told = `the engine's admin interface at ${new URL(this.#url).origin} does not answer: ${message}`;
      const cause = AWAY_CODES.has(code) ? new EngineAway(told, { cause: thrown }) : thrown;
      throw new AgentSystemError('STORE_FAILED', told, { cause });
    }
  }
}

/** What `fetch` failed with: it tells that it failed, and why as the cause of that. */
function connectionFailure(thrown: unknown): { readonly code: unknown; readonly message: string } {
  if ((thrown as Error).name === 'TimeoutError')
    return { code: 'ETIMEDOUT', message: errorInfoOf(thrown).message };
  const { cause = thrown } = thrown as { readonly cause?: unknown };
  const { code } = cause as NodeJS.ErrnoException;
  // Where a name has several addresses the failure of them all has a code alone.
  return { code, message: errorInfoOf(cause).message || String(code) };
}
