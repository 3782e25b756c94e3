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
  let problem: string;
  let cause: unknown;
  try {
    const parsed = schema.safeParse(came);
    if (parsed.success) return parsed.data;
    problem = problemOf(parsed.error.issues, came);
    cause = parsed.error;
  } catch (thrown) {
    problem = `it cannot be read: ${errorInfoOf(thrown).message}`;
    cause = thrown;
  }
  throw new AgentSystemError(code, `${what}: ${problem}`, { agentId, cause });
}
