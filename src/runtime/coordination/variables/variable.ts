/**
 * What a variable may hold: its kind, its bounds and its default, as `variables.define` is given them.
 *
 * A definition is data. It checks values, and returns what is kept: frozen plain JSON data.
 */
import { z } from 'zod';
import type { VariableHandle } from '../../definition/variable-handle.ts';
import { frozenData } from '../../values/data-copy.ts';
import { AgentSystemError, errorInfoOf, inWords } from '../../values/errors.ts';
import { jsonProblemOf } from '../../values/json-survey.ts';
import { parseInput } from '../../values/malformed.ts';
import { isSchema, judge, type Schema, type Verdict } from '../../values/schema.ts';

export type VariableKind = 'float' | 'integer' | 'choice' | 'boolean' | 'json';

export interface VariableDefinition<Value = unknown> {
  readonly kind: VariableKind;
  readonly default: Value;
  /** What it may hold, for people and pages: `{ min, max }`, `{ options }` … */
  readonly bounds: Readonly<Record<string, unknown>>;
  /** The value as it is kept, or what is wrong with it. A promise comes from an asynchronous schema only. */
  judge(value: unknown): Verdict | Promise<Verdict>;
}

interface FloatOptions {
  readonly min?: number;
  readonly max?: number;
  readonly default: number;
}

interface IntegerOptions extends FloatOptions {
  /** Values are `min`, `min + step`, `min + 2 * step` …; counted from 0 where there is no `min`. Default 1. */
  readonly step?: number;
}

interface ChoiceOptions<Option extends string | number | boolean> {
  readonly options: readonly Option[];
  readonly default: NoInfer<Option>;
}

interface JsonOptions<Value> {
  /** Any Standard Schema; without one, any JSON data. */
  readonly schema?: Schema<Value> | Schema<unknown, Value>;
  readonly default: NoInfer<Value>;
}

const bound = z.custom<number>((value) => typeof value === 'number' && !Number.isNaN(value), {
  error: 'expected a number',
});
const floatSchema = z.strictObject({
  min: bound.default(-Infinity),
  max: bound.default(Infinity),
  default: z.unknown().optional(),
});
const steps = { error: 'expected a whole number, 1 or more' };
const integerSchema = floatSchema.extend({
  step: z.int(steps).min(1, steps).default(1),
});
const option = z.union([z.string(), z.number(), z.boolean()], {
  error: 'expected a string, a finite number or a boolean',
});
const several = { error: 'expected one or more different values' };
const choiceSchema = z.strictObject({
  options: z
    .array(option, several)
    .min(1, several)
    .refine((options) => new Set(options).size === options.length, several),
  default: z.unknown().optional(),
});
const booleanSchema = z.strictObject({ default: z.unknown().optional() });
const jsonSchema = z.strictObject({
  schema: z.custom<Schema>(isSchema, { error: 'expected a Standard Schema' }).optional(),
  default: z.custom((value) => value !== undefined, { error: 'expected JSON data' }),
});

const defined = new WeakSet<object>();

/**
 * The kinds of variable.
 *
 * @throws AgentSystemError `VARIABLE_INVALID` for invalid options, bounds that no value fits, or a default that does
 * not fit them; a default of `json` is judged by `variables.define`, for its schema may be asynchronous
 */
export const variable = Object.freeze({
  /** A finite number from `min` to `max`, both included. */
  float(options: FloatOptions): VariableDefinition<number> {
    const { min, max, default: first } = optionsOf('float', floatSchema, options);
    ordered('float', min, max);
    const expected = `a finite number${range(min, max)}`;
    return definition('float', first, { min, max }, expected, (value) => isNumber(value, min, max));
  },

  /** A whole number from `min` to `max`, both included, in steps. */
  integer(options: IntegerOptions): VariableDefinition<number> {
    const { min, max, step, default: first } = optionsOf('integer', integerSchema, options);
    ordered('integer', min, max);
    const origin = min === -Infinity ? 0 : min;
    if (!Number.isSafeInteger(origin)) {
      throw invalid(`variable.integer: min: expected a whole number, got ${inWords(min)}`);
    }
    const expected = `a whole number${range(min, max)}${step === 1 ? '' : `, in steps of ${step} from ${origin}`}`;
    return definition(
      'integer',
      first,
      { min, max, step },
      expected,
      (value) =>
        isNumber(value, min, max) && Number.isSafeInteger(value) && Math.abs(value - origin) % step === 0,
    );
  },

  /** One of some strings, finite numbers and booleans. */
  choice<const Option extends string | number | boolean>(
    options: ChoiceOptions<Option>,
  ): VariableDefinition<Option> {
    const { options: given, default: first } = optionsOf('choice', choiceSchema, options);
    const kept: readonly unknown[] = Object.freeze(given.map(withoutSignOfZero));
    const expected = `one of ${kept.map(inWords).join(', ')}`;
    return definition('choice', first, { options: kept }, expected, (value) => kept.includes(value));
  },

  /** `true` or `false`. */
  boolean(options: { readonly default: boolean }): VariableDefinition<boolean> {
    const { default: first } = optionsOf('boolean', booleanSchema, options);
    return definition('boolean', first, {}, 'true or false', (value) => typeof value === 'boolean');
  },

  /** JSON data that fits a schema. What is kept is a copy, frozen; what JSON would make something else is refused. */
  json<Value = unknown>(options: JsonOptions<Value>): VariableDefinition<Value> {
    const { schema, default: first } = optionsOf('json', jsonSchema, options);
    return register<VariableDefinition<Value>>({
      kind: 'json',
      default: first as Value,
      bounds: {},
      judge(value) {
        const verdict = judge(schema, value);
        return verdict instanceof Promise ? verdict.then(asJson) : asJson(verdict);
      },
    });
  },
});

/** A definition with its name: what `variables`, `consensus` and agents are told by which variable is meant. */
export type NamedVariable<Name extends string = string, Value = unknown> = VariableDefinition<Value> &
  VariableHandle<Name, Value>;

/**
 * Gives a definition its name. The result is the variable's handle: it serves wherever the variable's name does, and
 * types the values.
 *
 * ```ts
 * export const rate = defineVariable('learningRate', variable.float({ min: 0, max: 1, default: 0.1 }));
 * ```
 *
 * @throws AgentSystemError `VARIABLE_INVALID`
 */
export function defineVariable<const Name extends string, Value>(
  name: Name,
  definition: VariableDefinition<Value>,
): NamedVariable<Name, Value> {
  parseInput(variableNames, name, { what: 'defineVariable: name', code: 'VARIABLE_INVALID' });
  if (!isVariableDefinition(definition)) throw noDefinition(name, definition);
  return register({ ...definition, name });
}

/** What may name a variable. */
export const variableNames = z.string().min(1).max(1_000);

export function noDefinition(name: string, came: unknown): AgentSystemError {
  return invalid(
    `variable ${inWords(name)}: expected what variable.float, integer, choice, boolean or json give, got ${inWords(came)}`,
  );
}

/** Whether a value came from one of `variable`'s functions. */
export function isVariableDefinition(value: unknown): value is VariableDefinition {
  return typeof value === 'object' && value !== null && defined.has(value);
}

function optionsOf<Options extends z.ZodType>(
  kind: VariableKind,
  schema: Options,
  came: unknown,
): z.output<Options> {
  return parseInput(schema, came, { what: `variable.${kind}`, code: 'VARIABLE_INVALID' });
}

function definition<Value>(
  kind: VariableKind,
  first: unknown,
  bounds: Readonly<Record<string, unknown>>,
  expected: string,
  fits: (value: unknown) => boolean,
): VariableDefinition<Value> {
  const judged = (value: unknown): Verdict =>
    fits(value)
      ? { value: withoutSignOfZero(value) }
      : { problem: `expected ${expected}, got ${inWords(value)}` };
  const verdict = judged(first);
  if ('problem' in verdict) throw invalid(`variable.${kind}: default: ${verdict.problem}`);
  return register({ kind, default: verdict.value as Value, bounds, judge: judged });
}

function register<Definition extends VariableDefinition>(made: Definition): Definition {
  Object.freeze(made.bounds);
  defined.add(made);
  return Object.freeze(made);
}

function ordered(kind: string, min: unknown, max: unknown): void {
  if (typeof min === 'number' && typeof max === 'number' && min <= max) return;
  throw invalid(`variable.${kind}: expected min <= max, got min ${inWords(min)} and max ${inWords(max)}`);
}

function range(min: number, max: number): string {
  if (min === -Infinity && max === Infinity) return '';
  if (max === Infinity) return `, ${min} or more`;
  return min === -Infinity ? `, ${max} or less` : ` from ${min} to ${max}`;
}

function isNumber(value: unknown, min: number, max: number): value is number {
  return typeof value === 'number' && Number.isFinite(value) && value >= min && value <= max;
}

/** JSON knows one zero only. */
function withoutSignOfZero(value: unknown): unknown {
  return value === 0 ? 0 : value;
}

/** A fitting value as it is kept. */
function asJson(verdict: Verdict): Verdict {
  return 'problem' in verdict ? verdict : copyOf(verdict.value);
}

function copyOf(value: unknown): Verdict {
  try {
    // It was judged as it is: JSON must not make something else of it.
    const lost = jsonProblemOf(value, { isNoted: false });
    if (lost !== undefined) return { problem: `expected JSON data, but ${lost}` };
    const json = JSON.stringify(value) as string | undefined;
    if (json === undefined) return { problem: `expected JSON data, got ${inWords(value)}` };
    return { value: frozenData(JSON.parse(json)) };
  } catch (thrown) {
    return { problem: `expected JSON data: ${errorInfoOf(thrown).message}` };
  }
}

function invalid(message: string): AgentSystemError {
  return new AgentSystemError('VARIABLE_INVALID', message);
}
