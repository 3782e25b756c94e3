/**
 * What an error says in fields of its own (`status`, `headers`, `retryAfter`, the body of a response), as JSON data.
 *
 * I1  What is near the top comes first: a large thing deep below takes no room from what callers decide by.
 * I2  What names a secret, or is marked as one, is not kept. What is no data (functions, symbols, sockets by their
 *     depth) is left out, and so is what is beyond the bounds.
 */
import { types } from 'node:util';
import { cut, digitsOf } from './cut-text.ts';
import { inWords } from './in-words.ts';
import { isSecretFigure, isSecretKey, REDACTED, withoutKnownSecrets } from './secrets.ts';

/** `error.response.headers.name` is at the third level, what is in the error of an API's body at the fourth. */
const MAX_LEVELS = 5;
const MAX_VALUES = 200;
const MAX_TEXT = 1_024;
const MAX_KEY = 256;
/** Of one thing so many fields are looked at: some of them may be left out. */
const MAX_FIELDS = 5 * MAX_VALUES;

/** Characters that are left for all that is written into one place. */
export interface Room {
  left: number;
}

type Fields = Record<string, unknown>;
type Entry = readonly [key: string, value: unknown];

/** A container that is still empty, and what of it is to be copied. */
interface Copying {
  readonly copy: Fields | unknown[];
  readonly entries: readonly Entry[];
  readonly level: number;
}

/** The enumerable fields of an object but for those `isLeftOut`; `undefined` where nothing is left. */
export function errorDataOf(
  thrown: object,
  room: Room,
  isLeftOut: (key: string, value: unknown) => boolean,
): Fields | undefined {
  const entries = fieldsOf(thrown).filter(([key, value]) => !isLeftOut(key, value));
  if (entries.length === 0) return undefined;
  const data = new DataCopy(room, thrown).of(entries);
  return Object.keys(data).length === 0 ? undefined : data;
}

class DataCopy {
  readonly #room: Room;
  readonly #seen: Set<object>;
  readonly #open: Copying[] = [];
  #valuesLeft = MAX_VALUES;

  constructor(room: Room, thrown: object) {
    this.#room = room;
    this.#seen = new Set([thrown]);
  }

  of(entries: readonly Entry[]): Fields {
    const data: Fields = {};
    this.#open.push({ copy: data, entries, level: 1 });
    // Those that are found while it is gone through come later in the same loop: level after level.
    for (const copying of this.#open) this.#fill(copying);
    return data;
  }

  #fill({ copy, entries, level }: Copying): void {
    for (const [given, value] of entries) {
      if (this.#valuesLeft <= 0 || this.#room.left <= 0) return;
      const kept = this.#kept(given, value, level);
      if (kept === undefined) continue;
      const key = cut(given, MAX_KEY);
      this.#valuesLeft -= 1;
      this.#room.left -= typeof kept === 'string' ? kept.length + key.length : 8 + key.length;
      if (Array.isArray(copy)) copy.push(kept);
      else put(copy, key, kept);
    }
  }

  /** `undefined` for what is left out. */
  #kept(key: string, value: unknown, level: number): unknown {
    switch (typeof value) {
      case 'string':
        return isSecretKey(key) ? REDACTED : cut(withoutKnownSecrets(value), MAX_TEXT);
      case 'number':
        if (isSecretFigure(key)) return REDACTED;
        // JSON has no -0.
        return Number.isFinite(value) ? value + 0 : String(value);
      case 'bigint':
        return isSecretFigure(key) ? REDACTED : cut(digitsOf(value), MAX_TEXT);
      case 'boolean':
        return value;
      case 'object':
        if (value === null) return null;
        return isSecretKey(key) ? REDACTED : this.#keptObject(key, value, level);
      default:
        return undefined;
    }
  }

  #keptObject(key: string, value: object, level: number): unknown {
    const text = textOf(value);
    if (text !== undefined) return this.#kept(key, text, level);
    if (level === MAX_LEVELS || this.#seen.has(value)) return undefined;
    this.#seen.add(value);
    const isList = Array.isArray(value) || types.isSet(value);
    const entries = isList ? itemsOf(key, firstOf(value as Iterable<unknown>)) : entriesOf(value);
    const copy = isList ? [] : {};
    this.#open.push({ copy, entries, level: level + 1 });
    return copy;
  }
}

/** Items go by the name of their list; in lists of headers, pairs or not, each value goes by the name before it. */
function itemsOf(key: string, items: readonly unknown[]): readonly Entry[] {
  const isOfHeaders = /headers/i.test(key);
  return items.map((item, place): Entry => {
    const name = isOfHeaders && place % 2 === 1 ? items[place - 1] : key;
    return [typeof name === 'string' ? name : key, item];
  });
}

/** A list may be long without having much in it, and a map may have more in it than there is time for. */
function firstOf<Item>(list: Iterable<Item>): Item[] {
  const items: Item[] = [];
  for (const item of list) if (items.push(item) === MAX_VALUES) break;
  return items;
}

/** What is one word in JSON. */
function textOf(value: object): string | undefined {
  if (types.isDate(value)) return Number.isNaN(value.getTime()) ? String(value) : value.toISOString();
  if (types.isRegExp(value)) return String(value);
  if (types.isStringObject(value)) return String.prototype.valueOf.call(value);
  if (tagOf(value) === 'URL') return (value as URL).href;
  if (types.isAnyArrayBuffer(value) || ArrayBuffer.isView(value)) return `${value.byteLength} bytes`;
  return undefined;
}

function entriesOf(value: object): readonly Entry[] {
  if (types.isMap(value) || ['Headers', 'URLSearchParams', 'FormData'].includes(tagOf(value))) {
    return firstOf(value as Iterable<readonly [unknown, unknown]>).map(
      ([key, item]): Entry => [typeof key === 'string' ? key : inWords(key), item],
    );
  }
  if (!types.isNativeError(value)) return fieldsOf(value);
  return [['name', value.name], ['message', value.message], ...fieldsOf(value)];
}

/** What is told of instances whose content is not in fields of their own. Bodies are not read. */
const TOLD_OF: Readonly<Record<string, readonly string[]>> = {
  Response: ['status', 'statusText', 'url', 'headers'],
  Request: ['method', 'url', 'headers'],
};

/** What callers decide by is told of an error also where its class has it, as a getter or for all of its errors. */
const TOLD_OF_ERRORS: readonly string[] = ['status', 'statusCode', 'headers', 'retryAfter'];

/** A getter that throws has nothing to say. */
function fieldsOf(value: object): readonly Entry[] {
  const fields: Entry[] = [];
  for (const key of new Set([...toldOf(value), ...keysOf(value)])) {
    if (fields.length === MAX_FIELDS) break;
    try {
      fields.push([key, (value as Fields)[key]]);
    } catch {
      // It is left out.
    }
  }
  return fields;
}

/** A proxy may hold them back. */
function keysOf(value: object): readonly string[] {
  try {
    return Object.keys(value);
  } catch {
    return [];
  }
}

function toldOf(value: object): readonly string[] {
  if (types.isNativeError(value)) return TOLD_OF_ERRORS;
  const tag = tagOf(value);
  return Object.hasOwn(TOLD_OF, tag) ? TOLD_OF[tag]! : [];
}

function tagOf(value: object): string {
  try {
    return Object.prototype.toString.call(value).slice(8, -1);
  } catch {
    // A getter of the tag has thrown.
    return '';
  }
}

/** `__proto__` is a key like any other. */
function put(fields: Fields, key: string, value: unknown): void {
  Object.defineProperty(fields, key, { value, writable: true, enumerable: true, configurable: true });
}
