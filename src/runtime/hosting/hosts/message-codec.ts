/**
 * A message as bytes, and back: as a structured clone would give it, and never more than a throw.
 *
 * Most messages are short texts and whole numbers in plain objects, and JSON says all of that. Others are written as
 * V8 serializes them. JSON is as fast as Node's own channel where V8's public codec is not: what that has read stays
 * in memory until the next full collection of garbage.
 *
 * I1  What is read equals a structured clone of what was written: what occurs twice is one thing, `undefined`, `-0`
 *     and the fields of an array are kept. Class instances arrive as plain fields, views with a buffer of their own.
 * I2  Bytes that are neither, cannot be read, or would take more memory than is given, are a throw. What is read may
 *     still be anything.
 */
import { types } from 'node:util';
import { serialize } from 'node:v8';
import { MAX_LEVELS } from '../../values/clone-survey.ts';
import { contentBytesOf } from './content-bytes.ts';
import { deserializedWithOwnBytes } from './own-bytes.ts';

/** All messages are arrays. */
const JSON_BEGINS = '['.charCodeAt(0);
/** V8 copies text, and JSON looks at each of its characters. */
const SHORT_TEXT = 256;
/** What JSON holds takes up to thirty times its bytes: longer messages are V8's, of which it is known how much. */
const MAX_JSON_BYTES = 4 * 1_048_576;

/** The bytes of a message behind `headerBytes` that are left to the caller. @throws when a value cannot be cloned */
export function encoded(message: readonly unknown[], headerBytes: number): readonly [Buffer, Buffer?] {
  if (new JsonWalk().isAllSaid(message, MAX_LEVELS)) {
    const text = JSON.stringify(message);
    const length = Buffer.byteLength(text);
    if (length <= MAX_JSON_BYTES) {
      const bytes = Buffer.allocUnsafe(headerBytes + length);
      bytes.write(text, headerBytes);
      return [bytes];
    }
  }
  return [Buffer.allocUnsafe(headerBytes), serialize(message)];
}

/**
 * @param maxContentBytes what it may take of memory once it is read; `Infinity` for one that is trusted
 * @throws for bytes that are no message
 */
export function decoded(bytes: Buffer, maxContentBytes = Infinity): unknown {
  if (bytes[0] === JSON_BEGINS) {
    if (bytes.length > MAX_JSON_BYTES)
      throw new RangeError(`expected ${MAX_JSON_BYTES} bytes of JSON at the most`);
    return JSON.parse(bytes.toString());
  }
  if (maxContentBytes < Infinity) assertWithin(contentBytesOf(bytes), maxContentBytes);
  return deserializedWithOwnBytes(bytes);
}

/** @throws RangeError for more content than may be */
export function assertWithin(contentBytes: number, maxBytes: number): void {
  if (contentBytes > maxBytes) {
    throw new RangeError(`it takes about ${contentBytes} bytes of memory, expected ${maxBytes} at the most`);
  }
}

/** Looks whether JSON says all of a value, and says it fast. */
class JsonWalk {
  readonly #seen = new Set<object>();

  isAllSaid(value: unknown, levels: number): boolean {
    switch (typeof value) {
      case 'string':
        return value.length <= SHORT_TEXT;
      case 'boolean':
        return true;
      case 'number':
        return Number.isFinite(value) && !Object.is(value, -0);
      case 'object':
        return value === null || this.#isAllSaidOf(value, levels);
      default:
        return false;
    }
  }

  #isAllSaidOf(value: object, levels: number): boolean {
    if (levels === 0 || this.#seen.has(value) || types.isProxy(value)) return false;
    this.#seen.add(value);
    if (Array.isArray(value)) {
      for (const item of value as unknown[]) {
        // Fractions in numbers are long texts.
        if (typeof item === 'number' && !Number.isInteger(item)) return false;
        if (!this.isAllSaid(item, levels - 1)) return false;
      }
      return Object.keys(value).length === value.length;
    }
    if (Object.getPrototypeOf(value) !== Object.prototype) return false;
    for (const key in value) {
      if (!this.isAllSaid((value as Record<string, unknown>)[key], levels - 1)) return false;
    }
    return true;
  }
}
