/** Charts that never come to rest: how long they are waited for, and what they are called. */
import type { AnyStateMachine } from 'xstate';

/** The bug of a chart whose transitions never come to rest. */
export class ChartNeverSettles extends Error {
  override readonly name = 'ChartNeverSettles';

  constructor(machine: string, maxIterations: number) {
    super(`the chart "${machine}" has not settled within ${maxIterations} iterations of one event`);
  }
}

const DEFAULT_MAX_ITERATIONS = 1_000;

/** XState's word for a chart that never settles has no name of its own. */
export function bugOf(definition: AnyStateMachine, error: unknown): unknown {
  const limit =
    error instanceof Error &&
    /^Infinite loop detected: the machine has processed more than (\d+) /.exec(error.message);
  return limit ? new ChartNeverSettles(definition.id, Number(limit[1])) : error;
}

/** The caller's limit, or else the definition's own, or else the default. */
export function limitOf({ options }: AnyStateMachine, maxIterations: number | undefined): number {
  if (maxIterations !== undefined) return maxIterations;
  const own: unknown = (options as { maxIterations?: number } | undefined)?.maxIterations;
  return typeof own === 'number' && own !== Infinity ? own : DEFAULT_MAX_ITERATIONS;
}
