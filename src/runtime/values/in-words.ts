/**
 * A value as text for a message: short, without what looks like a secret. Never throws.
 *
 * It reads like JSON, with the name of its class before what one has made, and with words for what JSON has none for:
 * functions, symbols, `undefined`, numbers that are none. It looks at no more than it shows.
 */
import { types } from 'node:util';
import { beginningOf, digitsOf } from './cut-text.ts';
import { classNameOf, isPlain, tagOf } from './instances.ts';
import { isSecretFigure, isSecretKey, REDACTED, withoutSecrets } from './secrets.ts';

/** In characters. */
const MAX_WORDS = 120;
/** So much of a text is looked at for secrets: one that begins in what is shown is found whole. */
const MAX_LOOKED = 4_096;
/** What is nested deeper is not shown. */
const MAX_DEPTH = 20;

export function inWords(value: unknown): string {
  return inWordsUnder('', value);
}

/** @param key what the value stands under: it may say that the value is a secret */
export function inWordsUnder(key: string, value: unknown): string {
  try {
    if (typeof value === 'string') return textOf(value, key);
    if (typeof value === 'function') {
      const name = nameOf(value);
      return `a ${isClass(value) ? 'class' : 'function'}${name === '' ? '' : ` (${name})`}`;
    }
    if (typeof value === 'bigint') return figureOf(key, clipped(digitsOf(value)));
    if (typeof value === 'symbol') return symbolOf(value, key);
    if (typeof value === 'number') return figureOf(key, numberOf(value));
    if (typeof value !== 'object' || value === null) return String(value);
    if (isPromise(value)) return 'a promise';
    const words = new Words();
    words.put(value, key, 0);
    return words.text === '' ? 'an object' : clipped(words.text);
  } catch {
    return 'an object';
  }
}

function isPromise(value: object): boolean {
  try {
    return value instanceof Promise;
  } catch {
    return false;
  }
}

/** A text in quotes. */
function textOf(text: string, key: string): string {
  const shown = isSecretKey(key) ? REDACTED : withoutSecrets(text.slice(0, MAX_LOOKED));
  return JSON.stringify(clipped(text.length > MAX_LOOKED ? `${shown}...` : shown));
}

/** The name of a function: a computed key may have given it one. */
function nameOf(value: Function): string {
  const { name } = value as { readonly name: unknown };
  return typeof name === 'string' ? clipped(withoutSecrets(name.slice(0, MAX_LOOKED))) : '';
}

/** By its source: that of a method begins with its name, as in `classify() {}`. */
function isClass(value: Function): boolean {
  return /^class[\s{](?!\s*\()/.test(Function.prototype.toString.call(value));
}

function symbolOf(value: symbol, key: string): string {
  const { description = '' } = value;
  const shown = isSecretKey(key) ? REDACTED : withoutSecrets(description.slice(0, MAX_LOOKED));
  return clipped(`Symbol(${shown})`);
}

function numberOf(value: number): string {
  return Object.is(value, -0) ? '-0' : String(value);
}

function figureOf(key: string, figure: string): string {
  return isSecretFigure(key) ? JSON.stringify(REDACTED) : figure;
}

function clipped(text: string): string {
  return text.length > MAX_WORDS ? `${beginningOf(text, MAX_WORDS - 3)}...` : text;
}

/** Writes as `JSON.stringify` does, until there is enough. */
class Words {
  text = '';

  get #isEnough(): boolean {
    return this.text.length > MAX_WORDS;
  }

  put(value: unknown, key: string, depth: number): void {
    switch (typeof value) {
      case 'string':
        this.text += textOf(value, key);
        return;
      case 'number':
        this.text += figureOf(key, numberOf(value));
        return;
      case 'boolean':
        this.text += String(value);
        return;
      case 'bigint':
        this.text += figureOf(key, `${digitsOf(value)}n`);
        return;
      case 'symbol':
        this.text += symbolOf(value, key);
        return;
      case 'function': {
        const name = nameOf(value);
        this.text += isClass(value) ? `[class${name && ` ${name}`}]` : `[function${name && ` ${name}`}]`;
        return;
      }
      case 'undefined':
        this.text += 'undefined';
        return;
      default:
        this.#putObject(value as object | null, key, depth);
    }
  }

  #putObject(value: object | null, key: string, depth: number): void {
    if (value === null) this.text += 'null';
    else if (depth === MAX_DEPTH) this.text += '…';
    else if (ArrayBuffer.isView(value) && value.byteLength > MAX_LOOKED) {
      this.text += `${value.byteLength} bytes`;
    } else if (types.isStringObject(value)) this.text += textOf(String.prototype.valueOf.call(value), key);
    else if ('toJSON' in value && typeof value.toJSON === 'function') {
      this.put(value.toJSON(key), key, depth + 1);
    } else if (isSecretKey(key)) this.text += JSON.stringify(REDACTED);
    else if (Array.isArray(value)) this.#putItems(value, key, depth);
    else if (types.isBoxedPrimitive(value)) this.text += inWordsUnder(key, value.valueOf());
    else if (types.isRegExp(value))
      this.text += withoutSecrets(clipped(RegExp.prototype.toString.call(value)));
    else if (value instanceof Error || types.isNativeError(value)) {
      this.text += textOf(`${value.name}: ${value.message}`, key);
    } else this.#putInstance(value, key, depth);
  }

  #putInstance(value: object, key: string, depth: number): void {
    if (!isPlain(value)) this.text += `${clipped(withoutSecrets(classNameOf(value).slice(0, MAX_LOOKED)))} `;
    if (types.isAnyArrayBuffer(value)) this.text += `${value.byteLength} bytes`;
    else if (types.isSet(value)) this.#putItems(value, key, depth);
    else if (types.isMap(value) || ENTRIES.has(tagOf(value))) {
      this.#putFields(value as Iterable<[unknown, unknown]>, depth);
    } else this.#putFields(fieldsOf(value), depth);
  }

  #putItems(items: Iterable<unknown>, key: string, depth: number): void {
    this.text += '[';
    let isFirst = true;
    for (const item of items) {
      if (this.#isEnough) break;
      if (!isFirst) this.text += ',';
      isFirst = false;
      this.put(item, key, depth + 1);
    }
    this.text += ']';
  }

  #putFields(fields: Iterable<readonly [key: unknown, value: unknown]>, depth: number): void {
    this.text += '{';
    let isFirst = true;
    for (const [given, value] of fields) {
      if (this.#isEnough) break;
      if (!isFirst) this.text += ',';
      isFirst = false;
      const key = typeof given === 'string' ? given : this.#wordsOfKey(given, depth);
      this.text += `${JSON.stringify(clipped(withoutSecrets(key.slice(0, MAX_LOOKED))))}:`;
      this.put(value, key, depth + 1);
    }
    this.text += '}';
  }

  /** A key of a map may be anything, also the map itself: its words count as those around it do. */
  #wordsOfKey(key: unknown, depth: number): string {
    const { text } = this;
    this.put(key, '', depth + 1);
    const words = this.text.slice(text.length);
    this.text = text;
    return words;
  }
}

/** What gives its content as entries, besides maps. */
const ENTRIES: ReadonlySet<string> = new Set(['Headers', 'URLSearchParams', 'FormData']);

/** One after the other: a getter that stands behind what is shown is not called. */
function* fieldsOf(value: object): Generator<readonly [string, unknown]> {
  for (const key of Object.keys(value)) yield [key, (value as Record<string, unknown>)[key]];
}
