/** Which errors of a model or a tool concern the task: they end it, or make it wait. */
import { AgentSystemError } from '../runtime/values/errors.ts';
import { limitSaid, parkAsked } from '../runtime/definition/parking.ts';

export function isOfTask(thrown: unknown): boolean {
  if (parkAsked(thrown) !== undefined || limitSaid(thrown) !== undefined) return true;
  return thrown instanceof AgentSystemError && thrown.code === 'BUDGET_EXHAUSTED';
}
