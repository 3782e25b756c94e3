/**
 * Whether data can be kept as JSON and come back as it was, and where it could not. Pure.
 *
 * Functions, cycles, class instances, bigints, symbols and arrays with holes cannot. What JSON has no word for but a
 * store can note (Infinity, NaN, -0, undefined in arrays, objects without a prototype) can, and is not plain. Where
 * nobody notes it, NaN, Infinity and undefined in arrays are problems too: JSON makes null of them.
 *
 * JSON writes what occurs twice as often as it occurs, so few objects can stand for text without end. What would be
 * longer than `MAX_CHARACTERS` is a problem, found without writing it.
 */
import { cut } from './cut-text.ts';
import { errorInfoOf } from './error-info.ts';
import { inWords } from './in-words.ts';
import { classNameOf, isPlain } from './instances.ts';

/** Deeper than this, data is taken to have no end. */
const MAX_DEPTH = 500;
/** Of JSON text, about; some engines hold no more than twice as much in one text. */
const MAX_CHARACTERS = 2 ** 28;
/** What stands for a number, a word, or a pair of brackets. */
const TOKEN = 6;
/** A text of more characters is measured as JSON writes it, which may take six for one. */
const LONG_TEXT = 2 ** 20;
/** After so many objects it is noted how much each stands for: some may occur many times. */
const MANY = 100_000;
/** Of a long way to a place, so many keys are shown. */
const SHOWN_KEYS = 8;

export interface JsonSurveyOptions {
  /** Whether what JSON has no word for is noted beside it; default `true`. */
  readonly isNoted?: boolean;
}

/** One look at all of a value before anything is written. */
export class JsonSurvey {
  /** Whether JSON holds it as it is. */
  isPlain = true;
  readonly #isNoted: boolean;
  readonly #around: object[] = [];
  readonly #keys: PropertyKey[] = [];
  #characters = 0;
  #objects = 0;
  /** How deep what was gone into last had others within. */
  #deepest = 0;
  #known: Map<object, Extent> | undefined;

  constructor({ isNoted = true }: JsonSurveyOptions = {}) {
    this.#isNoted = isNoted;
  }

  /** Where it stopped, as in `spec.initArgs.layers[2].size`; of a long way its beginning. */
  get path(): string {
    const [first = 'it', ...rest] = this.#keys.slice(0, SHOWN_KEYS).map(String);
    const inner = rest.map((key) =>
      /^\d+$/.test(key)
        ? `[${key}]`
        : /^[\p{L}_$][\p{L}\p{N}_$]{0,99}$/u.test(key)
          ? `.${key}`
          : `[${inWords(key)}]`,
    );
    return `${cut(first, 100)}${inner.join('')}${this.#keys.length > SHOWN_KEYS ? '…' : ''}`;
  }

  /** What it is that cannot be kept; `path` then says where. */
  problemOf(value: unknown): string | undefined {
    this.#characters += TOKEN;
    switch (typeof value) {
      case 'string':
        this.#characters += charactersOf(value);
        return this.#problemOfLength();
      case 'boolean':
      case 'undefined':
        return undefined;
      case 'number':
        if (!Number.isFinite(value) || Object.is(value, -0)) this.isPlain = false;
        return Number.isFinite(value) || this.#isNoted ? undefined : String(value);
      case 'object':
        return value === null ? undefined : this.#problemOfObject(value);
      case 'function':
        return inWords(value);
      default: {
        const words = inWords(value);
        return words.startsWith('a ') ? words : `the ${typeof value} ${words}`;
      }
    }
  }

  #problemOfObject(value: object): string | undefined {
    if (this.#around.includes(value)) return 'an object that contains itself';
    const depth = this.#around.length;
    const known = this.#known?.get(value);
    if (depth + (known?.levels ?? 0) >= MAX_DEPTH) return `nested deeper than ${MAX_DEPTH} levels`;
    if (known) return this.#problemOfKnown(known, depth);
    if ((this.#objects += 1) === MANY) this.#known = new Map();
    const before = { characters: this.#characters, deepest: this.#deepest };
    this.#deepest = depth;
    this.#around.push(value);
    const problem = Array.isArray(value) ? this.#problemOfArray(value) : this.#problemOfFields(value);
    this.#around.pop();
    this.#known?.set(value, {
      characters: this.#characters - before.characters,
      levels: this.#deepest - depth,
    });
    this.#deepest = Math.max(this.#deepest, before.deepest);
    return problem ?? this.#problemOfLength();
  }

  #problemOfKnown({ characters, levels }: Extent, depth: number): string | undefined {
    this.#characters += characters;
    this.#deepest = Math.max(this.#deepest, depth + levels);
    return this.#problemOfLength();
  }

  #problemOfLength(): string | undefined {
    if (this.#characters <= MAX_CHARACTERS) return undefined;
    return `longer than ${MAX_CHARACTERS.toLocaleString('en')} characters as JSON`;
  }

  #problemOfArray(array: readonly unknown[]): string | undefined {
    if (Object.keys(array).length !== array.length) return 'an array with holes, or with fields of its own';
    for (const [index, item] of array.entries()) {
      if (item === undefined) this.isPlain = false;
      const problem = this.#problemAt(index, item);
      if (problem !== undefined) return problem;
      if (item === undefined && !this.#isNoted) {
        this.#keys.push(index);
        return 'undefined';
      }
    }
    return undefined;
  }

  #problemOfFields(value: object): string | undefined {
    const prototype: unknown = Object.getPrototypeOf(value);
    if (prototype === null) this.isPlain = false;
    else if (prototype !== Object.prototype && !isPlain(value)) return `an instance of ${classNameOf(value)}`;
    if (Object.getOwnPropertySymbols(value).length > 0) return 'an object with symbols for keys';
    for (const key of Object.keys(value)) {
      if (key === '$') this.isPlain = false;
      this.#characters += key.length;
      const problem = this.#problemAt(key, (value as Record<string, unknown>)[key]);
      if (problem !== undefined) return problem;
    }
    return undefined;
  }

  #problemAt(key: PropertyKey, value: unknown): string | undefined {
    this.#keys.push(key);
    const problem = this.problemOf(value);
    if (problem === undefined) this.#keys.pop();
    return problem;
  }
}

interface Extent {
  readonly characters: number;
  /** How many levels of others are within it. */
  readonly levels: number;
}

function charactersOf(text: string): number {
  if (text.length <= LONG_TEXT) return text.length;
  try {
    return JSON.stringify(text).length;
  } catch {
    return Infinity; // longer than a text may be
  }
}

/** What of a value cannot be kept as JSON, as in `layers[2].size is a function`; `undefined` when all of it can. Never throws. */
export function jsonProblemOf(value: unknown, options?: JsonSurveyOptions): string | undefined {
  const survey = new JsonSurvey(options);
  try {
    const problem = survey.problemOf(value);
    return problem === undefined ? undefined : `${survey.path} is ${problem}`;
  } catch (thrown) {
    return `${survey.path} cannot be read: ${errorInfoOf(thrown).message}`;
  }
}
