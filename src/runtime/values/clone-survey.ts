/**
 * Whether a value can be sent to another thread or process and read there, and where it could not.
 *
 * The structured clone writes values that it cannot read again: a reader needs up to twice the stack of a writer, and
 * a compiled WebAssembly module can be written for a process that cannot have it. It also loses things silently: of an
 * instance it writes the fields alone, so that a `URL` would arrive as `{}`, and of a `Map`, a `Set` or a `Date` the
 * content without its fields. So values are checked before they are sent. Getters run, as they do for a clone; what
 * they throw is left for the clone to report.
 *
 * I1  Plain data, which most values are, is recognised by one walk that records nothing. It takes about 10 ns for an
 *     object and 50 ns for an array, which may have named fields: from a fiftieth to a half of the clone's own time.
 * I2  Depth is counted as the clone counts it: what occurs twice, or contains itself, is entered once.
 */
import { inspect, types } from 'node:util';
import { cut } from './cut-text.ts';
import { inWords } from './in-words.ts';
import { classNameOf, isWholeInFields, tagOf } from './instances.ts';

/** How deep a value may be nested. Node reads about 1,600 levels on the stack that it has by default. */
export const MAX_LEVELS = 1_000;

/** Where the value goes: a thread shares memory with its program, a process does not. */
export type Reach = 'thread' | 'process';

/** The limit of a walk that records nothing: a value that seems larger may be small, and occur many times. */
const WALK_STEPS = 1_000_000;

/** How many keys of a long path are shown. */
const SHOWN_KEYS = 8;
/** And so many characters of one. */
const SHOWN_OF_KEY = 100;

const wasm = (globalThis as { readonly WebAssembly?: { readonly Module?: unknown } }).WebAssembly;

/**
 * What of a value cannot be sent, as in `layers[2].run is a function`; `undefined` when nothing is known of.
 *
 * @param errors is given the errors in it
 */
export function cloneProblemOf(value: unknown, reach: Reach, errors: Error[] = []): string | undefined {
  try {
    if (isPlainData(value)) return undefined;
    const survey = new CloneSurvey(reach, errors);
    const problem = survey.problemOf(value);
    return problem === undefined ? undefined : `${survey.path} is ${problem}`;
  } catch {
    return undefined;
  }
}

/**
 * Whether a value is nothing but data in plain objects and arrays, and within bounds. Anything else is not known.
 *
 * @throws what a getter throws
 */
export function isPlainData(value: unknown): boolean {
  return new PlainWalk().isPlain(value, MAX_LEVELS);
}

class PlainWalk {
  #left = WALK_STEPS;

  isPlain(value: unknown, levels: number): boolean {
    if (typeof value !== 'object') return typeof value !== 'function' && typeof value !== 'symbol';
    if (value === null) return true;
    this.#left -= 1;
    if (levels === 0 || this.#left < 0 || types.isProxy(value)) return false;
    if (Array.isArray(value)) {
      this.#left -= value.length;
      if (this.#left < 0) return false;
      for (const item of value as unknown[]) if (!this.isPlain(item, levels - 1)) return false;
      return !mayHaveNames(value);
    }
    const prototype: unknown = Object.getPrototypeOf(value);
    if (prototype !== Object.prototype) return prototype === Date.prototype && hasNoFields(value);
    for (const key in value) {
      if (!this.isPlain((value as Record<string, unknown>)[key], levels - 1)) return false;
    }
    return true;
  }
}

class CloneSurvey {
  readonly #reach: Reach;
  readonly #errors: Error[];
  readonly #seen = new Set<object>();
  /** The path to the current value; the key of a `Map` is in an array of one. */
  readonly #keys: (string | number | readonly [unknown])[] = [];

  constructor(reach: Reach, errors: Error[]) {
    this.#reach = reach;
    this.#errors = errors;
  }

  /** Where it stopped; of a long way its beginning. */
  get path(): string {
    const way = this.#keys.slice(0, SHOWN_KEYS).map((key, place) => {
      if (typeof key === 'object') return `.get(${inWords(key[0])})`;
      if (typeof key === 'number') return `[${key}]`;
      if (!/^[\p{L}_$][\p{L}\p{N}_$]*$/u.test(key) && !key.endsWith('()')) return `[${inWords(key)}]`;
      const name = cut(key, SHOWN_OF_KEY);
      return place === 0 ? name : `.${name}`;
    });
    const begin = typeof this.#keys[0] === 'string' && !way[0]?.startsWith('[') ? '' : 'it';
    return `${begin}${way.join('')}${this.#keys.length > SHOWN_KEYS ? '…' : ''}`;
  }

  problemOf(value: unknown): string | undefined {
    switch (typeof value) {
      case 'object':
        return value === null ? undefined : this.#problemOfObject(value);
      case 'function':
        return inWords(value);
      case 'symbol':
        return `the symbol ${inWords(value)}`;
      default:
        return undefined;
    }
  }

  #problemOfObject(value: object): string | undefined {
    if (this.#seen.has(value)) return undefined;
    if (this.#keys.length >= MAX_LEVELS) return `nested deeper than ${MAX_LEVELS} levels`;
    this.#seen.add(value);
    if (types.isProxy(value)) return 'a proxy';
    if (Array.isArray(value)) return this.#problemOfArray(value);
    // The questions below cost more than most objects.
    if (Object.getPrototypeOf(value) === Object.prototype) return this.#problemOfFields(value);
    if (types.isMap(value)) return this.#problemOfMap(value) ?? problemOfFieldsBeside(value);
    if (types.isSet(value)) return this.#problemOfSet(value) ?? problemOfFieldsBeside(value);
    if (types.isDate(value) || types.isRegExp(value)) return problemOfFieldsBeside(value);
    if (ArrayBuffer.isView(value) || types.isAnyArrayBuffer(value)) return this.#problemOfBuffer(value);
    if (types.isPromise(value)) return 'a promise';
    if (types.isWeakMap(value) || types.isWeakSet(value)) return `a ${tagOf(value)}`;
    if (this.#reach === 'process' && isCompiled(value)) return 'a WebAssembly.Module';
    if (types.isNativeError(value)) {
      this.#errors.push(value);
      return this.#problemAt('cause', value.cause);
    }
    if (isWholeInFields(value)) return this.#problemOfFields(value);
    if (this.#reach === 'thread' && isCloneable(value)) return undefined;
    return `an instance of ${classNameOf(value)}, whose content is not in its fields`;
  }

  #problemOfArray(array: readonly unknown[]): string | undefined {
    for (let at = 0; at < array.length; at += 1) {
      const item = array[at];
      // An array may be long without having much in it.
      if (item === undefined && !(at in array)) return this.#problemOfFields(array);
      const problem = this.#problemAt(at, item);
      if (problem !== undefined) return problem;
    }
    if (!mayHaveNames(array)) return undefined;
    for (const name of Object.keys(array).slice(array.length)) {
      const problem = this.#problemAt(name, (array as unknown as Record<string, unknown>)[name]);
      if (problem !== undefined) return problem;
    }
    return undefined;
  }

  #problemOfMap(map: ReadonlyMap<unknown, unknown>): string | undefined {
    for (const [key, item] of map) {
      const problem = this.#problemAt('keys()', key) ?? this.#problemAt([key], item);
      if (problem !== undefined) return problem;
    }
    return undefined;
  }

  #problemOfSet(set: ReadonlySet<unknown>): string | undefined {
    for (const item of set) {
      const problem = this.#problemAt('values()', item);
      if (problem !== undefined) return problem;
    }
    return undefined;
  }

  #problemOfBuffer(value: object): string | undefined {
    const buffer = ArrayBuffer.isView(value) ? value.buffer : value;
    if (this.#reach === 'process' && types.isSharedArrayBuffer(value)) return 'a SharedArrayBuffer';
    return types.isArrayBuffer(buffer) && buffer.detached ? 'a buffer that was given away' : undefined;
  }

  #problemOfFields(value: object): string | undefined {
    for (const key of Object.keys(value)) {
      const item = (value as Record<string, unknown>)[key];
      const problem = this.#problemAt(key, item);
      if (problem !== undefined) return problem;
    }
    return undefined;
  }

  #problemAt(key: string | number | readonly [unknown], value: unknown): string | undefined {
    if (typeof value !== 'object' && typeof value !== 'function' && typeof value !== 'symbol')
      return undefined;
    if (value === null) return undefined;
    this.#keys.push(key);
    const problem = this.problemOf(value);
    if (problem === undefined) this.#keys.pop();
    return problem;
  }
}

/** A clone has the content of these, and nothing else. */
function problemOfFieldsBeside(value: object): string | undefined {
  const [field] = Object.keys(value);
  if (field === undefined) return undefined;
  return `an instance of ${classNameOf(value)}, whose field ${inWords(field)} would be lost`;
}

function hasNoFields(value: object): boolean {
  for (const _ in value) return false;
  return true;
}

/** Arrays of more places are not asked for all their keys: to list those takes longer than to clone the array. */
const FEW_PLACES = 32;
const WITHOUT_PLACES = { maxArrayLength: 0, depth: 0, customInspect: false, breakLength: Infinity } as const;
const NO_NAMES = /^\[ \.\.\. \d+ more items \]$/;

/** Whether an array has names beside its places, or may have. */
function mayHaveNames(array: readonly unknown[]): boolean {
  return array.length <= FEW_PLACES
    ? Object.keys(array).length !== array.length
    : !NO_NAMES.test(inspect(array, WITHOUT_PLACES));
}

/** A clone makes plain objects of most instances; a few are known to it: a `Blob`, a `KeyObject`. */
function isCloneable(value: object): boolean {
  try {
    return Object.getPrototypeOf(structuredClone(value)) !== Object.prototype;
  } catch {
    return false;
  }
}

function isCompiled(value: object): boolean {
  return typeof wasm?.Module === 'function' && value instanceof wasm.Module;
}
