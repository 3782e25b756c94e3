/**
 * Failures of a provider, in the words that the fleet understands: a status, the headers that came with it, and
 * whether to ask again makes sense.
 */
import { APICallError } from 'ai';

/** A call of a model that failed. With `status` and `headers` the fleet sees a quota, and when it is reset. */
export class ModelCallError extends Error {
  override readonly name = 'ModelCallError';
  /** The provider's HTTP status. */
  readonly status?: number;
  /** The answer's headers, by lower-case name: only those that tell of limits. */
  readonly headers?: Readonly<Record<string, string>>;
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
const OF_LIMITS = /^(retry-after(-ms)?|(x-)?ratelimit-.*|.*-ratelimit-.*)$/;

/** What is thrown for what the SDK threw. */
export function modelErrorOf(thrown: unknown): unknown {
  if (!APICallError.isInstance(thrown)) return thrown;
  const { statusCode, responseHeaders = {}, isRetryable, message } = thrown;
  const headers: Record<string, string> = {};
  for (const [name, value] of Object.entries(responseHeaders)) {
    if (OF_LIMITS.test(name.toLowerCase())) headers[name.toLowerCase()] = value;
  }
  const status = statusCode === undefined ? {} : { status: statusCode };
  // The SDK's error holds the whole request: prompts, and sometimes keys.
  return new ModelCallError(
    `the model refused: ${statusCode ?? 'no status'}, ${message}`,
    undefined,
    Object.keys(headers).length > 0 ? { ...status, headers, isRetryable } : { ...status, isRetryable },
  );
}
