/**
 * A shared variable's handle: its name, and for the compiler the type of its values.
 *
 * A handle is data. `defineVariable` makes one; every function that takes a variable's name takes a handle, too.
 */
import { z } from 'zod';

/** A variable by its name; `default` is the first of its values. */
export interface VariableHandle<Name extends string = string, Value = unknown> {
  readonly name: Name;
  readonly default: Value;
}

/** A variable by its handle, or by its name alone: then nothing is known of its values. */
export type VariableRef<Value = unknown> = string | VariableHandle<string, Value>;

/** Values of variables, by name. */
export type VariableValues = Readonly<Record<string, unknown>>;

type HandleIn<Ref> = Extract<Ref, VariableHandle>;
/**
 * Values of the variables that are spoken of: those of handles as they are defined; of one that is spoken of by its
 * name alone nothing is known.
 */
export type ValuesOf<Ref> = [HandleIn<Ref>] extends [never]
  ? VariableValues
  : ValuesOfHandles<HandleIn<Ref>> & ([Extract<Ref, string>] extends [never] ? unknown : VariableValues);
type ValuesOfHandles<Handle extends VariableHandle> = {
  readonly [Each in Handle as Each['name']]: Each['default'];
};

/** The name of a variable that is spoken of; what is neither a handle nor a name comes back as it is. */
export function nameOf(ref: VariableRef): string {
  return isHandle(ref) ? ref.name : ref;
}

/** Reads a variable that is spoken of. */
export const variableRef = z.union([z.string().min(1), z.custom<VariableHandle>(isHandle)], {
  error: 'expected the name of a variable, or what defineVariable gives',
});
/** Reads the same, and gives its name. */
export const variableName = variableRef.transform(nameOf);

function isHandle(value: unknown): value is VariableHandle {
  if (typeof value !== 'object' || value === null) return false;
  try {
    const { name } = value as { readonly name?: unknown };
    return typeof name === 'string' && name !== '';
  } catch {
    return false;
  }
}
