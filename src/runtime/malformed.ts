/** What callers hand in, read with a schema: what is not as expected is refused, naming field and value. */
import type { z } from 'zod';
import { AgentSystemError, type ErrorCode, errorInfoOf } from './errors.ts';
import { problemOf } from './schema.ts';

export interface Expectation {
  /** What is read, as messages name it: `spec`, `stop`, … */
  readonly what: string;
  readonly code?: ErrorCode;
  readonly agentId?: string | undefined;
}

/** What `schema` makes of `came`. @throws AgentSystemError with the code, `AGENT_SPEC_INVALID` by default */
export function parseInput<Schema extends z.ZodType>(
  schema: Schema,
  came: unknown,
  { what, code = 'AGENT_SPEC_INVALID', agentId }: Expectation,
): z.output<Schema> {
  let parsed: z.ZodSafeParseResult<z.output<Schema>>;
  try {
    parsed = schema.safeParse(came);
  } catch (thrown) {
    const message = `${what}: it cannot be read: ${errorInfoOf(thrown).message}`;
    throw new AgentSystemError(code, message, { agentId, cause: thrown });
  }
  if (parsed.success) return parsed.data;
  const message = `${what}: ${problemOf(parsed.error.issues, came)}`;
  throw new AgentSystemError(code, message, { agentId, cause: parsed.error });
}
