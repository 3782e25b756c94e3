/** Standard Schema at the edge: any validator that speaks it serves where zod is shown. */
import type { StandardSchemaV1 } from '@standard-schema/spec';
import { errorInfoOf } from './errors.ts';
import { cut } from './cut-text.ts';
import { inWords, inWordsUnder } from './in-words.ts';
import { REDACTED, secretKeyOf, withoutSecrets } from './secrets.ts';
import { isThenable } from './thenable.ts';

/** Of a long way to a field, so many keys are shown; and so many characters of one. */
const SHOWN_KEYS = 8;
const SHOWN_OF_KEY = 100;
/** Of what a schema says, so much; and of many problems, so many. */
const SHOWN_OF_MESSAGE = 1_000;
const SHOWN_PROBLEMS = 20;

export type Schema<Input = unknown, Output = Input> = StandardSchemaV1<Input, Output>;
export type AnySchema = Schema<never, unknown> | Schema<unknown, unknown>;

/** What a schema says of a value. */
export type Verdict = { readonly value: unknown } | { readonly problem: string };

/** Whether a value can validate others. */
export function isSchema(value: unknown): value is Schema {
  if ((typeof value !== 'object' && typeof value !== 'function') || value === null) return false;
  const standard: unknown = '~standard' in value ? value['~standard'] : undefined;
  return typeof standard === 'object' && standard !== null && 'validate' in standard;
}

/**
 * Validates `value`; without a schema everything is valid. A promise comes back only from an asynchronous
 * schema. Never throws: a schema that does is a problem like any other.
 */
export function judge(schema: AnySchema | undefined, value: unknown): Verdict | Promise<Verdict> {
  if (schema === undefined) return { value };
  try {
    const result: unknown = (schema as Schema)['~standard'].validate(value);
    return isThenable(result)
      ? Promise.resolve(result)
          .then((settled) => verdictOf(settled, value))
          .catch(failed)
      : verdictOf(result, value);
  } catch (thrown) {
    return failed(thrown);
  }
}

/**
 * What a schema says of a value of work that may be aborted. A schema hears of no signal: one that has not answered by
 * then is not waited for, and the value counts as refused.
 */
export function unlessAborted(verdict: Promise<Verdict>, signal: AbortSignal): Promise<Verdict> {
  const { promise, resolve } = Promise.withResolvers<Verdict>();
  const refuse = () => resolve({ problem: 'its schema had not answered when the work was ended' });
  if (signal.aborted) refuse();
  else signal.addEventListener('abort', refuse);
  void verdict.then((judged) => {
    signal.removeEventListener('abort', refuse);
    resolve(judged);
  });
  return promise;
}

/** @throws TypeError for what no Standard Schema may answer */
function verdictOf(answer: unknown, came: unknown): Verdict {
  const result = answer as StandardSchemaV1.Result<unknown>;
  if (!result.issues) return { value: result.value };
  return { problem: problemOf(result.issues, came) };
}

export interface Problem extends StandardSchemaV1.Issue {
  /** What came is not shown. */
  readonly isHidden?: boolean;
}

/** The problems of a value in one line: field, what was expected, what came. */
export function problemOf(issues: readonly Problem[], came: unknown): string {
  const problems = issues.slice(0, SHOWN_PROBLEMS).map(({ path, message, isHidden = false }) => {
    const keys = (path ?? []).map((part) => (typeof part === 'object' ? part.key : part));
    const shown = keys.slice(0, SHOWN_KEYS).map((part) => cut(withoutSecrets(String(part)), SHOWN_OF_KEY));
    const where = `${shown.join('.')}${keys.length > SHOWN_KEYS ? '…' : ''}`;
    const key = secretKeyOf(keys.map(String)) ?? '';
    const field = keys.reduce<unknown>((inner, step) => fieldOf(inner, step), came);
    const value = isHidden ? `"${REDACTED}"` : inWordsUnder(key, field);
    const said: unknown = message;
    const words = cut(typeof said === 'string' ? said : inWords(said), SHOWN_OF_MESSAGE);
    return `${where === '' ? '' : `${where}: `}${expectation(words, field)}, got ${value}`;
  });
  const more = issues.length - problems.length;
  return `${problems.join('; ')}${more > 0 ? `; and ${more} more` : ''}`;
}

const TYPES: Readonly<Record<string, string>> = {
  array: 'an array',
  boolean: 'true or false',
  int: 'a whole number',
  nonoptional: 'a value',
  number: 'a number',
  object: 'an object',
  record: 'an object',
  string: 'a string',
  undefined: 'nothing',
};

/** What zod says of a value by default, without what came: that is told once, and in full. */
function expectation(message: string, came: unknown): string {
  const type = /^Invalid input: expected (.+), received .+$/.exec(message)?.[1];
  // Infinity is a number, too.
  if (type === 'number' && (came === Infinity || came === -Infinity)) return 'expected a finite number';
  if (type !== undefined) return `expected ${TYPES[type] ?? type}`;
  const options = /^Invalid option: expected one of (.+)$/.exec(message)?.[1];
  if (options !== undefined) return `expected ${options.split('|').join(' or ')}`;
  const bound = /^Too (?:big|small): expected .+ to (?:be|have) (<=?|>=?)(\S+)( .+)?$/.exec(message);
  if (bound === null) return message;
  const [, sign, limit = '', of = ''] = bound;
  return `expected ${{ '<': `less than ${limit}${of}`, '<=': `${limit}${of} or less`, '>': `more than ${limit}${of}`, '>=': `${limit}${of} or more` }[sign!]}`;
}

function fieldOf(value: unknown, key: PropertyKey): unknown {
  return typeof value === 'object' && value !== null
    ? (value as Record<PropertyKey, unknown>)[key]
    : undefined;
}

function failed(thrown: unknown): Verdict {
  const { name, message } = errorInfoOf(thrown);
  return { problem: `its schema threw ${name}: ${message}` };
}

/** What a schema expects, as data that other programs can read; `undefined` where its library cannot say. */
export function jsonSchemaOf(schema: AnySchema | undefined): Record<string, unknown> | undefined {
  const standard = schema?.['~standard'] as
    | { readonly jsonSchema?: { input(options: { readonly target: string }): Record<string, unknown> } }
    | undefined;
  try {
    return standard?.jsonSchema?.input({ target: 'draft-2020-12' });
  } catch {
    return undefined;
  }
}
