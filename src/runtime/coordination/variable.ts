/**
 * What a variable may hold: its kind, its bounds and its default, as `variables.define` is given them.
 *
 * A definition is inert. It judges values, and hands back what is kept: plain JSON data that nobody can change.
 */
import { AgentSystemError, errorInfoOf, inWords } from '../errors.ts';
import { isSchema, judge, type Schema, type Verdict } from '../schema.ts';

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

const defined = new WeakSet<object>();

/**
 * The kinds of variable.
 *
 * @throws AgentSystemError `VARIABLE_INVALID` for bounds that no value fits, or a default that does not fit them
 */
export const variable = Object.freeze({
  /** A finite number from `min` to `max`, both included. */
  float({ min = -Infinity, max = Infinity, default: first }: FloatOptions): VariableDefinition<number> {
    ordered('float', min, max);
    const expected = `a finite number${range(min, max)}`;
    return definition('float', first, { min, max }, expected, (value) => isNumber(value, min, max));
  },

  /** A whole number from `min` to `max`, both included, in steps. */
  integer({
    min = -Infinity,
    max = Infinity,
    step = 1,
    default: first,
  }: IntegerOptions): VariableDefinition<number> {
    ordered('integer', min, max);
    if (!Number.isSafeInteger(step) || step < 1) {
      throw invalid(`variable.integer: step: expected a whole number, 1 or more, got ${inWords(step)}`);
    }
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

  /** One of some values. */
  choice<const Option extends string | number | boolean>({
    options,
    default: first,
  }: ChoiceOptions<Option>): VariableDefinition<Option> {
    if (!Array.isArray(options) || options.length === 0 || new Set(options).size !== options.length) {
      throw invalid(
        `variable.choice: options: expected one or more different values, got ${inWords(options)}`,
      );
    }
    const kept = Object.freeze([...options]) as readonly Option[];
    const expected = `one of ${kept.map(inWords).join(', ')}`;
    return definition('choice', first, { options: kept }, expected, (value) =>
      kept.includes(value as Option),
    );
  },

  /** `true` or `false`. */
  boolean({ default: first }: { readonly default: boolean }): VariableDefinition<boolean> {
    return definition('boolean', first, {}, 'true or false', (value) => typeof value === 'boolean');
  },

  /** JSON data that fits a schema. What is kept is a copy, frozen. */
  json<Value = unknown>({ schema, default: first }: JsonOptions<Value>): VariableDefinition<Value> {
    if (schema !== undefined && !isSchema(schema)) {
      throw invalid(`variable.json: schema: expected a Standard Schema, got ${inWords(schema)}`);
    }
    return register<Value>({
      kind: 'json',
      default: first,
      bounds: {},
      judge(value) {
        const verdict = judge(schema as Schema | undefined, value);
        return verdict instanceof Promise ? verdict.then(asJson) : asJson(verdict);
      },
    });
  },
});

/** Whether a value came from one of `variable`'s functions. */
export function isVariableDefinition(value: unknown): value is VariableDefinition {
  return typeof value === 'object' && value !== null && defined.has(value);
}

function definition<Value>(
  kind: VariableKind,
  first: Value,
  bounds: Readonly<Record<string, unknown>>,
  expected: string,
  fits: (value: unknown) => boolean,
): VariableDefinition<Value> {
  const judged = (value: unknown): Verdict =>
    fits(value) ? { value } : { problem: `expected ${expected}, got ${inWords(value)}` };
  const verdict = judged(first);
  if ('problem' in verdict) throw invalid(`variable.${kind}: default: ${verdict.problem}`);
  return register({ kind, default: first, bounds, judge: judged });
}

function register<Value>(made: VariableDefinition<Value>): VariableDefinition<Value> {
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

/** A fitting value as it is kept. */
function asJson(verdict: Verdict): Verdict {
  return 'problem' in verdict ? verdict : copyOf(verdict.value);
}

function copyOf(value: unknown): Verdict {
  try {
    const json = JSON.stringify(value) as string | undefined;
    if (json === undefined) return { problem: `expected JSON data, got ${inWords(value)}` };
    return { value: JSON.parse(json, (_, inner: unknown) => Object.freeze(inner)) };
  } catch (thrown) {
    return { problem: `expected JSON data: ${errorInfoOf(thrown).message}` };
  }
}

function invalid(message: string): AgentSystemError {
  return new AgentSystemError('VARIABLE_INVALID', message);
}
