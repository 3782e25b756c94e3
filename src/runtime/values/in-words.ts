/**
 * A value as text for a message: short, without what looks like a secret. Never throws.
 *
 * It reads like JSON, and looks at no more of the value than it shows.
 */
import { types } from 'node:util';
import { beginningOf, digitsOf } from './cut-text.ts';
import { isSecretKey, REDACTED, withoutSecrets } from './secrets.ts';

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
    if (typeof value === 'function') return `a function${value.name ? ` (${clipped(value.name)})` : ''}`;
    if (typeof value === 'bigint') return clipped(digitsOf(value));
    if (typeof value !== 'object' || value === null) return clipped(String(value));
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
  return JSON.stringify(
    clipped(text.length > MAX_LOOKED && shown.length < MAX_WORDS ? `${shown}...` : shown),
  );
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

  /** Nothing is written for what JSON has no word for. */
  put(value: unknown, key: string, depth: number): void {
    switch (typeof value) {
      case 'string':
        this.text += textOf(value, key);
        return;
      case 'number':
        this.text += Number.isFinite(value) ? String(value) : 'null';
        return;
      case 'boolean':
        this.text += String(value);
        return;
      case 'bigint':
        this.text += `${digitsOf(value)}n`;
        return;
      case 'object':
        return this.#putObject(value, key, depth);
      default:
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
    else this.#putFields(value, depth);
  }

  #putItems(items: readonly unknown[], key: string, depth: number): void {
    this.text += '[';
    for (let at = 0; at < items.length && !this.#isEnough; at += 1) {
      if (at > 0) this.text += ',';
      const { length } = this.text;
      this.put(items[at], key, depth + 1);
      if (this.text.length === length) this.text += 'null';
    }
    this.text += ']';
  }

  #putFields(value: object, depth: number): void {
    this.text += '{';
    let isFirst = true;
    for (const key of Object.keys(value)) {
      if (this.#isEnough) break;
      const before = this.text;
      this.text += `${isFirst ? '' : ','}${JSON.stringify(clipped(withoutSecrets(key.slice(0, MAX_LOOKED))))}:`;
      const { length } = this.text;
      this.put((value as Record<string, unknown>)[key], key, depth + 1);
      if (this.text.length === length) this.text = before;
      else isFirst = false;
    }
    this.text += '}';
  }
}
