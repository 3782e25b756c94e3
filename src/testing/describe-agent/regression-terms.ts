/**
 * The options of a suite that a finding depends on, as code: a regression test needs them besides its path.
 *
 * A function is written as its source text if that runs on its own, which the caller tries. A function that needs its
 * surroundings is left to the reader, by name.
 */
import { isDeepStrictEqual } from 'node:util';
import type { VariableDefinition } from '../../runtime/coordination/variables/variable.ts';
import type { LawName } from './laws.ts';
import type { SubjectOptions, TaskPlan } from './subject.ts';

export interface RegressionTerms {
  /** Fields of an object literal: `invariants: { … }`. */
  readonly fields: readonly string[];
  /** Names of `mabeam` that the code uses. */
  readonly imports: readonly string[];
  /** What the reader has to import: named in the code, and not defined there. */
  readonly missing: readonly string[];
}

type AnyFunction = (...given: readonly unknown[]) => unknown;

/** @param doesHold whether the finding comes about with options in which functions were made of their texts */
export async function regressionTerms(
  options: SubjectOptions,
  law: LawName,
  doesHold: (options: SubjectOptions) => Promise<boolean>,
): Promise<RegressionTerms> {
  const needed = neededFor(options, law);
  const remade = { ...needed, ...functionsRemade(needed) };
  const standsAlone = remade.areAll && (!remade.areAny || (await doesHold(remade)));
  const imports: string[] = [];
  const missing: string[] = [];
  const fields: string[] = [];
  const add = (name: string, code: string | undefined): void => {
    if (code === undefined) missing.push(name);
    fields.push(code === undefined ? name : `${name}: ${code}`);
  };
  if (needed.initArgs !== undefined) add('initArgs', jsonCode(needed.initArgs));
  if (needed.spec !== undefined) add('spec', jsonCode(needed.spec));
  if (needed.except !== undefined) add('except', jsonCode(needed.except));
  if (needed.variables !== undefined) {
    const code = Object.entries(needed.variables).map(
      ([name, known]) => [name, variableCode(known)] as const,
    );
    const isSaid = code.every(([, said]) => said !== undefined);
    if (isSaid) imports.push('variable');
    add(
      'variables',
      isSaid ? objectCode(code.map(([name, said]) => `${keyCode(name)}: ${said}`)) : undefined,
    );
  }
  const ofFunction = (name: string, of: unknown): string => {
    if (!standsAlone) missing.push(name);
    return standsAlone ? functionCode(name, of as AnyFunction) : name;
  };
  const tasks = Object.entries(needed.tasks ?? {}).map(([name, { mayFail, mayEnd }]) => {
    const terms = [];
    if (mayEnd !== undefined) terms.push(`mayEnd: ${mayEnd}`);
    if (typeof mayFail === 'function') terms.push(ofFunction('mayFail', mayFail));
    else if (mayFail !== undefined) terms.push(`mayFail: ${mayFail}`);
    return `${keyCode(name)}: ${objectCode(terms)}`;
  });
  if (tasks.length > 0) fields.push(`tasks: ${objectCode(tasks)}`);
  const invariants = Object.entries(needed.invariants ?? {}).map(([name, holds]) => ofFunction(name, holds));
  if (invariants.length > 0) fields.push(`invariants: ${objectCode(invariants)}`);
  return { fields, imports, missing: [...new Set(missing)] };
}

/** Of a suite's options those without which its finding would not come about, or would once its cause is mended. */
function neededFor(
  { initArgs, spec, tasks, variables, invariants, except }: SubjectOptions,
  law: LawName,
): SubjectOptions {
  const name = law.startsWith('invariant ') ? law.slice('invariant '.length) : undefined;
  const broken = name === undefined ? undefined : invariants?.[name];
  const terms = Object.entries(tasks ?? {})
    .filter(([, { mayFail, mayEnd }]) => mayFail !== undefined || mayEnd !== undefined)
    .map(([task, { mayFail, mayEnd }]): [string, TaskPlan] => [
      task,
      { ...(mayFail === undefined ? {} : { mayFail }), ...(mayEnd === undefined ? {} : { mayEnd }) },
    ]);
  return {
    ...(initArgs === undefined ? {} : { initArgs }),
    ...(spec === undefined ? {} : { spec }),
    ...(except === undefined || except.length === 0 ? {} : { except }),
    ...(variables === undefined || Object.keys(variables).length === 0 ? {} : { variables }),
    ...(terms.length === 0 ? {} : { tasks: Object.fromEntries(terms) }),
    ...(name === undefined || broken === undefined ? {} : { invariants: { [name]: broken } }),
  };
}

/** The same options with functions that were made of their texts. */
function functionsRemade({
  tasks,
  invariants,
}: SubjectOptions): SubjectOptions & { readonly areAny: boolean; readonly areAll: boolean } {
  let areAny = false;
  let areAll = true;
  const remake = <Value>(name: string, of: Value): Value => {
    if (typeof of !== 'function') return of;
    areAny = true;
    const made = remade(name, of as unknown as AnyFunction);
    areAll &&= made !== undefined;
    return (made ?? of) as Value;
  };
  return {
    ...(tasks && {
      tasks: Object.fromEntries(
        Object.entries(tasks).map(([task, plan]) => [
          task,
          plan.mayFail === undefined ? plan : { ...plan, mayFail: remake('mayFail', plan.mayFail) },
        ]),
      ),
    }),
    ...(invariants && {
      invariants: Object.fromEntries(
        Object.entries(invariants).map(([name, holds]) => [name, remake(name, holds)]),
      ),
    }),
    areAny,
    areAll,
  };
}

/** What the text of a function makes without what was around it. */
function remade(name: string, of: AnyFunction): AnyFunction | undefined {
  try {
    // oxlint-disable-next-line no-new-func, no-implied-eval -- the user's own text, which the written test has, too
    const make = new Function(
      `return ({ ${functionCode(name, of)} })[${JSON.stringify(name)}];`,
    ) as () => unknown;
    const made = make();
    return typeof made === 'function' ? (made as AnyFunction) : undefined;
  } catch {
    return undefined;
  }
}

/** A field of an object literal; a method says its name itself. */
function functionCode(name: string, of: AnyFunction): string {
  const text = String(of);
  const isMethod = /^(async\s+)?\*?\s*(\w+|\[)/.test(text) && !/^(async\s+)?(function\b|\w+\s*=>)/.test(text);
  return isMethod && !/^async\s*\(/.test(text) ? text : `${keyCode(name)}: ${text}`;
}

/** `undefined` for a value that JSON does not give back. */
function jsonCode(value: unknown): string | undefined {
  try {
    const text = JSON.stringify(value) as string | undefined;
    return text !== undefined && isDeepStrictEqual(JSON.parse(text), value) ? text : undefined;
  } catch {
    return undefined;
  }
}

function variableCode({ kind, bounds, default: initial }: VariableDefinition): string | undefined {
  // Where there is no bound, none is said.
  const said = Object.entries(bounds).filter(([, bound]) => bound !== Infinity && bound !== -Infinity);
  const terms = jsonCode({ ...Object.fromEntries(said), default: initial });
  return terms && `variable.${kind}(${terms})`;
}

function objectCode(fields: readonly string[]): string {
  return `{ ${fields.join(', ')} }`;
}

function keyCode(name: string): string {
  return /^[A-Za-z_$][\w$]*$/.test(name) ? name : JSON.stringify(name);
}
