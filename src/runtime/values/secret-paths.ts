/**
 * Secrets within data, by path: taken out of it, put back into it, and the texts by which they would be found
 * elsewhere. Pure.
 *
 * A path is keys joined by dots, as `headers.authorization` or `keys.0`: through plain objects and arrays, and by what
 * they have of their own.
 */
import { isDeepStrictEqual } from 'node:util';
import { dataCopy } from './data-copy.ts';
import { REDACTED } from './secrets.ts';

/** Values by path. */
export type SecretValues = ReadonlyMap<string, unknown>;

/** A text that is shorter says too little of where it comes from: to look for it would hide words of others. */
const MIN_TEXT = 6;

export const noSecrets: SecretValues = new Map();

/** The data with `[redacted]` in place of secrets, and the secrets. `[redacted]` itself is not a secret. */
export function splitSecrets(
  data: unknown,
  paths: readonly string[],
): { readonly shown: unknown; readonly values: SecretValues } {
  if (paths.length === 0) return { shown: data, values: noSecrets };
  const shown = dataCopy(data);
  const values = new Map<string, unknown>();
  for (const path of paths) {
    const place = placeOf(shown, path);
    if (place === undefined || !Object.hasOwn(place.holder, place.key)) continue;
    const value = place.holder[place.key];
    if (value === undefined || value === REDACTED) continue;
    values.set(path, value);
    put(place, REDACTED);
  }
  return { shown, values };
}

/** The data as it was: a copy. */
export function joinSecrets(shown: unknown, values: SecretValues): unknown {
  const whole = dataCopy(shown);
  for (const [path, value] of values) {
    const place = placeOf(whole, path);
    if (place !== undefined) put(place, dataCopy(value));
  }
  return whole;
}

/** Paths that lead to the same secrets: none twice, and none within another. */
export function outermostPaths(paths: readonly string[]): readonly string[] {
  return [...new Set(paths)].filter((path) => !paths.some((other) => path.startsWith(`${other}.`)));
}

export function isSameSecret(one: unknown, other: unknown): boolean {
  return isDeepStrictEqual(one, other);
}

/** The texts of secrets, also as they stand in JSON: the longest first, so that none hides a part of another. */
export function secretTexts(values: SecretValues): readonly string[] {
  const texts = new Set<string>();
  const around: unknown[] = [...values.values()];
  const seen = new Set<unknown>();
  for (const value of around) {
    if (typeof value === 'string') {
      if (value.length < MIN_TEXT) continue;
      texts.add(value);
      texts.add(JSON.stringify(value).slice(1, -1));
    } else if (typeof value === 'object' && value !== null && !seen.has(value)) {
      seen.add(value);
      around.push(...(Object.values(value) as unknown[]));
    }
  }
  return [...texts].toSorted((one, other) => other.length - one.length);
}

/** The text without any of them. */
export function withoutTexts(text: string, secrets: readonly string[]): string {
  let shown = text;
  for (const secret of secrets) if (shown.includes(secret)) shown = shown.replaceAll(secret, REDACTED);
  return shown;
}

/** Plain data without any of the texts, in keys and values; the same object if it has none of them. */
export function withoutSecretsIn<Data>(data: Data, secrets: readonly string[]): Data {
  if (secrets.length === 0 || !holdsAny(data, secrets)) return data;
  return hiding(data, secrets, []) as Data;
}

/** No recursion: data may be nested more deeply than a stack. */
function holdsAny(data: unknown, secrets: readonly string[]): boolean {
  const holds = (text: string) => secrets.some((secret) => text.includes(secret));
  // Those that are found while it is gone through come later in the same loop.
  const around = new Set<unknown>([data]);
  for (const value of around) {
    if (typeof value === 'string') {
      if (holds(value)) return true;
    } else if (isHolder(value)) {
      for (const key of Object.keys(value)) {
        if (holds(key)) return true;
        around.add(value[key]);
      }
    }
  }
  return false;
}

/** Deeper than this nothing is shown. */
const MAX_DEPTH = 500;

function hiding(value: unknown, secrets: readonly string[], within: readonly unknown[]): unknown {
  if (typeof value === 'string') return withoutTexts(value, secrets);
  if (!isHolder(value)) return value;
  if (within.includes(value)) return '[circular]';
  if (within.length > MAX_DEPTH) return REDACTED;
  const around = [...within, value];
  if (Array.isArray(value)) return value.map((item) => hiding(item, secrets, around));
  return Object.fromEntries(
    Object.entries(value).map(([key, item]) => [withoutTexts(key, secrets), hiding(item, secrets, around)]),
  );
}

function isPlain(value: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === null || prototype === Object.prototype;
}

interface Place {
  readonly holder: Record<string, unknown>;
  readonly key: string;
}

function placeOf(data: unknown, path: string): Place | undefined {
  const keys = path.split('.');
  const key = keys.pop()!;
  let holder: unknown = data;
  for (const step of keys) {
    if (!isHolder(holder) || !Object.hasOwn(holder, step)) return undefined;
    holder = holder[step];
  }
  return isHolder(holder) ? { holder, key } : undefined;
}

function isHolder(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && (Array.isArray(value) || isPlain(value));
}

function put({ holder, key }: Place, value: unknown): void {
  Object.defineProperty(holder, key, { value, writable: true, enumerable: true, configurable: true });
}
