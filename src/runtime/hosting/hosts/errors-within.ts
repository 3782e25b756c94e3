/**
 * Errors within a value that goes to another thread or process, with what a structured clone leaves out of them: a
 * name that is not JavaScript's own, the errors of an `AggregateError`, and fields (`status`, `code`).
 *
 * The clone of one message keeps what is one object one object: what is to be said of an error goes along beside it,
 * and is put back into the error that arrives.
 *
 * I1  What goes along is what is told of a thrown error (error-info.ts): as bounded, and as free of secrets.
 * I2  A message without such errors is sent as it is.
 */
import type { ErrorInfo } from '../../../machines/index.ts';
import { errorFrom, errorInfoOf } from '../../values/error-info.ts';

export type ErrorAndInfo = readonly [Error, ErrorInfo];
/** The first item of a message itself is never an array. */
export type WithErrors<Message> = Message | readonly [Message, readonly ErrorAndInfo[]];

/** Of so many errors of one message more is said than a clone keeps. */
export const MAX_ERRORS_WITHIN = 1_000;

const CLONED: ReadonlySet<unknown> = new Set(
  [Error, EvalError, RangeError, ReferenceError, SyntaxError, TypeError, URIError].map(
    ({ prototype }) => prototype,
  ),
);
const CLONED_FIELDS: ReadonlySet<string> = new Set(['message', 'stack', 'cause']);

/** @param errors those in the message */
export function withErrors<Message extends readonly unknown[]>(
  message: Message,
  errors: readonly Error[],
): WithErrors<Message> {
  const told = errors.filter(saysMore).slice(0, MAX_ERRORS_WITHIN);
  return told.length === 0 ? message : [message, told.map((error) => [error, infoOf(error)])];
}

/** The message that has arrived; its errors have again what went along. */
export function messageOf<Message extends readonly unknown[]>(came: WithErrors<Message>): Message {
  if (!isWithErrors(came)) return came;
  const [message, told] = came;
  for (const [error, info] of told) complete(error, info);
  return message;
}

export function isWithErrors<Message extends readonly unknown[]>(
  came: WithErrors<Message>,
): came is readonly [Message, readonly ErrorAndInfo[]] {
  return Array.isArray(came[0]);
}

function saysMore(error: Error): boolean {
  return (
    !CLONED.has(Object.getPrototypeOf(error)) ||
    Object.getOwnPropertyNames(error).some((field) => !CLONED_FIELDS.has(field))
  );
}

/** Without what the clone has anyway. */
function infoOf(error: Error): ErrorInfo {
  const { stack: _, cause: __, ...info } = errorInfoOf(error);
  return { ...info, message: '' };
}

function complete(error: Error, info: ErrorInfo): void {
  const told = errorFrom(info);
  if (told instanceof AggregateError) Object.setPrototypeOf(error, AggregateError.prototype);
  for (const [field, descriptor] of Object.entries(Object.getOwnPropertyDescriptors(told))) {
    if (!CLONED_FIELDS.has(field)) Object.defineProperty(error, field, descriptor);
  }
}
