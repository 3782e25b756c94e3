/**
 * Secrets within data, by path: taken out of it, put back into it, and the texts by which they would be found
 * elsewhere. Pure.
 *
 * A path is keys joined by dots, as `headers.authorization` or `keys.0`: through plain objects and arrays, and by what
 * they have of their own.
 */
import { inspect, isDeepStrictEqual, types } from 'node:util';
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

/** Where a path ends that leads nowhere: the keys up to there, the one that is missing, and those that there are. */
export function endOfPath(
  data: unknown,
  path: string,
): { readonly within: string; readonly key: string; readonly known: readonly string[] } | undefined {
  let holder = data;
  const keys = path.split('.');
  for (const [place, key] of keys.entries()) {
    if (!isHolder(holder)) return { within: keys.slice(0, place).join('.'), key, known: [] };
    if (!Object.hasOwn(holder, key)) {
      return { within: keys.slice(0, place).join('.'), key, known: Object.keys(holder) };
    }
    holder = holder[key];
  }
  return undefined;
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

/** The texts of secrets, also as JSON and `console.log` write them. */
export function secretTexts(values: SecretValues): readonly string[] {
  const texts = new Set<string>();
  const around: unknown[] = [...values.values()];
  const seen = new Set<unknown>();
  for (const value of around) {
    if (typeof value === 'string') {
      if (value.length < MIN_TEXT) continue;
      texts.add(value);
      texts.add(JSON.stringify(value).slice(1, -1));
      texts.add(inspect(value, { maxStringLength: null, breakLength: Infinity }).slice(1, -1));
    } else if (typeof value === 'object' && value !== null && !seen.has(value)) {
      seen.add(value);
      around.push(...(Object.values(value) as unknown[]));
    }
  }
  return [...texts];
}

/** The text without any of them. */
export function withoutTexts(text: string, secrets: readonly string[]): string {
  const held = secrets.filter((secret) => text.includes(secret));
  // The longest first: none hides a part of another, whose rest would be shown.
  held.sort((one, other) => other.length - one.length);
  return held.reduce((shown, secret) => shown.replaceAll(secret, REDACTED), text);
}

/**
 * A value without any of the texts, in keys and values; the same object if it has none of them. An instance that has
 * one becomes a plain object of what is shown of it; an error stays an error.
 */
export function withoutSecretsIn<Data>(data: Data, secrets: readonly string[]): Data {
  if (secrets.length === 0 || !holdsAny(data, secrets)) return data;
  return hiding(data, secrets, []) as Data;
}

/** After so many values the rest is taken to hold one: getters may make new values without end. */
const MAX_LOOKS = 1_000_000;

/** No recursion: data may be nested more deeply than a stack. */
function holdsAny(data: unknown, secrets: readonly string[]): boolean {
  const holds = (text: string) => secrets.some((secret) => text.includes(secret));
  // Those that are found while it is gone through come later in the same loop.
  const around = new Set<unknown>([data]);
  for (const value of around) {
    if (typeof value === 'string') {
      if (holds(value)) return true;
    } else if (typeof value === 'object' && value !== null) {
      for (const part of partsOf(value)) around.add(part);
      if (around.size > MAX_LOOKS) return true;
    }
  }
  return false;
}

/** All that may be shown of an object: as JSON, as a log line, or by one who reads it. */
function partsOf(value: object): readonly unknown[] {
  if (types.isMap(value)) return [...value].flat();
  if (types.isSet(value)) return [...value];
  if (ArrayBuffer.isView(value)) return [];
  const keys = keysOf(value);
  if (keys === undefined) return [];
  const hidden = types.isNativeError(value) ? ERROR_FIELDS : [];
  const fields = [...keys, ...hidden].map((key) => fieldOf(value, key));
  return [jsonOf(value), ...(Array.isArray(value) ? [] : keys), ...fields];
}

/** What errors have of their own, and do not list. */
const ERROR_FIELDS = ['name', 'message', 'stack', 'cause', 'errors'] as const;

/** `undefined` for a proxy that throws: nobody sees anything of it. */
function keysOf(value: object): readonly string[] | undefined {
  try {
    return Object.keys(value);
  } catch {
    return undefined;
  }
}

/** What a getter throws is nobody's secret, as nobody sees it. */
function fieldOf(value: object, key: string): unknown {
  try {
    return (value as Record<string, unknown>)[key];
  } catch {
    return undefined;
  }
}

/** What JSON shows in place of an object, if that says so itself. */
function jsonOf(value: object): unknown {
  try {
    const { toJSON } = value as { readonly toJSON?: unknown };
    return typeof toJSON === 'function' ? (toJSON.call(value) as unknown) : undefined;
  } catch {
    return undefined;
  }
}

/** Deeper than this nothing is shown. */
const MAX_DEPTH = 500;

function hiding(value: unknown, secrets: readonly string[], within: readonly unknown[]): unknown {
  if (typeof value === 'string') return withoutTexts(value, secrets);
  if (typeof value !== 'object' || value === null) return value;
  if (within.includes(value)) return '[circular]';
  if (within.length > MAX_DEPTH) return REDACTED;
  try {
    return hidingIn(value, secrets, [...within, value]);
  } catch {
    // It is a proxy that throws.
    return REDACTED;
  }
}

function hidingIn(value: object, secrets: readonly string[], around: readonly unknown[]): unknown {
  const hide = (part: unknown) => hiding(part, secrets, around);
  if (Array.isArray(value)) return value.map(hide);
  // Of the others one that holds none stays what it is.
  if (!isPlain(value) && !holdsAny(value, secrets)) return value;
  if (types.isMap(value)) return new Map([...value].map(([key, item]) => [hide(key), hide(item)]));
  if (types.isSet(value)) return new Set([...value].map(hide));
  const fields = Object.keys(value).map(
    (key) => [withoutTexts(key, secrets), hide(fieldOf(value, key))] as const,
  );
  if (types.isNativeError(value)) return errorLike(value, Object.fromEntries(fields), hide);
  return hide(jsonOf(value)) ?? Object.fromEntries(fields);
}

/** An error of the same class, by which it is known to who logs it. */
function errorLike(error: Error, fields: object, hide: (part: unknown) => unknown): Error {
  const shown = Object.setPrototypeOf(new Error(''), Object.getPrototypeOf(error) as object) as Error;
  for (const key of ERROR_FIELDS) {
    if (!Object.hasOwn(error, key)) continue;
    const value = hide(fieldOf(error, key));
    Object.defineProperty(shown, key, { value, writable: true, enumerable: false, configurable: true });
  }
  return Object.assign(shown, fields);
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
