/** What the engine refuses, and what it calls a bug, by name. */
import type { AnyStateMachine } from 'xstate';

/** A definition that a driver cannot drive exactly as XState would. Thrown when a chart is made. */
export class ChartRefused extends Error {
  override readonly name = 'ChartRefused';
  /** Id of the definition. */
  readonly machine: string;
  /** Id of the state in question. */
  readonly state: string;
  /** What is not supported, such as `systemId`. */
  readonly feature: string;

  constructor(machine: string, state: string, feature: string) {
    super(`the chart "${machine}" cannot be driven: ${feature}, in "${state}"`);
    this.machine = machine;
    this.state = state;
    this.feature = feature;
  }
}

/** The bug of a chart whose transitions never come to rest. */
export class ChartNeverSettles extends Error {
  override readonly name = 'ChartNeverSettles';

  constructor(machine: string, maxIterations: number) {
    super(`the chart "${machine}" has not settled within ${maxIterations} iterations of one event`);
  }
}

export const DEFAULT_MAX_ITERATIONS = 1_000;

/** XState's word for a chart that never settles has no name of its own. */
export function bugOf(definition: AnyStateMachine, error: unknown): unknown {
  const limit =
    error instanceof Error &&
    /^Infinite loop detected: the machine has processed more than (\d+) /.exec(error.message);
  return limit ? new ChartNeverSettles(definition.id, Number(limit[1])) : error;
}
