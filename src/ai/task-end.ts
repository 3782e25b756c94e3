/** Which of the things that a model or a tool throws are the task's: they end it, or make it wait. */
import { limitSaid, parkAsked } from '../runtime/definition/parking.ts';

export function isOfTask(thrown: unknown): boolean {
  return parkAsked(thrown) !== undefined || limitSaid(thrown) !== undefined;
}
