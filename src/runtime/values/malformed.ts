/** What callers hand in, read with a schema: what is not as expected is refused, naming field and value. */
import { inspect } from 'node:util';
import { z } from 'zod';
import { AgentSystemError, type ErrorCode, errorInfoOf } from './errors.ts';
import { meantBy, nearest } from './near-name.ts';
import { type Problem, problemOf } from './schema.ts';
import { withoutSecrets } from './secrets.ts';

/** Of keys that are not known, so many are named. */
const MAX_KEYS = 5;
/** And so many are kept with the error, as of all that it lists. */
const MAX_KEPT = 100;
/** What stands in these is a caller's own, and may be a secret: of one that is misspelled no value is shown. */
const CONTENT: ReadonlySet<string | undefined> = new Set(['env', 'initArgs', 'input', 'secrets']);

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
  return havingAs('', ...methods);
}

/** The same, where messages say who gives one: ` as …`. */
export function havingAs<Type = Record<string, unknown>>(
  givers: string,
  ...methods: readonly (keyof Type & string)[]
): z.ZodCustom<Type, Type> {
  return z.custom<Type>(
    (value) =>
      typeof value === 'object' &&
      value !== null &&
      methods.every((name) => typeof (value as Record<string, unknown>)[name] === 'function'),
    {
      error: ({ input }) => `expected an object with ${methods.join(', ')}${givers}${lackOf(input, methods)}`,
    },
  );
}

/** Which methods one lacks that has some of them. */
function lackOf(value: unknown, methods: readonly string[]): string {
  if (typeof value !== 'object' || value === null) return '';
  const lacks = methods.filter((name) => typeof (value as Record<string, unknown>)[name] !== 'function');
  return lacks.length === methods.length ? '' : ` (it lacks ${lacks.join(', ')})`;
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
    problem = problemOf(
      parsed.error.issues.flatMap((issue) => byKey(issue, schema)),
      came,
    );
    cause = briefly(parsed.error);
  } catch (thrown) {
    problem = `it cannot be read: ${errorInfoOf(thrown).message}`;
    cause = thrown;
  }
  throw new AgentSystemError(code, `${what}: ${problem}`, { agentId, cause });
}

/**
 * The same error, without names of fields and options that look like a secret. Printed within a refusal it is one line:
 * the refusal says all that its dump would.
 */
function briefly(error: z.ZodError): z.ZodError {
  const line = `[ZodError: issues, told above: ${error.issues.length}]`;
  const brief = new z.ZodRealError(withoutSecretsIn(error.issues) as z.core.$ZodIssue[]);
  return Object.defineProperty(brief, inspect.custom, { value: () => line });
}

/** Names stand in an issue's path, in its keys and its message, and in the issues of each option of a union. */
function withoutSecretsIn(data: unknown): unknown {
  if (typeof data === 'string') return withoutSecrets(data);
  if (Array.isArray(data)) return data.slice(0, MAX_KEPT).map(withoutSecretsIn);
  if (typeof data !== 'object' || data === null || Object.getPrototypeOf(data) !== Object.prototype)
    return data;
  return Object.fromEntries(Object.entries(data).map(([key, value]) => [key, withoutSecretsIn(value)]));
}

/** What callers hand in, read without a schema. @throws AgentSystemError with the code where a getter or a proxy throws, and what `read` refuses */
export function readInput<Value>(read: () => Value, expectation: Expectation): Value {
  try {
    return read();
  } catch (thrown) {
    throw unreadable(thrown, expectation);
  }
}

/** The refusal of what threw while it was read. */
export function unreadable(
  thrown: unknown,
  { what, code = 'AGENT_SPEC_INVALID', agentId }: Expectation,
): AgentSystemError {
  if (thrown instanceof AgentSystemError) return thrown;
  const problem = `it cannot be read: ${errorInfoOf(thrown).message}`;
  return new AgentSystemError(code, `${what}: ${problem}`, { agentId, cause: thrown });
}

/** Of a key that is not known it shows what came with it, and not all that stands beside it: that may be a secret. */
function byKey(issue: z.core.$ZodIssue, schema: z.ZodType): readonly Problem[] {
  if (issue.code !== 'unrecognized_keys') return [issue];
  const more = issue.keys.length - MAX_KEYS;
  const known = keysAt(schema, issue.path);
  return issue.keys.slice(0, MAX_KEYS).map((key, place) => {
    // Which there are is said once.
    const hint = place === 0 || nearest(key, known) !== undefined ? ` (${meantBy(key, known)})` : '';
    const rest = more > 0 && place === MAX_KEYS - 1 ? ` and ${more} more` : '';
    const isHidden = CONTENT.has(nearest(key, known));
    return { path: [...issue.path, key], message: `unknown option${hint}${rest}`, isHidden };
  });
}

/** As much of a schema as has to be known to find the keys of an object in it. */
interface Shaped {
  readonly shape?: Readonly<Record<string, Shaped>>;
  readonly element?: Shaped;
  readonly def?: {
    readonly innerType?: Shaped;
    readonly in?: Shaped;
    readonly out?: Shaped;
    readonly valueType?: Shaped;
    readonly options?: readonly Shaped[];
  };
}

/** The keys that an object may have there; none where that cannot be told. */
function keysAt(schema: z.ZodType, path: readonly PropertyKey[]): readonly string[] {
  let at = unwrapped(schema as Shaped);
  for (const step of path) {
    if (at === undefined) return [];
    at = unwrapped(at.shape?.[String(step)] ?? at.element ?? at.def?.valueType);
  }
  return Object.keys(at?.shape ?? {});
}

/** Without what stands around it: that it may be left out, its default, what is done to it. */
function unwrapped(schema: Shaped | undefined): Shaped | undefined {
  let at = schema;
  while (at !== undefined && at.shape === undefined) {
    const inner: Shaped | undefined =
      at.def?.innerType ?? at.def?.options?.find((option) => unwrapped(option)?.shape) ?? pipedTo(at);
    if (inner === undefined) break;
    at = inner;
  }
  return at;
}

function pipedTo({ def }: Shaped): Shaped | undefined {
  return unwrapped(def?.in)?.shape === undefined ? def?.out : def?.in;
}
