/** The answer to a call to the fleet, as data: a value, or a refusal. */
import type { ErrorInfo } from '../../machines/index.ts';
import { AgentSystemError, type ErrorCode, errorFrom, errorInfoOf } from '../../runtime/values/errors.ts';

/** A refusal that has crossed machines: its code and details are as they were. */
export interface Refusal {
  readonly code: ErrorCode;
  readonly message: string;
  readonly agentId?: string | undefined;
  readonly details?: Readonly<Record<string, unknown>> | undefined;
  readonly cause?: ErrorInfo | undefined;
}

export type Answer<Value = unknown> = { readonly value?: Value } | { readonly refusal: Refusal };

export function refusalOf(error: AgentSystemError): Refusal {
  const { code, message, agentId, details, cause } = error;
  return {
    code,
    message,
    ...(agentId === undefined ? {} : { agentId }),
    ...(details === undefined ? {} : { details }),
    ...(cause === undefined ? {} : { cause: errorInfoOf(cause) }),
  };
}

function errorOf({ code, message, agentId, details, cause }: Refusal): AgentSystemError {
  return new AgentSystemError(code, message, {
    agentId,
    details,
    cause: cause === undefined ? undefined : errorFrom(cause),
  });
}

/** The value of an answer. @throws AgentSystemError when the call was refused */
export function valueOf<Value>(answer: Answer<Value>): Value {
  if ('refusal' in answer) throw errorOf(answer.refusal);
  return answer.value as Value;
}

/** Runs `act`, and returns its value or its refusal. Any other error is a bug, and is thrown on. */
export function answering<Value>(act: () => Value): Answer<Value> {
  try {
    return { value: act() };
  } catch (thrown) {
    if (thrown instanceof AgentSystemError) return { refusal: refusalOf(thrown) };
    throw thrown;
  }
}

/** `answering` for an asynchronous `act`. */
export async function answeringTo<Value>(act: () => Promise<Value>): Promise<Answer<Value>> {
  try {
    return { value: await act() };
  } catch (thrown) {
    if (thrown instanceof AgentSystemError) return { refusal: refusalOf(thrown) };
    throw thrown;
  }
}
