/** The time that the schema of a variable has, where it answers later. */
import type { Clock } from '../../time/clock.ts';
import { within } from '../../time/deadline.ts';
import { AgentSystemError, inWords } from '../../values/errors.ts';

/** For a caller who names no other time. */
const SCHEMA_TIMEOUT_MS = 30_000;

/**
 * What a schema says, or a promise of it, as it comes.
 *
 * @throws AgentSystemError `VARIABLE_INVALID` where a promise is not settled within `timeoutMs`
 */
export function saidInTime<Said>(
  said: Said | Promise<Said>,
  { name, clock, timeoutMs = SCHEMA_TIMEOUT_MS }: { name: string; clock: Clock; timeoutMs?: number },
): Said | Promise<Said> {
  if (!(said instanceof Promise)) return said;
  return within(clock, timeoutMs, said, () => {
    const message = `variable ${inWords(name)}: expected its schema to answer within ${timeoutMs} ms`;
    throw new AgentSystemError('VARIABLE_INVALID', message);
  });
}
