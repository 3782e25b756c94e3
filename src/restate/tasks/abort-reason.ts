/** Why a caller's signal was aborted, as it crosses machines. */
import type { ErrorInfo } from '../../machines/index.ts';
import { errorInfoOf } from '../../runtime/values/errors.ts';
import { jsonProblemOf } from '../../runtime/values/json-survey.ts';

/** The caller's own data, or an error as data. */
export type AbortReason = { readonly cause: unknown } | { readonly error: ErrorInfo };

/** Data as it is, anything else as an error. */
export function abortReasonOf(signal: AbortSignal | undefined): AbortReason {
  const reason: unknown = signal?.reason;
  const isData = !(reason instanceof Error) && jsonProblemOf(reason) === undefined;
  return isData ? { cause: reason } : { error: errorInfoOf(reason) };
}
