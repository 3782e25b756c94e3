/** A snapshot of an agent as another version of its chart would have left it: this one cannot read it. */
import type { AgentState } from '../../src/restate/agent/agent-state.ts';

export const ANOTHER = 'of another version';

export function ofAnotherChart(state: AgentState): void {
  const { ordered, stopTimeoutMs } = state.life.context;
  state.chart = ANOTHER;
  state.life = {
    value: { awake: 'dreaming' } as never,
    context: { ordered, stopTimeoutMs } as never,
    status: 'active',
    active: ['agent', 'agent.awake', 'agent.awake.dreaming'],
    history: {},
    children: {},
  };
  state.deadlines = [];
}
