/**
 * Whether a task does the same over and over: how often it told of the same name with the same arguments.
 *
 * I1  Arguments are the same when they say the same as JSON, whatever the order of their fields.
 */
import { AgentSystemError, inWords } from '../values/errors.ts';
import { jsonProblemOf } from '../values/json-survey.ts';

/** Different calls that are told apart; beyond that the oldest is forgotten. */
const MAX_CALLS = 1_000;

export class Repetition {
  readonly #counts = new Map<string, number>();

  /**
   * Counts one more. Gives how often it was, this time included.
   *
   * @throws AgentSystemError `TASK_REPEATED` for more than `max`, `REQUEST_INVALID` for arguments that are no JSON data
   */
  count(name: string, args: unknown, max: number): number {
    const problem = args === undefined ? undefined : jsonProblemOf(args);
    if (typeof name !== 'string' || problem !== undefined) {
      const what = problem === undefined ? `a name, got ${inWords(name)}` : `JSON data: ${problem}`;
      throw new AgentSystemError('REQUEST_INVALID', `repeated: expected ${what}`);
    }
    const call = JSON.stringify([name, args], (_, value: unknown) => sorted(value));
    const count = (this.#counts.get(call) ?? 0) + 1;
    this.#counts.delete(call);
    this.#counts.set(call, count);
    if (this.#counts.size > MAX_CALLS)
      for (const oldest of this.#counts.keys()) {
        this.#counts.delete(oldest);
        break;
      }
    if (count <= max) return count;
    const message = `${inWords(name)} was called ${count} times with the same arguments, expected ${max} at the most: ${inWords(args)}`;
    throw new AgentSystemError('TASK_REPEATED', message, { details: { name, count, maxRepeats: max } });
  }
}

function sorted(value: unknown): unknown {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value;
  return Object.fromEntries(Object.entries(value).toSorted(([one], [other]) => (one < other ? -1 : 1)));
}
