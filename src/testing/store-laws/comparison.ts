/** How laws compare what they read with what was given. */
import assert from 'node:assert/strict';
import type { Store } from '../../runtime/journal/store.ts';
import type { SystemEvent } from '../../runtime/journal/system-event.ts';

export function all(store: Store): Promise<readonly SystemEvent[]> {
  return Promise.resolve(store.read({ limit: Infinity }));
}

export function assertIsEnd(read: readonly SystemEvent[], history: readonly SystemEvent[]): void {
  // Of nothing the whole history is the end.
  same(read, history.slice(-read.length));
}

/** Overwrites every writable field of a value, at every depth. */
export function overwrite(value: unknown): void {
  if (typeof value !== 'object' || value === null) return;
  for (const inner of Object.values(value)) overwrite(inner);
  for (const key of [...Object.keys(value), 'forged']) Reflect.set(value, key, 'forged');
}

/** Deep equality; a field that is `undefined` equals a missing one. */
export function same(actual: unknown, expected: unknown): void {
  assert.deepEqual(defined(actual), defined(expected));
}

function defined(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(defined);
  if (typeof value !== 'object' || value === null || value instanceof Map) return value;
  const fields = Object.entries(value).filter(([, field]) => field !== undefined);
  const copy = Object.fromEntries(fields.map(([key, field]) => [key, defined(field)]));
  return Object.getPrototypeOf(value) === null ? Object.setPrototypeOf(copy, null) : copy;
}
