/**
 * Sends notices as HTTP POST requests: signed as Standard Webhooks says, and tried again while that can help.
 *
 * I1  All attempts of a message have one `webhook-id`, so that a receiver can tell a repetition.
 * I2  What the receiver refuses for good (most of 4xx) is not tried again; nor is a redirection followed, to which
 *     the secrets of an address would go.
 * I3  An error names the receiver's origin alone: the rest of the address may be its secret.
 */
import { createHash, createHmac } from 'node:crypto';
import { setTimeout as wait } from 'node:timers/promises';
import pRetry, { AbortError } from 'p-retry';
import { z } from 'zod';
import { errorInfoOf } from '../runtime/values/errors.ts';
import { parseInput } from '../runtime/values/malformed.ts';
import { secretRefusal } from '../runtime/values/secret-refusal.ts';
import type { NoticeBatch, SendNotices } from './alert-hook.ts';

/** Where notices are posted, and how. */
export interface WebhookOptions {
  /** Where notices are posted. */
  readonly url: string | URL;
  /**
   * What messages are signed with, as Standard Webhooks writes it: `whsec_` and 24 to 64 bytes in base64. Several
   * while one replaces another. Without it messages are not signed.
   */
  readonly secret?: string | readonly string[];
  /** More headers of each request. */
  readonly headers?: Readonly<Record<string, string>>;
  /** What is sent, as JSON; default `{ type: 'mabeam.alerts', timestamp, data: { notices, dropped, text } }`. */
  readonly body?: (batch: NoticeBatch) => unknown;
  /** Attempts after the first; default 8. */
  readonly retries?: number;
  /** Before the second attempt, in ms, and twice as long before each further one; default 1,000. */
  readonly delayMs?: number;
  /** The longest wait, also if the receiver asks for more, in ms; default 60,000. */
  readonly maxDelayMs?: number;
  /** For one attempt, in ms; default 10,000. */
  readonly timeoutMs?: number;
}

const optionsSchema = z.strictObject({
  // Either may be a secret: they are read by hand, and never shown.
  url: z.unknown().optional(),
  secret: z.unknown().optional(),
  headers: z.record(z.string(), z.string()).default({}),
  body: z
    .custom<(batch: NoticeBatch) => unknown>((value) => typeof value === 'function', {
      error: 'expected a function',
    })
    .default(() => (batch: NoticeBatch) => ({
      type: 'mabeam.alerts',
      timestamp: new Date().toISOString(),
      data: batch,
    })),
  retries: z.int().min(0).default(8),
  delayMs: z.number().min(0).max(3_600_000).default(1_000),
  maxDelayMs: z.number().min(0).max(3_600_000).default(60_000),
  timeoutMs: z.number().positive().max(3_600_000).default(10_000),
});

/** Statuses after which another attempt may succeed, besides 5xx. */
const PASSING = new Set([408, 425, 429]);

/**
 * A sender for `createAlertHook({ send })`.
 *
 * @throws AgentSystemError `AGENT_SPEC_INVALID` naming the option that was not as expected
 */
export function webhook(options: WebhookOptions): SendNotices {
  const parsed = parseInput(optionsSchema, options, { what: 'webhook' });
  const { headers, body, retries, delayMs, maxDelayMs, timeoutMs } = parsed;
  const url = addressOf(parsed.url);
  const keys = parsed.secret === undefined ? undefined : keysOf(parsed.secret);
  const attempt = async (id: string, text: string, signal: AbortSignal): Promise<void> => {
    const timestamp = String(Math.floor(Date.now() / 1_000));
    let response: Response;
    try {
      response = await fetch(url, {
        method: 'POST',
        redirect: 'manual',
        signal: AbortSignal.any([signal, AbortSignal.timeout(Math.ceil(timeoutMs))]),
        headers: {
          'Content-Type': 'application/json',
          'User-Agent': 'mabeam',
          ...headers,
          'webhook-id': id,
          'webhook-timestamp': timestamp,
          ...(keys ? { 'webhook-signature': signatureOf(keys, `${id}.${timestamp}.${text}`) } : {}),
        },
        body: text,
      });
    } catch (thrown) {
      throw new Error(`${url.origin}: ${reasonOf(thrown)}`, { cause: thrown });
    }
    await response.body?.cancel();
    if (response.ok) return;
    const { status } = response;
    const refusal = new Refused(`${url.origin} answered with status ${status}`, askedDelayMs(response));
    throw status >= 500 || PASSING.has(status) ? refusal : new AbortError(refusal);
  };
  return async (batch, { signal }) => {
    const text = JSON.stringify(body(batch));
    const ids = batch.notices.map(({ id }) => id).join('\n');
    const id = `msg_${createHash('sha256').update(ids).digest('base64url').slice(0, 32)}`;
    await pRetry(() => attempt(id, text, signal), {
      retries,
      minTimeout: Math.min(delayMs, maxDelayMs),
      maxTimeout: maxDelayMs,
      randomize: true,
      signal,
      onFailedAttempt: async ({ error, retryDelay, retriesLeft }) => {
        if (!(error instanceof Refused) || retriesLeft === 0) return;
        const moreMs = Math.min(error.retryAfterMs, maxDelayMs) - retryDelay;
        if (moreMs > 0) await wait(moreMs, undefined, { signal });
      },
    });
  };
}

function addressOf(given: unknown): URL {
  const url = given instanceof URL ? given : typeof given === 'string' ? URL.parse(given) : null;
  if (url?.protocol === 'https:' || url?.protocol === 'http:') return url;
  throw secretRefusal('webhook: url', 'an address that begins with https: or http:', given);
}

function keysOf(given: unknown): readonly Buffer[] {
  const secrets: readonly unknown[] = Array.isArray(given) ? given : [given];
  const keys = secrets.map((secret) => {
    const base64 =
      typeof secret === 'string' ? /^whsec_([A-Za-z0-9+/]+={0,2})$/.exec(secret)?.[1] : undefined;
    const key = Buffer.from(base64 ?? '', 'base64');
    if (key.length >= 24 && key.length <= 64) return key;
    throw secretRefusal('webhook: secret', 'whsec_ and 24 to 64 bytes in base64', secret);
  });
  if (keys.length > 0) return keys;
  throw secretRefusal('webhook: secret', 'one or more', given);
}

class Refused extends Error {
  /** How long the receiver asks to wait; 0 where it does not say. */
  readonly retryAfterMs: number;

  constructor(message: string, retryAfterMs: number) {
    super(message);
    this.retryAfterMs = retryAfterMs;
  }
}

function signatureOf(keys: readonly Buffer[], content: string): string {
  return keys.map((key) => `v1,${createHmac('sha256', key).update(content).digest('base64')}`).join(' ');
}

/** `Retry-After` in seconds or as a date. */
function askedDelayMs({ headers }: Response): number {
  const asked = headers.get('retry-after');
  if (asked === null) return 0;
  const ms = /^\d+$/.test(asked.trim()) ? Number(asked) * 1_000 : Date.parse(asked) - Date.now();
  return Number.isFinite(ms) ? Math.max(0, ms) : 0;
}

/** The cause of an error of `fetch` says what failed. */
function reasonOf(thrown: unknown): string {
  const { message, cause } = errorInfoOf(thrown);
  return cause === undefined ? message : cause.message || String(cause.code ?? message);
}
