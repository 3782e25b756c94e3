/**
 * Rules over several variables: which values may be in force together.
 *
 * Asks the user's functions; what they throw, or answer instead of true or false, is a refusal that says so.
 */
import { z } from 'zod';
import { nameOf, type ValuesOf, variableName, type VariableRef } from '../../definition/variable-handle.ts';
import { AgentSystemError, errorInfoOf, inWords } from '../../values/errors.ts';
import { parseInput } from '../../values/malformed.ts';
import { ignoreRejection, isThenable } from '../../values/thenable.ts';

/** Values of all variables, by name. */
export type Values = Readonly<Record<string, unknown>>;
/** `true` when the values go together; else why not. Asked at the moment of a change: a promise is refused. */
export type Constraint<Of = Values> = (values: Of) => boolean | string;

/** A constraint with a name: what `defineConstraint` gives. */
export interface NamedConstraint {
  readonly name: string;
  readonly variables: readonly VariableRef[];
  readonly holds: Constraint;
}

export interface Rule {
  /** Of one that has a name. */
  readonly name?: string;
  readonly names: readonly string[];
  readonly constraint: Constraint;
}

const namedConstraint = z.strictObject({
  name: z.string().min(1).max(256),
  variables: z.array(variableName).min(1),
  holds: z.custom<Constraint>((value) => typeof value === 'function', { error: 'expected a function' }),
});

/**
 * A constraint by its name. One program puts it into force by `variables.constrain`; on many machines the nodes are given
 * it, for it is code, and `fleet.variables.constrain` puts it into force.
 *
 * @param holds gives `true` when the values go together, else why not, at once
 * @throws AgentSystemError `VARIABLE_INVALID` naming what is not as expected
 */
export function defineConstraint<Ref extends VariableRef>(
  name: string,
  variables: readonly Ref[],
  holds: Constraint<ValuesOf<Ref>>,
): NamedConstraint {
  const given = { name, variables, holds: holds as Constraint };
  parseInput(namedConstraint, given, { what: 'defineConstraint', code: 'VARIABLE_INVALID' });
  return Object.freeze({ ...given, variables: Object.freeze([...variables]) });
}

export function isNamedConstraint(value: unknown): value is NamedConstraint {
  return namedConstraint.safeParse(value).success;
}

export function ruleOf({ name, variables, holds }: NamedConstraint): Rule {
  return { name, names: variables.map(nameOf), constraint: holds };
}

export class Constraints {
  readonly #rules = new Set<Rule>();
  readonly #valuesNow: () => Record<string, unknown>;

  /** @param valuesNow a new object without a prototype: all values in force, by name */
  constructor(valuesNow: () => Record<string, unknown>) {
    this.#valuesNow = valuesNow;
  }

  /** Returns how to lift it. @throws AgentSystemError `VARIABLE_INVALID` when the values of now break it */
  add(rule: Rule): () => void {
    assertHolds(rule, this.#valuesNow());
    this.#rules.add(rule);
    return () => {
      this.#rules.delete(rule);
    };
  }

  /** @throws AgentSystemError `VARIABLE_INVALID` when `value` for `name` would break a rule */
  assertFits(name: string, value: unknown): void {
    for (const rule of this.#rules) {
      if (rule.names.includes(name)) assertHolds(rule, Object.assign(this.#valuesNow(), { [name]: value }));
    }
  }
}

/** Holds where one of its variables has no value. @throws AgentSystemError `VARIABLE_INVALID` where it does not hold */
export function assertHolds({ name, names, constraint }: Rule, values: Record<string, unknown>): void {
  if (!names.every((each) => each in values)) return;
  const about = `the constraint ${name === undefined ? '' : `${inWords(name)} `}on ${names.join(', ')}`;
  let answer: unknown;
  try {
    answer = constraint(values);
  } catch (thrown) {
    throw invalid(`${about} threw: ${errorInfoOf(thrown).message}`, thrown);
  }
  if (answer === true) return;
  if (isThenable(answer)) {
    ignoreRejection(answer);
    throw invalid(`${about} gave a promise, expected true, or why not, at once`);
  }
  const why = typeof answer === 'string' ? `: ${answer}` : '';
  const shown = names.map((each) => `${each} = ${inWords(values[each])}`).join(', ');
  throw invalid(`${about} does not hold for ${shown}${why}`);
}

function invalid(message: string, cause?: unknown): AgentSystemError {
  return new AgentSystemError('VARIABLE_INVALID', message, { cause });
}
