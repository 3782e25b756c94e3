/** Data in which some parts are replaced, copied as far as that needs. Pure. */

/** Deeper than any data that is meant: JSON then says what is wrong with it. */
const MAX_DEPTH = 200;

/**
 * The value itself where nothing in it is replaced.
 *
 * @param by gives another value for what it replaces, and the same for what is looked into
 */
export function replaced(value: unknown, by: (part: object) => unknown, depth = 0): unknown {
  if (typeof value !== 'object' || value === null || depth > MAX_DEPTH) return value;
  const other = by(value);
  if (other !== value) return other;
  if (!Array.isArray(value) && !isRecord(value)) return value;
  let copy: Record<string, unknown> | undefined;
  for (const [key, part] of Object.entries(value)) {
    const plain = replaced(part, by, depth + 1);
    if (plain === part) continue;
    copy ??= (Array.isArray(value) ? [...(value as unknown[])] : { ...value }) as Record<string, unknown>;
    copy[key] = plain;
  }
  return copy ?? value;
}

/** A plain object: whatever else it is, a class has made. */
function isRecord(value: unknown): value is Record<string, unknown> {
  if (typeof value !== 'object' || value === null) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}
