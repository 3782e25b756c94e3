/**
 * Refusals at the edge of the system: one class, stable codes.
 *
 * An error's `code` is API and never changes its meaning; its message is for people and may.
 */
import { types } from 'node:util';
import type { DetailsOf } from './error-details.ts';

export { errorFrom, errorInfoOf, isError } from './error-info.ts';
export { inWords } from './in-words.ts';

/** Every code of an `AgentSystemError`. A code is API, and never changes its meaning. */
export const errorCodes = [
  'AGENT_SPEC_INVALID',
  'AGENT_EXISTS',
  'AGENT_NOT_FOUND',
  'AGENT_NOT_RUNNING',
  'AGENT_ALREADY_RUNNING',
  'AGENT_ILLEGAL_COMMAND',
  'AGENT_START_FAILED',
  'AGENT_START_TIMED_OUT',
  'RESOURCES_EXHAUSTED',
  'TASK_INCOMPATIBLE',
  'TASK_INPUT_INVALID',
  'TASK_FAILED',
  'TASK_TIMED_OUT',
  'TASK_ABANDONED',
  'TASK_QUEUE_FULL',
  'TASK_STALLED',
  'TASK_REPEATED',
  'TASK_UNKNOWN',
  'VARIABLE_UNKNOWN',
  'VARIABLE_INVALID',
  'ROUND_INVALID',
  'COORDINATION_UNAVAILABLE',
  'POOL_UNKNOWN',
  'REQUEST_INVALID',
  'WAIT_CIRCLE',
  'BUDGET_EXHAUSTED',
  'BUDGET_UNKNOWN',
  'QUOTA_UNKNOWN',
  'QUESTION_UNKNOWN',
  'QUESTION_CLOSED',
  'QUESTION_EXPIRED',
  'ANSWER_INVALID',
  'NODE_UNREACHABLE',
  'STORE_FAILED',
  'SYSTEM_CLOSED',
] as const;
export type ErrorCode = (typeof errorCodes)[number];

export interface ErrorOptions<Code extends ErrorCode = ErrorCode> {
  readonly agentId?: string | undefined;
  readonly cause?: unknown;
  readonly details?: DetailsOf<Code> | undefined;
}

/** One of the system's errors: of a code, with the details of that code. */
export interface AgentSystemErrorOf<Code extends ErrorCode> extends Error {
  readonly name: 'AgentSystemError';
  readonly code: Code;
  readonly agentId?: string;
  readonly details?: DetailsOf<Code>;
}

/**
 * What the system refuses with. `details` holds what was expected and what came, where there is more to say: which,
 * `code` tells.
 */
export type AgentSystemError = { [Code in ErrorCode]: AgentSystemErrorOf<Code> }[ErrorCode];

interface AgentSystemErrorClass {
  new <Code extends ErrorCode>(
    code: Code,
    message: string,
    options?: ErrorOptions<Code>,
  ): Code extends ErrorCode ? AgentSystemErrorOf<Code> : never;
  readonly prototype: AgentSystemError;
}

// The compiler knows by the code what the details are; the class does not.
export const AgentSystemError = class AgentSystemError extends Error {
  override readonly name = 'AgentSystemError';
  readonly code: ErrorCode;
  // Declared alone: one without them has no such fields, and shows none where it is printed.
  declare readonly agentId?: string;
  declare readonly details?: Readonly<Record<string, unknown>>;

  constructor(code: ErrorCode, message: string, options: ErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    if (options.agentId !== undefined) this.agentId = options.agentId;
    if (options.details !== undefined) this.details = options.details;
  }

  /** What was thrown may be anything: of a proxy that was revoked not even the prototype can be asked for. */
  static override [Symbol.hasInstance](value: unknown): boolean {
    return types.isNativeError(value) && Object.prototype.isPrototypeOf.call(this.prototype, value);
  }
} as unknown as AgentSystemErrorClass;
