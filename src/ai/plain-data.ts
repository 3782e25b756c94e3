/**
 * Converts what models and tools return to JSON data and back. Times, bytes and addresses survive; as in JSON,
 * `undefined` is left out, and `null` stands for a number that is none or is infinite.
 */
const BYTES = 'mabeam:bytes';
const DATE = 'mabeam:date';
const LINK = 'mabeam:url';
/** An object that looks like one of these marks. */
const ESCAPED = 'mabeam:object';

/** @throws TypeError for values that are no data: a function, a symbol, a big integer */
export function toPlain(value: unknown): unknown {
  if (value instanceof Uint8Array) return { [BYTES]: Buffer.from(value).toString('base64') };
  if (typeof value === 'number') return Number.isFinite(value) ? value : null;
  if (value instanceof Date) return Number.isNaN(value.getTime()) ? null : { [DATE]: value.getTime() };
  if (value instanceof URL) return { [LINK]: value.href };
  if (Array.isArray(value)) return value.map((item) => toPlain(item) ?? null);
  if (typeof value === 'function' || typeof value === 'symbol' || typeof value === 'bigint') {
    throw new TypeError(`a ${typeof value} is no JSON data`);
  }
  if (typeof value !== 'object' || value === null) return value;
  const plain: Record<string, unknown> = {};
  for (const [key, item] of Object.entries(value)) {
    if (item !== undefined) Object.defineProperty(plain, key, { ...OWN, value: toPlain(item) });
  }
  return markOf(plain) === undefined ? plain : { [ESCAPED]: plain };
}

export function fromPlain(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(fromPlain);
  if (typeof value !== 'object' || value === null) return value;
  const mark = markOf(value);
  const marked = mark === undefined ? undefined : (value as Record<string, unknown>)[mark];
  if (mark === BYTES && typeof marked === 'string') return new Uint8Array(Buffer.from(marked, 'base64'));
  if (mark === DATE && typeof marked === 'number') return new Date(marked);
  if (mark === LINK && typeof marked === 'string') return new URL(marked);
  if (mark === ESCAPED) return fieldsOf(marked as object);
  return fieldsOf(value);
}

const OWN = { enumerable: true, configurable: true, writable: true };

function fieldsOf(value: object): object {
  const fields: Record<string, unknown> = {};
  for (const [key, item] of Object.entries(value)) {
    Object.defineProperty(fields, key, { ...OWN, value: fromPlain(item) });
  }
  return fields;
}

function markOf(value: object): string | undefined {
  const [key, ...others] = Object.keys(value);
  if (others.length > 0) return undefined;
  return key === BYTES || key === DATE || key === LINK || key === ESCAPED ? key : undefined;
}
