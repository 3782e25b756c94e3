/**
 * An agent's state as JSON text, or a refusal of what JSON would lose without a word. Pure.
 *
 * Whatever has a `toJSON` is kept as that says, and an instance that is all fields by its fields. What would come back
 * as something else is refused: a client or another instance with methods, a function, a `Map`, a `Set`, a typed
 * array, `NaN`, `Infinity`, an invalid date. The definition's `save` has to say what to keep. Of `undefined` in a list JSON makes `null`.
 */
import { types } from 'node:util';
import { cut } from './cut-text.ts';
import { inWords } from './in-words.ts';
import { classNameOf, hasMethods } from './instances.ts';

/** In characters: keys may be long, and the way to a place too. */
const MAX_PATH = 200;

/** @throws TypeError for a value without a JSON text, and what a getter or a `toJSON` throws */
export function stateJson(state: unknown): string {
  const json = jsonOf(state);
  if (json === undefined) throw new TypeError(`got ${inWords(state)}`);
  return json;
}

function jsonOf(state: unknown): string | undefined {
  try {
    // A state of `undefined` is one too, and JSON has no word for it.
    return JSON.stringify(state ?? null);
  } catch (thrown) {
    // A getter of the state may throw one of these, too: it is the cause.
    if (!(thrown instanceof RangeError)) throw thrown;
    const what = /string length/.test(thrown.message) ? 'longer than a text may be' : 'nested too deeply';
    throw new TypeError(`got what is ${what} as JSON`, { cause: thrown });
  }
}

/**
 * Checks a state that has a JSON text. Tells whether that text gives it back as it is: a `toJSON`, an instance and
 * `undefined` in a list come back as something else.
 *
 * @throws TypeError that names what would be lost, and where
 */
export function assertKept(state: unknown): boolean {
  const survey = { isPlain: true };
  const loss = lossIn(state, survey);
  if (loss !== undefined) throw new TypeError(`got ${loss.what} at state${cut(loss.path, MAX_PATH)}`);
  return survey.isPlain;
}

interface Survey {
  isPlain: boolean;
}

interface Loss {
  readonly what: string;
  readonly path: string;
}

function lossIn(value: unknown, survey: Survey): Loss | undefined {
  switch (typeof value) {
    case 'number':
      return Number.isFinite(value) ? undefined : { what: String(value), path: '' };
    case 'object':
      return value === null ? undefined : lossInObject(value, survey);
    case 'function':
    case 'symbol':
      return { what: inWords(value), path: '' };
    default:
      return undefined;
  }
}

function lossInObject(value: object, survey: Survey): Loss | undefined {
  if (types.isDate(value) && Number.isNaN(value.getTime())) return { what: 'an invalid date', path: '' };
  if ('toJSON' in value && typeof value.toJSON === 'function') {
    survey.isPlain = false;
    return undefined;
  }
  if (Array.isArray(value)) return lossInArray(value, survey);
  if (Object.getPrototypeOf(value) !== Object.prototype) {
    survey.isPlain = false;
    if (isEmptyInJson(value)) return { what: `a ${classNameOf(value)}`, path: '' };
    if (hasMethods(value)) return { what: `an instance of ${classNameOf(value)}`, path: '' };
  }
  for (const key in value) {
    if (!Object.hasOwn(value, key)) continue;
    const loss = lossIn((value as Record<string, unknown>)[key], survey);
    if (loss) return { what: loss.what, path: `.${key}${loss.path}` };
  }
  return undefined;
}

function lossInArray(items: readonly unknown[], survey: Survey): Loss | undefined {
  for (let at = 0; at < items.length; at += 1) {
    if (items[at] === undefined) survey.isPlain = false;
    const loss = lossIn(items[at], survey);
    if (loss) return { what: loss.what, path: `[${at}]${loss.path}` };
  }
  return undefined;
}

/** What holds its content elsewhere than in fields; of typed arrays JSON makes objects. */
function isEmptyInJson(value: object): boolean {
  return (
    types.isMap(value) ||
    types.isSet(value) ||
    types.isWeakMap(value) ||
    types.isWeakSet(value) ||
    types.isPromise(value) ||
    types.isRegExp(value) ||
    types.isNativeError(value) ||
    types.isAnyArrayBuffer(value) ||
    types.isArrayBufferView(value)
  );
}
