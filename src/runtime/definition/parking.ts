/**
 * Decides whether the error of a task is a limit that it ran into, and when that is reset.
 *
 * A task says so itself by `context.park`, or what it threw says it: a client's error with a reset time in it, or with
 * a status that stands for a limit, or with a client's word that it may be asked again (`isRetryable`). It is looked
 * for in the error, and in what it was caused by. Pure, but for the getters of what was thrown.
 *
 * I1  A reset is never guessed here: if the error does not say when, it is unknown.
 */
import { isError } from '../values/errors.ts';
import { cut } from '../values/cut-text.ts';

/** What a task waits for: `until` in epoch ms, or `afterMs` from now; neither if that is unknown. */
export interface ParkRequest {
  readonly until?: number;
  readonly afterMs?: number;
  readonly why: string;
}

/** Arguments of `context.park`. */
export type ParkOptions = {
  /** What the limit is, in words: up to 256 characters. */
  readonly why: string;
} & (
  | {
      /** When it is reset, epoch ms or a Date. */
      readonly until: number | Date;
      readonly afterMs?: never;
    }
  | {
      /** In how many ms it is reset. */
      readonly afterMs: number;
      readonly until?: never;
    }
);

/** Known to other copies of this package, too. */
const PARK = Symbol.for('mabeam.park');
export const MAX_WHY = 256;
/** Statuses of HTTP that say: not now. */
const LIMITED: ReadonlySet<unknown> = new Set([429, 503, 529]);
/** How far causes are followed. */
const MAX_DEPTH = 8;
/** Their values are durations like `6m0s` or `20ms`, seconds, epoch seconds, or dates. */
const RESETS = [
  'x-ratelimit-reset',
  'x-ratelimit-reset-requests',
  'x-ratelimit-reset-tokens',
  'ratelimit-reset',
  'anthropic-ratelimit-requests-reset',
  'anthropic-ratelimit-tokens-reset',
  'anthropic-ratelimit-input-tokens-reset',
  'anthropic-ratelimit-output-tokens-reset',
];

/** Leaves a task, which is then begun anew: to be thrown out of it, never caught. */
class Park extends Error {
  override readonly name = 'Park';
  readonly [PARK]: ParkRequest;

  constructor(request: ParkRequest) {
    super(`the task is parked: ${request.why}`);
    this[PARK] = request;
  }
}

/** @throws Park always; TypeError for what is no time, or no reason */
export function park(options: ParkOptions): never {
  // Nothing else of it is read: a long text in its place has as many fields as letters.
  const { until, afterMs, why } = (options ?? {}) as {
    until?: unknown;
    afterMs?: unknown;
    why?: unknown;
  };
  if (typeof why !== 'string' || why === '') throw new TypeError('park: why: expected a text');
  if ((until === undefined) === (afterMs === undefined))
    throw new TypeError('park: expected one of until and afterMs');
  const time = until instanceof Date ? until.getTime() : (until ?? afterMs);
  if (typeof time !== 'number' || !Number.isFinite(time) || time < 0) {
    throw new TypeError(
      `park: ${until === undefined ? 'afterMs: expected ms, 0 or more' : 'until: expected epoch ms or a Date'}`,
    );
  }
  throw new Park({ why: cut(why, MAX_WHY), ...(until === undefined ? { afterMs: time } : { until: time }) });
}

/** The arguments of `context.park`, if that threw this error. */
export function parkAsked(thrown: unknown): ParkRequest | undefined {
  return isError(thrown) && PARK in thrown ? (thrown as Park)[PARK] : undefined;
}

/** The limit that an error reports; `undefined` for other errors. */
export function limitSaid(thrown: unknown): ParkRequest | undefined {
  let isLimited = false;
  for (const parts of causesOf(thrown)) {
    const isHere = parts.some((part) => isLimitIn(part));
    for (const part of parts) {
      const reset = resetOf(part, isHere);
      if (reset) return { ...reset, why: wordsOf(thrown) };
    }
    isLimited ||= isHere;
  }
  return isLimited ? { why: wordsOf(thrown) } : undefined;
}

/** Every status of HTTP that an error reports, wherever a limit is looked for: its own first. */
export function statusesSaid(thrown: unknown): readonly number[] {
  return [...causesOf(thrown)]
    .flatMap((parts) => parts.flatMap((part) => statusesIn(part)))
    .filter((status) => typeof status === 'number');
}

/** The error and what it was caused by, each with the response that it holds. */
function* causesOf(thrown: unknown): Generator<readonly object[]> {
  let error = thrown;
  for (let depth = 0; depth < MAX_DEPTH && isObject(error); depth++) {
    const response = read(error, 'response');
    yield isObject(response) ? [error, response] : [error];
    error = read(error, 'cause') ?? read(error, 'lastError');
  }
}

function isLimitIn(part: object): boolean {
  return statusesIn(part).some((status) => LIMITED.has(status)) || read(part, 'isRetryable') === true;
}

/** `$metadata` is where the clients of one great provider have it. */
function statusesIn(part: object): readonly unknown[] {
  const metadata = read(part, '$metadata');
  const status = isObject(metadata) ? read(metadata, 'httpStatusCode') : undefined;
  return [read(part, 'status'), read(part, 'statusCode'), status];
}

type Reset = Pick<ParkRequest, 'until' | 'afterMs'>;

function resetOf(part: object, isLimited: boolean): Reset | undefined {
  const headers = read(part, 'responseHeaders') ?? read(part, 'headers');
  const header = (name: string) => headerOf(headers, name);
  return (
    milliseconds(read(part, 'retryAfterMs')) ??
    milliseconds(header('retry-after-ms')) ??
    secondsOrDate(read(part, 'retryAfter')) ??
    secondsOrDate(header('retry-after')) ??
    // Every answer has these, also that to a request which was wrong.
    (isLimited || header('x-ratelimit-remaining') === '0' ? latestReset(header) : undefined)
  );
}

/** The latest of those of which nothing remains; of all, where none says so. */
function latestReset(header: (name: string) => unknown): Reset | undefined {
  const isUsedUp = (name: string) => String(header(name.replace('reset', 'remaining'))).trim() === '0';
  const usedUp = RESETS.filter(isUsedUp);
  let latest = draftReset(header('ratelimit'));
  for (const name of usedUp.length > 0 ? usedUp : RESETS) {
    const reset = durationOrDate(header(name));
    if (reset === undefined) continue;
    // Of one kind: a service says all of its resets in the same way.
    const isLater = (reset.until ?? reset.afterMs ?? 0) > (latest?.until ?? latest?.afterMs ?? -1);
    if (isLater) latest = reset;
  }
  return latest;
}

/**
 * As the drafts of HTTP's `RateLimit` field have it: limits in a list, `"burst";r=5;t=10, "daily";r=0;t=300`, and before
 * `limit=9, remaining=0, reset=30`. The latest of those that are used up, or of all.
 */
function draftReset(value: unknown): Reset | undefined {
  if (typeof value !== 'string') return undefined;
  const before = /(?:^|[;,\s])reset=(\d+)/.exec(value);
  if (before !== null) return { afterMs: Number(before[1]) * 1_000 };
  const limits = value.split(',').flatMap((limit) => {
    const seconds = /;\s*t=(\d+)/.exec(limit);
    return seconds === null ? [] : [{ seconds: Number(seconds[1]), isUsedUp: /;\s*r=0\b/.test(limit) }];
  });
  const usedUp = limits.filter(({ isUsedUp }) => isUsedUp);
  const found = (usedUp.length > 0 ? usedUp : limits).map(({ seconds }) => seconds);
  return found.length === 0 ? undefined : { afterMs: Math.max(...found) * 1_000 };
}

function milliseconds(value: unknown): Reset | undefined {
  const number = numberOf(value);
  return number === undefined ? undefined : { afterMs: number };
}

/** As in `Retry-After`. */
function secondsOrDate(value: unknown): Reset | undefined {
  const number = numberOf(value);
  return number === undefined ? dateOf(value) : { afterMs: number * 1_000 };
}

function durationOrDate(value: unknown): Reset | undefined {
  const number = numberOf(value);
  if (number !== undefined) {
    if (number >= 1e12) return { until: number };
    return number >= 1e9 ? { until: number * 1_000 } : { afterMs: number * 1_000 };
  }
  if (typeof value !== 'string') return dateOf(value);
  const parts = [...value.matchAll(/(\d+(?:\.\d+)?)(ms|d|h|m|s)/g)];
  if (parts.length === 0 || parts.map(([part]) => part).join('') !== value.trim()) return dateOf(value);
  const unit = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 };
  return {
    afterMs: parts.reduce((sum, [, count, name]) => sum + Number(count) * unit[name as 'ms'], 0),
  };
}

function dateOf(value: unknown): Reset | undefined {
  const time =
    value instanceof Date ? value.getTime() : typeof value === 'string' ? timeIn(value) : Number.NaN;
  return Number.isNaN(time) ? undefined : { until: time };
}

/** The dates of HTTP, its old ones too, and of ISO 8601: what else `Date.parse` reads as one was not meant so. */
const DATES = [
  /^\w{3}, \d{2} \w{3} \d{4} [\d:]{8} (GMT|UTC)$/,
  /^\w+, \d{2}-\w{3}-\d{2} [\d:]{8} (GMT|UTC)$/,
  /^\d{4}-\d{2}-\d{2}T[\d:.]+(Z|[+-]\d{2}:?\d{2})$/,
];
/** These have no zone, and mean UTC. */
const ZONELESS = [/^\w{3} \w{3} [ \d]\d [\d:]{8} \d{4}$/, /^\d{4}-\d{2}-\d{2}T[\d:.]+$/];

function timeIn(text: string): number {
  const given = text.trim();
  if (DATES.some((date) => date.test(given))) return Date.parse(given);
  if (!ZONELESS.some((date) => date.test(given))) return Number.NaN;
  return Date.parse(given.includes('T') ? `${given}Z` : `${given} GMT`);
}

function numberOf(value: unknown): number | undefined {
  const isText = typeof value === 'string' && /^\s*\d+(\.\d+)?\s*$/.test(value);
  const number = isText ? Number(value) : value;
  return typeof number === 'number' && Number.isFinite(number) && number >= 0 ? number : undefined;
}

/** Of a `Headers`, or of any object, whatever the case of its names; of several values the first. */
function headerOf(headers: unknown, name: string): unknown {
  const value = headerIn(headers, name);
  return Array.isArray(value) ? value[0] : value;
}

function headerIn(headers: unknown, name: string): unknown {
  if (!isObject(headers)) return undefined;
  try {
    if ('get' in headers && typeof headers.get === 'function') {
      return (headers as { get(name: string): unknown }).get(name) ?? undefined;
    }
    const key = Object.keys(headers).find((other) => other.toLowerCase() === name);
    return key === undefined ? undefined : (headers as Record<string, unknown>)[key];
  } catch {
    return undefined;
  }
}

/** A field of a thrown value may be a getter that throws. */
function read(from: object, field: string): unknown {
  try {
    return (from as Record<string, unknown>)[field];
  } catch {
    return undefined;
  }
}

function wordsOf(thrown: unknown): string {
  const message = isObject(thrown) ? read(thrown, 'message') : undefined;
  return cut(typeof message === 'string' && message !== '' ? message : 'a limit is reached', MAX_WHY);
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null;
}
