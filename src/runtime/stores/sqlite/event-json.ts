/**
 * Events as JSON text that gives back what went in, or a refusal that says where it could not.
 *
 * JSON has no Infinity, NaN, -0 or undefined, and no objects without a prototype: these are written as an object
 * with the key `$`. Data that has such a key itself is wrapped likewise, so that nothing is ever mistaken.
 *
 * I1  `decodeEvent(encodeEvent(event))` equals the event, but that fields which are undefined are left out.
 * I2  What cannot be kept so (functions, cycles, class instances, bigints, symbols, holes …) is an error.
 */
import { inWords } from '../../errors.ts';
import type { SystemEvent } from '../../system-event.ts';

/** Deeper than this, data is taken to have no end. */
const MAX_DEPTH = 500;

/** @throws TypeError that names the event's type, the path of the field, and what is there */
export function encodeEvent(event: SystemEvent): string {
  const survey = new Survey();
  const problem = survey.problemOf(event);
  if (problem !== undefined) {
    throw new TypeError(
      `event ${event.type}: ${survey.path} is ${problem}, expected data that JSON can hold`,
    );
  }
  return JSON.stringify(survey.isPlain ? event : tagged(event));
}

/** @throws SyntaxError when the text is no JSON, TypeError when it is not of an event */
export function decodeEvent(text: string): SystemEvent {
  const parsed: unknown = JSON.parse(text);
  if (typeof parsed !== 'object' || parsed === null || !('sequence' in parsed) || !('type' in parsed)) {
    throw new TypeError(`expected an event, got ${inWords(parsed)}`);
  }
  return (text.includes('"$":') ? untagged(parsed) : parsed) as SystemEvent;
}

/** One look at all of a value before anything is written. */
class Survey {
  /** Whether JSON holds it as it is. */
  isPlain = true;
  readonly #around: object[] = [];
  readonly #keys: PropertyKey[] = [];

  /** Where it stopped, as in `spec.initArgs.layers[2].size`. */
  get path(): string {
    const [first, ...rest] = this.#keys.map(String);
    const inner = rest.map((key) =>
      /^\d+$/.test(key)
        ? `[${key}]`
        : /^[\p{L}_$][\p{L}\p{N}_$]*$/u.test(key)
          ? `.${key}`
          : `[${inWords(key)}]`,
    );
    return `${first ?? 'it'}${inner.join('')}`;
  }

  /** What it is that cannot be kept; `path` then says where. */
  problemOf(value: unknown): string | undefined {
    switch (typeof value) {
      case 'string':
      case 'boolean':
      case 'undefined':
        return undefined;
      case 'number':
        if (!Number.isFinite(value) || Object.is(value, -0)) this.isPlain = false;
        return undefined;
      case 'object':
        return value === null ? undefined : this.#problemOfObject(value);
      case 'function':
        return inWords(value);
      default:
        return `the ${typeof value} ${String(value)}`;
    }
  }

  #problemOfObject(value: object): string | undefined {
    if (this.#around.includes(value)) return 'an object that contains itself';
    if (this.#around.length === MAX_DEPTH) return `nested deeper than ${MAX_DEPTH} levels`;
    this.#around.push(value);
    const problem = Array.isArray(value) ? this.#problemOfArray(value) : this.#problemOfFields(value);
    this.#around.pop();
    return problem;
  }

  #problemOfArray(array: readonly unknown[]): string | undefined {
    if (Object.keys(array).length !== array.length) return 'an array with holes, or with fields of its own';
    for (const [index, item] of array.entries()) {
      if (item === undefined) this.isPlain = false;
      const problem = this.#problemAt(index, item);
      if (problem !== undefined) return problem;
    }
    return undefined;
  }

  #problemOfFields(value: object): string | undefined {
    const prototype: unknown = Object.getPrototypeOf(value);
    if (prototype !== Object.prototype) {
      if (prototype !== null) return `an instance of ${classOf(value)}`;
      this.isPlain = false;
    }
    if (Object.getOwnPropertySymbols(value).length > 0) return 'an object with symbols for keys';
    for (const key of Object.keys(value)) {
      if (key === '$') this.isPlain = false;
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

function classOf({ constructor }: object): string {
  return typeof constructor === 'function' && constructor.name !== '' ? constructor.name : 'a class';
}

type Fields = Record<string, unknown>;

function tagged(value: unknown): unknown {
  if (typeof value === 'number') {
    return Number.isFinite(value) && !Object.is(value, -0)
      ? value
      : { $: Object.is(value, -0) ? '-0' : String(value) };
  }
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value))
    return value.map((item) => (item === undefined ? { $: 'undefined' } : tagged(item)));
  // fromEntries, for a field named `__proto__` is a field like any other.
  const fields = Object.fromEntries(Object.entries(value).map(([key, field]) => [key, tagged(field)]));
  if (Object.getPrototypeOf(value) === null) return { $: 'bare', of: fields };
  return Object.hasOwn(value, '$') ? { $: 'plain', of: fields } : fields;
}

function untagged(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return value.map(untagged);
  if (!Object.hasOwn(value, '$')) return untaggedFields(value);
  const { $: tag, of } = value as { readonly $: unknown; readonly of?: object };
  switch (tag) {
    case 'undefined':
      return undefined;
    case '-0':
    case 'NaN':
    case 'Infinity':
    case '-Infinity':
      return Number(tag);
    case 'plain':
      return untaggedFields(of ?? {});
    case 'bare':
      return Object.setPrototypeOf(untaggedFields(of ?? {}), null);
    default:
      throw new TypeError(`expected a tag of this format, got ${inWords(tag)}`);
  }
}

function untaggedFields(value: object): Fields {
  return Object.fromEntries(Object.entries(value).map(([key, field]) => [key, untagged(field)]));
}
