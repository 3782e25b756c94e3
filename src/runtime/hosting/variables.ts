/**
 * What the functions of a definition are given of variables: the newest values that their agent knows, to be read alone.
 *
 * I1  Who holds it reads every later value, too.
 * I2  Nobody writes: neither another value, nor into one.
 */
import { frozenData } from '../values/data-copy.ts';
import type { VariableState } from './host.ts';

export type KnownVariables = Readonly<Record<string, unknown>>;

/** Not enumerable: it is not copied with the object, nor sent along with it. */
const VALUES = Symbol('values');

/**
 * An object that inherits nothing.
 *
 * One with no prototype at all would do the same, and V8 keeps such an object as a hash table, at three times the room.
 */
const Bare = function Bare() {} as unknown as new () => Record<PropertyKey, unknown>;
Bare.prototype = Object.create(null) as object;

const NONE: KnownVariables = Object.freeze(new Bare());

/** The readers of the variables that a definition lists: its agents share them, and V8 the shape of what has them. */
const readers = new WeakMap<readonly string[], readonly PropertyDescriptor[]>();

/** @param names those that the definition lists: each is read as `undefined` until it has a value */
export function knownVariables(names: readonly string[], values: readonly VariableState[]): KnownVariables {
  if (names.length === 0) return NONE;
  let reading = readers.get(names);
  if (reading === undefined) readers.set(names, (reading = names.map(readerOf)));
  const variables = Object.defineProperty(new Bare(), VALUES, { value: new Bare() });
  for (let at = 0; at < names.length; at++) Object.defineProperty(variables, names[at]!, reading[at]!);
  for (let at = 0; at < values.length; at++) learn(variables, values[at]!);
  return Object.freeze(variables);
}

/** A newer value. It is frozen here, for what comes from another process is not. */
export function learn(variables: KnownVariables, { name, value }: VariableState): void {
  const values = (variables as Record<symbol, Record<string, unknown>>)[VALUES];
  if (values) values[name] = Object.isFrozen(value) ? value : frozenData(value);
}

function readerOf(name: string): PropertyDescriptor {
  return {
    // A definition may list a variable twice.
    configurable: true,
    enumerable: true,
    get(this: Record<symbol, Record<string, unknown>>) {
      return this[VALUES]![name];
    },
  };
}
