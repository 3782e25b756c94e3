/**
 * Refusals at the edge of the system: one class, stable codes.
 *
 * An error's `code` is API and never changes its meaning; its message is for people and may.
 */
import type { ErrorInfo } from '../../machines/index.ts';

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
  'VARIABLE_UNKNOWN',
  'VARIABLE_INVALID',
  'ROUND_INVALID',
  'COORDINATION_UNAVAILABLE',
  'POOL_UNKNOWN',
  'STORE_FAILED',
  'SYSTEM_CLOSED',
] as const;
export type ErrorCode = (typeof errorCodes)[number];

export interface ErrorOptions {
  readonly agentId?: string | undefined;
  readonly cause?: unknown;
  readonly details?: Readonly<Record<string, unknown>> | undefined;
}

/** What the system refuses with. `details` holds what was expected and what came, where there is more to say. */
export class AgentSystemError extends Error {
  override readonly name = 'AgentSystemError';
  readonly code: ErrorCode;
  readonly agentId?: string;
  readonly details?: Readonly<Record<string, unknown>>;

  constructor(code: ErrorCode, message: string, options: ErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    if (options.agentId !== undefined) this.agentId = options.agentId;
    if (options.details !== undefined) this.details = options.details;
  }
}

/** How long a chain of causes may be. */
export const MAX_CAUSES = 5;

/** What is kept of a text that somebody else wrote, in characters: it goes into events, records and alerts. */
const MAX_NAME_LENGTH = 256;
const MAX_MESSAGE_LENGTH = 8_192;
const MAX_STACK_LENGTH = 16_384;

/** Any thrown value as plain data that crosses threads, processes and stores; long texts are cut. Never throws. */
export function errorInfoOf(thrown: unknown): ErrorInfo {
  try {
    return infoOf(thrown, 0);
  } catch {
    return { name: 'NonError', message: 'a value that cannot be read' };
  }
}

function infoOf(thrown: unknown, depth: number): ErrorInfo {
  if (!(thrown instanceof Error)) return { name: 'NonError', message: inWords(thrown) };
  const code: unknown = 'code' in thrown ? thrown.code : undefined;
  const said = textOf(thrown.message);
  const message = cut(said, MAX_MESSAGE_LENGTH);
  return {
    name: cut(textOf(thrown.name), MAX_NAME_LENGTH),
    message,
    ...(typeof thrown.stack === 'string' ? { stack: stackOf(thrown.stack, said, message) } : {}),
    ...(typeof code === 'string' ? { code: cut(code, MAX_NAME_LENGTH) } : {}),
    ...(thrown.cause === undefined || depth === MAX_CAUSES ? {} : { cause: infoOf(thrown.cause, depth + 1) }),
  };
}

/** An error of a body that lives elsewhere, as an `Error` again: name, message, stack, code and causes. */
export function errorFrom(info: ErrorInfo): Error {
  const error = new Error(info.message, info.cause ? { cause: errorFrom(info.cause) } : undefined);
  Object.defineProperty(error, 'name', { value: info.name, configurable: true });
  if (info.stack !== undefined) error.stack = info.stack;
  return info.code === undefined ? error : Object.assign(error, { code: info.code });
}

/** A value for an error message: short, and never a throw, whatever came. */
export function inWords(value: unknown): string {
  if (typeof value === 'string') return JSON.stringify(clipped(value));
  try {
    if (typeof value === 'function') return `a function${value.name ? ` (${value.name})` : ''}`;
    if (typeof value === 'object' && value !== null) return clipped(JSON.stringify(value) ?? 'an object');
    return String(value);
  } catch {
    return 'an object';
  }
}

/** A stack begins with its message: what is cut from that leaves room for the lines below. */
function stackOf(stack: string, said: string, message: string): string {
  return cut(said === message ? stack : stack.replace(said, () => message), MAX_STACK_LENGTH);
}

function cut(text: string, length: number): string {
  if (text.length <= length) return text;
  // No half of a character stays.
  const start = text.slice(0, length).replace(/[\uD800-\uDBFF]$/, '');
  return `${start}... (cut, of ${text.length} characters)`;
}

/** Whoever throws may have put anything in a field. */
function textOf(value: unknown): string {
  return typeof value === 'string' ? value : inWords(value);
}

function clipped(text: string): string {
  return text.length > 120 ? `${text.slice(0, 117)}...` : text;
}
