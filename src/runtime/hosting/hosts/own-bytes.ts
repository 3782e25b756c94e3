/**
 * Typed arrays, Buffers and DataViews that travel with their own bytes, and with nothing that lies beside them.
 *
 * Left alone, a Buffer of three bytes takes the whole pool that Node cut it from to another thread, with whatever
 * else was read into it; and what V8 reads of a process is a view of the message that it came in.
 *
 * I1  What arrives has a buffer of its own, exactly as long as it is.
 */
import { types } from 'node:util';
import { DefaultDeserializer, deserialize, serialize } from 'node:v8';
import { cloneProblemOf, isPlainData, MAX_LEVELS } from '../../values/clone-survey.ts';

/** Of Node and Deno; where it is not there, a view shares its message's bytes. */
const readsViews = '_readHostObject' in DefaultDeserializer.prototype;

class OwnBytesDeserializer extends DefaultDeserializer {
  /** Called by V8 for each view. */
  _readHostObject(): unknown {
    const read = DefaultDeserializer.prototype as unknown as { _readHostObject(): unknown };
    const value = read._readHostObject.call(this);
    return ArrayBuffer.isView(value) ? withOwnBytes(value) : value;
  }
}

/** @throws for bytes that V8 did not write */
export function deserializedWithOwnBytes(bytes: Buffer): unknown {
  if (!readsViews) return deserialize(bytes);
  const reader = new OwnBytesDeserializer(bytes);
  reader.readHeader();
  return reader.readValue();
}

/**
 * What is to be sent to a thread: itself, or a copy where it would take more than its own bytes along. What only
 * a thread can be sent, a `Blob` say, cannot be copied so, and neither is what is beside it.
 */
export function withoutForeignBytes<T>(message: T): T {
  try {
    if (isPlainData(message) || !takesForeignBytes(message, new Set(), MAX_LEVELS)) return message;
    if (cloneProblemOf(message, 'process') !== undefined) return message;
    return deserializedWithOwnBytes(serialize(message)) as T;
  } catch {
    // What cannot be read is told by the clone.
    return message;
  }
}

function takesForeignBytes(value: unknown, seen: Set<object>, levels: number): boolean {
  if (typeof value !== 'object' || value === null || levels === 0) return false;
  if (ArrayBuffer.isView(value)) {
    return types.isArrayBuffer(value.buffer) && value.buffer.byteLength !== value.byteLength;
  }
  if (seen.has(value) || types.isProxy(value)) return false;
  seen.add(value);
  const isWithin = (item: unknown): boolean => takesForeignBytes(item, seen, levels - 1);
  if (types.isMap(value)) return [...value].some(([key, item]) => isWithin(key) || isWithin(item));
  if (types.isSet(value)) return [...value].some(isWithin);
  for (const key in value) if (isWithin((value as Record<string, unknown>)[key])) return true;
  return types.isNativeError(value) && isWithin(value.cause);
}

function withOwnBytes(view: ArrayBufferView): ArrayBufferView {
  if (view.buffer.byteLength === view.byteLength) return view;
  const bytes = new Uint8Array(view.buffer, view.byteOffset, view.byteLength).slice().buffer;
  if (Buffer.isBuffer(view)) return Buffer.from(bytes);
  const View = view.constructor as new (buffer: ArrayBuffer) => ArrayBufferView;
  return new View(bytes);
}
