/** What callers hand in, read with a schema: what is not as expected is refused, naming field and value. */
import { types } from 'node:util';
import { z } from 'zod';
import { AgentSystemError, type ErrorCode, errorInfoOf, inWords } from './errors.ts';
import { problemOf } from './schema.ts';

/** Of keys that are not known, so many are named. */
const MAX_KEYS = 5;

export interface Expectation {
  /** What is read, as messages name it: `spec`, `stop`, … */
  readonly what: string;
  readonly code?: ErrorCode;
  readonly agentId?: string | undefined;
}

/** An object that can do at least this. */
export function having<Type = Record<string, unknown>>(
  ...methods: readonly (keyof Type & string)[]
): z.ZodCustom<Type, Type> {
  return z.custom<Type>(
    (value) =>
      typeof value === 'object' &&
      value !== null &&
      methods.every((name) => typeof (value as Record<string, unknown>)[name] === 'function'),
    { error: `expected an object with ${methods.join(', ')}` },
  );
}

/** What `schema` makes of `came`. @throws AgentSystemError with the code, `AGENT_SPEC_INVALID` by default */
export function parseInput<Schema extends z.ZodType>(
  schema: Schema,
  came: unknown,
  { what, code = 'AGENT_SPEC_INVALID', agentId }: Expectation,
): z.output<Schema> {
  let problem: string;
  let cause: unknown;
  try {
    const parsed = schema.safeParse(came);
    if (parsed.success) return parsed.data;
    problem = problemOf(parsed.error.issues.flatMap(byKey), came);
    cause = parsed.error;
  } catch (thrown) {
    problem = `it cannot be read: ${errorInfoOf(thrown).message}`;
    cause = thrown;
  }
  throw new AgentSystemError(code, `${what}: ${problem}`, { agentId, cause });
}

/** What callers hand in, read without a schema. @throws AgentSystemError with the code where a getter or a proxy throws, and what `read` refuses */
export function readInput<Value>(
  read: () => Value,
  { what, code = 'AGENT_SPEC_INVALID', agentId }: Expectation,
): Value {
  try {
    return read();
  } catch (thrown) {
    if (types.isNativeError(thrown) && thrown instanceof AgentSystemError) throw thrown;
    const problem = `it cannot be read: ${errorInfoOf(thrown).message}`;
    throw new AgentSystemError(code, `${what}: ${problem}`, { agentId, cause: thrown });
  }
}

/** Of a key that is not known it shows what came with it, and not all that stands beside it: that may be a secret. */
function byKey(issue: z.core.$ZodIssue): Pick<z.core.$ZodIssue, 'path' | 'message'>[] {
  if (issue.code !== 'unrecognized_keys') return [issue];
  const more = issue.keys.length - MAX_KEYS;
  return issue.keys.slice(0, MAX_KEYS).map((key, place) => ({
    path: [...issue.path, key],
    message: `Unrecognized key: ${inWords(key)}${more > 0 && place === MAX_KEYS - 1 ? ` and ${more} more` : ''}`,
  }));
}
