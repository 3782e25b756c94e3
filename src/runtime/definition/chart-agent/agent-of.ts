/** The agent that a chart is the behaviour of, for the work which that chart invokes. */
import type { AgentLog, VariableValues } from '../define-agent.ts';

/** What invoked promises, callbacks and actions are given of their agent. */
export interface ChartAgent<Resources = unknown> {
  readonly agentId: string;
  readonly incarnation: number;
  /** Current values of the variables that the agent declared, by name. */
  readonly variables: VariableValues;
  /** What `connect` gave this life. */
  readonly resources: Resources;
  /** Fires at the end of the agent's life; a promise's own signal fires when its state is left, too. */
  readonly signal: AbortSignal;
  readonly log: AgentLog;
  /** Tells the `onProgress` of a task's caller; without a `taskId` of every task that is not answered yet. */
  progress(value: unknown, taskId?: string): void;
}

const agents = new WeakMap<object, ChartAgent>();

/**
 * The agent behind the actor system that XState hands to whatever it runs.
 *
 * ```ts
 * fromPromise(async ({ input, signal, system }) => {
 *   agentOf(system).log.info('drafting', input);
 *   …
 * })
 * ```
 *
 * @throws TypeError for a system that is no agent's, a chart under test say: provide that another implementation
 */
export function agentOf<Resources = unknown>(system: object): ChartAgent<Resources> {
  const agent = agents.get(system);
  if (agent === undefined) throw new TypeError('this actor system is not that of an agent');
  return agent as ChartAgent<Resources>;
}

export function bindAgent(system: object, agent: ChartAgent): void {
  agents.set(system, agent);
}
