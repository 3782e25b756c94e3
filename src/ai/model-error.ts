/**
 * Failures of a provider, in the form that the fleet understands: a status, its headers, and whether a retry makes
 * sense.
 */
import { withoutKnownSecrets } from '../runtime/values/secrets.ts';
import { limitSaid, parkAsked, statusesSaid } from '../runtime/definition/parking.ts';

/** A call of a model that failed. With `status` and `headers` the fleet sees a quota, and when it is reset. */
export class ModelCallError extends Error {
  override readonly name = 'ModelCallError';
  /** The provider's HTTP status. */
  declare readonly status?: number;
  /** The answer's headers, by lower-case name: only those that tell of limits. */
  declare readonly headers?: Readonly<Record<string, string>>;
  /** Whether the provider may answer the same call later. */
  readonly isRetryable: boolean;

  constructor(message: string, cause: unknown, failure: Omit<ModelCallError, keyof Error>) {
    super(message, { cause });
    if (failure.status !== undefined) this.status = failure.status;
    if (failure.headers !== undefined) this.headers = failure.headers;
    this.isRetryable = failure.isRetryable;
  }
}

/** Headers that tell of limits; others may hold a secret, and errors are kept in the event log. */
const OF_LIMITS = /^(retry-after(-ms)?|(x-)?ratelimit(-.*)?|.*-ratelimit-.*)$/;

/** Of Node's sockets, and of its `fetch`. */
const NETWORK_CODE = /^(E[A-Z]+|UND_ERR_\w+)$/;
/** How far causes are followed: a gateway's error has the provider's as its cause. */
const MAX_DEPTH = 4;
/** What services call a limit, or an overload, in the middle of a stream, where HTTP's status is long gone. */
const STATUS_OF: ReadonlyMap<unknown, number> = new Map([
  ['rate_limit_error', 429],
  ['rate_limit_exceeded', 429],
  ['api_error', 500],
  ['server_error', 500],
  ['overloaded_error', 529],
]);

/**
 * The error to throw for what the SDK threw or put into a stream: its own errors, a gateway's, and plain objects that
 * stand for an error in a stream.
 */
export function modelErrorOf(thrown: unknown): unknown {
  const found = failureIn(thrown);
  if (found === undefined) return thrown;
  const { status } = found;
  const message = withoutKnownSecrets(found.message);
  const isRefusal = status !== undefined && status >= 400;
  const said = isRefusal
    ? `the model refused: ${status}, ${message}`
    : `the call of the model failed: ${message}`;
  // The SDK's error holds the whole request: prompts, and sometimes keys.
  return new ModelCallError(said, undefined, {
    isRetryable: found.isRetryable ?? (status !== undefined && (status === 429 || status >= 500)),
    ...(status === undefined ? {} : { status }),
    ...(Object.keys(found.headers).length === 0 ? {} : { headers: found.headers }),
  });
}

/**
 * Whether the provider did not take the call, which then costs nothing: it says so by a status of 400 to 499, or without
 * a status by the time of a reset. A call that its server failed at, or that broke off, may have cost something.
 */
export function isRefusedCall(thrown: unknown): boolean {
  const statuses = statusesSaid(thrown);
  if (statuses.length > 0) return statuses.some((status) => status >= 400 && status < 500);
  const limit = parkAsked(thrown) ?? limitSaid(thrown);
  return limit !== undefined && (limit.until ?? limit.afterMs) !== undefined;
}

interface Failure {
  message: string;
  status: number | undefined;
  isRetryable: boolean | undefined;
  readonly headers: Record<string, string>;
}

/** The first status that is found counts; headers are gathered from all causes. */
function failureIn(thrown: unknown): Failure | undefined {
  let found: Failure | undefined;
  let error = thrown;
  for (let depth = 0; depth < MAX_DEPTH && typeof error === 'object' && error !== null; depth++) {
    const { isRetryable, responseHeaders, message, type, code, cause } = error as Fields;
    const isPlain = !(error instanceof Error);
    // An error that has another client's `status` says itself what the fleet asks, and stays what it is.
    const statusCode = (error as Fields).statusCode ?? (isPlain ? (error as Fields).status : undefined);
    const named = isPlain ? (STATUS_OF.get(type) ?? STATUS_OF.get(code)) : undefined;
    const status = typeof statusCode === 'number' ? statusCode : named;
    const says = typeof isRetryable === 'boolean' ? isRetryable : undefined;
    // Data that is the cause of an error may be anything: unless it says something, the error stays what it is.
    const isThrown = isPlain && depth === 0;
    if (found === undefined && (isThrown || status !== undefined || says !== undefined)) {
      const words = typeof message === 'string' ? message : 'it did not say why';
      found = { message: words, status: undefined, isRetryable: undefined, headers: {} };
    }
    if (found !== undefined) {
      if (tellsMore(error, found)) found.message += `: ${String(message)}`;
      found.status ??= status;
      found.isRetryable ??= says;
      noteHeaders(found.headers, responseHeaders);
    }
    error = cause;
  }
  return found;
}

/** Whether it is the failure of a connection, which the error around it does not say. Other causes may quote an answer. */
function tellsMore(error: object, { message }: Failure): boolean {
  const { code, message: words } = error as Fields;
  const isOfNetwork = error instanceof Error && typeof code === 'string' && NETWORK_CODE.test(code);
  return isOfNetwork && typeof words === 'string' && words !== '' && !message.includes(words);
}

type Fields = Readonly<
  Record<
    'statusCode' | 'status' | 'isRetryable' | 'responseHeaders' | 'message' | 'type' | 'code' | 'cause',
    unknown
  >
>;

function noteHeaders(headers: Record<string, string>, given: unknown): void {
  if (typeof given !== 'object' || given === null) return;
  for (const [name, value] of Object.entries(given)) {
    const lower = name.toLowerCase();
    if (OF_LIMITS.test(lower) && typeof value === 'string') headers[lower] ??= value;
  }
}
