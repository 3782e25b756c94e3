/**
 * An agent's state as JSON text, or a refusal of what JSON would lose without a word. Pure.
 *
 * Class instances are kept by their fields, and whatever has a `toJSON` by what that says. A `Map`, a `Set`, a typed
 * array, `NaN` or `Infinity` would come back as something else: the definition's `save` has to say what to keep.
 */
import { types } from 'node:util';
import { inWords } from './errors.ts';

/** @throws TypeError for what JSON has no text for, and whatever a getter or a `toJSON` throws */
export function stateJson(state: unknown): string {
  // A state of `undefined` is one too, and JSON has no word for it.
  const json = JSON.stringify(state ?? null) as string | undefined;
  if (json === undefined) throw new TypeError(`got ${inWords(state)}`);
  return json;
}

/** Checks a state that has a JSON text. @throws TypeError that names what would be lost, and where */
export function assertKept(state: unknown): void {
  const loss = lossIn(state);
  if (loss !== undefined) throw new TypeError(`got ${loss.what} at state${loss.path}`);
}

interface Loss {
  readonly what: string;
  readonly path: string;
}

function lossIn(value: unknown): Loss | undefined {
  if (typeof value === 'number') {
    return Number.isFinite(value) ? undefined : { what: String(value), path: '' };
  }
  if (typeof value !== 'object' || value === null) return undefined;
  if ('toJSON' in value && typeof value.toJSON === 'function') return undefined;
  if (isEmptyInJson(value))
    return { what: `a ${Object.prototype.toString.call(value).slice(8, -1)}`, path: '' };
  for (const key of Object.keys(value)) {
    const loss = lossIn((value as Record<string, unknown>)[key]);
    if (loss)
      return { what: loss.what, path: `${Array.isArray(value) ? `[${key}]` : `.${key}`}${loss.path}` };
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
