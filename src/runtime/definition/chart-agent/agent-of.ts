/** The agent of a chart, for the work that the chart invokes. */
import type { AgentLog } from '../contexts.ts';
import type { ValuesOf, VariableRef, VariableValues } from '../variable-handle.ts';

/** What invoked promises, callbacks and actions are given of their agent. */
export interface ChartAgent<Resources = unknown, Values = VariableValues> {
  readonly agentId: string;
  readonly incarnation: number;
  /** Current values of the variables that the agent declared, by name. */
  readonly variables: Values;
  /** What `connect` returned in this life. */
  readonly resources: Resources;
  /** Fires at the end of the agent's life; a promise's own signal fires when its state is left, too. */
  readonly signal: AbortSignal;
  readonly log: AgentLog;
  /** Tells the `onProgress` of a task's caller; without a `taskId` of every task that is not answered yet. */
  progress(value: unknown, taskId?: string): void;
}

const agents = new WeakMap<object, ChartAgent>();

/**
 * The agent of the actor system that XState gives to promises, callbacks and actions.
 *
 * ```ts
 * fromPromise(async ({ input, signal, system }) => {
 *   agentOf(system).log.info('drafting', input);
 *   …
 * })
 * ```
 *
 * @typeParam Resources what `connect` of its definition gives
 * @typeParam Ref the handles of its variables, by which their values are typed
 * @throws TypeError for a system that is no agent's, a chart under test say: provide that another implementation
 */
export function agentOf<Resources = unknown, Ref extends VariableRef = string>(
  system: object,
): ChartAgent<Resources, ValuesOf<Ref>> {
  const agent = agents.get(system);
  if (agent === undefined) throw new TypeError('this actor system is not that of an agent');
  return agent as ChartAgent<Resources, ValuesOf<Ref>>;
}

export function bindAgent(system: object, agent: ChartAgent): void {
  agents.set(system, agent);
}
