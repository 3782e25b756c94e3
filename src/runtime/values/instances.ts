/**
 * What an object is: the name of its class, whether it has fields, and whether these are all there is of it. Pure, but for getters that
 * stand where events and streams have their methods.
 */
import { types } from 'node:util';

/** How far a prototype is from plain objects: nothing is asked of longer chains. */
const MAX_CHAIN = 100;

/** `URL`, `Client`, or `a class`. */
export function classNameOf(value: object): string {
  const { constructor } = value;
  if (typeof constructor === 'function' && constructor.name !== '') return constructor.name;
  const tag = tagOf(value);
  return tag === 'Object' ? 'a class' : tag;
}

/** `Headers`, `Map`, `Generator`; `Object` of what has no tag. */
export function tagOf(value: object): string {
  return Object.prototype.toString.call(value).slice(8, -1);
}

/** Whether no class has made it, of whatever realm. */
export function isPlain(value: object): boolean {
  const prototype = Object.getPrototypeOf(value) as object | null;
  return prototype === null || isPlainPrototype(prototype);
}

function isPlainPrototype(prototype: object): boolean {
  return Object.getPrototypeOf(prototype) === null && Object.hasOwn(prototype, 'isPrototypeOf');
}

/** Whether what it holds stands under names. A list, of items, bytes or characters, has places: of a long one, very many. */
export function hasFields(value: unknown): value is object {
  if (typeof value !== 'object' || value === null) return false;
  // Of a proxy that was revoked nothing else can be asked.
  if (types.isProxy(value)) return true;
  return !Array.isArray(value) && !ArrayBuffer.isView(value) && !types.isStringObject(value);
}

/** Whether it has anything from its class, or from whatever stands between it and plain objects: a method, an accessor. */
export function hasMethods(value: object): boolean {
  let prototype = Object.getPrototypeOf(value) as object | null;
  for (let at = 0; at < MAX_CHAIN && prototype !== null; at += 1) {
    if (isPlainPrototype(prototype)) return false;
    if (Reflect.ownKeys(prototype).some((key) => key !== 'constructor')) return true;
    prototype = Object.getPrototypeOf(prototype) as object | null;
  }
  return prototype !== null;
}

/**
 * Whether a copy of its own fields is all of it, but for its class and methods; of dates and the like the clone knows
 * more.
 *
 * It is not for a `URL`, `Headers`, an `AbortSignal`, a stream: those keep what they hold elsewhere, and so does every
 * object that has methods and no fields.
 */
export function isWholeInFields(value: object): boolean {
  if (types.isDate(value) || types.isRegExp(value) || types.isBoxedPrimitive(value)) return true;
  // Interfaces of the platform have a tag, and iterators and generators.
  if (Symbol.toStringTag in value && !Object.hasOwn(value, Symbol.toStringTag)) return false;
  const { emit, on } = value as { readonly emit?: unknown; readonly on?: unknown };
  if (typeof emit === 'function' && typeof on === 'function') return false;
  return Object.keys(value).length > 0 || !hasMethods(value);
}
