/**
 * Errors as plain data, and back: thrown values in a form that threads, processes and stores can hold.
 *
 * I1  It never throws, and gives at most `MAX_ERRORS` errors and about `MAX_TEXT_OF_ALL` characters, whatever was
 *     thrown.
 * I2  An error is one by what it is, not by whose `Error` it came from: those of `vm` contexts are errors, too.
 * I3  What callers decide by comes along: names, codes, the chain of causes, the errors of an `AggregateError`, and
 *     fields of its own (error-data.ts). A field that cannot be read takes no other along.
 */
import { types } from 'node:util';
import type { ErrorInfo } from '../../machines/index.ts';
import { cut, ownText } from './cut-text.ts';
import { errorDataOf, type Room } from './error-data.ts';
import { inWords } from './in-words.ts';
import { hasFields } from './instances.ts';

/** How long a chain of causes may be. */
export const MAX_CAUSES = 16;
/** How many errors one stands for: its causes, those of an `AggregateError`, and theirs. */
export const MAX_ERRORS = 64;
/** What is kept of all texts and data together, in characters. */
export const MAX_TEXT_OF_ALL = 65_536;

/** What is kept of one text from outside: it goes into events, records and alerts. */
const MAX_NAME_LENGTH = 256;
const MAX_MESSAGE_LENGTH = 8_192;
const MAX_STACK_LENGTH = 16_384;

const UNREADABLE = 'a value that cannot be read';

/** Fields that have a place of their own. */
const OWN_PLACE: ReadonlySet<string> = new Set(['name', 'message', 'stack', 'cause']);

/** Whether a value is an error, of this realm or of another. Never throws: an unreadable value is not an error. */
export function isError(value: unknown): value is Error {
  if (typeof value !== 'object' || value === null) return false;
  if (types.isNativeError(value) || read(() => value instanceof Error) === true) return true;
  return ['message', 'stack'].every(
    (key) => typeof read(() => (value as Partial<Error>)[key as 'stack']) === 'string',
  );
}

/** What a getter or a proxy holds back by a throw is as if it were not there. */
function read<Value>(reading: () => Value): Value | undefined {
  try {
    return reading();
  } catch {
    return undefined;
  }
}

/** Any thrown value as plain data; long texts are cut. Never throws. */
export function errorInfoOf(thrown: unknown): ErrorInfo {
  try {
    return new ErrorSurvey().infoOf(thrown, 0);
  } catch {
    return { name: 'NonError', message: UNREADABLE };
  }
}

/** One error and all that it stands for, and what of the bounds is left. */
class ErrorSurvey {
  readonly #around: unknown[] = [];
  readonly #room: Room = { left: MAX_TEXT_OF_ALL };
  #errorsLeft = MAX_ERRORS;

  infoOf(thrown: unknown, depth: number): ErrorInfo {
    this.#errorsLeft -= 1;
    if (!isError(thrown)) return this.#infoOfValue(thrown);
    const said = read(() => textOf(thrown.message)) ?? UNREADABLE;
    const message = this.#text(said, MAX_MESSAGE_LENGTH);
    const code = this.#codeOf(thrown);
    const name: unknown = read(() => thrown.name);
    const stack: unknown = read(() => thrown.stack);
    const info: ErrorInfo = {
      // Without a prototype it may have none.
      name: this.#text(name === undefined ? 'Error' : textOf(name), MAX_NAME_LENGTH),
      message,
      ...(typeof stack === 'string' ? { stack: this.#stackOf(stack, said, message) } : {}),
      ...(code === undefined ? {} : { code }),
    };
    const errors = read(() => errorsOf(thrown));
    const data = errorDataOf(
      thrown,
      this.#room,
      (key, value) =>
        OWN_PLACE.has(key) ||
        (key === 'code' && code !== undefined) ||
        (key === 'errors' && errors !== undefined && Array.isArray(value)),
    );
    this.#around.push(thrown);
    const causes = this.#causesOf(thrown, depth);
    const all = errors?.flatMap((error) => this.#inner(error, depth) ?? []);
    this.#around.pop();
    return {
      ...info,
      ...causes,
      ...(all === undefined ? {} : { errors: all }),
      ...(data === undefined ? {} : { data }),
    };
  }

  /** A thrown value that is not an error may still have fields that tell something. */
  #infoOfValue(thrown: unknown): ErrorInfo {
    const isReadable = !hasFields(thrown) || read(() => Object.keys(thrown)) !== undefined;
    const info = { name: 'NonError', message: isReadable ? inWords(thrown) : UNREADABLE };
    const data = hasFields(thrown) ? errorDataOf(thrown, this.#room, () => false) : undefined;
    return data === undefined ? info : { ...info, data };
  }

  #causesOf(error: Error, depth: number): { cause?: ErrorInfo } {
    const cause = read(() => error.cause);
    const info = cause === undefined ? undefined : this.#inner(cause, depth);
    return info === undefined ? {} : { cause: info };
  }

  /** `undefined` for one that stands around itself, and past the bounds. */
  #inner(error: unknown, depth: number): ErrorInfo | undefined {
    if (depth === MAX_CAUSES || this.#errorsLeft <= 0 || this.#around.includes(error)) return undefined;
    return this.infoOf(error, depth + 1);
  }

  #codeOf(error: Error): string | number | undefined {
    const code: unknown = read(() => (error as { readonly code?: unknown }).code);
    if (typeof code === 'number' && Number.isFinite(code)) return code + 0;
    return typeof code === 'string' ? this.#text(code, MAX_NAME_LENGTH) : undefined;
  }

  /** A stack begins with its message: what is cut from that leaves room for the lines below. */
  #stackOf(stack: string, said: string, message: string): string {
    const shorter = said === message ? stack : ownText(stack.replace(said, () => message));
    return this.#text(shorter, MAX_STACK_LENGTH);
  }

  #text(text: string, length: number): string {
    const kept = cut(text, Math.min(length, Math.max(0, this.#room.left)));
    this.#room.left -= kept.length;
    return kept;
  }
}

/** The errors that an error stands for: of an `AggregateError`, and of a `SuppressedError`. */
function errorsOf(error: Error): readonly unknown[] | undefined {
  if ('errors' in error && Array.isArray(error.errors)) {
    // A list may be long without having much in it.
    const errors = Object.values(error.errors as unknown[]);
    // The field may hold anything, also a list of anything.
    const isAssigned = Object.prototype.propertyIsEnumerable.call(error, 'errors');
    return isAssigned && !errors.every(isError) ? undefined : errors;
  }
  return 'suppressed' in error && 'error' in error ? [error.error, error.suppressed] : undefined;
}

/** An error of a body that lives elsewhere, as an `Error` again, with all that its data says. */
export function errorFrom(info: ErrorInfo): Error {
  const options = info.cause ? { cause: errorFrom(info.cause) } : undefined;
  const error = info.errors
    ? new AggregateError(info.errors.map(errorFrom), info.message, options)
    : new Error(info.message, options);
  Object.defineProperty(error, 'name', { value: info.name, writable: true, configurable: true });
  if (info.stack !== undefined) error.stack = info.stack;
  const { code } = info;
  for (const [key, value] of Object.entries(code === undefined ? { ...info.data } : { ...info.data, code })) {
    if (OWN_PLACE.has(key)) continue;
    Object.defineProperty(error, key, { value, writable: true, enumerable: true, configurable: true });
  }
  if (info.name === 'SuppressedError' && error instanceof AggregateError && error.errors.length === 2) {
    const [thrown, suppressed] = error.errors as unknown[];
    Object.defineProperty(error, 'error', { value: thrown, writable: true, configurable: true });
    Object.defineProperty(error, 'suppressed', { value: suppressed, writable: true, configurable: true });
  }
  return error;
}

/** A field of a thrown value may hold anything. */
function textOf(value: unknown): string {
  return typeof value === 'string' ? value : inWords(value);
}
