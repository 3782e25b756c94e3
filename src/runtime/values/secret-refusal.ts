/** A refusal of what may be a secret: of what came it tells the kind, and nothing else. */
import { AgentSystemError } from './errors.ts';

/** @param where the field, as in `webhook: secret` */
export function secretRefusal(where: string, expected: string, came: unknown): AgentSystemError {
  const got = typeof came === 'string' ? `a text of ${came.length} characters` : typeof came;
  return new AgentSystemError('AGENT_SPEC_INVALID', `${where}: expected ${expected}, got ${got}`);
}
