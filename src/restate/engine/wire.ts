/**
 * Messages between machines: JSON, with a mark for `Infinity`, which limits and times may be.
 *
 * I1  A value is read as it was written, whatever texts are in it: a text that looks like the mark stays a text.
 */
import type { Serde } from '@restatedev/restate-sdk';

const MARK = '\u0000';
const INFINITE = `${MARK}Infinity`;

function toWire(value: unknown): string {
  const text: string | undefined = JSON.stringify(value, (_, inner: unknown) => {
    if (inner === Infinity) return INFINITE;
    return typeof inner === 'string' && inner.startsWith(MARK) ? MARK + inner : inner;
  });
  return text ?? 'null';
}

function fromWire(text: string): unknown {
  // Nearly always there is none.
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
