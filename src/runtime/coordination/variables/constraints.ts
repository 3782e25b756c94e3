/**
 * Rules over several variables: which values may be in force together.
 *
 * Asks the user's functions; what they throw, or answer instead of true or false, is a refusal that says so.
 */
import { AgentSystemError, errorInfoOf, inWords } from '../../values/errors.ts';
import { ignoreRejection, isThenable } from '../../values/thenable.ts';

/** Values of all variables, by name. */
export type Values = Readonly<Record<string, unknown>>;
/** `true` when the values go together; else why not. Asked at the moment of a change: a promise is refused. */
export type Constraint<Of = Values> = (values: Of) => boolean | string;

interface Rule {
  readonly names: readonly string[];
  readonly constraint: Constraint;
}

export class Constraints {
  readonly #rules = new Set<Rule>();
  readonly #valuesNow: () => Record<string, unknown>;

  /** @param valuesNow a new object without a prototype: all values in force, by name */
  constructor(valuesNow: () => Record<string, unknown>) {
    this.#valuesNow = valuesNow;
  }

  /** Returns how to lift it. @throws AgentSystemError `VARIABLE_INVALID` when the values of now break it */
  add(names: readonly string[], constraint: Constraint): () => void {
    const rule: Rule = { names, constraint };
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

function assertHolds({ names, constraint }: Rule, values: Record<string, unknown>): void {
  if (!names.every((name) => name in values)) return;
  const about = `the constraint on ${names.join(', ')}`;
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
  const shown = names.map((name) => `${name} = ${inWords(values[name])}`).join(', ');
  throw invalid(`${about} does not hold for ${shown}${why}`);
}

function invalid(message: string, cause?: unknown): AgentSystemError {
  return new AgentSystemError('VARIABLE_INVALID', message, { cause });
}
