/**
 * Messages between machines: JSON, in which `Infinity` and `-Infinity`, which limits, times and bounds may be, are
 * numbers too large for any.
 *
 * I1  A value is read as it was written, whatever texts are in it: a text that looks like the mark stays a text.
 * I2  What an earlier version has written, with `Infinity` as a text that has the mark, is read as it was meant.
 */
import type { Serde } from '@restatedev/restate-sdk';

const MARK = '\u0000';
const INFINITE = `${MARK}Infinity`;
const MINUS_INFINITE = `${MARK}-Infinity`;
/** Matches these texts in JSON where they are whole values: not names of fields, not the end of a longer text. */
const MARKED_VALUE = /(?<!\\)"\\u0000(-?)Infinity"(?!:)/g;
/** JSON has no `Infinity`; every parser reads this number as one. */
const TOO_LARGE = '1e999';

/**
 * The value with texts in place of what JSON cannot say, and texts that look like those told apart; the same object if
 * there is neither. What is in the way of JSON's own fast path is a function that it calls for every value.
 */
function marked(value: unknown): unknown {
  if (typeof value === 'string') return value.startsWith(MARK) ? MARK + value : value;
  if (typeof value === 'number') {
    if (value === Infinity) return INFINITE;
    return value === -Infinity ? MINUS_INFINITE : value;
  }
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) {
    let copy: unknown[] | undefined;
    for (let at = 0; at < value.length; at++) {
      const inner: unknown = value[at];
      const shown = marked(inner);
      if (shown === inner) continue;
      copy ??= [...(value as unknown[])];
      copy[at] = shown;
    }
    return copy ?? value;
  }
  const record = value as Record<string, unknown>;
  let copy: Record<string, unknown> | undefined;
  for (const key of Object.keys(record)) {
    const inner = record[key];
    const shown = marked(inner);
    if (shown === inner) continue;
    // A spread has a field `__proto__` as its own, which is then set like any other.
    copy ??= { ...record };
    copy[key] = shown;
  }
  return copy ?? value;
}

function toWire(value: unknown): string {
  const shown = marked(value);
  const text = JSON.stringify(shown) as string | undefined;
  if (text === undefined) return 'null';
  return shown === value ? text : text.replace(MARKED_VALUE, (_, sign: string) => sign + TOO_LARGE);
}

function fromWire(text: string): unknown {
  // The usual case: no mark in it.
  if (!text.includes('\\u0000')) return JSON.parse(text);
  return JSON.parse(text, (_, inner: unknown) => {
    if (typeof inner !== 'string' || !inner.startsWith(MARK)) return inner;
    return inner === INFINITE ? Infinity : inner.slice(MARK.length);
  });
}

/** How the engine keeps and sends all that is ours. */
export const wire: Serde<unknown> = {
  contentType: 'application/json',
  serialize: (value) => (value === undefined ? new Uint8Array() : Buffer.from(toWire(value))),
  deserialize: (bytes) =>
    bytes.length === 0
      ? undefined
      : fromWire(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('utf8')),
};

/** The same, with the type that the caller expects. */
export function wireOf<Value>(): Serde<Value> {
  return wire as Serde<Value>;
}

/** Bytes as they are kept, for data that is only passed on. */
export const asKept: Serde<unknown> = {
  contentType: 'application/json',
  serialize: (bytes) => bytes as Uint8Array,
  deserialize: (bytes) => bytes,
};
